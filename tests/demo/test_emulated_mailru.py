"""The emulated Mail.ru against its contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx2
import pytest

from broker.demo.people import ADA
from broker.demo.upstreams import RegisteredApp
from broker.demo.upstreams.mailru import MailRu
from tests.demo.emulated import CALLBACK, CHALLENGE, STATE, VERIFIER, Upstream, emulated, params_of

pytestmark = pytest.mark.anyio
APP = RegisteredApp("mailru-client", "mailru-secret", (CALLBACK,))
OTHER = RegisteredApp("other-client", "other-secret", (CALLBACK,))
BASIC = "Basic bWFpbHJ1LWNsaWVudDptYWlscnUtc2VjcmV0"  # the vector
REQUEST = {
    "client_id": APP.client_id,
    "response_type": "code",
    "redirect_uri": CALLBACK,
    "scope": "userinfo",
    "state": STATE,
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture
async def mailru(anyio_backend: str) -> AsyncIterator[Upstream]:
    async with emulated(partial(MailRu, (APP, OTHER))) as upstream:
        yield upstream


async def exchange(
    mailru: Upstream, given: str, headers: dict[str, str] | None = None, **changes: str
) -> httpx2.Response:
    form = {"grant_type": "authorization_code", "code": given, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    return await mailru.post("/token", form | changes, {"Authorization": BASIC} if headers is None else headers)


async def code_of(mailru: Upstream, person: str = "ada", **changes: str) -> str:
    return (await mailru.answer_of("/login", person, **REQUEST | changes))["code"]


async def tokens(mailru: Upstream, person: str = "ada") -> dict[str, Any]:
    found: dict[str, Any] = (await exchange(mailru, await code_of(mailru, person))).json()
    return found


async def profile(mailru: Upstream, person: str = "ada") -> dict[str, Any]:
    given = (await tokens(mailru, person))["access_token"]
    found: dict[str, Any] = (await mailru.get("/userinfo", access_token=given)).json()
    return found


async def test_a_login_with_the_basic_vector_ends_with_the_profile(mailru: Upstream) -> None:
    answer = await mailru.answer_of("/login", **REQUEST)
    assert answer.keys() == {"code", "state"}
    assert answer["state"] == STATE
    given = (await exchange(mailru, answer["code"])).json()
    assert given.keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
    found = (await mailru.get("/userinfo", access_token=given["access_token"])).json()
    assert (found["id"], found["client_id"]) == (ADA.id_at("mailru"), APP.client_id)
    assert (found["birthday"], found["gender"], found["locale"]) == ("10.12.1990", "f", "en_US")


async def test_credentials_may_be_in_the_form(mailru: Upstream) -> None:
    form = {"client_id": APP.client_id, "client_secret": APP.client_secret}
    assert (await exchange(mailru, await code_of(mailru), {}, **form)).status_code == 200


async def test_what_a_person_has_not_got_is_missing(mailru: Upstream) -> None:
    assert not {"email", "birthday", "image", "last_name"} & (await profile(mailru, "boris")).keys()
    assert "birthday" not in await profile(mailru, "zoe"), "a day without its year is not told"


@pytest.mark.parametrize(
    ("headers", "changes", "error", "number"),
    [
        ({}, {"client_id": APP.client_id, "client_secret": "x"}, "invalid username or password", 3),
        ({}, {"client_id": "nobody", "client_secret": "x"}, "invalid username or password", 3),
        (None, {"code": "other"}, "invalid username or password", 3),
        (None, {"code_verifier": VERIFIER[::-1]}, "invalid username or password", 3),
        (None, {"redirect_uri": f"{CALLBACK}/"}, "invalid username or password", 3),
        (None, {"grant_type": "password"}, "unsupported grant type", 1),
        (None, {"grant_type": "refresh_token", "refresh_token": "other"}, "token not found", 6),
    ],
)
async def test_errors_are_sentences_with_a_number(
    mailru: Upstream, headers: dict[str, str] | None, changes: dict[str, str], error: str, number: int
) -> None:
    answer = await exchange(mailru, await code_of(mailru), headers, **changes)
    assert answer.status_code == 400
    assert answer.json() == {"error": error, "error_code": number, "error_description": error}


async def test_a_code_belongs_to_its_app_and_works_once(mailru: Upstream) -> None:
    code = await code_of(mailru)
    theirs = {"client_id": OTHER.client_id, "client_secret": OTHER.client_secret}
    assert (await exchange(mailru, code, {}, **theirs)).status_code == 400
    assert (await exchange(mailru, code)).status_code == 400
    code = await code_of(mailru)
    assert [(await exchange(mailru, code)).status_code for _ in range(2)] == [200, 400]


async def test_a_refresh_token_stays_what_it_is(mailru: Upstream) -> None:
    refresh = {"grant_type": "refresh_token", "refresh_token": (await tokens(mailru))["refresh_token"]}
    for _ in range(2):
        answer = (await exchange(mailru, "", **refresh)).json()
        assert "refresh_token" not in answer
        assert (await mailru.get("/userinfo", access_token=answer["access_token"])).json()["name"] == ADA.name


@pytest.mark.parametrize("changes", [{"client_id": "nobody"}, {"redirect_uri": f"{CALLBACK}/"}])
async def test_an_unknown_app_or_address_stays_on_the_page(mailru: Upstream, changes: dict[str, str]) -> None:
    assert (await mailru.get("/login", **REQUEST | changes)).status_code == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"response_type": "id"}, "invalid_request"), ({"scope": "mail.imap"}, "invalid_scope")],
)
async def test_requests_that_make_no_sense_come_back(mailru: Upstream, changes: dict[str, str], error: str) -> None:
    assert params_of(await mailru.get("/login", **REQUEST | changes)) == {"error": error, "state": STATE}


async def test_a_token_that_is_none_has_status_200_or_401(mailru: Upstream) -> None:
    answer = await mailru.get("/userinfo", access_token="nothing")
    assert (answer.status_code, answer.json()["error_code"]) == (200, 6)
    await mailru.fault("unauthorized", times=1)
    answer = await mailru.get("/userinfo", access_token="nothing")
    assert (answer.status_code, answer.json()["error_code"]) == (401, 6)


async def test_faults(mailru: Upstream) -> None:
    await mailru.fault("no_token_type", times=1)
    assert "token_type" not in await tokens(mailru)
    await mailru.fault("no_birthday", times=1)
    assert "birthday" not in await profile(mailru)
    await mailru.fault("foreign_address", times=1)
    assert (await profile(mailru))["email"] == "somebody@example.org"
    await mailru.fault("other_app", times=1)
    assert (await profile(mailru))["client_id"] != APP.client_id
    await mailru.fault("user_agent", times=1)
    nameless = {"Authorization": BASIC, "User-Agent": ""}
    assert (await exchange(mailru, await code_of(mailru), nameless)).status_code == 400
