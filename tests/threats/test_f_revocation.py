"""Threats F19, F20 and F29: who may ask about a token, and what ends with it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from time import monotonic
from typing import Any

import jwt
import pytest

from broker.demo.visitor import Visitor
from tests.threats.journeys import (
    ask_token,
    http,
    introspect,
    new_visitor,
    own_token,
    post_as,
    refresh,
    revoke,
    tokens_for,
    userinfo,
)
from tests.threats.site import Site, running_site

pytestmark = pytest.mark.anyio
DEAD = {"active": False}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def add_services(config: dict[str, Any]) -> None:
    """Two clients that may get tokens for themselves; only people of the one log in."""
    config["clients"]["teller"] = {
        "name": "Teller",
        "redirect_uris": ["https://teller.example.com/cb"],
        "secret": "teller-4f1c0a9be2d87356a1b2c3d4e5f60718",
        "first_party": True,
        "scopes": ["openid", "profile", "offline_access"],
        "grants": ["authorization_code", "refresh_token", "client_credentials"],
        "service_scopes": ["orders:read", "orders:write"],
        "access_token_format": "jwt",
    }
    config["clients"]["robot"] = {
        "name": "Robot",
        "secret": "robot-93be1d24c7f08a65e1d2c3b4a5968770",
        "auth_method": "client_secret_post",
        "grants": ["client_credentials"],
        "service_scopes": ["orders:read"],
    }


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with clients that speak for themselves."""
    with running_site(tmp_path_factory.mktemp("services"), add_services) as site:
        yield site


@pytest.fixture
async def visitor(site: Site) -> AsyncIterator[Visitor]:
    """A browser that has never been here."""
    site.clear()
    async with new_visitor() as visitor:
        yield visitor


@pytest.mark.parametrize("client_id", ["app", "second", "spa", "teller"])
@pytest.mark.parametrize("given_back", ["access_token", "refresh_token"])
async def test_f20_everything_a_login_gave_is_dead_on_the_next_request(
    site: Site, visitor: Visitor, client_id: str, given_back: str
) -> None:
    tokens = await tokens_for(site, client_id, visitor=visitor)
    async with http(site) as client, http(site) as elsewhere:
        first = tokens["access_token"]
        tokens = (await refresh(site, client, tokens["refresh_token"], client_id)).json()
        assert (await userinfo(site, elsewhere, first)).status_code == 200
        began = monotonic()
        await revoke(site, client, tokens[given_back], client_id, token_type_hint="whatever")
        assert (await userinfo(site, elsewhere, first)).status_code == 401
        assert (await userinfo(site, elsewhere, tokens["access_token"])).status_code == 401
        assert monotonic() - began < 1
        answer = await refresh(site, client, tokens["refresh_token"], client_id)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        await revoke(site, client, tokens[given_back], client_id)
        if client_id != "spa":
            assert await introspect(site, client, first, client_id) == DEAD


async def test_f20_what_belongs_to_others_or_is_nothing_is_answered_alike_and_left_alone(
    site: Site, visitor: Visitor
) -> None:
    tokens = await tokens_for(site, visitor=visitor)
    async with http(site) as client:
        own = await own_token(site, client)
        for token in (*tokens.values(), own, "x", "rt_x", "at_x", "ct_x", "a.b.c", "é" * 40):
            for stranger in ("second", "spa", "teller"):
                await revoke(site, client, str(token), stranger)
        assert (await userinfo(site, client, tokens["access_token"])).status_code == 200
        assert (await introspect(site, client, own, "robot"))["active"]
        assert (await refresh(site, client, tokens["refresh_token"])).status_code == 200


@pytest.mark.parametrize("client_id", ["robot", "teller"])
async def test_f20_a_clients_own_token_ends_alone(site: Site, client_id: str) -> None:
    async with http(site) as client:
        gone, stays = [await own_token(site, client, client_id) for _ in range(2)]
        await revoke(site, client, gone, client_id)
        assert await introspect(site, client, gone, client_id) == DEAD
        assert (await userinfo(site, client, gone)).status_code == 401
        assert (await introspect(site, client, stays, client_id))["active"]


