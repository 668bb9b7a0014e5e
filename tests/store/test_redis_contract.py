"""The contract of what expires, on a real redis-server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count

import pytest

from broker.store.redis.transient import RedisTransient
from broker.store.transient import Kind, Transient
from tests.contract.redis_server import RedisServer
from tests.contract.store import CALLERS, TransientRules, at_once

_number = count()


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """One server for all; each test has a prefix of its own."""
    found = RedisServer()
    yield found
    found.stop()


@dataclass
class RedisPlace:
    """A prefix on the server."""

    server: RedisServer
    prefix: str
    redis: RedisTransient

    @property
    def transient(self) -> Transient:
        """The store under test."""
        return self.redis

    async def pass_time(self, seconds: int) -> None:
        """The clock is the server's, so this one is real."""
        await asyncio.sleep(seconds + 0.02)

    async def reopen(self) -> Transient:
        """Another broker process on the same server, after that server died and came back."""
        await self.redis.close()
        await asyncio.to_thread(self.server.kill)
        await asyncio.to_thread(self.server.start)
        self.redis = await RedisTransient.open(self.server.url, prefix=self.prefix, installation="here")
        return self.redis


@pytest.fixture
async def place(server: RedisServer, anyio_backend: str) -> AsyncIterator[RedisPlace]:
    """A prefix nobody used before."""
    prefix = f"broker{next(_number)}:"
    found = RedisPlace(server, prefix, await RedisTransient.open(server.url, prefix=prefix, installation="here"))
    yield found
    await found.transient.close()


class TestTransient(TransientRules):
    """Values that expire."""


@pytest.mark.anyio
class TestCounters:
    """Counts that nodes share."""

    async def test_k16_hits_are_counted_one_by_one_by_however_many(self, place: RedisPlace) -> None:
        counts = await at_once(CALLERS, partial(place.redis.hit, "login:192.0.2.1", ttl=60))
        assert sorted(counts) == list(range(1, CALLERS + 1))
        assert await place.redis.hit("login:192.0.2.2", ttl=60) == 1

    async def test_a_window_of_hits_ends_with_its_first_hit_and_not_with_its_last(self, place: RedisPlace) -> None:
        assert await place.redis.hit("k", ttl=2) == 1
        await place.pass_time(1)
        assert await place.redis.hit("k", ttl=2) == 2
        await place.pass_time(1)
        assert await place.redis.hit("k", ttl=2) == 1

    async def test_d20_a_counter_that_looks_like_a_session_is_none(self, place: RedisPlace) -> None:
        await place.redis.hit("session:k", ttl=60)
        assert await place.transient.get(Kind.SESSION, "k") is None


CONTENDER = """
import asyncio, json, sys
from broker.store.transient import Kind
from broker.store.redis.transient import RedisTransient

async def contend(url: str) -> None:
    store = await RedisTransient.open(url, prefix="race:", installation="here")
    await store.put(Kind.FLOW, f"ready{sys.argv[2]}", b"", ttl=60)
    while await store.get(Kind.FLOW, "go") is None:
        await asyncio.sleep(0.005)
    won = []
    for turn in range(200):
        claims = [store.put(Kind.CLAIM, f"state{turn}", b"", ttl=60) for _ in range(5)]
        takes = [store.take(Kind.CODE, f"code{turn}") for _ in range(5)]
        answers = await asyncio.gather(*claims, *takes)
        won.append([answers[:5].count(True), 5 - answers[5:].count(None)])
    hits = await asyncio.gather(*(store.hit("counted", ttl=60) for _ in range(250)))
    await store.close()
    print(json.dumps([won, hits]))

asyncio.run(contend(sys.argv[1]))
"""


@pytest.mark.anyio
async def test_f2_among_four_processes_every_claim_and_every_code_has_one_winner(server: RedisServer) -> None:
    store = await RedisTransient.open(server.url, prefix="race:", installation="here")
    for turn in range(200):
        await store.put(Kind.CODE, f"code{turn}", b"v", ttl=60)
    workers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", CONTENDER, server.url, str(n), stdout=subprocess.PIPE
        )
        for n in range(4)
    ]
    for n in range(4):
        while await store.get(Kind.FLOW, f"ready{n}") is None:
            await asyncio.sleep(0.02)
    await store.put(Kind.FLOW, "go", b"", ttl=60)
    outcomes = [json.loads((await worker.communicate())[0]) for worker in workers]
    for turn in range(200):
        assert sum(won[turn][0] for won, _ in outcomes) == 1
        assert sum(won[turn][1] for won, _ in outcomes) == 1
    assert sorted(hit for _, hits in outcomes for hit in hits) == list(range(1, 1001))
    await store.close()
