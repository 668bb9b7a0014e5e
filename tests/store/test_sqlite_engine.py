"""The writer thread: neighbours in a batch, callers who leave, an end that loses nothing."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from broker.core.errors import StoreUnavailable
from broker.core.events import Event
from broker.store.outage import Outage
from broker.store.sqlite.engine import Engine, Work
from broker.store.sqlite.file import open_database
from broker.store.sqlite.store import SqliteStore
from broker.store.transient import Kind
from tests.contract.people import account, link
from tests.store.doubles import Clock, Notes

pytestmark = pytest.mark.anyio


@pytest.fixture
async def engine(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Engine]:
    """Over a file with a table that refuses odd numbers and duplicates."""
    found = Engine(open_database(str(tmp_path / "broker.db")), Outage("sqlite", None))
    await found.write(lambda db: db.execute("CREATE TABLE even (n INTEGER PRIMARY KEY CHECK (n % 2 = 0))").close())
    yield found
    await found.close()


def insert(db: sqlite3.Connection, *numbers: int) -> int:
    for number in numbers:
        db.execute("INSERT INTO even VALUES (?)", (number,))
    return len(numbers)


def adding(*numbers: int) -> Work[int]:
    return lambda db: insert(db, *numbers)


async def stored(engine: Engine) -> list[int]:
    return await engine.read(lambda db: [n for (n,) in db.execute("SELECT n FROM even ORDER BY n").fetchall()])


async def test_a_write_that_fails_takes_nobody_with_it(engine: Engine) -> None:
    answers = await asyncio.gather(*(engine.write(adding(n)) for n in range(100)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [int, sqlite3.IntegrityError] * 50
    assert await stored(engine) == list(range(0, 100, 2))


async def test_a_write_is_done_whole_or_not_at_all(engine: Engine) -> None:
    answers = await asyncio.gather(
        engine.write(adding(2, 4)),
        engine.write(adding(6, 8, 9)),
        engine.write(adding(10, 2)),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [int, sqlite3.IntegrityError, sqlite3.IntegrityError]
    assert await stored(engine) == [2, 4]


async def test_a_write_that_is_broken_itself_breaks_only_itself(engine: Engine) -> None:
    def broken(db: sqlite3.Connection) -> None:
        insert(db, 2)
        raise LookupError("ours")

    with pytest.raises(LookupError, match="ours"):
        await engine.write(broken)
    assert await engine.write(adding(4)) == 1
    assert await stored(engine) == [4]


async def test_writes_that_wait_together_share_a_transaction(engine: Engine) -> None:
    commits: list[str] = []
    release = threading.Event()

    def first(db: sqlite3.Connection) -> None:
        db.set_trace_callback(lambda statement: commits.append(statement) if statement == "COMMIT" else None)
        release.wait()

    blocked = asyncio.create_task(engine.write(first))
    waiting = [asyncio.create_task(engine.write(adding(2 * n))) for n in range(200)]
    await asyncio.sleep(0.05)
    release.set()
    await asyncio.gather(blocked, *waiting)
    assert 1 <= len(commits) <= 2


async def test_a_caller_who_leaves_disturbs_nobody(engine: Engine) -> None:
    dice = random.Random(1)
    for turn in range(20):
        numbers = range(turn * 200, turn * 200 + 200, 2)
        tasks = [asyncio.create_task(engine.write(adding(n))) for n in numbers]
        left = dice.sample(tasks, 50)
        for task in left:
            if dice.random() < 0.2:
                await asyncio.sleep(0)
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(answer) for answer in answers} <= {int, asyncio.CancelledError}
        assert answers.count(1) >= 50
        kept = set(await stored(engine))
        assert kept >= {n for n, answer in zip(numbers, answers, strict=True) if answer == 1}


async def test_more_writes_than_the_queue_holds_are_refused_and_the_others_done(engine: Engine) -> None:
    answers = await asyncio.gather(*(engine.write(adding(2 * n)) for n in range(8200)), return_exceptions=True)
    assert [type(answer) for answer in answers].count(StoreUnavailable) == 8
    assert len(await stored(engine)) == 8192
    assert await engine.write(adding(8199 * 2)) == 1


async def test_closing_finishes_what_was_accepted_and_accepts_nothing_more(tmp_path: Path) -> None:
    store = await SqliteStore.open(str(tmp_path / "broker.db"), clock=Clock())
    accepted = [asyncio.create_task(store.transient.put(Kind.CODE, f"k{n}", b"v", ttl=60)) for n in range(500)]
    await asyncio.sleep(0)
    await asyncio.gather(store.transient.close(), store.durable.close())
    assert await asyncio.gather(*accepted) == [True] * 500
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.transient.put(Kind.CODE, "k", b"v", ttl=60)
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.transient.get(Kind.CODE, "k")


def test_a_loop_that_ended_without_closing_leaves_no_thread_behind(tmp_path: Path) -> None:
    asked: list[asyncio.Task[None]] = []

    async def leave() -> None:
        engine = Engine(open_database(str(tmp_path / "broker.db")), Outage("sqlite", None))
        hold = threading.Event()
        asked.append(asyncio.create_task(engine.write(lambda db: release.append(hold.wait(0.2)))))
        await asyncio.sleep(0)

    release: list[bool] = []
    asyncio.run(leave())
    for thread in threading.enumerate():
        if thread.name == "sqlite-writer":
            thread.join(5)
            assert not thread.is_alive()
    assert release == [False]


async def test_a_file_that_breaks_under_a_reader_is_unavailable_and_not_empty(tmp_path: Path) -> None:
    path = tmp_path / "broker.db"
    store = await SqliteStore.open(str(path), clock=Clock())
    await store.durable.people.adopt(account(), link())
    await store.close()
    store = await SqliteStore.open(str(path), clock=Clock())
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(StoreUnavailable, match="SQLITE_CORRUPT"):
        await store.durable.people.person("p1", "x1")
    await store.close()


async def test_a_mistake_of_ours_is_not_blamed_on_the_disk(engine: Engine) -> None:
    with pytest.raises(sqlite3.ProgrammingError):
        await engine.read(lambda db: db.execute("SELECT ?", ()).fetchone())


# --- a disk that hangs ---


class Hanging:
    """An engine with little patience, and a writer that waits until it is told."""

    def __init__(self, path: Path, notes: Notes) -> None:
        self.engine = Engine(open_database(str(path)), Outage("sqlite", notes), patience=0.2)
        self.release = threading.Event()

    def hang(self, db: sqlite3.Connection) -> int:
        """As a write does whose disk does not answer."""
        self.release.wait()
        db.execute("INSERT INTO secrets VALUES ('slow', '')")
        return 1

    def add(self, name: str) -> Work[None]:
        """A write of its own."""
        return lambda db: db.execute("INSERT INTO secrets VALUES (?, '')", (name,)).close()

    async def kept(self) -> list[str]:
        """What was written."""
        return await self.engine.read(lambda db: [n for (n,) in db.execute("SELECT name FROM secrets").fetchall()])


async def test_k9_a_write_that_hangs_is_unknown_and_one_that_waited_behind_it_was_not_done(tmp_path: Path) -> None:
    notes = Notes()
    slow = Hanging(tmp_path / "broker.db", notes)
    first = asyncio.create_task(slow.engine.write(slow.hang))
    await asyncio.sleep(0.05)
    behind = asyncio.create_task(slow.engine.write(slow.add("behind")))
    with pytest.raises(StoreUnavailable, match="it may be written yet"):
        await first
    with pytest.raises(StoreUnavailable, match="withdrawn"):
        await behind
    with pytest.raises(StoreUnavailable, match="the disk hangs"):
        await slow.engine.write(slow.add("at once"))
    assert await slow.kept() == []
    assert notes.events == [Event.STORE_UNAVAILABLE], "once per outage"
    slow.release.set()
    while "slow" not in await slow.kept():
        await asyncio.sleep(0.01)
    while True:
        try:
            await slow.engine.write(slow.add("after"))
        except StoreUnavailable:
            await asyncio.sleep(0.01)
            continue
        break
    assert sorted(await slow.kept()) == ["after", "slow"], "the withdrawn one never came"
    assert notes.events == [Event.STORE_UNAVAILABLE, Event.STORE_RECOVERED]
    await slow.engine.close()


async def test_a_write_that_was_done_in_time_is_told_although_nobody_listened_for_long(tmp_path: Path) -> None:
    path = tmp_path / "broker.db"
    engine = Engine(open_database(str(path)), Outage("sqlite", None), patience=0.05)
    writing = asyncio.create_task(engine.write(lambda db: db.execute("INSERT INTO secrets VALUES ('a', '')").rowcount))
    await asyncio.sleep(0)
    with closing(sqlite3.connect(path)) as other:
        while not other.execute("SELECT 1 FROM secrets").fetchall():
            time.sleep(0.01)
    time.sleep(0.2)
    assert await writing == 1
    await engine.close()


async def test_what_is_read_beside_the_work_writes_nothing(engine: Engine) -> None:
    assert engine.aside is not None
    with pytest.raises(StoreUnavailable, match="SQLITE_READONLY"):
        await engine.aside.run(lambda db: db.execute("DELETE FROM accounts").close())


async def test_a_long_read_beside_the_work_ends_with_the_store(engine: Engine) -> None:
    reading = threading.Event()

    def count_for_ever(db: sqlite3.Connection) -> object:
        reading.set()
        endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
        return db.execute(endless).fetchall()

    assert engine.aside is not None
    counting = asyncio.create_task(engine.aside.run(count_for_ever))
    assert await asyncio.to_thread(reading.wait, 60)
    await engine.close()
    with pytest.raises(StoreUnavailable, match="SQLITE_INTERRUPT"):
        await counting


async def test_a_write_after_the_end_is_refused(engine: Engine) -> None:
    await engine.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await engine.write(adding(2))


async def test_a_database_in_memory_is_neither_copied_nor_read_beside_the_work(anyio_backend: str) -> None:
    store = await SqliteStore.open(":memory:", clock=Clock())
    with pytest.raises(StoreUnavailable, match="not copied"):
        await store.copy()
    await store.close()
    database = open_database(":memory:")
    database.condemn()  # there is no next start
    with pytest.raises(sqlite3.ProgrammingError, match="one connection"):
        database.connect()
    database.close()
