"""What the emulated GitLab, Twitch, Slack and Discord take of apps that do not speak as the broker does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx2
import pytest

from broker.demo.people import ADA
from broker.demo.upstreams import EMULATORS, RegisteredApp
from tests.demo.emulated import CALLBACK, STATE, Upstream, emulated

pytestmark = pytest.mark.anyio
APP = RegisteredApp("an-app", "a-secret", (CALLBACK,))


@pytest.fixture
async def upstream(request: pytest.FixtureRequest, anyio_backend: str) -> AsyncIterator[Upstream]:
    async with emulated(partial(EMULATORS[request.param], (APP,))) as found:
        yield found


def at(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("upstream", [kind], indirect=True)


async def tokens(upstream: Upstream, prefix: str, scope: str) -> dict[str, Any]:
    """The token answer for Ada; `prefix` is where its two endpoints are."""
    request = {"client_id": APP.client_id, "redirect_uri": CALLBACK, "response_type": "code", "state": STATE}
    answer = await upstream.answer_of(f"{prefix}/authorize", **request, scope=scope)
    form = {"client_id": APP.client_id, "client_secret": APP.client_secret, "grant_type": "authorization_code"}
    given = await upstream.post(f"{prefix}/token", form | {"code": answer["code"], "redirect_uri": CALLBACK})
    found: dict[str, Any] = given.json()
    return found


async def users(upstream: Upstream, token: str, client_id: str) -> httpx2.Response:
    """What Twitch's API answers."""
    return await upstream.http.get("/helix/users", headers={"Authorization": f"Bearer {token}", "Client-Id": client_id})


@at("gitlab")
async def test_gitlabs_api_tells_whose_token_has_the_scope_for_it(upstream: Upstream) -> None:
    told = await tokens(upstream, "/oauth", "read_user")
    assert "id_token" not in told, "nobody asked for openid"
    answer = await upstream.get("/api/v4/user", access_token=told["access_token"])
    assert (answer.status_code, answer.json()["id"]) == (200, int(upstream.emulator.subject(ADA)))
    other = await tokens(upstream, "/oauth", "openid")
    assert "id_token" in other
    assert (await upstream.get("/api/v4/user", access_token=other["access_token"])).status_code == 403
    assert (await upstream.get("/api/v4/user", access_token="made-up")).status_code == 401


@at("twitch")
async def test_twitchs_api_wants_the_app_beside_its_token(upstream: Upstream) -> None:
    told = await tokens(upstream, "/oauth2", "user:read:email")
    assert "id_token" not in told, "nobody asked for openid"
    answer = await users(upstream, told["access_token"], APP.client_id)
    (user,) = answer.json()["data"]
    assert (user["id"], user["email"]) == (upstream.emulator.subject(ADA), ADA.email_at("twitch"))
    assert (await users(upstream, told["access_token"], "another-app")).status_code == 401
    assert (await users(upstream, "made-up", APP.client_id)).status_code == 401
    silent = await tokens(upstream, "/oauth2", "openid")
    assert "email" not in (await users(upstream, silent["access_token"], APP.client_id)).json()["data"][0]


@at("slack")
async def test_slack_signs_nobody_in_without_openid(upstream: Upstream) -> None:
    request = {"client_id": APP.client_id, "redirect_uri": CALLBACK, "response_type": "code", "state": STATE}
    answer = await upstream.answer_of("/openid/connect/authorize", **request, scope="profile")
    assert answer["error"] == "invalid_scope"


@pytest.mark.parametrize(
    ("upstream", "path"),
    [("discord", "/api/oauth2/authorize"), ("slack", "//openid/connect/authorize")],
    indirect=["upstream"],
)
async def test_a_former_address_of_the_page_is_one_of_a_browser(upstream: Upstream, path: str) -> None:
    await upstream.fault("500")
    request = {"client_id": APP.client_id, "redirect_uri": CALLBACK, "response_type": "code", "state": STATE}
    answer = await upstream.http.get(
        f"http://127.0.0.1:8410{path}", params={**request, "scope": "openid", "_person": "ada"}
    )
    assert answer.status_code == 302
