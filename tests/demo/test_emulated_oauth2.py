"""The invented OAuth 2.0 service keeps the RFCs that it names."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from broker.demo.people import ADA, BORIS
from broker.demo.upstreams import RegisteredApp
from broker.demo.upstreams.oauth2 import OAuth2
from tests.demo.emulated import CALLBACK, CHALLENGE, STATE, VERIFIER, Upstream, emulated, params_of

pytestmark = pytest.mark.anyio
APP, OTHER = RegisteredApp("one", "s1", (CALLBACK,)), RegisteredApp("two", "s2", (CALLBACK,))
REQUEST = {
    "client_id": "one",
    "response_type": "code",
    "redirect_uri": CALLBACK,
    "state": STATE,
    "scope": "profile email",
}
PROOF = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}


def basic(app: RegisteredApp) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{app.client_id}:{app.client_secret}'.encode()).decode()}"}


@pytest.fixture
async def service(anyio_backend: str) -> AsyncIterator[Upstream]:
    async with emulated(partial(OAuth2, (APP, OTHER))) as upstream:
        yield upstream


async def tokens(at: Upstream, app: RegisteredApp = APP, **form: str) -> dict[str, Any]:
    code = (await at.answer_of("/authorize", **REQUEST, **PROOF))["code"]
    asked = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    } | form
    found: dict[str, Any] = (await at.post("/token", asked, basic(app))).json()
    return found


async def test_a_login_ends_with_a_profile_however_the_token_travels(service: Upstream) -> None:
    given = await tokens(service)
    token = given["access_token"]
    assert given["user_id"] == int(ADA.id_at("oauth2"))
    told = [
        await service.http.get("/me", headers={"Authorization": f"Odd {token}"}),
        await service.get("/me", access_token=token),
        await service.post("/me", {"access_token": token}),
    ]
    assert [one.json()["name"] for one in told] == [ADA.name] * 3
    assert (await service.get("/me", access_token="no")).status_code == 401
    emails = (await service.get("/emails", access_token=token)).json()
    assert [one["email"] for one in emails if one["primary"]] == [ADA.email]


async def test_codes_and_refresh_tokens_are_good_once_and_for_their_app(service: Upstream) -> None:
    assert (await tokens(service, code_verifier="x" * 43))["error"] == "invalid_grant"
    assert (await tokens(service, code_verifier=""))["error"] == "invalid_grant"
    assert (await tokens(service, redirect_uri="https://other.example/"))["error"] == "invalid_grant"
    assert (await tokens(service, OTHER))["error"] == "invalid_grant"
    given = await tokens(service)
    form = {"grant_type": "refresh_token", "refresh_token": given["refresh_token"]}
    assert (await service.post("/token", form, basic(APP))).json()["access_token"] != given["access_token"]
    assert (await service.post("/token", form, basic(APP))).json()["error"] == "invalid_grant"
    assert (await service.post("/token", form)).status_code == 401


async def test_only_s256_is_known_and_only_codes_are_given(service: Upstream) -> None:
    for wrong in ({"code_challenge": "x", "code_challenge_method": "plain"}, {"response_type": "token"}):
        answer = await service.get("/authorize", **{**REQUEST, **wrong})
        assert params_of(answer)["error"] == "invalid_request"
    assert (await service.get("/authorize", **{**REQUEST, "client_id": "three"})).status_code == 400


async def test_an_introspection_names_the_app_of_a_token_and_a_revoked_one_is_over(service: Upstream) -> None:
    token = (await tokens(service))["access_token"]
    told = (await service.post("/introspect", {"token": token}, basic(OTHER))).json()
    assert (told["active"], told["client_id"], told["sub"]) == (True, "one", ADA.id_at("oauth2"))
    assert (await service.post("/introspect", {"token": token})).status_code == 401
    assert (await service.post("/introspect", {"token": "x"}, basic(APP))).json() == {"active": False}
    await service.post("/revoke", {"token": token}, basic(OTHER))
    assert (await service.post("/introspect", {"token": token}, basic(APP))).json()["active"]
    await service.post("/revoke", {"token": token}, basic(APP))
    assert not (await service.post("/introspect", {"token": token}, basic(APP))).json()["active"]


async def test_what_a_person_has_not_got_is_null_or_missing(service: Upstream) -> None:
    given = (await service.order("kit", app="one", person="boris")).json()["access_token"]
    told = (await service.get("/me", access_token=given)).json()
    assert told == {"id": int(BORIS.id_at("oauth2")), "login": None, "name": "Борис", "avatar": None, "born": None}
    assert len((await service.get("/emails", access_token=given)).json()) == 1
