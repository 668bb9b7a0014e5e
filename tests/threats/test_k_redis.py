"""Threats K1 and K26 at the whole broker: a Redis that comes late, and one that is another broker's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import httpx2
import pytest

from tests.contract.redis_server import RedisServer
from tests.threats.journeys import back, http, new_visitor, sign_in
from tests.threats.site import Site, running_site

pytestmark = pytest.mark.anyio


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A server of the test's own."""
    server = RedisServer()
    yield server
    server.stop()


def keep_in(redis: RedisServer) -> Callable[[dict[str, Any]], None]:
    """A change of the configuration: what expires is in this Redis."""

    def change(config: dict[str, Any]) -> None:
        config["storage"] |= {"transient": "redis", "redis": {"url": redis.url}}

    return change


async def managed(site: Site, path: str) -> httpx2.Response:
    """What the management listener says."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        return await client.get(f"{site.management}{path}")


async def until_ready(site: Site) -> None:
    """By itself."""
    deadline = monotonic() + 60
    while (await managed(site, "/readyz")).status_code != 200:
        assert monotonic() < deadline, "not ready"
        await asyncio.sleep(0.1)


async def test_k1_a_broker_whose_redis_comes_later_serves_what_it_can_and_is_ready_then(
    redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    await asyncio.to_thread(redis.kill)
    with running_site(tmp_path_factory.mktemp("late"), keep_in(redis)) as site:
        async with new_visitor() as visitor, http(site) as client:
            answer = await managed(site, "/readyz")
            assert answer.status_code == 503
            assert answer.json()["durable"] == "ok"
            assert answer.json()["transient"].startswith("redis: ConnectionError")
            metrics = (await managed(site, "/metrics")).text
            assert 'broker_store_up{store="sqlite"} 1.0' in metrics
            assert 'broker_store_up{store="redis"} 0.0' in metrics
            page = await sign_in(site, visitor)
            assert (page.status, back(page)) == (503, {})
            assert (await client.get("/jwks")).status_code == 200
            await asyncio.to_thread(redis.start)
            await until_ready(site)
            assert "code" in back(await sign_in(site, visitor))
            assert 'broker_store_up{store="redis"} 1.0' in (await managed(site, "/metrics")).text
            stores = [line["event"] for line in site.log() if line["event"].startswith("store.")]
            assert stores == ["store.unavailable", "store.recovered"]


async def test_k26_two_brokers_with_two_databases_never_share_a_redis(
    redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running_site(tmp_path_factory.mktemp("first"), keep_in(redis)) as site:
        with (
            pytest.raises(AssertionError, match=r"storage\.redis\.url.*another database.*'broker:installation'"),
            running_site(tmp_path_factory.mktemp("second"), keep_in(redis)),
        ):
            pytest.fail("it started")
        async with new_visitor() as visitor:
            assert "code" in back(await sign_in(site, visitor)), "the first one goes on"
        await asyncio.to_thread(site.stop)
        redis.ask("FLUSHALL")
        await asyncio.to_thread(site.start)
        await until_ready(site)
        assert redis.ask("EXISTS", "broker:installation") == b":1\r\n"
        await asyncio.to_thread(site.stop)
        await asyncio.to_thread(site.start)  # the same database again
        await until_ready(site)
