"""The emulated GitHub against its contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import pytest

from broker.demo.people import ADA
from broker.demo.upstreams import RegisteredApp
from broker.demo.upstreams.github import GitHub
from tests.demo.emulated import CALLBACK, CHALLENGE, STATE, VERIFIER, Upstream, emulated, params_of

pytestmark = pytest.mark.anyio
APP = RegisteredApp("Iv1.0123456789abcdef", "gh-secret-xyz", (CALLBACK,))
OTHER = RegisteredApp("Iv1.other", "other-secret", (CALLBACK,), {"issuer": "https://git.example.com/login/oauth"})
BASIC = {"Authorization": "Basic SXYxLjAxMjM0NTY3ODlhYmNkZWY6Z2gtc2VjcmV0LXh5eg=="}  # the contract's vector
REQUEST = {
    "client_id": APP.client_id,
    "redirect_uri": CALLBACK,
    "scope": "read:user user:email",
    "state": STATE,
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
AUTHORIZE, TOKEN = "/login/oauth/authorize", "/login/oauth/access_token"
JSON = {"Accept": "application/json"}


@pytest.fixture
async def github(anyio_backend: str) -> AsyncIterator[Upstream]:
    async with emulated(partial(GitHub, (APP, OTHER))) as upstream:
        yield upstream


async def exchange(github: Upstream, given: str, headers: Mapping[str, str] = JSON, **changes: str) -> httpx2.Response:
    form = {"client_id": APP.client_id, "client_secret": APP.client_secret, "code": given, "code_verifier": VERIFIER}
    return await github.post(TOKEN, form | changes, headers)


async def token(github: Upstream, person: str = "ada", **changes: str) -> str:
    code = (await github.answer_of(AUTHORIZE, person, **REQUEST | changes))["code"]
    found: str = (await exchange(github, code)).json()["access_token"]
    return found


async def api(github: Upstream, path: str, given: str, **params: str) -> httpx2.Response:
    return await github.http.get(path, params=params, headers={"Authorization": f"Bearer {given}"})


async def check(github: Upstream, body: object, method: str = "POST", **changes: Any) -> httpx2.Response:
    path, headers = changes.get("path", f"/applications/{APP.client_id}/token"), changes.get("headers", BASIC)
    return await github.http.request(method, path, json=body, headers=headers)


async def test_a_login_ends_with_the_profile_and_the_addresses(github: Upstream) -> None:
    callback = await github.answer_of(AUTHORIZE, **REQUEST)
    assert (callback["state"], callback["iss"]) == (STATE, "https://github.com/login/oauth")
    assert len(callback["code"]) == 20
    tokens = (await exchange(github, callback["code"])).json()
    assert tokens["scope"] == "read:user,user:email"
    assert (tokens["access_token"][:4], tokens["token_type"]) == ("gho_", "bearer")
    for prefix in ("", "/api/v3"):
        user = (await api(github, f"{prefix}/user", tokens["access_token"])).json()
        assert (user["id"], user["login"]) == (int(github.emulator.subject(ADA)), "ada-lovelace")
        assert user["email"] is None
        emails = (await api(github, f"{prefix}/user/emails", tokens["access_token"])).json()
        assert [one["email"] for one in emails if one["primary"]] == [ADA.email]
        assert emails[0]["email"] == f"{user['id']}+ada-lovelace@users.noreply.github.com"


async def test_every_app_is_registered_at_its_own_server(github: Upstream) -> None:
    callback = await github.answer_of(AUTHORIZE, **REQUEST | {"client_id": OTHER.client_id})
    assert callback["iss"] == "https://git.example.com/login/oauth"


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({}, "application/x-www-form-urlencoded"),
        ({"Accept": "application/xml"}, "application/xml"),
        (JSON, "application/json"),
    ],
)
async def test_the_answer_has_the_form_that_was_asked_for(github: Upstream, headers: dict[str, str], kind: str) -> None:
    code = (await github.answer_of(AUTHORIZE, **REQUEST))["code"]
    answer = await exchange(github, code, headers)
    assert answer.headers["content-type"].partition(";")[0] == kind
    if not headers:
        assert dict(parse_qsl(answer.text))["scope"] == "read:user,user:email"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_secret": "wrong"}, "incorrect_client_credentials"),
        ({"code": "wrong"}, "bad_verification_code"),
        ({"code_verifier": "w" * 43}, "bad_verification_code"),
        ({"client_id": OTHER.client_id, "client_secret": OTHER.client_secret}, "bad_verification_code"),
        ({"redirect_uri": "https://other.example/"}, "redirect_uri_mismatch"),
    ],
)
async def test_errors_come_with_status_200(github: Upstream, changes: dict[str, str], error: str) -> None:
    code = (await github.answer_of(AUTHORIZE, **REQUEST))["code"]
    answer = await exchange(github, code, JSON, **changes)
    assert (answer.status_code, answer.json()["error"]) == (200, error)
    assert answer.json()["error_uri"].startswith("https://docs.github.com/")


async def test_a_code_works_once_and_for_ten_minutes(github: Upstream) -> None:
    code, late = [(await github.answer_of(AUTHORIZE, **REQUEST))["code"] for _ in range(2)]
    assert "access_token" in (await exchange(github, code)).json()
    assert (await exchange(github, code)).json()["error"] == "bad_verification_code"
    github.clock.at += 601
    assert (await exchange(github, late)).json()["error"] == "bad_verification_code"


async def test_an_app_nobody_knows_is_not_found(github: Upstream) -> None:
    assert (await github.get(AUTHORIZE, **REQUEST | {"client_id": "x"})).status_code == 404
    assert (await exchange(github, "x", client_id="x")).status_code == 404


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        (CALLBACK, True),
        (f"{CALLBACK}/below", True),
        (f"{CALLBACK}x", False),
        ("http://localhost:8400/", False),
        ("http://localhost:8401/callback/x", False),
        ("https://localhost:8400/callback/x", False),
    ],
)
async def test_a_callback_fits_that_is_the_registered_one_or_below(github: Upstream, asked: str, fits: bool) -> None:
    answer = await github.get(AUTHORIZE, _person="ada", **REQUEST | {"redirect_uri": asked})
    assert answer.headers["location"].startswith(f"{asked}?" if fits else f"{CALLBACK}?")
    assert params_of(answer).get("error") == (None if fits else "redirect_uri_mismatch")


async def test_loopback_addresses_may_have_any_port(anyio_backend: str) -> None:
    app = RegisteredApp("Iv1.loop", "s", ("http://127.0.0.1/cb",))
    async with emulated(partial(GitHub, (app,))) as github:
        request = REQUEST | {"client_id": "Iv1.loop", "redirect_uri": "http://127.0.0.1:8403/cb"}
        assert "code" in await github.answer_of(AUTHORIZE, **request)


async def test_a_plain_challenge_is_refused(github: Upstream) -> None:
    answer = await github.get(AUTHORIZE, **REQUEST | {"code_challenge_method": "plain"})
    assert answer.status_code == 400


@pytest.mark.parametrize(("fault", "error"), [("decline", "access_denied"), ("suspended", "application_suspended")])
async def test_refusals_come_back_with_words(github: Upstream, fault: str, error: str) -> None:
    await github.fault(fault)
    callback = await github.answer_of(AUTHORIZE, **REQUEST)
    assert (callback["error"], callback["state"]) == (error, STATE)
    assert callback["error_description"]
    assert callback["iss"]


async def test_rights_given_before_come_along(github: Upstream) -> None:
    await token(github)
    code = (await github.answer_of(AUTHORIZE, **REQUEST | {"scope": "read:org"}))["code"]
    assert (await exchange(github, code)).json()["scope"] == "read:user,user:email,read:org"


async def test_without_the_right_there_are_no_addresses(github: Upstream) -> None:
    answer = await api(github, "/user/emails", await token(github, "zoe", scope="read:user"))
    assert (answer.status_code, answer.headers["x-oauth-scopes"]) == (404, "read:user")


async def test_addresses_come_in_pages(github: Upstream) -> None:
    await github.fault("many_emails")
    given = await token(github)
    first = await api(github, "/user/emails", given, per_page="100")
    assert (len(first.json()), 'rel="next"' in first.headers["link"]) == (100, True)
    second = await api(github, "/user/emails", given, per_page="100", page="2")
    assert (len(second.json()), "link" in second.headers) == (22, False)
    assert second.json()[-1]["primary"] is True


async def test_bad_tokens_and_nameless_programs_are_refused(github: Upstream) -> None:
    answer = await api(github, "/user", "nothing")
    assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")
    headers = {"Authorization": f"Bearer {await token(github)}", "User-Agent": ""}
    assert (await github.http.get("/user", headers=headers)).status_code == 403


async def test_the_token_check_knows_tokens_of_the_app_alone(github: Upstream) -> None:
    given = await token(github)
    found = (await check(github, {"access_token": given})).json()
    assert found["app"]["client_id"] == APP.client_id
    assert (found["user"]["id"], found["token"]) == (int(github.emulator.subject(ADA)), given)
    assert found["scopes"] == ["read:user", "user:email"]
    kit = (await github.order("kit", app=OTHER.client_id)).json()["access_token"]
    assert (await check(github, {"access_token": kit})).status_code == 404
    assert (await check(github, {"access_token": "ghp_x"})).status_code == 404
    assert (await check(github, {})).status_code == 422
    for headers in ({}, {"Authorization": "Basic eDp5"}):
        assert (await check(github, {"access_token": given}, headers=headers)).status_code == 401


async def test_a_token_and_a_whole_grant_can_be_ended(github: Upstream) -> None:
    one, other = await token(github), await token(github)
    assert (await check(github, {"access_token": one}, "DELETE")).status_code == 204
    assert (await api(github, "/user", one)).status_code == 401
    grant = f"/applications/{APP.client_id}/grant"
    assert (await check(github, {"access_token": other}, "DELETE", path=grant)).status_code == 204
    code = (await github.answer_of(AUTHORIZE, **REQUEST | {"scope": "read:org"}))["code"]
    assert (await exchange(github, code)).json()["scope"] == "read:org"
