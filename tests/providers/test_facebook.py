"""Facebook: its own examples and quirks, which the shared rules cannot know."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from pydantic import ValidationError

from broker.core.errors import UpstreamDenied, UpstreamError, UpstreamInvalid, UpstreamRejected, UpstreamUnavailable
from broker.core.records import Wishes
from broker.core.terms import PostedKind
from broker.testing.bench import FLOW, NOW, Bench, Case, public_jwk
from broker.testing.raw_server import json_of
from broker.upstream.posted import Posted
from providers.facebook import Facebook, FacebookSettings, proof_of
from tests.providers.cases import load_cases

pytestmark = pytest.mark.anyio

FACEBOOK, FACEBOOK_OF_ANOTHER_VERSION = load_cases("facebook")
ME = "10158000000000001"
DEBUG, JWKS = "/v25.0/debug_token", "/.well-known/oauth/openid/jwks/"
GOOD: dict[str, Any] = {
    "app_id": "138483919580948",
    "type": "USER",
    "application": "My app",
    "expires_at": NOW + 100,
    "data_access_expires_at": NOW + 100,
    "is_valid": True,
    "issued_at": NOW - 100,
    "scopes": ["email", "public_profile"],
    "user_id": ME,
}
ABSENT = "$absent"


def provider_of(bench: Bench) -> Facebook:
    assert isinstance(bench.provider, Facebook)
    return bench.provider


async def posted(bench: Bench, data: object) -> str:
    """Who is signed in by a token of which debug_token says this."""
    bench.server.answers[DEBUG] = json_of(data)
    token = Posted.unchallenged(PostedKind.ACCESS_TOKEN, "EAATESTtoken123")
    return (await provider_of(bench).verify_posted(token)).identity.subject


# --- calls ---


@pytest.mark.parametrize(
    ("secret", "proof"),
    [
        ("0123456789abcdef0123456789abcdef", "0f0370cec06ba24c8021917b675aa85977992c9b8ecf1958fde59e28cdd944c5"),
        ("fedcba9876543210fedcba9876543210", "7c2fc4697e464833a80d81b7a83e8611fb0857636ed6307c3c0ce486662d843b"),
    ],
)
def test_the_vectors_of_the_proof(secret: str, proof: str) -> None:
    assert proof_of("EAATESTtoken123", secret) == proof


async def test_every_call_of_the_graph_is_signed_and_the_token_is_not_in_its_address() -> None:
    async with FACEBOOK.on_bench() as bench:
        await bench.finish()
        token, me = bench.server.received
    assert (token.method, "code_verifier" in token.params) == ("POST", False)
    assert me.headers["authorization"] == "Bearer canary-EAATEST"
    assert me.params["appsecret_proof"] == proof_of("canary-EAATEST", "canary-app-secret")
    assert "access_token" not in me.params
    assert {"id", "name", "email"} <= set(me.params["fields"].split(","))


async def test_facebook_is_asked_in_its_own_words() -> None:
    async with FACEBOOK_OF_ANOTHER_VERSION.on_bench() as bench:
        step = await bench.provider.begin(FLOW)
        assert step.url.startswith("https://www.facebook.com/v26.0/dialog/oauth?")
        asked = await bench.begin()
        assert asked["scope"] == "public_profile,email"
        assert not {"nonce", "code_challenge", "auth_type"} & asked.keys()
        for prompt, kind in ((("login",), "reauthenticate"), (("consent",), "rerequest"), (("select_account",), None)):
            wishing = replace(FLOW, wishes=Wishes(prompt=prompt))
            assert (await bench.begin(wishing)).get("auth_type") == kind
        both = replace(FLOW, wishes=Wishes(prompt=("consent", "login")))
        assert (await bench.begin(both))["auth_type"] == "reauthenticate"


async def test_b16_a_refusal_of_facebook_by_number_alone_wins_over_a_code() -> None:
    async with FACEBOOK.on_bench() as bench:
        for params, kind in (
            ({"error_code": "1349126", "error_message": "App Not Setup"}, UpstreamRejected),
            ({"error_code": ""}, UpstreamRejected),
            ({"error_code": "4"}, UpstreamUnavailable),
            ({"error_code": "200", "error": "access_denied"}, UpstreamDenied),
        ):
            with pytest.raises(kind):
                await bench.finish(FACEBOOK.reply(**params))
        assert bench.server.received == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [(190, UpstreamRejected), (100, UpstreamRejected), (4, UpstreamUnavailable), (613, UpstreamUnavailable)],
)
async def test_an_error_of_the_graph_is_known_by_its_number(code: int, kind: type[UpstreamError]) -> None:
    error = {"error": {"message": "canary", "type": "OAuthException", "code": code, "fbtrace_id": "AbC"}}
    async with FACEBOOK.on_bench() as bench:
        for path in FACEBOOK.paths:
            bench.server.answers[path] = json_of(error, "400 Bad Request")
            with pytest.raises(kind) as caught:
                await bench.finish()
            assert str(code) in caught.value.detail
            assert "canary" not in caught.value.detail
            bench.server.answers[path] = json_of(FACEBOOK.data["answers"][path])


@pytest.mark.parametrize("version", ["25.0", "v25", "../v25.0", "v25.0/x", "", "v25.0\n"])
def test_a_version_of_the_graph_is_one(version: str) -> None:
    given = {"type": "facebook", "client_id": "1", "client_secret": "s", "version": version}
    with pytest.raises(ValidationError):
        FacebookSettings.model_validate(given)


# --- tokens that are posted ---


async def test_c7_a_token_counts_once_facebook_says_that_it_is_a_persons_of_this_app() -> None:
    numbers: dict[str, Any] = {"app_id": 138483919580948, "user_id": int(ME)}
    changes: list[dict[str, Any]] = [{}, numbers, {"expires_at": 0}, {"granular_scopes": []}]
    async with FACEBOOK.on_bench() as bench:
        for good in changes:
            assert await posted(bench, {"data": GOOD | good}) == ME
        asked, me = bench.server.received[-2:]
        assert (asked.path, asked.params["input_token"]) == (DEBUG, "EAATESTtoken123")
        assert asked.params["access_token"] == "138483919580948|canary-app-secret"
        assert me.params["appsecret_proof"] == proof_of("EAATESTtoken123", "canary-app-secret")
        assert "canary" not in str(bench.notes.events)


@pytest.mark.parametrize(
    "change",
    [
        {"app_id": "138483919580949"},
        {"app_id": ABSENT},
        {"app_id": "0138483919580948"},
        {"app_id": ["138483919580948"]},
        {"is_valid": False},
        {"is_valid": "true"},
        {"is_valid": 1},
        {"is_valid": ABSENT},
        {"type": "PAGE"},
        {"type": "APP"},
        {"type": ABSENT},
        {"expires_at": NOW},
        {"expires_at": NOW - 1},
        {"expires_at": ABSENT},
        {"expires_at": None},
        {"user_id": "10158000000000002"},
        {"user_id": ABSENT},
        {"user_id": ""},
    ],
    ids=str,
)
async def test_c7_a_token_that_is_not_wholly_ours_signs_nobody_in(change: dict[str, Any]) -> None:
    data = {name: value for name, value in (GOOD | change).items() if value != ABSENT}
    async with FACEBOOK.on_bench() as bench:
        with pytest.raises(UpstreamInvalid):
            await posted(bench, {"data": data})
        if "user_id" not in change or change["user_id"] != "10158000000000002":
            assert [call.path for call in bench.server.received] == [DEBUG], "nothing else is done with it"


@pytest.mark.parametrize(
    "answer",
    [
        {"data": {"error": {"code": 190, "message": "canary", "subcode": 463}, "is_valid": False, "scopes": []}},
        {"data": []},
        {"data": None},
        {},
        {"error": {"message": "(#100) The App_id in the input_token did not match the Viewing App", "code": 100}},
    ],
    ids=str,
)
async def test_c7_a_token_that_facebook_does_not_vouch_for_signs_nobody_in(answer: dict[str, Any]) -> None:
    async with FACEBOOK.on_bench() as bench:
        with pytest.raises(UpstreamError) as caught:
            await posted(bench, answer)
        assert "canary" not in caught.value.detail
        assert [call.path for call in bench.server.received] == [DEBUG]


def limited_login(**changes: Any) -> Posted:
    """What Facebook's kit for iOS gave for the challenge of `FLOW`."""
    claims = {
        "iss": "https://www.facebook.com",
        "aud": "138483919580948",
        "sub": ME,
        "iat": NOW,
        "exp": NOW + 3600,
        "jti": "j-1",
        "nonce": FLOW.nonce,
        "name": "Ann Lee",
        "given_name": "Ann",
        "family_name": "Lee",
        "email": "ann@example.com",
        "picture": "https://platform-lookaside.fbsbx.com/1",
        "cnf": {"jkt": "x"},
    }
    signing = Case("facebook", "limited login", {"id_token": claims})
    return Posted(PostedKind.ID_TOKEN, signing.id_token(**changes), FLOW)


