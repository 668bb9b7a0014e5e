"""Threat K7 at the whole broker: killed in the middle of its work, it loses nothing and undoes nothing."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.redis_server import RedisServer
from tests.store.test_sqlite_faults import check_whole
from tests.threats.killed_lives import Life, change, invite
from tests.threats.site import running_site
from tests.threats.test_k_redis import keep_in

pytestmark = pytest.mark.anyio


async def live_through(folder: Path, rounds: int, redis: RedisServer | None) -> Life:
    """So many kills, each followed by a start and an audit."""

    def configure(config: dict[str, object]) -> None:
        change(config)
        if redis is not None:
            keep_in(redis)(config)

    dice = random.Random(rounds)
    with running_site(folder, configure) as site:
        invite(site)
        life = Life(site, seed=rounds)
        for _ in range(rounds):
            await life.until_killed(8, dice.uniform(0.3, 3))
            await asyncio.to_thread(site.start)
            await life.audit()
    check_whole(str(site.database))
    return life


@pytest.fixture(params=["sqlite", "redis"])
def redis(request: pytest.FixtureRequest) -> Iterator[RedisServer | None]:
    """Where what expires is kept; None for SQLite."""
    if request.param == "sqlite":
        yield None
        return
    server = RedisServer()
    yield server
    server.stop()


@pytest.mark.timeout(900)
async def test_k7_a_broker_that_is_killed_under_load_loses_nothing_and_undoes_nothing(
    tmp_path: Path, redis: RedisServer | None
) -> None:
    life = await live_through(tmp_path, 2, redis)
    assert (life.ledger.lost, life.ledger.undone) == ([], [])
    assert life.ledger.counts["checks"] > 0


@pytest.mark.soak
@pytest.mark.timeout(7200)
async def test_k7_many_times_over(
    tmp_path: Path, redis: RedisServer | None, capsys: pytest.CaptureFixture[str]
) -> None:
    life = await live_through(tmp_path, int(os.environ.get("KILLS", "50")), redis)
    with capsys.disabled():
        kept = "sqlite" if redis is None else "redis"
        print(f"\n{kept}: {dict(life.ledger.counts)}, lost {life.ledger.lost}, undone {life.ledger.undone}")  # noqa: T201 - the numbers are what a soak run is for
    assert (life.ledger.lost, life.ledger.undone) == ([], [])