async def test_f20_a_restart_brings_nothing_back(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running_site(tmp_path_factory.mktemp("restarted"), add_services) as site:
        tokens = await tokens_for(site)
        async with http(site) as client:
            own = await own_token(site, client)
            await revoke(site, client, own, "robot")
            await revoke(site, client, tokens["access_token"])
        site.stop()
        site.start()
        async with http(site) as client:
            assert await introspect(site, client, own, "robot") == DEAD
            assert (await userinfo(site, client, tokens["access_token"])).status_code == 401


async def test_f19_a_stranger_is_told_nothing_but_no(site: Site, visitor: Visitor) -> None:
    tokens = await tokens_for(site, visitor=visitor)
    theirs = await tokens_for(site, "spa", visitor=visitor)
    async with http(site) as client:
        own = await own_token(site, client, "teller")
        told = await introspect(site, client, tokens["access_token"])
        assert (told["active"], told["client_id"], told["token_type"]) == (True, "app", "Bearer")
        assert told["sub"] == (await userinfo(site, client, tokens["access_token"])).json()["sub"]
        for token in (tokens["access_token"], tokens["refresh_token"], theirs["access_token"], own):
            for stranger in ("second", "shop", "robot"):
                assert await introspect(site, client, token, stranger) == DEAD


async def test_f19_f11_who_proves_nothing_learns_and_ends_nothing(site: Site, visitor: Visitor) -> None:
    tokens = await tokens_for(site, visitor=visitor)
    public = await tokens_for(site, "spa", visitor=visitor)
    form = {"token": tokens["access_token"]}
    async with http(site) as client:
        for path in ("/revoke", "/introspect"):
            for wrong in ({}, {"client_id": "app"}, {"client_id": "second", "client_secret": "x"}, {"client_id": "no"}):
                answer = await client.post(path, data=form | wrong)
                assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
                assert answer.headers["www-authenticate"].startswith("Basic ")
            bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
            assert (await client.post(path, data=form, headers=bearer)).status_code == 401
            assert (await client.get(path, params=form)).status_code == 405
            assert (await client.post(f"{path}?token=x", auth=("app", site.secret("app")))).status_code in {400, 415}
            twice = await client.post(path, content=b"token=a&token=b", auth=("app", site.secret("app")), headers=FORM)
            assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")
        asked = await post_as(site, client, "spa", "/introspect", token=public["access_token"])
        assert (asked.status_code, asked.json()["error"]) == (401, "invalid_client"), "anybody can say that name"
        assert (await userinfo(site, client, tokens["access_token"])).status_code == 200
        assert (await userinfo(site, client, public["access_token"])).status_code == 200


async def test_f19_f20_tokens_that_were_asked_about_or_given_back_are_in_no_log(site: Site, visitor: Visitor) -> None:
    tokens = await tokens_for(site, visitor=visitor)
    async with http(site) as client:
        own = await own_token(site, client)
        for token, client_id in ((tokens["access_token"], "app"), (tokens["refresh_token"], "app"), (own, "robot")):
            await introspect(site, client, token, client_id)
            await revoke(site, client, token, client_id)
    for token in (tokens["access_token"], tokens["refresh_token"], own):
        assert token.encode() not in site.log_bytes()
        assert token.encode() not in site.database_bytes()
    events = [line["event"] for line in site.log()]
    assert {"token.revoked", "token.introspected", "token.issued_to_client"} <= set(events)


@pytest.mark.parametrize("client_id", ["robot", "teller"])
async def test_f29_a_clients_own_token_is_about_no_person(site: Site, client_id: str) -> None:
    async with http(site) as client:
        answer = await ask_token(site, client, client_id, grant_type="client_credentials", scope="orders:read")
        assert set(answer.json()) == {"access_token", "token_type", "expires_in", "scope"}
        token = answer.json()["access_token"]
        assert (await introspect(site, client, token, client_id))["sub"] == f"client:{client_id}"
        asked = await userinfo(site, client, token)
        assert (asked.status_code, asked.json()["error"]) == (403, "insufficient_scope")
        assert 'error="insufficient_scope"' in asked.headers["www-authenticate"]
        for scope in ("openid", "profile", "offline_access", "orders:read openid", "orders:delete"):
            wider = await ask_token(site, client, client_id, grant_type="client_credentials", scope=scope)
            assert (wider.status_code, wider.json()["error"]) == (400, "invalid_scope")


async def test_f29_a_client_cannot_take_the_name_of_a_person(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running_site(tmp_path_factory.mktemp("named"), add_services) as site:
        tokens = await tokens_for(site)
        sub = str(jwt.decode(tokens["id_token"], options={"verify_signature": False})["sub"])
        site.stop()
        site.config["clients"][sub] = site.config["clients"]["robot"]
        refused = await asyncio.to_thread(serve, site)
        assert refused.returncode != 0
        assert f"clients.{sub}: is the `sub` of a person" in refused.stderr
        del site.config["clients"][sub]
        site.start()


def serve(site: Site) -> subprocess.CompletedProcess[str]:
    """A start that is expected to fail; what it said."""
    with pytest.raises(AssertionError):
        site.start()
    command = [sys.executable, "-m", "broker", "serve", "--config", str(site.folder / "config.yaml")]
    return subprocess.run(command, cwd=site.folder, capture_output=True, text=True, timeout=60, check=False)
