"""What is over leaves the file, and not too soon."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from broker.store.outage import Outage
from broker.store.sqlite.engine import Engine
from broker.store.sqlite.file import open_database
from broker.store.sqlite.store import SqliteStore
from broker.store.sqlite.transient import SqliteTransient
from broker.store.transient import Kind
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