async def test_c7_limited_login_is_the_same_person_as_the_graph_tells_of() -> None:
    async with FACEBOOK.on_bench() as bench:
        bench.server.answers[JWKS] = json_of({"keys": [public_jwk()]})
        provider = provider_of(bench)
        signed = await provider.verify_posted(limited_login())
        by_browser = await bench.finish()
        assert (signed.identity.subject, signed.identity.raw_ids) == (by_browser.subject, by_browser.raw_ids)
        names = ("name", "given_name", "family_name", "email", "email_verified")
        assert [signed.identity.claims[name] for name in names] == [by_browser.claims[name] for name in names]
        assert signed.identity.claims["picture"] == "https://platform-lookaside.fbsbx.com/1"
        hashed = sha256(FLOW.nonce.encode()).hexdigest()
        for good in (
            {"nonce": hashed},
            {"iss": "https://limited.facebook.com"},
            {"email": None},
            {"middle_name": "May"},
        ):
            assert (await provider.verify_posted(limited_login(**good))).identity.subject == ME


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": None},
        {"nonce": "another"},
        {"nonce": sha256(b"another").hexdigest()},
        {"aud": "138483919580949"},
        {"aud": ["138483919580948", "138483919580949"]},
        {"iss": "https://evil.facebook.com.example"},
        {"iss": "https://apps.facebook.com"},
        {"iat": NOW - 660},
        {"exp": NOW - 100},
        {"sub": None},
        {"sub": "ann"},
    ],
    ids=str,
)
async def test_c7_limited_login_of_another_app_or_challenge_signs_nobody_in(change: dict[str, Any]) -> None:
    async with FACEBOOK.on_bench() as bench:
        bench.server.answers[JWKS] = json_of({"keys": [public_jwk()]})
        with pytest.raises(UpstreamInvalid):
            await provider_of(bench).verify_posted(limited_login(**change))


async def test_d4_no_word_of_facebook_verifies_an_address_but_the_operators() -> None:
    for trusted in (False, True):
        async with FACEBOOK.on_bench(trust_email=trusted) as bench:
            bench.server.answers[JWKS] = json_of({"keys": [public_jwk()]})
            signed = await provider_of(bench).verify_posted(limited_login(email_verified=True))
            assert signed.identity.claims["email_verified"] is trusted
            assert (await bench.finish()).claims["email_verified"] is trusted
