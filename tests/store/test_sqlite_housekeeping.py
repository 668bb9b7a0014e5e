"""What is over leaves the file, and counting strangers fills neither disk nor memory."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from broker.store.base import Kind
from broker.store.counters import Counters
from broker.store.outage import Outage
from broker.store.sqlite import SqliteStore
from broker.store.sqlite_engine import Engine
from broker.store.sqlite_file import open_database
from broker.store.sqlite_transient import SqliteTransient
from tests.store.doubles import Clock

pytestmark = pytest.mark.anyio


async def test_expired_values_leave_the_file_while_it_is_used_and_not_before_an_hour(tmp_path: Path) -> None:
    clock = Clock()
    engine = Engine(open_database(str(tmp_path / "broker.db")), Outage("sqlite", None))
    transient = SqliteTransient(engine, clock)

    async def rows() -> int:
        return int(await engine.read(lambda db: db.execute("SELECT count(*) FROM transient").fetchone()[0]))

    await asyncio.gather(*(transient.put(Kind.CODE, f"old{n}", b"v", ttl=60) for n in range(600)))
    clock.now += 60
    await asyncio.gather(*(transient.put(Kind.CODE, f"new{n}", b"v", ttl=9000) for n in range(64)))
    assert await rows() == 664
    clock.now += 3600
    await asyncio.gather(*(transient.put(Kind.CODE, f"newer{n}", b"v", ttl=9000) for n in range(320)))
    assert await rows() == 64 + 320
    assert await transient.get(Kind.CODE, "new1") == b"v"
    await engine.close()


async def test_k11_a_clock_that_jumps_ahead_and_back_frees_no_used_state(tmp_path: Path) -> None:
    clock = Clock()
    store = await SqliteStore.open(str(tmp_path / "broker.db"), clock=clock)
    await store.transient.put(Kind.CLAIM, "used", b"", ttl=600)
    clock.now += 3600
    await asyncio.gather(*(store.transient.put(Kind.CODE, f"k{n}", b"v", ttl=60) for n in range(200)))
    clock.now -= 3600
    assert not await store.transient.put(Kind.CLAIM, "used", b"", ttl=600)
    await store.close()


async def test_the_disk_is_not_asked_to_count(tmp_path: Path) -> None:
    store = await SqliteStore.open(str(tmp_path / "broker.db"), clock=Clock())
    before = (tmp_path / "broker.db-wal").stat().st_size
    for number in range(10_000):
        await store.transient.hit(f"login:{number}", ttl=60)
    assert (tmp_path / "broker.db-wal").stat().st_size == before
    await store.close()


def test_counters_of_a_flood_of_strangers_stay_within_their_limit() -> None:
    counters = Counters(limit=100)
    for number in range(10_000):
        assert counters.hit(f"k{number}", 60, 0) == 1
    assert counters.hit("k9999", 60, 0) == 2
    assert counters.hit("k9990", 60, 0) == 2
    assert counters.hit("k1", 60, 0) == 1, "the oldest were forgotten"


def test_counters_forget_what_is_over_and_nothing_else() -> None:
    counters = Counters()
    for number in range(50):
        counters.hit(f"short{number}", 10, 0)
        counters.hit(f"long{number}", 100, 0)
    assert counters.hit("short0", 10, 9.9) == 2
    assert counters.hit("short0", 10, 10) == 1
    assert counters.hit("long0", 100, 99.9) == 2


def test_a_renewed_counter_is_as_young_as_a_new_one() -> None:
    counters = Counters(limit=4)
    for key in ("x", "y", "renewed"):
        counters.hit(key, 10, 0)
    counters.hit("older", 10, 5)
    counters.hit("renewed", 10, 10)
    for number in range(3):
        counters.hit(f"new{number}", 10, 11)
    assert counters.hit("renewed", 10, 12) == 2
    assert counters.hit("older", 10, 12) == 1
