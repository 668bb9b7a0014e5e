"""A worker that hands over to another one."""

from __future__ import annotations

import asyncio

import pytest

from broker.services.rounds import Rounds

pytestmark = pytest.mark.anyio


async def test_one_that_retires_ends_what_is_under_way_and_begins_nothing_more() -> None:
    looks, pushed, done, go_on = list[int](), list[str](), list[str](), asyncio.Event()
    rounds: Rounds

    async def work() -> None:
        await go_on.wait()
        done.append("done")

    async def look() -> float:
        looks.append(1)
        rounds.begin(work(), whose="shop")
        return 60

    rounds = Rounds(look, on_crash=lambda error: pytest.fail(str(error)))
    running = asyncio.create_task(rounds.run(pause=60))
    while not looks:
        await asyncio.sleep(0)
    rounds.retire(lambda: pushed.append("heir"))
    rounds.push()
    assert pushed == ["heir"]
    assert not running.done()
    go_on.set()
    async with asyncio.timeout(20):
        await running
    assert (looks, done) == ([1], ["done"])
