"""Modules about who is asked, and when."""

from __future__ import annotations

from tests.conformance.relying_party import ADA, RelyingParty

AGAIN = ("login", "upstream")
"""What somebody sees who must really log in once more: our page, then the upstream's."""


async def test_prompt_login(rp: RelyingParty) -> None:
    """`prompt=login` asks again, here and upstream, and `auth_time` says when."""
    first = await rp.log_in()
    rp.op.clock.advance(2)
    answer = await rp.authorize({"prompt": "login"})
    assert answer.asked == AGAIN
    second = await rp.redeem(answer)
    assert second.claims["sub"] == first.claims["sub"]
    assert second.claims["auth_time"] >= first.claims["auth_time"] + 2
    assert rp.op.sent_to("google", "/o/oauth2/v2/auth")[-1]["prompt"] == "select_account"
    await rp.log_in({"prompt": "login"}, who=("vk", "ada"))
    assert rp.op.sent_to("vk", "/authorize")[-1]["prompt"] == "login"


async def test_prompt_none_not_logged_in(rp: RelyingParty) -> None:
    """Nobody is logged in: `login_required`, and no page. A login half done in another tab changes nothing."""
    assert (await rp.refused({"prompt": "none"})).params["error"] == "login_required"
    request = rp.build()
    await rp.open(request)
    half = await rp.browser.click(f"provider-{ADA[0]}")
    assert (await rp.refused({"prompt": "none"})).params["error"] == "login_required"
    chosen = await rp.browser.get(half.markup.links[f"person-{ADA[1]}"], initiator=half.url)
    await rp.redeem(await rp.follow(chosen, request))


async def test_prompt_none_logged_in(rp: RelyingParty) -> None:
    """Somebody is logged in: an answer without a page, the same person, the same time. Consent is not skipped."""
    first = await rp.log_in(who=("yandex", "zoe"))
    rp.op.clock.advance(2)
    answer = await rp.authorize({"prompt": "none"})
    assert answer.asked == ()
    second = await rp.redeem(answer)
    for name in ("sub", "auth_time"):
        assert second.claims[name] == first.claims[name]
    second_client = rp.other("second")
    assert (await second_client.refused({"prompt": "none"})).params["error"] == "consent_required"
    await second_client.log_in({"prompt": "login consent"})
    assert (await second_client.authorize({"prompt": "none"})).asked == ()


async def test_id_token_hint(rp: RelyingParty) -> None:
    """With the ID token as a hint `prompt=none` answers for that person, and for nobody else."""
    first = await rp.log_in()
    answer = await rp.authorize({"prompt": "none", "id_token_hint": first.tokens["id_token"]})
    assert answer.asked == ()
    assert (await rp.redeem(answer)).claims["sub"] == first.claims["sub"]
    other = await rp.log_in({"prompt": "login"}, who=("google", "boris"))
    assert other.claims["sub"] != first.claims["sub"]
    refused = await rp.refused({"prompt": "none", "id_token_hint": first.tokens["id_token"]})
    assert refused.params["error"] == "login_required"


async def test_max_age_1(rp: RelyingParty) -> None:
    """A login older than `max_age` is repeated, here and upstream, and `auth_time` says when."""
    for provider, path, prompt in (("google", "/o/oauth2/v2/auth", "select_account"), ("vk", "/authorize", "login")):
        first = await rp.log_in({"prompt": "login"}, who=(provider, "ada"))
        rp.op.clock.advance(3)
        answer = await rp.authorize({"max_age": "1"}, who=(provider, "ada"))
        assert answer.asked == AGAIN
        second = await rp.redeem(answer)
        assert second.claims["sub"] == first.claims["sub"]
        assert second.claims["auth_time"] >= first.claims["auth_time"] + 3
        assert rp.op.sent_to(provider, path)[-1]["prompt"] == prompt


async def test_max_age_10000(rp: RelyingParty) -> None:
    """A login younger than `max_age` is good enough: no page, the same person, the same time."""
    first = await rp.log_in()
    rp.op.clock.advance(2)
    answer = await rp.authorize({"max_age": "10000"})
    assert answer.asked == ()
    second = await rp.redeem(answer)
    for name in ("sub", "auth_time"):
        assert second.claims[name] == first.claims[name]
