"""The emulated Google against its contract."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import jwt
import pytest

from broker.demo.people import ADA, ZOE
from broker.demo.upstreams import Google, RegisteredApp
from broker.demo.upstreams.keys import half_hash
from tests.demo.emulated import CALLBACK, CHALLENGE, NOW, STATE, VERIFIER, Upstream, emulated, params_of

pytestmark = pytest.mark.anyio
APP = RegisteredApp("100000000001-emuweb.apps.googleusercontent.com", "google-secret", (CALLBACK,))
OTHER = RegisteredApp("100000000002-other.apps.googleusercontent.com", "other-secret", (CALLBACK,))
AUTH = "/o/oauth2/v2/auth"
REQUEST = {
    "client_id": APP.client_id,
    "response_type": "code",
    "scope": "openid email profile",
    "redirect_uri": CALLBACK,
    "state": STATE,
    "nonce": "n-1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture
async def google(anyio_backend: str) -> AsyncIterator[Upstream]:
    async with emulated(partial(Google, (APP, OTHER))) as upstream:
        yield upstream


async def exchange(google: Upstream, given: str, **changes: str) -> Any:
    form = {
        "grant_type": "authorization_code",
        "code": given,
        "client_id": APP.client_id,
        "client_secret": APP.client_secret,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    } | changes
    return await google.post("/token", form)


async def id_token(google: Upstream, person: str = "ada") -> str:
    code = (await google.answer_of(AUTH, person, **REQUEST))["code"]
    token: str = (await exchange(google, code)).json()["id_token"]
    return token


async def verified(google: Upstream, token: str) -> dict[str, Any]:
    keys = jwt.PyJWKSet.from_dict((await google.get("/oauth2/v3/certs")).json())
    kid = jwt.get_unverified_header(token)["kid"]
    return jwt.decode(
        token,
        keys[kid],
        algorithms=["RS256"],
        audience=APP.client_id,
        options={"verify_exp": False, "verify_iat": False},
    )


def unverified(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def test_at_hash_is_the_published_vector() -> None:
    assert half_hash("ya29.EXAMPLE-access-token-0001") == "Qk0h7E8K04ezdrOAd49zKQ"


async def test_a_full_login_yields_a_token_that_verifies(google: Upstream) -> None:
    answer = await google.answer_of(AUTH, **REQUEST)
    assert answer["state"] == STATE
    assert answer["iss"] == "https://accounts.google.com"
    assert answer["code"].startswith("4/0")
    tokens = (await exchange(google, answer["code"])).json()
    claims = await verified(google, tokens["id_token"])
    assert claims["sub"] == ADA.ids["google"]
    assert claims["azp"] == claims["aud"] == APP.client_id
    assert (claims["iat"], claims["exp"]) == (NOW, NOW + 3600)
    assert claims["nonce"] == "n-1"
    assert claims["at_hash"] == half_hash(tokens["access_token"])
    assert claims["email_verified"] is True
    assert tokens["expires_in"] == 3599
    assert "refresh_token" not in tokens
    assert tokens["scope"].split()[1] == "https://www.googleapis.com/auth/userinfo.email"


async def test_basic_authentication_is_accepted_with_encoded_parts(google: Upstream) -> None:
    code = (await google.answer_of(AUTH, **REQUEST))["code"]
    basic = base64.b64encode(f"{APP.client_id}:{APP.client_secret}".encode()).decode()
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    answer = await google.post("/token", form, {"Authorization": f"Basic {basic}"})
    assert answer.status_code == 200


async def test_a_person_without_an_address_has_no_email_claims(google: Upstream) -> None:
    claims = unverified(await id_token(google, "boris"))
    assert not {"email", "email_verified", "family_name", "picture"} & claims.keys()


async def test_odd_names_travel_unchanged(google: Upstream) -> None:
    assert unverified(await id_token(google, "zoe"))["name"] == ZOE.name


async def test_refusal_returns_access_denied_and_state(google: Upstream) -> None:
    answer = await google.get(AUTH, _cancel="1", **REQUEST)
    assert params_of(answer) == {"error": "access_denied", "state": STATE}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"client_id": "nobody"}, "invalid_client"),
        ({"redirect_uri": CALLBACK + "/"}, "redirect_uri_mismatch"),
        ({"response_type": "token"}, "invalid_request"),
        ({"code_challenge_method": "S512"}, "invalid_grant"),
    ],
)
async def test_a_wrong_request_stays_on_the_upstreams_page(
    google: Upstream, change: dict[str, str], problem: str
) -> None:
    answer = await google.get(AUTH, **{**REQUEST, **change})
    assert answer.status_code == 400
    assert problem in answer.text


async def test_prompt_none_needs_a_session(google: Upstream) -> None:
    answer = await google.get(AUTH, **REQUEST, prompt="none")
    assert params_of(answer)["error"] == "interaction_required"


@pytest.mark.parametrize(
    ("changes", "status", "error", "description"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", "Unauthorized"),
        ({"client_id": "nobody"}, 401, "invalid_client", "The OAuth client was not found."),
        ({"code_verifier": ""}, 400, "invalid_grant", "Missing code verifier."),
        ({"code_verifier": VERIFIER[::-1]}, 400, "invalid_grant", "Invalid code verifier."),
        ({"redirect_uri": "https://other.example/"}, 400, "redirect_uri_mismatch", "Bad Request"),
        ({"code": "not-ours"}, 400, "invalid_grant", "Malformed auth code."),
        ({"code": ""}, 400, "invalid_request", "Missing required parameter: code"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", "Invalid grant_type: password"),
        ({"client_id": OTHER.client_id, "client_secret": OTHER.client_secret}, 400, "invalid_grant", "Bad Request"),
    ],
)
async def test_token_errors_are_those_of_the_contract(
    google: Upstream, changes: dict[str, str], status: int, error: str, description: str
) -> None:
    code = (await google.answer_of(AUTH, **REQUEST))["code"]
    answer = await exchange(google, code, **changes)
    assert (answer.status_code, answer.json()) == (status, {"error": error, "error_description": description})


async def test_a_code_works_once_and_for_ten_minutes(google: Upstream) -> None:
    code = (await google.answer_of(AUTH, **REQUEST))["code"]
    assert (await exchange(google, code)).status_code == 200
    assert (await exchange(google, code)).json()["error"] == "invalid_grant"
    late = (await google.answer_of(AUTH, **REQUEST))["code"]
    google.clock.at += 600
    assert (await exchange(google, late)).json()["error"] == "invalid_grant"


async def test_offline_access_gives_a_refresh_token_that_stays(google: Upstream) -> None:
    code = (await google.answer_of(AUTH, **REQUEST, access_type="offline"))["code"]
    refresh = (await exchange(google, code)).json()["refresh_token"]
    form = {"client_id": APP.client_id, "client_secret": APP.client_secret, "grant_type": "refresh_token"}
    for _ in range(2):
        answer = await google.post("/token", {**form, "refresh_token": refresh})
        assert "refresh_token" not in answer.json()
        assert answer.json()["access_token"]


async def test_userinfo_wants_a_live_bearer_token(google: Upstream) -> None:
    code = (await google.answer_of(AUTH, **REQUEST))["code"]
    token = (await exchange(google, code)).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await google.http.get("/v1/userinfo", headers=bearer)).json()["sub"] == ADA.ids["google"]
    await google.post("/revoke", {"token": token})
    assert (await google.http.get("/v1/userinfo", headers=bearer)).status_code == 401


async def test_a_rotation_publishes_another_pair_of_keys(google: Upstream) -> None:
    before = {k["kid"] for k in (await google.get("/oauth2/v3/certs")).json()["keys"]}
    await google.fault("rotated_keys")
    after = {k["kid"] for k in (await google.get("/oauth2/v3/certs")).json()["keys"]}
    assert len(before & after) == 1
    token = await id_token(google)
    assert jwt.get_unverified_header(token)["kid"] in after - before
    await verified(google, token)


@pytest.mark.parametrize(
    ("fault", "claim", "value"),
    [
        ("wrong_nonce", "nonce", "a-nonce-of-somebody-else"),
        ("no_nonce", "nonce", None),
        ("wrong_issuer", "iss", "https://accounts.example.com"),
        ("bare_issuer", "iss", "accounts.google.com"),
        ("wrong_audience", "aud", "another-app"),
        ("wrong_azp", "azp", "another-app"),
        ("expired_token", "exp", NOW + 3600 - 86400),
        ("future_token", "iat", NOW + 86400),
        ("wrong_at_hash", "at_hash", "A" * 22),
        ("email_as_text", "email_verified", "true"),
        ("hosted_domain", "hd", "example.org"),
        ("hd_gmail", "hd", "gmail.com"),
        ("no_id", "sub", None),
    ],
)
async def test_a_fault_changes_one_claim(google: Upstream, fault: str, claim: str, value: object) -> None:
    await google.fault(fault)
    assert unverified(await id_token(google)).get(claim) == value


@pytest.mark.parametrize("fault", ["wrong_signature", "unknown_kid", "alg_none", "alg_hs256"])
async def test_a_fault_spoils_the_signature(google: Upstream, fault: str) -> None:
    await google.fault(fault)
    with pytest.raises((jwt.InvalidTokenError, KeyError)):
        await verified(google, await id_token(google))
