"""The emulated VK ID against its contract."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import jwt
import pytest

from broker.demo.people import ADA, BORIS, ZOE
from broker.demo.upstreams import VK, RegisteredApp
from broker.demo.upstreams.keys import challenge_of
from tests.demo.emulated import CALLBACK, CHALLENGE, NOW, STATE, VERIFIER, Upstream, emulated, params_of

pytestmark = pytest.mark.anyio
APP = RegisteredApp("7654321", "unused", (CALLBACK,))
CONFIDENTIAL = RegisteredApp("7654322", "unused", (CALLBACK,), {"service_token": "service"})
REQUEST = {
    "client_id": APP.client_id,
    "response_type": "code",
    "scope": "vkid.personal_info email phone",
    "redirect_uri": CALLBACK,
    "state": STATE,
    "code_challenge": CHALLENGE,
    "code_challenge_method": "s256",
}


@pytest.fixture
async def vk(anyio_backend: str) -> AsyncIterator[Upstream]:
    async with emulated(partial(VK, (APP, CONFIDENTIAL))) as upstream:
        yield upstream


async def exchange(vk: Upstream, callback: dict[str, str], **changes: str) -> dict[str, Any]:
    form = {
        "grant_type": "authorization_code",
        "code": callback.get("code", ""),
        "device_id": callback.get("device_id", ""),
        "client_id": APP.client_id,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        "state": "state-of-this-request",
    }
    answer = await vk.post("/oauth2/auth", form | changes)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def login(vk: Upstream, person: str = "ada", **changes: str) -> dict[str, Any]:
    return await exchange(vk, await vk.answer_of("/authorize", person, **REQUEST | changes))


async def user_info(vk: Upstream, token: str) -> dict[str, Any]:
    answer = await vk.post("/oauth2/user_info", {"client_id": APP.client_id, "access_token": token})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(
    ("verifier", "challenge"),
    [
        (VERIFIER, CHALLENGE),
        (
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
            "d1rRHTfuv-mFrNVKzapdLEAYFCE4kES4fSnWIYKkPmw",
        ),
    ],
)
def test_pkce_vectors(verifier: str, challenge: str) -> None:
    assert challenge_of(verifier) == challenge


async def test_the_callback_has_every_field_of_the_contract(vk: Upstream) -> None:
    callback = await vk.answer_of("/authorize", **REQUEST)
    assert callback["state"] == STATE
    assert len(callback["device_id"]) >= 80
    assert len(callback["code"]) > 100
    assert (callback["type"], callback["expires_in"]) == ("code_v2", "600")


async def test_the_id_is_a_number_with_the_token_and_text_in_the_profile(vk: Upstream) -> None:
    tokens = await login(vk, "zoe")
    assert tokens["user_id"] == int(ZOE.ids["vk"])
    assert tokens["state"] == "state-of-this-request"
    assert tokens["scope"] == "vkid.personal_info email phone"
    user = (await user_info(vk, tokens["access_token"]))["user"]
    assert user["user_id"] == ZOE.ids["vk"]
    assert (user["phone"], user["birthday"]) == ("491511234567", "29.2")


async def test_the_profile_holds_what_the_scopes_allow(vk: Upstream) -> None:
    tokens = await login(vk, scope="vkid.personal_info")
    user = (await user_info(vk, tokens["access_token"]))["user"]
    assert not {"email", "phone"} & user.keys()
    assert (user["sex"], user["birthday"]) == (1, "10.12.1990")


async def test_a_person_without_an_address_has_an_empty_one(vk: Upstream) -> None:
    user = (await user_info(vk, (await login(vk, "boris"))["access_token"]))["user"]
    assert (user["email"], user["phone"], user["birthday"]) == ("", "", "")


async def test_the_id_token_has_vks_own_shape(vk: Upstream) -> None:
    token = (await login(vk))["id_token"]
    assert jwt.get_unverified_header(token) == {"typ": "JWT", "alg": "RS256"}
    key = (await vk.get("/_emulator/public_key")).content
    unusual: Any = {"verify_exp": False, "verify_sub": False, "verify_iat": False, "verify_jti": False}
    claims = jwt.decode(token, key, algorithms=["RS256"], options=unusual)
    expected = {"iis": "VK", "sub": int(ADA.ids["vk"]), "app": 7654321, "jti": 21, "iat": NOW, "exp": NOW + 31104000}
    assert claims == expected


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({"code_challenge": ""}, "Invalid code_challenge"),
        ({"code_challenge_method": "plain"}, "Invalid code_challenge"),
        ({"state": "short"}, "state is missing or invalid"),
        ({"response_type": "token"}, "response_type is missing or invalid"),
    ],
)
async def test_a_wrong_request_comes_back_with_its_error(
    vk: Upstream, changes: dict[str, str], description: str
) -> None:
    answer = params_of(await vk.get("/authorize", **REQUEST | changes))
    assert (answer["error"], answer["error_description"]) == ("invalid_request", description)


@pytest.mark.parametrize("changes", [{"client_id": "1"}, {"redirect_uri": "https://evil.example/"}])
async def test_an_unknown_app_or_address_stays_on_the_page(vk: Upstream, changes: dict[str, str]) -> None:
    assert (await vk.get("/authorize", **REQUEST | changes)).status_code == 400


@pytest.mark.parametrize(
    ("changes", "error", "description"),
    [
        ({"device_id": "another"}, "invalid_request", "device_id is invalid"),
        ({"device_id": ""}, "invalid_request", "device_id is invalid"),
        ({"code_verifier": VERIFIER[:-1] + "~"}, "invalid_request", "verifier is missing or invalid"),
        ({"code_verifier": VERIFIER[::-1]}, "invalid_request", "verifier is missing or invalid"),
        ({"redirect_uri": CALLBACK + "/"}, "invalid_request", "redirect_uri is missing or invalid"),
        ({"client_id": "1"}, "invalid_client", "client_id is missing or invalid"),
        ({"service_token": "unasked"}, "invalid_client", "service_token is invalid"),
        ({"code": "other"}, "invalid_grant", "code is invalid or expired"),
        ({"grant_type": "password"}, "invalid_request", "grant_type is missing or invalid"),
    ],
)
async def test_exchange_errors_have_status_200_and_echo_the_state(
    vk: Upstream, changes: dict[str, str], error: str, description: str
) -> None:
    answer = await exchange(vk, await vk.answer_of("/authorize", **REQUEST), **changes)
    assert answer == {"error": error, "error_description": description, "state": "state-of-this-request"}


async def test_a_client_secret_means_nothing(vk: Upstream) -> None:
    callback = await vk.answer_of("/authorize", **REQUEST)
    assert "access_token" in await exchange(vk, callback, client_secret="x")


async def test_a_confidential_app_must_send_its_service_token(vk: Upstream) -> None:
    changes = {"client_id": CONFIDENTIAL.client_id}
    callback = await vk.answer_of("/authorize", **REQUEST | changes)
    assert (await exchange(vk, callback, **changes))["error_description"] == "service_token is invalid"
    assert "access_token" in await exchange(vk, callback, **changes, service_token="service")


async def test_a_code_works_once_and_for_ten_minutes(vk: Upstream) -> None:
    callback = await vk.answer_of("/authorize", **REQUEST)
    assert "access_token" in await exchange(vk, callback)
    assert (await exchange(vk, callback))["error"] == "invalid_grant"
    callback = await vk.answer_of("/authorize", **REQUEST)
    vk.clock.at += 600
    assert (await exchange(vk, callback))["error"] == "invalid_grant"


async def test_refresh_tokens_rotate_and_reuse_ends_the_session(vk: Upstream) -> None:
    callback = await vk.answer_of("/authorize", **REQUEST)
    first = await exchange(vk, callback)
    form = {
        "grant_type": "refresh_token",
        "client_id": APP.client_id,
        "device_id": callback["device_id"],
        "state": "r",
    }
    second = (await vk.post("/oauth2/auth", form | {"refresh_token": first["refresh_token"]})).json()
    assert "id_token" not in second
    assert second["refresh_token"] != first["refresh_token"]
    again = (await vk.post("/oauth2/auth", form | {"refresh_token": first["refresh_token"]})).json()
    assert again["error_description"] == "refresh_token is missing or invalid"
    ended = (await vk.post("/oauth2/auth", form | {"refresh_token": second["refresh_token"]})).json()
    assert ended["error"] == "invalid_request"
    assert (await user_info(vk, second["access_token"]))["error"] == "invalid_token"


async def test_logout_ends_the_session(vk: Upstream) -> None:
    token = (await login(vk))["access_token"]
    form = {"client_id": APP.client_id, "access_token": token}
    assert (await vk.post("/oauth2/logout", form)).json() == {"response": 1}
    assert (await user_info(vk, token))["error"] == "invalid_token"


async def test_a_token_of_another_app_tells_nothing(vk: Upstream) -> None:
    token = (await login(vk))["access_token"]
    form = {"client_id": CONFIDENTIAL.client_id, "access_token": token}
    assert (await vk.post("/oauth2/user_info", form)).json()["error"] == "invalid_token"


async def test_the_payload_form_carries_the_same_members(vk: Upstream) -> None:
    await vk.fault("payload_form", times=1)
    payload = json.loads((await vk.answer_of("/authorize", **REQUEST))["payload"])
    assert payload.keys() == {"code", "state", "device_id", "type", "expires_in", "ext_id"}
    assert "access_token" in await exchange(vk, payload)


async def test_faults_of_the_answers(vk: Upstream) -> None:
    await vk.fault("other_user_id", times=1)
    user = (await user_info(vk, (await login(vk))["access_token"]))["user"]
    assert user["user_id"] == BORIS.ids["vk"]
    await vk.fault("no_id", times=1)
    assert (await user_info(vk, (await login(vk))["access_token"]))["user"]["user_id"] == ""
    await vk.fault("no_device_id", times=1)
    assert "device_id" not in await vk.answer_of("/authorize", **REQUEST)
    await vk.fault("error_200", times=1)
    assert (await login(vk))["error"] == "invalid_request"
    await vk.fault("wrong_state", times=1)
    assert (await vk.answer_of("/authorize", **REQUEST))["state"] != STATE
    await vk.fault("ip_bound", times=1)
    assert (await user_info(vk, (await login(vk))["access_token"]))["error"] == "invalid_token"


async def test_errors_may_come_with_status_400(vk: Upstream) -> None:
    await vk.fault("error_400")
    answer = await vk.post("/oauth2/auth", {"client_id": "1"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


async def test_a_verifier_with_other_characters_is_refused_even_if_its_hash_is_right(vk: Upstream) -> None:
    verifier = "~" * 43
    callback = await vk.answer_of("/authorize", **REQUEST | {"code_challenge": challenge_of(verifier)})
    answer = await exchange(vk, callback, code_verifier=verifier)
    assert answer["error_description"] == "verifier is missing or invalid"


async def test_a_state_of_sixteen_characters_is_taken_although_the_documentation_asks_for_more(vk: Upstream) -> None:
    answer = await vk.get("/authorize", _person="ada", **REQUEST | {"state": "s" * 16})
    assert answer.status_code == 302
    assert "code=" in answer.headers["location"]
