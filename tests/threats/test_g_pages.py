"""Threats G: cookies, framing, forged posts, caches and history of a running broker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from broker.demo.visitor import Visitor
from tests.threats.journeys import (
    ELSEWHERE,
    authorize_url,
    back,
    http,
    new_visitor,
    redeem,
    request_for,
    sign_in,
    tokens_for,
    until_callback,
    userinfo,
)
from tests.threats.site import Site, running_site
from tests.threats.tours import answer_with_id_token, consent_form, consent_page, signed_link, tour
from tests.threats.vectors import MARKUP

pytestmark = pytest.mark.anyio

COOKIE = re.compile(
    r"__Host-(?:session|last|person|lang|browser|visitor|again|flow-[0-9a-f]{12})=[A-Za-z0-9_@.\-]*; "
    r"Max-Age=\d+; Path=/; Secure; HttpOnly; SameSite=(?:Lax|None)"
)


def session_of(site: Site, visitor: Visitor) -> str:
    """The value of the session cookie, or ""."""
    return next((c.value for c in visitor.cookies.sent_to(site.issuer) if c.name == "__Host-session"), "")


async def test_g1_a_planted_session_is_worth_nothing_after_a_login(site: Site, visitor: Visitor) -> None:
    async with new_visitor() as attacker:
        await sign_in(site, attacker, person="boris")
        planted = session_of(site, attacker)
    visitor.cookies.store(site.issuer, [f"__Host-session={planted}; Path=/; Secure; HttpOnly; SameSite=Lax"])
    await sign_in(site, visitor, person="ada", prompt="login")
    fresh = session_of(site, visitor)
    assert fresh not in {"", planted}
    async with http(site) as client:
        for value, alive in ((planted, False), (fresh, True), ("made-up", False)):
            headers = {"Cookie": f"__Host-session={value}"}
            answer = await client.get("/authorize", params=request_for(site, prompt="none"), headers=headers)
            assert ("code=" in answer.headers["location"]) is alive
    await sign_in(site, visitor, person="ada", prompt="login")
    assert session_of(site, visitor) != fresh, "a new login is a new session"


async def test_g2_every_cookie_is_bound_to_this_host_and_out_of_reach_of_scripts(site: Site, visitor: Visitor) -> None:
    pages = await tour(site, visitor)
    await visitor.get(await signed_link(site, "telegram"))
    cookies = [cookie for page in [*pages, visitor.page] for cookie in page.set_cookies]
    names = {cookie.partition("=")[0].partition("-flow-")[0] for cookie in cookies}
    assert len(cookies) > 30
    flows = {"__Host", "__Host-again"}
    assert names == flows | {f"__Host-{name}" for name in ("session", "last", "person", "lang", "browser", "visitor")}
    assert [cookie for cookie in cookies if not COOKIE.fullmatch(cookie)] == []


async def test_g2_a_cookie_tossed_from_a_sub_domain_is_not_ours(site: Site, visitor: Visitor) -> None:
    callback = await until_callback(site, visitor)
    cookies = {c.name: c.value for c in visitor.cookies.sent_to(site.issuer)}
    async with http(site) as client:
        for name, value in cookies.items():
            plain = name.removeprefix("__Host-")
            answer = await client.get(callback, headers={"Cookie": f"{plain}={value}; __host-{plain}={value}"})
            assert answer.status_code == 400


async def test_g3_two_hundred_attempts_leave_a_small_jar_and_the_last_ones_work(site: Site, visitor: Visitor) -> None:
    callbacks = [await until_callback(site, visitor)]
    visitor.stops = (site.emulators["google"].url,)
    for _ in range(195):
        await visitor.get(authorize_url(site, idp_hint="google"))
    callbacks += [await until_callback(site, visitor) for _ in range(5)]
    header = visitor.cookies.header(site.issuer, method="GET", initiator=None)
    assert header.count("__Host-flow-") == 5
    assert len(header) < 8192
    visitor.stops = ELSEWHERE
    for callback in reversed(callbacks[-5:]):
        assert "code" in back(await visitor.get(callback))
    assert (await visitor.get(callbacks[0])).status == 400


async def test_g4_no_answer_at_all_may_be_framed(site: Site, visitor: Visitor) -> None:
    for page in await tour(site, visitor):
        policy = page.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy, page.url
        if page.markup.title:
            assert page.headers["x-frame-options"] == "DENY"
            assert "unsafe-inline" not in policy
            assert "unsafe-eval" not in policy


async def test_g5_a_form_counts_from_our_own_page_in_its_own_session(site: Site, visitor: Visitor) -> None:
    page = await consent_page(site, visitor)
    ticket = page.form(consent_form(page)).fields["ticket"]
    good = {"ticket": ticket, "answer": "allow"}
    cookies = {"Cookie": visitor.cookies.header(site.issuer, method="POST", initiator=None)}
    async with new_visitor() as other:
        foreign = await consent_page(site, other, "boris")
        others = foreign.form(consent_form(foreign)).fields["ticket"]
    wrongs: tuple[tuple[dict[str, str], dict[str, str]], ...] = (
        ({}, {"answer": "allow"}),
        ({}, {"answer": "allow", "ticket": others}),
        ({}, {"answer": "allow", "ticket": ticket + "A"}),
        ({"Origin": "https://evil.test"}, good),
        ({"Origin": f"{site.issuer}.evil.test"}, good),
        ({"Origin": "http://localhost"}, good),
        ({"Sec-Fetch-Site": "cross-site"}, good),
        ({"Sec-Fetch-Site": "same-site"}, good),
    )
    await visitor.get(await signed_link(site, "telegram", "zoe"))
    entry = visitor.page.form(consent_form(visitor.page)).fields["ticket"]
    browser = {"Cookie": visitor.cookies.header(site.issuer, method="POST", initiator=None)}
    async with http(site) as client:
        for headers, form in wrongs:
            assert (await client.post("/consent", data=form, headers=cookies | headers)).status_code == 403
            entered = form | ({"ticket": entry} if form is good else {})
            answer = await client.post("/enter/telegram/app", data=entered, headers=browser | headers)
            assert answer.status_code == 403
        assert (await client.get("/consent", params=good, headers=cookies)).status_code == 200, "GET only asks"
        assert (await client.post("/consent", data=good, headers=cookies)).status_code == 200, "none of it was spent"
        assert (
            await client.post("/enter/telegram/app", data=good | {"ticket": entry}, headers=browser)
        ).status_code == 200


async def test_g13_what_an_upstream_calls_a_person_is_text(site: Site) -> None:
    for vector in MARKUP[::3]:
        async with new_visitor() as visitor:
            callback = await until_callback(site, visitor, client_id="shop", prompt="consent", scope="openid profile")
            claims = {"name": vector, "given_name": vector, "picture": f"javascript:{vector}", "locale": f'"><{vector}'}
            await answer_with_id_token(site, callback, sub=f"9{abs(hash(vector))}", **claims)
            page = await visitor.get(callback)
            assert page.has("allow"), page.title
            assert page.text_of("person") == f"{' '.join(vector.split())} Google"
            assert vector not in page.text or not set(vector) & set("<>\"'")
            page = await visitor.click("allow")
            async with http(site) as client:
                tokens = (await redeem(site, client, back(page)["code"], "shop")).json()
                told = (await userinfo(site, client, tokens["access_token"])).json()
            assert "picture" not in told, "a picture is https or nothing"


@pytest.fixture(scope="module")
def rude(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose operator was given hostile names by the owners of apps and providers."""

    def change(config: dict[str, Any]) -> None:
        config["clients"]["shop"]["name"] = "<img src=x onerror=alert(1)>\"'"
        config["providers"]["google"]["name"] = "<script>alert(1)</script>"
        config["ui"] = {"product_name": "</title><script>alert(1)</script>"}

    with running_site(tmp_path_factory.mktemp("rude"), change) as site:
        yield site


