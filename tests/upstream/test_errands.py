"""Calls that nobody waits for."""

from __future__ import annotations

import asyncio

import pytest

from broker.core.errors import UpstreamRejected, UpstreamUnavailable
from broker.core.events import Event
from broker.testing.bench import Notes
from broker.testing.raw_server import RawServer, answer_of, raw_server
from broker.upstream.errands import PAUSES, run_errand
from broker.upstream.http import HttpPool, UpstreamHttp

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("failures", range(5))
async def test_an_errand_is_tried_three_times_and_fails_in_silence(failures: int) -> None:
    waited: list[float] = []
    left = [UpstreamUnavailable("away"), UpstreamRejected("no"), UpstreamUnavailable("away"), UpstreamRejected("no")]
    done: list[bool] = []

    async def pause(seconds: float) -> None:
        waited.append(seconds)

    async def call() -> None:
        if len(waited) <= failures:
            raise left[len(waited) - 1]
        done.append(True)

    await run_errand(call, pause)
    assert waited == list(PAUSES[: failures + 1])
    assert done == ([True] if failures < len(PAUSES) else [])
    assert sum(PAUSES) < 60, "a token may live for a minute"


async def told(server: RawServer, http: UpstreamHttp, calls: int) -> None:
    http.tell(f"{server.url}/done", headers={"rquid": "5"})
    async with asyncio.timeout(10):
        while len(server.received) < calls:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)


@pytest.mark.parametrize(("answer", "calls"), [("204 No Content", 1), ("200 OK", 1), ("404 Not Found", 3)])
async def test_who_is_told_need_not_say_anything_and_no_breaker_hears_of_it(answer: str, calls: int) -> None:
    notes, pool = Notes(), await HttpPool.open()
    async with raw_server({"/done": answer_of(b"", answer)}) as server:
        http = pool.for_provider("x", recorder=notes, pause=lambda seconds: asyncio.sleep(0))
        await told(server, http, calls)
        assert [(call.method, call.headers["rquid"]) for call in server.received] == [("GET", "5")] * calls
        outcomes = [fields["outcome"] for fields in notes.of(Event.UPSTREAM_CALLED)]
        await pool.close()
    assert outcomes == ["ok" if calls == 1 else "rejected"] * calls
    assert notes.of(Event.UPSTREAM_BREAKER) == []
    assert http.down_for is None


async def test_nobody_is_told_any_more_when_the_pool_is_closed() -> None:
    pool = await HttpPool.open()
    async with raw_server({"/done": answer_of(b"", "503 Busy")}) as server:
        http = pool.for_provider("x", recorder=Notes(), pause=lambda seconds: asyncio.sleep(seconds * 100))
        await told(server, http, 1)
        await pool.close()
        assert len(server.received) == 1
