"""Sign in with Apple: its own vectors and quirks, and what must not get through (threats C5 and C6)."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from dataclasses import replace
from hashlib import sha256
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pydantic import SecretStr, ValidationError

from broker.core.errors import UpstreamDenied, UpstreamInvalid
from broker.core.records import Wishes
from broker.core.terms import PostedKind
from broker.demo.upstreams.apple import TEST_KEY
from broker.testing.bench import FLOW, NOW, Bench, Case, signing_key
from broker.testing.raw_server import json_of
from broker.upstream.assertion import AssertionKey
from broker.upstream.model import Redirect
from broker.upstream.posted import AcceptsPosted, Posted
from providers.apple import AppleSettings
from tests.providers.cases import load_cases

pytestmark = pytest.mark.anyio

FIRST, AGAIN = load_cases("apple")
APP = "com.example.app"
# Of the contract: header, claims and a signature of the test key, whose nonce is random in life (RFC 6979 A.2.5).
VECTOR = (
    "eyJhbGciOiJFUzI1NiIsImtpZCI6IkFCQzEyM0RFRkcifQ.eyJpc3MiOiJURUFNMTIzNDU2IiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDM2"
    "MDAsImF1ZCI6Imh0dHBzOi8vYXBwbGVpZC5hcHBsZS5jb20iLCJzdWIiOiJjb20uZXhhbXBsZS53ZWIifQ.uXGkFMvomHzmFWdJ_M_E_03mN9YwOiLqL"
    "G0BC8ZMm7DV2lso6RvGcVHrXQOM0oZKbFtizNXu_PeEMM5CycxjbQ"
)


def pem(private: Any) -> str:
    text: bytes = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return text.decode()


def public() -> ec.EllipticCurvePublicKey:
    found = load_pem_private_key(TEST_KEY.encode(), None)
    assert isinstance(found, ec.EllipticCurvePrivateKey)
    return found.public_key()


def sent(bench: Bench) -> dict[str, str]:
    """The newest token request."""
    return dict(next(one.params for one in reversed(bench.server.received) if one.path == "/auth/token"))


def read(secret: str, sub: str) -> None:
    """A client secret as Apple documents it, for this client id, made now and for minutes."""
    claims = jwt.decode(secret, public(), algorithms=["ES256"], options={"verify_signature": True} | _NO_CLOCK)
    assert claims == {
        "iss": "TEAM123456",
        "iat": NOW,
        "exp": NOW + 300,
        "aud": "https://appleid.apple.com",
        "sub": sub,
    }
    assert jwt.get_unverified_header(secret) == {"alg": "ES256", "kid": "ABC123DEFG"}
    assert len(urlsafe_b64decode(secret.rpartition(".")[2] + "==")) == 64, "r and s, not DER"


_NO_CLOCK: Any = {"verify_exp": False, "verify_iat": False, "verify_aud": False}


# --- the secret ---


def test_the_vector_is_what_we_sign() -> None:
    claims = jwt.decode(VECTOR, public(), algorithms=["ES256"], options=_NO_CLOCK)
    made = AssertionKey.parse(SecretStr(TEST_KEY), "ES256").sign(claims, kid="ABC123DEFG")
    assert made.rpartition(".")[0] == VECTOR.rpartition(".")[0]
    assert jwt.decode(made, public(), algorithms=["ES256"], options=_NO_CLOCK) == claims


async def test_every_token_request_has_a_secret_of_its_own() -> None:
    async with FIRST.on_bench() as bench:
        await bench.finish()
        form = sent(bench)
    assert (form["client_id"], form["redirect_uri"]) == ("com.example.web", FLOW.redirect_uri)
    read(form["client_secret"], "com.example.web")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"private_key": "no key at all"}, "no private key in PEM"),
        ({"private_key": pem(rsa.generate_private_key(65537, 2048))}, "no key for ES256"),
        ({"private_key": pem(ec.generate_private_key(ec.SECP384R1()))}, "no key for ES256"),
        ({"private_key": ""}, "private_key"),
        ({"team_id": "team123456"}, "team_id"),
        ({"key_id": "ABC"}, "key_id"),
        ({"scopes": ["name", "openid"]}, "scopes"),
        ({"accept_posted": ["code"]}, "needs one of native_client_ids"),
        ({"accept_posted": ["code"], "native_client_ids": [APP, "com.example.other"]}, "needs one of"),
        ({"accept_posted": ["id_token"]}, "needs native_client_ids"),
        ({"keep_tokens": True, "token_scopes": ["more"]}, "no rights of their own"),
    ],
    ids=lambda one: one if isinstance(one, str) else " ".join(one),
)
def test_settings_that_cannot_work_stop_the_start(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        AppleSettings.model_validate({"type": "apple", **FIRST.data["settings"], **changed})
    assert said in str(caught.value)
    assert "MIG" not in str(caught.value), "nothing of the key"


def test_a_key_with_a_passphrase_is_none() -> None:
    locked = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"canary")
    )
    with pytest.raises(ValueError, match="has a passphrase"):
        AssertionKey.parse(SecretStr(locked.decode()), "ES256")


def test_people_are_those_of_the_team() -> None:
    settings = AppleSettings.model_validate({"type": "apple", **FIRST.data["settings"]})
    assert settings.identity_namespace() == "apple:TEAM123456"
    assert settings.model_copy(update={"namespace": "mine"}).identity_namespace() == "mine"


# --- there and back ---


async def test_a_form_is_asked_for_and_a_space_is_no_plus() -> None:
    async with FIRST.on_bench() as bench:
        step = await bench.provider.begin(replace(FLOW, wishes=Wishes(prompt=("login",), login_hint="a b")))
        asked = await bench.begin()
    assert isinstance(step, Redirect)
    assert "scope=name%20email" in step.url
    assert "+" not in step.url
    assert (asked["response_mode"], asked["response_type"], asked["nonce"]) == ("form_post", "code", FLOW.nonce)
    assert not {"code_challenge", "prompt", "login_hint"} & asked.keys()


async def test_who_goes_back_has_cancelled() -> None:
    async with FIRST.on_bench() as bench:
        with pytest.raises(UpstreamDenied):
            await bench.finish(
                replace(FIRST.reply(), params={"state": FLOW.state, "error": "user_cancelled_authorize"})
            )


async def test_when_somebody_was_asked_is_what_apple_says() -> None:
    async with FIRST.with_changes({"id_token auth_time": NOW - 40}).on_bench() as bench:
        assert (await bench.finish()).auth_time == NOW - 40


async def test_c5_the_form_names_a_person_and_nothing_else() -> None:
    forged = {"name": {"firstName": "Eve"}, "email": "victim@example.com", "email_verified": True, "sub": "000.victim"}
    async with AGAIN.on_bench() as bench:
        before = await bench.finish()
        after = await bench.finish(AGAIN.reply(user=json.dumps(forged), id_token="x.y.z", email="victim@example.com"))
    assert after.subject == before.subject
    assert after.claims == {**before.claims, "name": "Eve", "given_name": "Eve"}
    assert after.raw_ids == before.raw_ids


async def test_c5_a_form_without_an_address_in_the_token_brings_none() -> None:
    case = FIRST.with_changes({"id_token email": "$absent"})
    async with case.on_bench() as bench:
        assert "email" not in (await bench.finish()).claims


async def test_what_is_odd_in_the_form_is_counted() -> None:
    async with FIRST.on_bench() as bench:
        await bench.finish(FIRST.reply(user="canary"))
        told = [fields["claim"] for event, fields in bench.notes.events if "claim" in fields]
    assert told == ["user"]


# --- what kits bring ---


def posting(**more: Any) -> dict[str, Any]:
    return {"accept_posted": ["id_token", "code"], "native_client_ids": [APP], **more}


def of_app(**changes: Any) -> str:
    """The ID token of the kit in our app."""
    return FIRST.id_token(**{"aud": APP} | changes)


async def verify(bench: Bench, token: str, kind: PostedKind = PostedKind.ID_TOKEN, **more: Any) -> str:
    assert isinstance(bench.provider, AcceptsPosted)
    return (await bench.provider.verify_posted(Posted(kind, token, FLOW, **more))).identity.subject


async def test_c6_a_kits_token_is_for_a_listed_app_and_signed_with_apples_key() -> None:
    good = of_app()
    foreign = rsa.generate_private_key(65537, 2048)
    claims = jwt.decode(good, options={"verify_signature": False})
    wrong = [
        of_app(aud="com.example.web"),
        of_app(aud="com.evil.app"),
        of_app(aud=[APP, "com.evil.app"]),
        of_app(iss="https://account.apple.com"),
        of_app(nonce="another"),
        of_app(nonce=None),
        of_app(iat=NOW - 4000),
        jwt.encode(claims, "canary-key-of-thirty-two-characters", algorithm="HS256", headers={"kid": "bench"}),
        jwt.encode(claims, foreign, algorithm="RS256", headers={"kid": "bench"}),
        jwt.encode(claims, signing_key(), algorithm="RS512", headers={"kid": "bench"}),
        jwt.encode(claims, "", algorithm="none"),
    ]
    async with FIRST.on_bench(**posting()) as bench:
        assert await verify(bench, good) == FIRST.data["expected"]["subject"]
        for token in wrong:
            with pytest.raises(UpstreamInvalid):
                await verify(bench, token)


async def test_a_kit_may_be_given_the_nonce_or_its_hash_and_nothing_else() -> None:
    assert sha256(b"raw-nonce-123").hexdigest() == "8197cb768cfbf77048a764c35b565b71128226c4813a4f9c0d663e9bd76a88cb"
    async with FIRST.on_bench(**posting()) as bench:
        assert await verify(bench, of_app(nonce=sha256(FLOW.nonce.encode()).hexdigest()))
        for nonce in (sha256(b"another").hexdigest(), sha256(FLOW.nonce.encode()).hexdigest()[:32], ""):
            with pytest.raises(UpstreamInvalid):
                await verify(bench, of_app(nonce=nonce))


async def test_m1_a_hash_may_be_of_a_challenge_and_never_comes_unasked() -> None:
    async with FIRST.on_bench(**posting()) as bench:
        assert await verify(bench, of_app(), unasked=True)
        with pytest.raises(UpstreamInvalid):
            await verify(bench, of_app(nonce=sha256(FLOW.nonce.encode()).hexdigest()), unasked=True)


def redeemed(**changes: Any) -> Case:
    """Apple's answer to a code of our app."""
    return FIRST.with_changes({"id_token aud": APP} | {f"id_token {name}": value for name, value in changes.items()})


