"""Threats L: who may manage what. There is no account to begin with, and no door on the public address."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Any

import httpx2
import pytest

from broker.demo.visitor import Visitor
from tests.threats.journeys import (
    back,
    code_for,
    http,
    introspect,
    redeem,
    refresh,
    revoke,
    sign_in,
    tokens_for,
    userinfo,
)
from tests.threats.site import Site, running_site

pytestmark = pytest.mark.anyio
ADMIN = (
    *("/admin", "/admin/", "/api", "/api/v1/users", "/manage", "/management", "/accounts", "/users", "/clients"),
    *("/keys", "/config", "/metrics", "/readyz", "/livez", "/debug", "/actuator", "/console", "/backup", "/docs"),
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


async def test_l4_there_is_nobody_to_begin_with(tmp_path_factory: pytest.TempPathFactory) -> None:
    with (
        running_site(tmp_path_factory.mktemp("empty")) as site,
        contextlib.closing(sqlite3.connect(f"file:{site.database}?mode=ro", uri=True)) as reader,
    ):
        names = [name for (name,) in reader.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        full = {name for name in names if reader.execute(f"SELECT count(*) FROM {name}").fetchone()[0]}
    assert {"accounts", "links", "grants"} <= set(names)
    assert full <= {"signing_keys", "secrets", "namespaces", "aliases", "heartbeat"}


async def test_l4_no_token_of_a_person_or_an_app_opens_a_door_of_the_operator(site: Site, visitor: Visitor) -> None:
    tokens = await tokens_for(site, visitor=visitor)
    session = next(one for one in visitor.cookies.sent_to(site.issuer) if one.name == "__Host-session")
    ways: tuple[dict[str, Any], ...] = (
        {"headers": {"Authorization": f"Bearer {tokens['access_token']}"}},
        {"headers": {"Authorization": f"Bearer {tokens['id_token']}"}},
        {"headers": {"Cookie": f"__Host-session={session.value}"}},
        {"auth": ("app", site.secret("app"))},
        {"headers": {"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"}},
    )
    async with http(site) as client:
        for path in ADMIN:
            for way in ways:
                for method in METHODS:
                    answer = await client.request(method, path, **way)
                    assert answer.status_code in {401, 403, 404, 405}, (method, path)


async def test_l4_the_operators_listener_changes_nothing_whoever_asks(site: Site) -> None:
    tokens = await tokens_for(site)
    async with httpx2.AsyncClient(base_url=site.management, trust_env=False) as client:
        for headers in ({}, {"Authorization": f"Bearer {tokens['access_token']}"}, {"Origin": "https://evil.test"}):
            for path in ("/livez", "/readyz", "/metrics", *ADMIN[:9]):
                for method in METHODS[1:]:
                    answer = await client.request(method, path, headers=headers)
                    assert answer.status_code == 405, (method, path)
                answer = await client.get(path, headers=headers)
                assert "access-control-allow-origin" not in answer.headers


async def test_l6_an_app_reaches_nothing_of_another_app(site: Site, visitor: Visitor) -> None:
    mine = await tokens_for(site, "app", visitor=visitor)
    async with http(site) as client:
        for name in ("access_token", "refresh_token", "id_token"):
            assert await introspect(site, client, mine[name], "second") == {"active": False}
            await revoke(site, client, mine[name], "second")
        for token in (mine["refresh_token"], mine["access_token"]):
            assert (await refresh(site, client, token, "second")).status_code == 400
        code = await code_for(site, visitor, "app")
        assert (await redeem(site, client, code, "second")).status_code == 400
        hinted = await sign_in(site, visitor, "second", prompt="none", id_token_hint=mine["id_token"])
        assert "error" in back(hinted)
        for path in ("/token", "/revoke", "/introspect"):
            form = {"client_id": "second", "token": mine["access_token"], "grant_type": "client_credentials"}
            named = await client.post(path, data=form, auth=("app", site.secret("app")))
            assert named.status_code == 401, "one name in the proof and another beside it"
        assert (await userinfo(site, client, mine["access_token"])).status_code == 200
        assert (await introspect(site, client, mine["refresh_token"]))["active"]
