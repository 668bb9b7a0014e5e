"""What is peculiar about LinkedIn: no PKCE, no nonce, two issuers, types that differ by place."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest

from broker.core.errors import UpstreamDenied, UpstreamError, UpstreamInvalid, UpstreamRejected
from broker.core.people.identity import Identity
from broker.core.records import Wishes
from broker.demo.people import ADA, BORIS
from broker.demo.upstreams.control import AnswerOrder
from broker.upstream.model import Redirect
from tests.providers.posted_tokens import token_of_kit, verified
from tests.providers.test_emulated import begun_now, world

pytestmark = pytest.mark.anyio

OURS = "86testclientid"


async def logged_in(*faults: str, **settings: object) -> Identity:
    async with world("linkedin", **settings) as at:
        for fault in faults:
            at.emulator.faults.switch(fault, on=True)
        return await at.log_in(ADA, begun_now())


async def test_neither_challenge_nor_verifier_goes_out() -> None:
    async with world("linkedin") as at:
        flow = replace(begun_now(), wishes=Wishes(prompt=("login",), max_age=0, login_hint="ada@example.com"))
        step = await at.provider.begin(flow)
        assert isinstance(step, Redirect)
        assert set(dict(parse_qsl(urlsplit(step.url).query))) == {
            *("response_type", "client_id", "redirect_uri", "scope", "state", "nonce")
        }
        await at.log_in(ADA, flow)
        (exchange,) = [one for one in at.emulator.control.seen if one["path"] == "/oauth/v2/accessToken"]
    sent, headers = exchange["params"], exchange["headers"]
    assert isinstance(sent, dict)
    assert isinstance(headers, dict)
    assert set(sent) == {"grant_type", "code", "redirect_uri", "client_id", "client_secret"}
    assert "authorization" not in headers


@pytest.mark.parametrize("faults", [(), ("old_issuer",), ("thin_id_token",), ("email_as_flag",), ("echoed_nonce",)])
async def test_the_person_is_the_same_by_each_issuer_and_in_each_type(faults: tuple[str, ...]) -> None:
    identity = await logged_in(*faults)
    assert identity.claims["locale"] == "en-US"
    assert (identity.claims["email"], identity.claims["email_verified"]) == (ADA.email, True)
    assert identity.raw_ids == {"linkedin_sub": identity.subject}


async def test_b11_a_nonce_that_comes_back_is_ours() -> None:
    with pytest.raises(UpstreamInvalid):
        await logged_in("wrong_nonce")


async def test_an_address_of_which_nothing_is_said_is_not_verified() -> None:
    assert (await logged_in("no_verified_flag")).claims["email_verified"] is False


async def test_userinfo_is_asked_for_what_the_token_lacks_and_is_about_the_same_person() -> None:
    async def asked(person: str, *faults: str, **settings: object) -> list[object]:
        async with world("linkedin", **settings) as at:
            for fault in faults:
                at.emulator.faults.switch(fault, on=True)
            await at.log_in(at.emulator.people[person], begun_now())
            return [one["path"] for one in at.emulator.control.seen if one["path"] == "/v2/userinfo"]

    assert await asked("ada") == []
    assert len(await asked("boris")) == 1, "who has no address might have one there"
    assert await asked("boris", scopes=["openid", "profile"]) == []
    assert len(await asked("ada", "thin_id_token")) == 1
    with pytest.raises(UpstreamInvalid, match="somebody else"):
        await asked("ada", "thin_id_token", "other_user_id")


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        ("decline", UpstreamDenied),
        ("cancelled_login", UpstreamDenied),
        ("no_product", UpstreamRejected),
        ("error_200", UpstreamRejected),
    ],
)
async def test_its_own_words_for_a_refusal_are_understood(fault: str, failure: type[UpstreamError]) -> None:
    with pytest.raises(UpstreamError) as caught:
        await logged_in(fault)
    assert type(caught.value) is failure


# --- tokens that apps post ---


async def test_m1_a_token_counts_that_introspection_says_is_ours() -> None:
    async with world("linkedin") as at:
        identity = await verified(at, await token_of_kit(at, OURS))
        assert identity == await at.log_in(ADA, begun_now())
        for bad in (await token_of_kit(at, "512001"), "made-up"):
            with pytest.raises(UpstreamInvalid, match="another app"):
                await verified(at, bad)


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        ("other_app", UpstreamInvalid),
        ("of_an_app", UpstreamInvalid),
        ("revoked", UpstreamInvalid),
        ("no_id", UpstreamInvalid),
        ("unauthorized", UpstreamRejected),
    ],
)
async def test_m1_a_token_that_is_not_a_members_own_and_live_is_refused(
    fault: str, failure: type[UpstreamError]
) -> None:
    async with world("linkedin") as at:
        token = await token_of_kit(at, OURS)
        at.emulator.faults.switch(fault, on=True)
        with pytest.raises(failure):
            await verified(at, token)


@pytest.mark.parametrize("scope", ["profile,email", "openid2", "", "email"])
async def test_m1_a_token_without_openid_is_refused(scope: str) -> None:
    told = f'{{"active": true, "client_id": "{OURS}", "auth_type": "3L", "scope": "{scope}"}}'
    async with world("linkedin") as at:
        token = await token_of_kit(at, OURS)
        at.emulator.control.order(AnswerOrder(path="/oauth/v2/introspectToken", body=told))
        with pytest.raises(UpstreamInvalid):
            await verified(at, token)


async def test_somebody_without_an_address_is_known_by_their_key() -> None:
    async with world("linkedin") as at:
        identity = await at.log_in(BORIS, begun_now())
        assert identity.subject == at.emulator.subject(BORIS)
    assert "email" not in identity.claims
