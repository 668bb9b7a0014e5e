"""The emulated Sber ID against its contract."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx2
import pytest

from broker.demo.people import ADA
from broker.demo.upstreams import RegisteredApp
from broker.demo.upstreams.sber import Sber
from tests.demo.emulated import CALLBACK, CHALLENGE, STATE, VERIFIER, Upstream, emulated, params_of

pytestmark = pytest.mark.anyio
APP = RegisteredApp("DA5278AC-A07F-C01A-B2D3-C231DBB2E20F", "sber-secret", (CALLBACK,))
OTHER = RegisteredApp("EA5278AC-A07F-C01A-B2D3-C231DBB2E20F", "other-secret", (CALLBACK,))
NUMBER = {"rquid": "012345678901234567890123456789FF"}
REQUEST = {
    "response_type": "code",
    "client_type": "PRIVATE",
    "client_id": APP.client_id,
    "redirect_uri": CALLBACK,
    "state": STATE,
    "nonce": "n-0S6_WzA2Mj",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
AUTHORIZE, TOKEN = "/CSAFront/oidc/authorize.do", "/ru/prod/tokens/v2/oidc"
INFO, COMPLETED = "/ru/prod/sberbankid/v2.1/userinfo", "/api/v2/auth/completed"


@pytest.fixture
async def sber(anyio_backend: str) -> AsyncIterator[Upstream]:
    async with emulated(partial(Sber, (APP, OTHER))) as upstream:
        yield upstream


async def answered(sber: Upstream, scope: str = "openid", person: str = "ada", **changes: str) -> dict[str, str]:
    path = f"{AUTHORIZE}?scope={scope.replace(' ', '%20')}"
    query = "&".join(f"{name}={value}" for name, value in {**REQUEST, "_person": person, **changes}.items())
    return params_of(await sber.http.get(f"{path}&{query}"))


async def exchange(
    sber: Upstream, given: str, headers: dict[str, str] | None = None, **changes: str
) -> httpx2.Response:
    form = {"grant_type": "authorization_code", "code": given, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    ours = {"client_id": APP.client_id, "client_secret": APP.client_secret}
    return await sber.post(TOKEN, form | ours | changes, NUMBER if headers is None else headers)


async def tokens(sber: Upstream, scope: str = "openid", person: str = "ada") -> dict[str, Any]:
    found: dict[str, Any] = (await exchange(sber, (await answered(sber, scope, person))["code"])).json()
    return found


async def called(sber: Upstream, path: str, token: str, **headers: str) -> httpx2.Response:
    return await sber.http.get(path, headers={"Authorization": f"Bearer {token}", **headers})


async def profile(sber: Upstream, scope: str = "openid", person: str = "ada") -> dict[str, Any]:
    token = (await tokens(sber, scope, person))["access_token"]
    found: dict[str, Any] = (await called(sber, INFO, token, **{"x-introspect-rquid": NUMBER["rquid"]})).json()
    return found


def segment(token: str, place: int) -> dict[str, Any]:
    text = token.split(".")[place]
    found: dict[str, Any] = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


async def test_a_login_ends_with_a_token_that_only_the_bank_can_check_and_a_profile(sber: Upstream) -> None:
    answer = await answered(sber, "openid name")
    assert answer.keys() == {"code", "state"}
    reply = await exchange(sber, answer["code"])
    assert (reply.headers["rquid"], reply.headers["cache-control"]) == (NUMBER["rquid"], "no-store")
    given = reply.json()
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 60)
    assert given["scope"] == "openid name https://api.sberbank.ru/sberbankid/userinfo"
    assert "refresh_token" not in given
    assert segment(given["id_token"], 0) == {"typ": "JWT", "alg": "gost34-10.2012"}
    claims = segment(given["id_token"], 1)
    assert (claims["aud"], claims["nonce"]) == (APP.client_id, REQUEST["nonce"])
    found = await profile(sber, "openid name")
    assert (found["sub"], found["aud"], found["given_name"]) == (claims["sub"], APP.client_id, ADA.given_name)


async def test_a_profile_holds_what_was_asked_for(sber: Upstream) -> None:
    assert (await profile(sber)).keys() == {"sub", "iss", "aud"}
    found = await profile(sber, "openid email mobile gender birthdate")
    assert found["phone_number"].startswith("+7 (999) ")
    assert (found["gender"], found["birthdate"]) == (2, ADA.birthday)
    assert (await profile(sber, "openid email mobile", "boris")).keys() == {"sub", "iss", "aud"}
    await sber.fault("gender_text", times=1)
    assert (await profile(sber, "openid gender"))["gender"] == "2"


@pytest.mark.parametrize(
    ("scope", "changes", "error"),
    [
        ("name openid", {}, "invalid_scope"),
        ("name", {}, "invalid_scope"),
        ("openid", {"client_type": "PUBLIC"}, "invalid_request"),
        ("openid", {"nonce": ""}, "invalid_request"),
        ("openid", {"response_type": "token"}, "unsupported_response_type"),
        ("openid", {"state": ""}, "invalid_state"),
    ],
)
async def test_requests_that_are_not_right_come_back(
    sber: Upstream, scope: str, changes: dict[str, str], error: str
) -> None:
    assert (await answered(sber, scope, **changes))["error"] == error


@pytest.mark.parametrize(
    ("headers", "changes", "status", "error"),
    [
        ({}, {}, 400, "invalid_request"),
        ({"rquid": "5"}, {}, 400, "invalid_request"),
        (None, {"client_secret": "x"}, 401, "invalid_client"),
        (None, {"client_id": "x"}, 401, "invalid_client"),
        (None, {"code": "x"}, 400, "invalid_grant"),
        (None, {"code_verifier": "x"}, 400, "invalid_grant"),
        (None, {"redirect_uri": "https://x.example/"}, 400, "invalid_grant"),
        (None, {"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
async def test_token_errors(
    sber: Upstream, headers: dict[str, str] | None, changes: dict[str, str], status: int, error: str
) -> None:
    answer = await exchange(sber, (await answered(sber))["code"], headers, **changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


async def test_a_code_works_once_and_for_two_minutes(sber: Upstream) -> None:
    code = (await answered(sber))["code"]
    assert [(await exchange(sber, code)).status_code for _ in range(2)] == [200, 400]
    code = (await answered(sber))["code"]
    sber.clock.at += 121
    assert (await exchange(sber, code)).status_code == 400


async def test_offline_access_gives_a_refresh_token(sber: Upstream) -> None:
    given = await tokens(sber, "openid offline_access")
    again = await exchange(sber, "", grant_type="refresh_token", refresh_token=given["refresh_token"])
    assert again.json()["access_token"] != given["access_token"]


async def test_calls_need_a_token_and_a_number(sber: Upstream) -> None:
    token = (await tokens(sber))["access_token"]
    number = {"x-introspect-rquid": NUMBER["rquid"]}
    assert (await called(sber, INFO, token)).status_code == 400
    refused = await called(sber, INFO, "other", **number)
    assert (refused.status_code, refused.json()["httpCode"]) == (401, "401")
    assert (await called(sber, COMPLETED, token, **NUMBER)).status_code == 204
    assert (await called(sber, COMPLETED, token)).status_code == 401
    assert (await called(sber, COMPLETED, "other", **NUMBER)).status_code == 401
    await sber.fault("completed_500", times=1)
    assert (await called(sber, COMPLETED, token, **NUMBER)).status_code == 500
    sber.clock.at += 61
    assert (await called(sber, INFO, token, **number)).status_code == 401


async def test_faults_of_the_id_token(sber: Upstream) -> None:
    await sber.fault("alg_none", times=1)
    given = (await tokens(sber))["id_token"]
    assert (segment(given, 0)["alg"], given[-1]) == ("none", ".")
    await sber.fault("rs256_token", times=1)
    assert segment((await tokens(sber))["id_token"], 0)["alg"] == "RS256"
    await sber.fault("wrong_nonce", times=1)
    assert segment((await tokens(sber))["id_token"], 1)["nonce"] != REQUEST["nonce"]
    await sber.fault("no_id_token", times=1)
    assert "id_token" not in await tokens(sber)


async def test_an_unknown_app_stays_on_the_page(sber: Upstream) -> None:
    assert (await sber.get(AUTHORIZE, **REQUEST | {"client_id": "x"})).status_code == 400
