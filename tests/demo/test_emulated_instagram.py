"""The emulated Instagram against its contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx2
import pytest

from broker.demo.people import ADA, BORIS
from broker.demo.upstreams import RegisteredApp
from broker.demo.upstreams.instagram import Instagram
from tests.demo.emulated import CALLBACK, STATE, Upstream, emulated, params_of

pytestmark = pytest.mark.anyio
APP = RegisteredApp("990602627938098", "0123456789abcdef0123456789abcdef", (CALLBACK,))
OTHER = RegisteredApp("990602627938099", "fedcba9876543210fedcba9876543210", (CALLBACK,))
REQUEST = {
    "client_id": APP.client_id,
    "redirect_uri": CALLBACK,
    "state": STATE,
    "scope": "instagram_business_basic,instagram_business_manage_messages",
    "response_type": "code",
}
FIELDS = "id,user_id,username,name,account_type,profile_picture_url"


@pytest.fixture
async def instagram(anyio_backend: str) -> AsyncIterator[Upstream]:
    async with emulated(partial(Instagram, (APP, OTHER))) as upstream:
        yield upstream


async def code(instagram: Upstream, person: str = "ada", **changes: str) -> str:
    return (await instagram.answer_of("/oauth/authorize", person, **REQUEST | changes))["code"]


async def exchange(instagram: Upstream, given: str, **changes: str) -> httpx2.Response:
    form = {"client_id": APP.client_id, "client_secret": APP.client_secret, "redirect_uri": CALLBACK, "code": given}
    return await instagram.post("/oauth/access_token", {**form, "grant_type": "authorization_code", **changes})


async def token(instagram: Upstream, person: str = "ada") -> str:
    found: str = (await exchange(instagram, await code(instagram, person))).json()["data"][0]["access_token"]
    return found


async def me(instagram: Upstream, access_token: str, version: str = "v25.0") -> httpx2.Response:
    return await instagram.get(f"/{version}/me", access_token=access_token, fields=FIELDS)


async def test_a_login_ends_with_the_profile(instagram: Upstream) -> None:
    answer = await instagram.get("/oauth/authorize", _person="ada", **REQUEST)
    assert answer.headers["location"].endswith("#_")
    assert params_of(answer)["state"] == STATE
    tokens = (await exchange(instagram, params_of(answer)["code"])).json()["data"][0]
    assert tokens["permissions"] == REQUEST["scope"]
    assert not {"token_type", "expires_in", "refresh_token"} & tokens.keys()
    profile = (await me(instagram, tokens["access_token"])).json()
    assert profile == {
        "id": "249" + profile["user_id"][3:],
        "user_id": instagram.emulator.subject(ADA),
        "username": "ada_lovelace",
        "name": ADA.name,
        "account_type": "BUSINESS",
        "profile_picture_url": "https://scontent.cdninstagram.com/ada.jpg",
    }
    assert (profile["user_id"].isdecimal(), len(profile["user_id"])) == (True, 17)
    theirs = (await me(instagram, await token(instagram, "boris"))).json()
    assert theirs["user_id"] == instagram.emulator.subject(BORIS)
    assert not {"profile_picture_url", "email"} & theirs.keys()
    assert (await me(instagram, tokens["access_token"], "v1.0")).status_code == 404


async def test_other_shapes_of_the_same_answers(instagram: Upstream) -> None:
    await instagram.fault("flat_answer", times=1)
    flat: dict[str, Any] = (await exchange(instagram, await code(instagram))).json()
    assert flat["user_id"] == int(instagram.emulator.subject(ADA))
    assert flat["permissions"] == REQUEST["scope"].split(",")
    await instagram.fault("wrapped_profile", times=1)
    wrapped = (await me(instagram, flat["access_token"])).json()
    assert wrapped["data"][0]["username"] == "ada_lovelace"
    await instagram.fault("code_suffix", times=1)
    assert (await code(instagram)).endswith("#_")


async def test_a_code_is_good_once_for_its_app_and_the_very_address(instagram: Upstream) -> None:
    given = await code(instagram)
    slashed = await exchange(instagram, given, redirect_uri=CALLBACK + "/")
    assert slashed.status_code == 400
    assert slashed.json().keys() == {"error_type", "code", "error_message"}
    again = await exchange(instagram, given)
    assert again.json()["error_message"] == "Matching code was not found or was already used"
    theirs = {"client_id": OTHER.client_id, "client_secret": OTHER.client_secret}
    for wrong in (theirs, {"client_id": "1"}, {"client_secret": "x"}, {"grant_type": "x"}):
        assert (await exchange(instagram, await code(instagram), **wrong)).status_code == 400
    given = await code(instagram)
    instagram.clock.at += 3601
    assert (await exchange(instagram, given)).status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "1"},
        {"redirect_uri": CALLBACK + "/"},
        {"scope": ""},
        {"scope": "business_basic"},
        {"scope": "user_profile"},
        {"response_type": "token"},
    ],
    ids=str,
)
async def test_a_request_that_is_wrong_ends_on_a_page_of_instagrams(
    instagram: Upstream, change: dict[str, str]
) -> None:
    assert (await instagram.get("/oauth/authorize", _person="ada", **REQUEST | change)).status_code == 400


async def test_who_cancels_comes_back_and_who_has_a_personal_account_does_not(instagram: Upstream) -> None:
    assert params_of(await instagram.get("/oauth/authorize", _cancel="1", **REQUEST)) == {
        "error": "access_denied",
        "error_reason": "user_denied",
        "error_description": "The user denied your request.",
        "state": STATE,
    }
    await instagram.fault("personal_account", times=1)
    assert (await instagram.get("/oauth/authorize", _person="ada", **REQUEST)).status_code == 400


async def test_tokens_live_for_an_hour_and_long_ones_are_renewed_after_a_day(instagram: Upstream) -> None:
    short = await token(instagram)
    asked = {"grant_type": "ig_exchange_token", "client_secret": APP.client_secret, "access_token": short}
    assert (await instagram.get("/access_token", **asked | {"client_secret": "x"})).status_code == 400
    long = (await instagram.get("/access_token", **asked)).json()
    assert (long["token_type"], long["expires_in"]) == ("bearer", 5184000)
    renewal = {"grant_type": "ig_refresh_token", "access_token": long["access_token"]}
    assert (await instagram.get("/refresh_access_token", **renewal)).status_code == 400, "not a day old"
    instagram.clock.at += 86400
    assert (await me(instagram, short)).json()["error"]["code"] == 190
    assert (await instagram.get("/refresh_access_token", **renewal)).json()["expires_in"] == 5184000
    assert (await me(instagram, long["access_token"])).status_code == 200
    assert (await instagram.get("/access_token", **asked)).status_code == 400
    instagram.clock.at += 60 * 86400
    assert (await me(instagram, long["access_token"])).status_code == 400
