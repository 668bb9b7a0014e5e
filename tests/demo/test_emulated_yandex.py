"""The emulated Yandex ID against its contract."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx2
import jwt
import pytest

from broker.demo.people import ADA, BORIS
from broker.demo.upstreams import RegisteredApp, Yandex
from broker.demo.upstreams.yandex import info_jwt
from tests.demo.emulated import CALLBACK, CHALLENGE, STATE, VERIFIER, Upstream, emulated, params_of

pytestmark = pytest.mark.anyio
APP = RegisteredApp("4760187d81bc4b7799476b42b5103713", "0123456789abcdef0123456789abcdef", (CALLBACK,))
OTHER = RegisteredApp("b" * 32, "c" * 32, (CALLBACK,), {"scopes": "login:info"})
BASIC = "Basic NDc2MDE4N2Q4MWJjNGI3Nzk5NDc2YjQyYjUxMDM3MTM6MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="  # the vector
REQUEST = {
    "client_id": APP.client_id,
    "response_type": "code",
    "redirect_uri": CALLBACK,
    "state": STATE,
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
VECTOR = (
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpYXQiOjE3MDAwMDAwMDAsImp0aSI6IjZiYTE1ODg0LTljNGMtMTFlYi1hNDc4LTUyNTQwMDVk"
    "YmU3YiIsImV4cCI6MTczMTUzNjAwMCwiaXNzIjoibG9naW4ueWFuZGV4LnJ1IiwidWlkIjoxMDAwMDM0NDI2LCJsb2dpbiI6Iml2YW4iLCJwc3VpZC"
    "I6IjEuQUFjZUN3LnRiSGd3NUR0SjlfemVxUHJrLUJhMncucVBXU1JDNXYydDJJYWtzUEpnbmdlIiwibmFtZSI6Ikl2YW4gSXZhbm92IiwiZW1haWwi"
    "OiJ0ZXN0QHlhbmRleC5ydSIsImJpcnRoZGF5IjoiMTk4Ny0wMy0xMiIsImdlbmRlciI6Im1hbGUiLCJkaXNwbGF5X25hbWUiOiJpdmFuIiwiYXZhdG"
    "FyX2lkIjoiMTMxNjUyNDQzIn0.FQVc7u02yH81jSmh21_hm5aguajyL5YdWhKmyP-hpUE"
)


@pytest.fixture
async def yandex(anyio_backend: str) -> AsyncIterator[Upstream]:
    async with emulated(partial(Yandex, (APP, OTHER))) as upstream:
        yield upstream


async def exchange(
    yandex: Upstream, given: str, headers: dict[str, str] | None = None, **changes: str
) -> httpx2.Response:
    form = {"grant_type": "authorization_code", "code": given, "code_verifier": VERIFIER} | changes
    return await yandex.post("/token", form, {"Authorization": BASIC} if headers is None else headers)


async def token(yandex: Upstream, person: str = "ada", **changes: str) -> str:
    code = (await yandex.answer_of("/authorize", person, **REQUEST | changes))["code"]
    found: str = (await exchange(yandex, code)).json()["access_token"]
    return found


async def info(yandex: Upstream, access_token: str, scheme: str = "OAuth", **query: str) -> httpx2.Response:
    return await yandex.http.get("/info", params=query, headers={"Authorization": f"{scheme} {access_token}"})


async def profile(yandex: Upstream, person: str = "ada", **changes: str) -> dict[str, Any]:
    found: dict[str, Any] = (await info(yandex, await token(yandex, person, **changes), format="json")).json()
    return found


def test_the_jwt_vector() -> None:
    payload = jwt.decode(VECTOR, APP.client_secret, algorithms=["HS256"], options={"verify_exp": False})
    made = jwt.decode(
        info_jwt(payload, APP.client_secret), APP.client_secret, algorithms=["HS256"], options={"verify_exp": False}
    )
    assert made == payload
    assert info_jwt(payload, APP.client_secret).split(".")[1] == VECTOR.split(".")[1]


async def test_a_login_with_the_basic_vector_ends_with_the_profile(yandex: Upstream) -> None:
    callback = await yandex.answer_of("/authorize", **REQUEST)
    assert callback["state"] == STATE
    assert callback["cid"]
    tokens = (await exchange(yandex, callback["code"])).json()
    assert (tokens["token_type"], tokens["expires_in"]) == ("bearer", 31536000)
    assert "scope" not in tokens
    found = (await info(yandex, tokens["access_token"])).json()
    assert (found["id"], found["client_id"]) == (ADA.ids["yandex"], APP.client_id)
    assert found["emails"] == [found["default_email"]] == ["ada.lovelace@yandex.ru"]
    assert found["default_phone"] == {"id": 12345678, "number": ADA.phone}


async def test_a_person_without_an_address_has_empty_forms(yandex: Upstream) -> None:
    found = await profile(yandex, "boris")
    assert (found["default_email"], found["emails"], found["is_avatar_empty"]) == ("", [], True)
    assert (found["birthday"], found["login"]) == (None, "uid-" + BORIS.ids["yandex"])
    assert "default_phone" not in found


async def test_an_unknown_year_of_birth_is_zeros(yandex: Upstream) -> None:
    assert (await profile(yandex, "zoe"))["birthday"] == "0000-02-29"


async def test_a_narrower_scope_gives_fewer_fields(yandex: Upstream) -> None:
    found = await profile(yandex, scope="login:info")
    assert "default_email" not in found
    assert found["real_name"] == ADA.name


@pytest.mark.parametrize("scheme", ["OAuth", "Bearer"])
async def test_both_schemes_open_the_profile(yandex: Upstream, scheme: str) -> None:
    assert (await info(yandex, await token(yandex), scheme)).status_code == 200


async def test_the_token_may_be_in_the_query_and_counts_only_alone(yandex: Upstream) -> None:
    given = await token(yandex)
    assert (await yandex.http.get("/info", params={"format": "json", "oauth_token": given})).status_code == 200
    headers = {"Authorization": "OAuth nothing"}
    assert (await yandex.http.get("/info", params={"oauth_token": given}, headers=headers)).status_code == 401


async def test_a_bad_token_is_an_empty_401(yandex: Upstream) -> None:
    answer = await info(yandex, "nothing")
    assert (answer.status_code, answer.content) == (401, b"")


async def test_the_profile_as_jwt_is_signed_with_the_apps_secret(yandex: Upstream) -> None:
    answer = await info(yandex, await token(yandex), format="jwt")
    claims = jwt.decode(
        answer.text, APP.client_secret, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False}
    )
    assert (claims["uid"], claims["iss"]) == (int(ADA.ids["yandex"]), "login.yandex.ru")
    assert "aud" not in claims


async def test_the_profile_as_xml_escapes(yandex: Upstream) -> None:
    answer = await info(yandex, await token(yandex, "zoe"), format="xml")
    assert "&lt;b&gt;&amp;amp;" in answer.text


@pytest.mark.parametrize(
    ("headers", "changes", "error"),
    [
        ({"Authorization": "Bearer x"}, {}, "Basic auth required"),
        ({}, {"client_id": APP.client_id}, "invalid_request"),
        ({}, {"client_id": "nobody", "client_secret": "x"}, "invalid_client"),
        ({}, {"client_id": APP.client_id, "client_secret": "x"}, "invalid_client"),
        (None, {"code": "other"}, "bad_verification_code"),
        (None, {"code_verifier": VERIFIER[::-1]}, "invalid_grant"),
        (None, {"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
async def test_token_errors_are_those_of_the_contract(
    yandex: Upstream, headers: dict[str, str] | None, changes: dict[str, str], error: str
) -> None:
    code = (await yandex.answer_of("/authorize", **REQUEST))["code"]
    answer = await exchange(yandex, code, headers, **changes)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_basic_wins_over_the_body(yandex: Upstream) -> None:
    code = (await yandex.answer_of("/authorize", **REQUEST))["code"]
    assert (await exchange(yandex, code, client_id="nobody", client_secret="wrong")).status_code == 200


async def test_a_code_belongs_to_its_app_and_works_once(yandex: Upstream) -> None:
    code = (await yandex.answer_of("/authorize", **REQUEST))["code"]
    other = {"Authorization": "Basic " + b64encode(f"{OTHER.client_id}:{OTHER.client_secret}".encode()).decode()}
    assert (await exchange(yandex, code, other)).json()["error"] == "invalid_grant"
    assert (await exchange(yandex, code)).json()["error"] == "bad_verification_code"


async def test_a_refresh_keeps_a_young_access_token_and_renews_an_old_one(yandex: Upstream) -> None:
    code = (await yandex.answer_of("/authorize", **REQUEST))["code"]
    first = (await exchange(yandex, code)).json()
    second = (await exchange(yandex, "", grant_type="refresh_token", refresh_token=first["refresh_token"])).json()
    assert second["access_token"] == first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    yandex.clock.at += 200 * 86400
    third = (await exchange(yandex, "", grant_type="refresh_token", refresh_token=second["refresh_token"])).json()
    assert third["access_token"] != first["access_token"]


async def test_only_device_tokens_can_be_revoked(yandex: Upstream) -> None:
    basic = {"Authorization": BASIC}
    plain = {"access_token": await token(yandex)}
    assert (await yandex.post("/revoke_token", plain, basic)).json()["error"] == "unsupported_token_type"
    device = {"access_token": await token(yandex, device_id="device-1")}
    assert (await yandex.post("/revoke_token", device, basic)).json() == {"status": "ok"}
    assert (await info(yandex, device["access_token"])).status_code == 401


@pytest.mark.parametrize("changes", [{"client_id": "nobody"}, {"redirect_uri": "https://evil.example/"}])
async def test_an_unknown_app_or_address_stays_on_the_page(yandex: Upstream, changes: dict[str, str]) -> None:
    assert (await yandex.get("/authorize", **REQUEST | changes)).status_code == 400


async def test_an_unregistered_right_comes_back_as_invalid_scope(yandex: Upstream) -> None:
    answer = params_of(await yandex.get("/authorize", **REQUEST | {"scope": "cloud:everything"}))
    assert answer == {"error": "invalid_scope", "state": STATE}


async def test_faults_of_the_profile(yandex: Upstream) -> None:
    await yandex.fault("other_app", times=1)
    found = await profile(yandex)
    assert found["client_id"] != APP.client_id
    assert found.keys() == {"login", "id", "client_id", "psuid"}
    await yandex.fault("no_id", times=1)
    assert (await profile(yandex))["id"] == ""
    await yandex.fault("unauthorized", times=1)
    assert (await info(yandex, await token(yandex))).status_code == 401
    await yandex.fault("error_200", times=1)
    code = (await yandex.answer_of("/authorize", **REQUEST))["code"]
    answer = await exchange(yandex, code)
    assert (answer.status_code, answer.json()["error"]) == (200, "invalid_grant")
