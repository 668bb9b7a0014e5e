"""Threats K at the whole broker: a store that goes away, and visitors who never mean to log in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from broker.demo.visitor import Visitor
from tests.contract.redis_server import RedisServer
from tests.threats.journeys import (
    authorize_url,
    back,
    code_for,
    http,
    introspect,
    new_visitor,
    redeem,
    refresh,
    revoke,
    sign_in,
    tokens_for,
    until_callback,
    userinfo,
)
from tests.threats.site import Site, running_site
from tests.threats.test_g_logout import cookie_of, is_signed_in

pytestmark = pytest.mark.anyio


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A server of the test's own."""
    server = RedisServer("--maxmemory-policy", "noeviction")
    yield server
    server.stop()


@pytest.fixture
def shared(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that keeps what expires in Redis."""

    def change(config: dict[str, Any]) -> None:
        config["storage"] |= {"transient": "redis", "redis": {"url": redis.url}}

    with running_site(tmp_path_factory.mktemp("redis"), change) as site:
        yield site


async def ready(site: Site) -> int:
    """The status of /readyz."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        return (await client.get(f"{site.management}/readyz")).status_code


async def until_ready(site: Site) -> None:
    """Redis is back, and soon so are we."""
    deadline = monotonic() + 120
    while await ready(site) != 200:
        assert monotonic() < deadline, "not ready again"
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("how", ["kill", "freeze"])
async def test_k1_without_redis_logins_wait_and_documents_go_on(shared: Site, redis: RedisServer, how: str) -> None:
    site = shared
    async with new_visitor() as visitor, http(site) as client:
        tokens = await tokens_for(site, visitor=visitor)
        code = await code_for(site, visitor)
        callback = await until_callback(site, visitor, prompt="login")
        others = await tokens_for(site)
        getattr(redis, how)()
        for page in (await visitor.get(callback), await visitor.get(authorize_url(site))):
            assert (page.status, back(page)) == (503, {}), page.url
            assert int(page.headers["retry-after"]) > 0
        silent = await visitor.get(authorize_url(site, prompt="none"))
        assert back(silent)["error"] == "temporarily_unavailable", "no page where the app wants none"
        refused = await redeem(site, client, code)
        assert (refused.status_code, refused.json()["error"]) == (503, "temporarily_unavailable")
        assert int(refused.headers["retry-after"]) > 0
        assert await ready(site) == 503
        assert (await introspect(site, client, others["access_token"]))["active"] is True
        renewed = await refresh(site, client, others["refresh_token"])
        assert renewed.status_code == 200, "what is durable is not refused for the sake of a count"
        await revoke(site, client, renewed.json()["refresh_token"])
        assert (await introspect(site, client, others["access_token"]))["active"] is False
        for path in ("/jwks", "/.well-known/openid-configuration", "/static/base.css", "/healthz"):
            assert (await client.get(path)).status_code == 200
        assert not [event for event in site.log() if event["event"] == "server.error"]
        redis.start() if how == "kill" else redis.thaw()
        await until_ready(site)
        assert (await userinfo(site, client, tokens["access_token"])).status_code == 200
        assert (await redeem(site, client, code)).status_code == 200, "nothing was spent on a failure"
        assert "code" in back(await sign_in(site, visitor, prompt="login"))


async def test_k4_an_empty_redis_ends_sessions_and_allows_nothing(shared: Site, redis: RedisServer) -> None:
    site = shared
    async with new_visitor() as visitor, http(site) as client:
        code = await code_for(site, visitor)
        tokens = (await redeem(site, client, code)).json()
        waiting = await code_for(site, visitor)
        used = await until_callback(site, visitor, prompt="login")
        await visitor.get(used)
        assert redis.ask("FLUSHALL") == b"+OK\r\n"
        assert (await redeem(site, client, waiting)).status_code == 400
        assert (await redeem(site, client, code)).status_code == 400, "spent is spent, whatever Redis remembers"
        assert (await userinfo(site, client, tokens["access_token"])).status_code == 401, "and it was a replay"
        assert (await refresh(site, client, tokens["refresh_token"])).status_code == 400
        silent = await visitor.get(authorize_url(site, prompt="none"))
        assert back(silent)["error"] == "login_required"
        again = await visitor.get(used)
        assert back(again) == {}


async def test_k25_what_was_ended_stays_ended_when_redis_goes_back_in_time(shared: Site, redis: RedisServer) -> None:
    site = shared
    async with new_visitor() as visitor, new_visitor() as renewing, new_visitor() as staying, http(site) as client:
        code = await code_for(site, visitor)
        waiting = await code_for(site, visitor)
        logged_out = cookie_of(site, visitor)
        for other in (renewing, staying):
            await sign_in(site, other)
        replaced, stays = cookie_of(site, renewing), cookie_of(site, staying)
        before = redis.remember()
        assert (await redeem(site, client, code)).status_code == 200
        await visitor.get(f"{site.issuer}/logout")
        assert (await visitor.click("logout")).has("logged-out")
        assert "code" in back(await sign_in(site, renewing, prompt="login"))
        assert [await is_signed_in(site, cookie) for cookie in (logged_out, replaced, stays)] == [False, False, True]
        await asyncio.to_thread(redis.go_back, before)
        await until_ready(site)
        assert [await is_signed_in(site, cookie) for cookie in (logged_out, replaced, stays)] == [False, False, True]
        assert (await redeem(site, client, waiting)).status_code == 400, "a code of the session that was ended"
        assert (await redeem(site, client, code)).status_code == 400, "a code that was spent"


# --- K15 ---


async def flood(site: Site, number: int) -> None:
    """So many visitors who begin a login at Google and are never seen again; over few connections, to be quick."""
    target = urlsplit(authorize_url(site, idp_hint="google"))
    request = f"GET {target.path}?{target.query} HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode()

    async def visit(share: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        for _ in range(share):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 303 ")
            assert b"__Host-flow-" in head
        writer.close()

    await asyncio.gather(*(visit(number // 8) for _ in range(8)))


async def check_flood(site: Site, number: int, visitor: Visitor) -> str:
    """The database's size before and after is the same, memory nearly so; what was measured, for a report."""
    await flood(site, 2000)  # what a process grows by while it warms up is not the flood's
    files, rows, memory = sizes(site), site.rows("transient"), site.memory()
    await flood(site, number)
    assert sizes(site) == files
    assert site.rows("transient") == rows
    grown = site.memory() - memory
    assert grown < 8 * 1024 * 1024, f"{grown / 1024:.0f} KiB more"
    assert grown / number < 200, "bytes per visitor: less than any record of one"
    assert "code" in back(await sign_in(site, visitor))
    return f"{number} visitors: files {files} as before, {rows} rows as before, memory {memory} + {grown} bytes"


def sizes(site: Site) -> dict[str, int]:
    """Of the database and the files beside it."""
    return {path.name: path.stat().st_size for path in site.folder.glob("broker.db*") if path.is_file()}


@pytest.fixture
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that logs as in production."""

    def change(config: dict[str, Any]) -> None:
        config["logging"] = {"level": "warning", "format": "json"}

    with running_site(tmp_path_factory.mktemp("quiet"), change) as site:
        yield site


async def test_k15_visitors_who_prove_nothing_cost_no_storage(quiet: Site, visitor: Visitor) -> None:
    # 5,000 at 16 bytes each would already show; a megabyte of slack is the allocator's.
    await flood(quiet, 2000)
    files, rows, memory = sizes(quiet), quiet.rows("transient"), quiet.memory()
    await flood(quiet, 5000)
    assert sizes(quiet) == files
    assert quiet.rows("transient") == rows
    assert quiet.memory() < memory * 1.05
    assert "code" in back(await sign_in(quiet, visitor))


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_k15_a_hundred_thousand_of_them_cost_no_more(
    quiet: Site, visitor: Visitor, capsys: pytest.CaptureFixture[str]
) -> None:
    found = await check_flood(quiet, 100_000, visitor)
    with capsys.disabled():
        print(f"\n{found}")  # noqa: T201 - the numbers are what a soak run is for