async def test_a_code_is_redeemed_as_the_app_that_got_it() -> None:
    async with redeemed().on_bench(**posting()) as bench:
        assert isinstance(bench.provider, AcceptsPosted)
        signed = await bench.provider.verify_posted(Posted(PostedKind.CODE, "ccode", FLOW))
        form = sent(bench)
    assert signed.identity.subject == FIRST.data["expected"]["subject"]
    assert (signed.replay_key, signed.expires_at) == ("ccode", NOW + 300)
    assert (form["client_id"], form["code"], form["grant_type"]) == (APP, "ccode", "authorization_code")
    assert "redirect_uri" not in form
    read(form["client_secret"], APP)


async def test_c6_a_code_of_our_pages_or_of_another_attempt_counts_for_nothing() -> None:
    for changes in ({"aud": "com.example.web"}, {"nonce": "another"}, {"nonce": "$absent"}, {"iat": NOW - 4000}):
        async with redeemed(**changes).on_bench(**posting()) as bench:
            with pytest.raises(UpstreamInvalid):
                await verify(bench, "ccode", PostedKind.CODE)
    async with redeemed().on_bench(**posting()) as bench:
        bench.server.answers["/auth/token"] = json_of({"access_token": "a", "token_type": "Bearer"})
        with pytest.raises(UpstreamInvalid):
            await verify(bench, "ccode", PostedKind.CODE)
