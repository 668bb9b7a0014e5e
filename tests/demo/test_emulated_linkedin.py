"""The emulated LinkedIn against its contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx2
import jwt
import pytest

from broker.demo.people import ADA, BORIS
from broker.demo.upstreams import RegisteredApp
from broker.demo.upstreams.linkedin import DISCOVERY, LinkedIn
from tests.demo.emulated import CALLBACK, CHALLENGE, STATE, VERIFIER, Upstream, emulated, params_of

pytestmark = pytest.mark.anyio
APP = RegisteredApp("86testclientid", "secret-of-ours", (CALLBACK,))
OTHER = RegisteredApp("86other", "other-secret", (CALLBACK,))
REQUEST = {
    "client_id": APP.client_id,
    "response_type": "code",
    "redirect_uri": CALLBACK,
    "scope": "openid profile email",
    "state": STATE,
    "nonce": "n-1",
}
AUTHORIZE, TOKEN, INTROSPECT = "/oauth/v2/authorization", "/oauth/v2/accessToken", "/oauth/v2/introspectToken"
OURS = {"client_id": APP.client_id, "client_secret": APP.client_secret}


@pytest.fixture
async def linkedin(anyio_backend: str) -> AsyncIterator[Upstream]:
    async with emulated(partial(LinkedIn, (APP, OTHER))) as upstream:
        yield upstream


async def exchange(linkedin: Upstream, given: str, **changes: str) -> httpx2.Response:
    form = {"grant_type": "authorization_code", "code": given, "redirect_uri": CALLBACK, **OURS} | changes
    return await linkedin.post(TOKEN, {name: text for name, text in form.items() if text})


async def tokens(linkedin: Upstream, person: str = "ada", **changes: str) -> dict[str, Any]:
    code = (await linkedin.answer_of(AUTHORIZE, person, **REQUEST | changes))["code"]
    found: dict[str, Any] = (await exchange(linkedin, code)).json()
    return found


async def userinfo(linkedin: Upstream, given: str) -> httpx2.Response:
    return await linkedin.http.get("/v2/userinfo", headers={"Authorization": f"Bearer {given}"})


def claims_of(found: dict[str, Any]) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(found["id_token"], options={"verify_signature": False})
    return claims


async def test_a_login_ends_with_an_id_token_that_has_it_all(linkedin: Upstream) -> None:
    callback = await linkedin.answer_of(AUTHORIZE, **REQUEST)
    assert set(callback) == {"code", "state"}
    found = (await exchange(linkedin, callback["code"])).json()
    assert (found["scope"], found["token_type"], found["expires_in"]) == ("email,openid,profile", "Bearer", 5183999)
    keys = {one["kid"]: jwt.PyJWK(one) for one in (await linkedin.get("/oauth/openid/jwks")).json()["keys"]}
    key = keys[jwt.get_unverified_header(found["id_token"])["kid"]]
    claims = jwt.decode(found["id_token"], key, ["RS256"], audience=APP.client_id, options={"verify_exp": False})
    assert claims["iss"] == (await linkedin.get("/oauth/.well-known/openid-configuration")).json()["issuer"]
    assert (claims["sub"], claims["email"]) == (linkedin.emulator.subject(ADA), ADA.email)
    assert (claims["email_verified"], claims["locale"]) == ("true", "en_US")
    assert "nonce" not in claims
    assert claims["exp"] - claims["iat"] == 3600


async def test_userinfo_tells_the_same_in_other_types(linkedin: Upstream) -> None:
    found = await tokens(linkedin)
    told = (await userinfo(linkedin, found["access_token"])).json()
    assert (told["sub"], told["email"]) == (claims_of(found)["sub"], ADA.email)
    assert (told["email_verified"], told["locale"]) == (True, {"country": "US", "language": "en"})


async def test_what_somebody_does_not_have_is_missing(linkedin: Upstream) -> None:
    claims = claims_of(await tokens(linkedin, "boris"))
    assert not {"email", "email_verified", "family_name", "picture"} & claims.keys()
    assert claims["sub"] == linkedin.emulator.subject(BORIS)
    assert "email" not in claims_of(await tokens(linkedin, scope="openid profile"))


async def test_without_openid_there_is_no_id_token_and_no_userinfo(linkedin: Upstream) -> None:
    found = await tokens(linkedin, scope="profile")
    assert "id_token" not in found
    answer = await userinfo(linkedin, found["access_token"])
    assert (answer.status_code, answer.json()["code"]) == (403, "ACCESS_DENIED")


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"code": "wrong"}, 401, "invalid_request"),
        ({"code": ""}, 400, "invalid_request"),
        ({"redirect_uri": ""}, 400, "invalid_request"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"redirect_uri": "https://other.example/"}, 400, "invalid_redirect_uri"),
        ({"client_id": OTHER.client_id, "client_secret": OTHER.client_secret}, 400, "invalid_redirect_uri"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"code_verifier": VERIFIER}, 401, "invalid_client"),
    ],
)
async def test_errors(linkedin: Upstream, changes: dict[str, str], status: int, error: str) -> None:
    code = (await linkedin.answer_of(AUTHORIZE, **REQUEST))["code"]
    answer = await exchange(linkedin, code, **changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


async def test_a_verifier_is_refused_even_after_a_challenge(linkedin: Upstream) -> None:
    challenge = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    code = (await linkedin.answer_of(AUTHORIZE, **REQUEST | challenge))["code"]
    assert (await exchange(linkedin, code, code_verifier=VERIFIER)).json()["error"] == "invalid_client"


async def test_the_header_is_no_way_to_authenticate(linkedin: Upstream) -> None:
    code = (await linkedin.answer_of(AUTHORIZE, **REQUEST))["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    answer = await linkedin.http.post(TOKEN, data=form, auth=(APP.client_id, APP.client_secret))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_a_code_works_once_and_for_half_an_hour(linkedin: Upstream) -> None:
    code, late = [(await linkedin.answer_of(AUTHORIZE, **REQUEST))["code"] for _ in range(2)]
    assert "access_token" in (await exchange(linkedin, code)).json()
    assert (await exchange(linkedin, code)).status_code == 401
    linkedin.clock.at += 1801
    assert (await exchange(linkedin, late)).status_code == 401


@pytest.mark.parametrize("changes", [{"client_id": "x"}, {"redirect_uri": f"{CALLBACK}/"}, {"response_type": "token"}])
async def test_who_asks_wrongly_stays_there(linkedin: Upstream, changes: dict[str, str]) -> None:
    assert (await linkedin.get(AUTHORIZE, **REQUEST | changes)).status_code == 401


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("decline", "user_cancelled_authorize"),
        ("cancelled_login", "user_cancelled_login"),
        ("no_product", "unauthorized_scope_error"),
    ],
)
async def test_refusals_have_names_of_their_own(linkedin: Upstream, fault: str, error: str) -> None:
    await linkedin.fault(fault)
    callback = params_of(await linkedin.get(AUTHORIZE, **REQUEST))
    assert (callback["error"], callback["state"]) == (error, STATE)
    assert callback["error_description"]


async def test_a_scope_of_no_product_is_refused(linkedin: Upstream) -> None:
    callback = params_of(await linkedin.get(AUTHORIZE, **REQUEST | {"scope": "r_liteprofile"}))
    assert callback["error_description"] == 'Scope "r_liteprofile" is not authorized for your application'


async def test_the_older_issuer_and_a_thin_token(linkedin: Upstream) -> None:
    for fault in ("old_issuer", "thin_id_token"):
        await linkedin.fault(fault)
    claims = claims_of(await tokens(linkedin))
    assert claims["iss"] == "https://www.linkedin.com"
    assert set(claims) == {"iss", "aud", "iat", "exp", "sub"}
    assert DISCOVERY["issuer"] == "https://www.linkedin.com/oauth"


async def test_introspection_tells_of_tokens_of_the_app_alone(linkedin: Upstream) -> None:
    given = (await tokens(linkedin))["access_token"]
    found = (await linkedin.post(INTROSPECT, {**OURS, "token": given})).json()
    assert (found["active"], found["client_id"], found["auth_type"]) == (True, APP.client_id, "3L")
    assert (found["scope"], found["status"]) == ("email,openid,profile", "active")
    assert found["expires_at"] - found["created_at"] == 60 * 86400
    kit = (await linkedin.order("kit", app=OTHER.client_id)).json()["access_token"]
    for token in (kit, "made-up"):
        assert (await linkedin.post(INTROSPECT, {**OURS, "token": token})).json() == {"active": False}
    assert (await linkedin.post(INTROSPECT, OURS)).status_code == 400
    wrong = {**OURS, "client_secret": "wrong", "token": given}
    assert (await linkedin.post(INTROSPECT, wrong)).status_code == 401
    linkedin.clock.at += 60 * 86400 + 1
    assert (await linkedin.post(INTROSPECT, {**OURS, "token": given})).json() == {"active": False}


async def test_a_bad_token_opens_nothing(linkedin: Upstream) -> None:
    answer = await userinfo(linkedin, "nothing")
    assert (answer.status_code, answer.json()["serviceErrorCode"]) == (401, 65600)
