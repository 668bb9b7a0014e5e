"""The emulated T-ID against its contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from uuid import UUID

import httpx2
import pytest

from broker.demo.people import ADA, BORIS, ZOE
from broker.demo.upstreams import RegisteredApp
from broker.demo.upstreams.tid import TID
from tests.demo.emulated import CALLBACK, CHALLENGE, STATE, VERIFIER, Upstream, emulated, params_of

pytestmark = pytest.mark.anyio
APP = RegisteredApp("partner-client", "partner-secret", (CALLBACK,))
OTHER = RegisteredApp("other-client", "other-secret", (CALLBACK,))
BASIC = "Basic cGFydG5lci1jbGllbnQ6cGFydG5lci1zZWNyZXQ="  # the vectors
WITHOUT_SECRET = "Basic cGFydG5lci1jbGllbnQ6"
REQUEST = {"client_id": APP.client_id, "response_type": "code", "redirect_uri": CALLBACK, "state": STATE}
CHALLENGED = {**REQUEST, "code_challenge": CHALLENGE, "code_challenge_method": "S256"}


@pytest.fixture
async def tid(anyio_backend: str) -> AsyncIterator[Upstream]:
    async with emulated(partial(TID, (APP, OTHER))) as upstream:
        yield upstream


async def exchange(tid: Upstream, given: str, header: str = BASIC, **changes: str) -> httpx2.Response:
    form = {"grant_type": "authorization_code", "code": given, "redirect_uri": CALLBACK} | changes
    return await tid.post("/auth/token", form, {"Authorization": header})


async def tokens(tid: Upstream, person: str = "ada") -> dict[str, Any]:
    code = (await tid.answer_of("/auth/authorize", person, **REQUEST))["code"]
    found: dict[str, Any] = (await exchange(tid, code)).json()
    return found


async def introspected(tid: Upstream, token: str) -> dict[str, Any]:
    found: dict[str, Any] = (await tid.post("/auth/introspect", {"token": token}, {"Authorization": BASIC})).json()
    return found


async def userinfo(tid: Upstream, token: str, **changes: str) -> httpx2.Response:
    form = {"client_id": APP.client_id, "client_secret": APP.client_secret} | changes
    return await tid.post("/userinfo/userinfo", form, {"Authorization": f"Bearer {token}"})


async def profile(tid: Upstream, person: str = "ada") -> dict[str, Any]:
    found: dict[str, Any] = (await userinfo(tid, (await tokens(tid, person))["access_token"])).json()
    return found


async def test_a_login_ends_with_what_was_ticked(tid: Upstream) -> None:
    answer = await tid.answer_of("/auth/authorize", **REQUEST)
    assert answer.keys() == {"code", "state", "session_state"}
    given = (await exchange(tid, answer["code"])).json()
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 1791)
    told = await introspected(tid, given["access_token"])
    assert (told["active"], told["scope"], told["client_id"]) == (True, ["profile", "email", "phone"], APP.client_id)
    assert told["iss"] == "https://id.tinkoff.ru/"
    found = (await userinfo(tid, given["access_token"])).json()
    assert found["sub"] == told["sub"] == str(UUID(told["sub"]))
    assert (found["name"], found["phone_number"]) == ("Lovelace Ada", ADA.phone)
    assert (found["email_verified"], found["phone_number_verified"]) == (True, True)


async def test_a_person_has_what_they_have(tid: Upstream) -> None:
    assert (await profile(tid, "boris")).keys() == {"sub", "name", "given_name", "gender"}
    assert BORIS.given_name == (await profile(tid, "boris"))["name"]
    found = await profile(tid, "zoe")
    assert "birthdate" not in found
    assert (found["email"], found["email_verified"]) == (ZOE.email, False)


async def test_a_profile_needs_a_post_a_token_and_credentials(tid: Upstream) -> None:
    token = (await tokens(tid))["access_token"]
    assert (await tid.get("/userinfo/userinfo")).status_code == 405
    assert (await userinfo(tid, "other")).status_code == 401
    assert (await userinfo(tid, token, client_secret="x")).status_code == 401
    bare = await tid.post("/userinfo/userinfo", {}, {"Authorization": f"Bearer {token}"})
    assert bare.status_code == 401


async def test_credentials_go_in_the_header_alone(tid: Upstream) -> None:
    code = (await tid.answer_of("/auth/authorize", **REQUEST))["code"]
    form = {"client_id": APP.client_id, "client_secret": APP.client_secret}
    for header in ("", "Bearer x", "Basic eA=="):
        answer = await exchange(tid, code, header, **form)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    for path in ("/auth/introspect", "/auth/revoke"):
        assert (await tid.post(path, {"token": "x"} | form)).status_code == 401


async def test_an_app_without_a_secret_proves_itself_by_its_verifier(tid: Upstream) -> None:
    code = (await tid.answer_of("/auth/authorize", **CHALLENGED))["code"]
    assert (await exchange(tid, code, WITHOUT_SECRET)).status_code == 401
    assert (await exchange(tid, code, WITHOUT_SECRET, code_verifier=VERIFIER)).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code": "other"}, "invalid_grant"),
        ({"redirect_uri": f"{CALLBACK}/"}, "invalid_grant"),
        ({"code_verifier": VERIFIER[::-1]}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
async def test_token_errors_are_those_of_the_standard(tid: Upstream, changes: dict[str, str], error: str) -> None:
    code = (await tid.answer_of("/auth/authorize", **CHALLENGED))["code"]
    answer = await exchange(tid, code, **{"code_verifier": VERIFIER} | changes)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_a_refresh_token_is_replaced_and_dies(tid: Upstream) -> None:
    first = await tokens(tid)
    refresh = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = (await exchange(tid, "", **refresh)).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert (await exchange(tid, "", **refresh)).json()["error"] == "invalid_grant"


async def test_a_revoked_token_is_good_for_nothing(tid: Upstream) -> None:
    token = (await tokens(tid))["access_token"]
    for _ in range(2):
        assert (await tid.post("/auth/revoke", {"token": token}, {"Authorization": BASIC})).status_code == 200
    assert await introspected(tid, token) == {"active": False}
    assert (await userinfo(tid, token)).status_code == 401


@pytest.mark.parametrize("changes", [{"client_id": "nobody"}, {"redirect_uri": "https://evil.example/"}])
async def test_an_unknown_app_or_address_stays_on_the_page(tid: Upstream, changes: dict[str, str]) -> None:
    assert (await tid.get("/auth/authorize", **REQUEST | changes)).status_code == 400


async def test_requests_that_make_no_sense_come_back(tid: Upstream) -> None:
    answer = params_of(await tid.get("/auth/authorize", **REQUEST | {"response_type": "token"}))
    assert answer == {"error": "invalid_request", "state": STATE}


async def test_faults(tid: Upstream) -> None:
    token = (await tokens(tid))["access_token"]
    await tid.fault("unticked_email")
    assert (await introspected(tid, token))["scope"] == ["profile", "phone"]
    assert not {"email", "email_verified"} & (await userinfo(tid, token)).json().keys()
    await tid.order("faults", fault="unticked_email", on=False)
    await tid.fault("unverified_email", times=1)
    assert (await userinfo(tid, token)).json()["email_verified"] is False
    await tid.fault("scope_text", times=1)
    assert (await introspected(tid, token))["scope"] == "profile email phone"
    await tid.fault("new_issuer", times=1)
    assert (await introspected(tid, token))["iss"] == "https://id.tbank.ru/"
    await tid.fault("inactive_token", times=1)
    assert await introspected(tid, token) == {"active": False}
    await tid.fault("other_app", times=1)
    assert (await introspected(tid, token))["client_id"] != APP.client_id
    await tid.fault("other_user_id", times=1)
    assert (await userinfo(tid, token)).json()["sub"] != (await introspected(tid, token))["sub"]