async def test_g14_what_an_app_is_called_is_text(rude: Site) -> None:
    async with new_visitor() as visitor:
        for page in await tour(rude, visitor):
            assert "<img src=x" not in page.text
            assert "<script>alert" not in page.text
            assert all(script.get("nonce") for script in page.markup.scripts)
        assert any("onerror" in page.text for page in visitor.pages), "the name was shown"


async def test_g15_nothing_about_anybody_is_kept_by_a_cache(site: Site, visitor: Visitor) -> None:
    for page in await tour(site, visitor):
        assert page.headers["cache-control"] == "no-store", page.url
    tokens = await tokens_for(site, visitor=visitor)
    async with http(site) as client:
        answers = [
            await userinfo(site, client, tokens["access_token"]),
            await client.post("/token", data={"grant_type": "x"}),
        ]
        answers += [
            await client.get(path) for path in ("/nothing", "/token", "/userinfo", "/healthz", "/static/nothing.css")
        ]
        assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
        for path in ("/jwks", "/.well-known/openid-configuration", "/static/base.css"):
            assert (await client.get(path)).headers["cache-control"].startswith("public")


async def test_g16_no_address_in_the_history_works_again(site: Site, visitor: Visitor) -> None:
    for provider in ("google", "ok-client", "widget", "vk"):
        await sign_in(site, visitor, idp_hint=provider, prompt="login")
    await consent_page(site, visitor)
    await visitor.click("allow")
    seen = [step.url for step in visitor.history if step.url.startswith(site.issuer)]
    replayed = {url for url in seen if "/callback/" in url or "/consent" in url}
    assert len(replayed) >= 5
    async with new_visitor() as thief:
        for url in replayed:
            page = await thief.get(url)
            assert page.status in {400, 403} or page.has("fragment-form"), url
    for url in replayed:
        assert back(await visitor.get(url)) == {}, url


async def test_g17_a_second_app_is_asked_about(site: Site, visitor: Visitor) -> None:
    await sign_in(site, visitor, person="zoe")
    silent = await visitor.get(authorize_url(site, "shop", prompt="none"))
    assert back(silent)["error"] == "consent_required"
    assert (await visitor.get(authorize_url(site, "shop"))).has("allow")
    allowed = await visitor.click("allow")
    assert "code" in back(allowed)
    assert "code" in back(await visitor.get(authorize_url(site, "shop", prompt="none")))
    more = await visitor.get(authorize_url(site, "shop", prompt="none", claims='{"userinfo":{"family_name":null}}'))
    assert "code" in back(more), "profile covers its claims"
