"""A database that goes away, one that is made, and who may have it: none of it happens without a word."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from broker.core.errors import ConfigError, StoreUnavailable
from broker.core.events import Event
from broker.store.outage import Outage
from broker.store.sqlite.engine import Engine
from broker.store.sqlite.file import open_database
from broker.store.sqlite.place import check_may_make, check_owner
from broker.store.sqlite.store import SqliteStore
from tests.contract.people import account, link
from tests.store.doubles import Clock, Notes

pytestmark = pytest.mark.anyio

HOLDS = "import sys; from broker.store.sqlite.file import open_database as o; o(sys.argv[1]); print(); input()"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of a file that is not there yet, in a directory of its own."""
    (tmp_path / "state").mkdir()
    return tmp_path / "state" / "broker.db"


def move(path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))


def delete(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        Path(f"{path}{ending}").unlink()


def replace(path: Path) -> None:
    shutil.copyfile(path, f"{path}.copy")
    os.replace(f"{path}.copy", path)


def lose_the_log(path: Path) -> None:
    Path(f"{path}-wal").unlink()


def unmount(path: Path) -> None:
    path.parent.rename(path.parent.with_name("unmounted"))
    path.parent.mkdir()


@pytest.mark.parametrize("how", [move, delete, replace, lose_the_log, unmount])
async def test_k23_a_database_that_goes_away_stops_reads_and_writes(path: Path, how: Callable[[Path], None]) -> None:
    notes = Notes()
    store = await SqliteStore.open(str(path), clock=Clock(), recorder=notes)
    await store.durable.people.adopt(account(), link())
    await store.look()
    how(path)
    for ask in (store.durable.ping, store.look, lambda: store.durable.people.adopt(account("s2"), link("x2"))):
        with pytest.raises(StoreUnavailable, match=r"broker\.db(-wal)? is (gone|another file)"):
            await ask()
    with pytest.raises(StoreUnavailable, match=r"broker\.db"):
        await store.durable.people.person("p1", "x1")
    assert notes.events == [Event.DATABASE_CREATED, Event.STORE_UNAVAILABLE]
    await store.close()


async def test_k23_a_database_that_comes_back_goes_on(path: Path) -> None:
    notes = Notes()
    store = await SqliteStore.open(str(path), clock=Clock(), recorder=notes)
    path.rename(path.with_name("elsewhere.db"))
    with pytest.raises(StoreUnavailable):
        await store.look()
    path.with_name("elsewhere.db").rename(path)
    await store.look()
    assert notes.events[-1] is Event.STORE_RECOVERED
    await store.durable.people.adopt(account(), link())
    assert await store.durable.people.person("p1", "x1") is not None
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.look()


async def test_k23_nothing_is_written_into_a_file_that_is_not_at_its_place(path: Path) -> None:
    store = await SqliteStore.open(str(path), clock=Clock())
    path.rename(path.with_name("elsewhere.db"))
    with pytest.raises(StoreUnavailable):
        await store.durable.people.adopt(account(), link())
    path.with_name("elsewhere.db").rename(path)
    await store.look()
    assert await store.durable.people.person("p1", "x1") is None
    await store.close()


async def test_k23_a_write_during_which_the_file_leaves_is_not_acknowledged(path: Path) -> None:
    engine = Engine(open_database(str(path)), Outage("sqlite", None))

    def write(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO secrets VALUES ('name', 'sealed')")
        path.rename(path.with_name("elsewhere.db"))

    with pytest.raises(StoreUnavailable, match="is gone"):
        await engine.write(write)
    await engine.close()


async def test_k23_a_log_that_cannot_be_taken_in_any_more_is_named(path: Path) -> None:
    database = open_database(str(path))
    engine = Engine(database, Outage("sqlite", None))
    await engine.write(lambda db: db.execute("INSERT INTO secrets VALUES ('name', 'sealed')").close())
    path.rename(path.with_name("elsewhere.db"))
    with closing(sqlite3.connect(path.with_name("elsewhere.db"))):
        database.writer.set_authorizer(lambda *asked: sqlite3.SQLITE_DENY)
        with pytest.raises(StoreUnavailable, match="its last writes are in the log beside it only"):
            await engine.heartbeat()
    await engine.close()


async def test_k23_what_was_acknowledged_goes_with_a_file_that_is_moved(path: Path) -> None:
    store = await SqliteStore.open(str(path), clock=Clock())
    for number in range(50):
        await store.durable.people.adopt(account(f"s{number}"), link(f"x{number}"))
    moved = path.with_name("elsewhere.db")
    path.rename(moved)
    with pytest.raises(StoreUnavailable):
        await store.durable.ping()
    assert Path(f"{path}-wal").stat().st_size == 0, "nothing is left that a file put in its place would take in"
    with closing(sqlite3.connect(f"file:{moved}?mode=ro&immutable=1", uri=True)) as db:
        assert db.execute("SELECT count(*) FROM accounts").fetchone() == (50,)
    await store.close()


async def test_k23_nothing_is_acknowledged_that_went_into_a_file_which_left_meanwhile(path: Path) -> None:
    store = await SqliteStore.open(str(path), clock=Clock())
    acknowledged: list[int] = []

    async def write(number: int) -> None:
        try:
            await store.durable.people.adopt(account(f"s{number}"), link(f"x{number}"))
        except StoreUnavailable:
            return
        acknowledged.append(number)

    async def load(lane: int) -> None:
        for turn in range(200):
            await write(turn * 8 + lane)

    lanes = [asyncio.create_task(load(lane)) for lane in range(8)]
    while len(acknowledged) < 100:
        await asyncio.sleep(0)
    await asyncio.to_thread(path.rename, path.with_name("elsewhere.db"))
    await asyncio.gather(*lanes)
    await store.close()
    path.with_name("elsewhere.db").rename(path)
    again = await SqliteStore.open(str(path), clock=Clock())
    for number in acknowledged:
        assert await again.durable.people.person("p1", f"x{number}") is not None
    assert len(acknowledged) < 1600
    await again.close()


# --- making one ---


async def test_k23_a_fresh_place_gets_a_database_and_an_event(path: Path) -> None:
    notes = Notes()
    for _ in range(2):
        await (await SqliteStore.open(str(path), clock=Clock(), recorder=notes)).close()
    assert notes.events == [Event.DATABASE_CREATED]


@pytest.mark.parametrize("expected", ["", "keys.master is set"])
def test_k23_where_there_was_one_none_is_made_without_a_word(path: Path, expected: str) -> None:
    if not expected:
        open_database(str(path)).close()
        path.unlink()
    before = sorted(path.parent.iterdir())
    with pytest.raises(ConfigError, match=r"no database at .*, and there was one: .*broker serve --create"):
        open_database(str(path), expected=expected)
    assert sorted(path.parent.iterdir()) == before, "a refusal leaves nothing behind"
    open_database(str(path), expected=expected, create=True).close()
    open_database(str(path), expected=expected).close()


def test_k23_a_start_that_died_before_it_made_one_does_not_count(path: Path) -> None:
    Path(f"{path}.lock").write_text("4711\n")
    path.touch()
    open_database(str(path)).close()


def test_k23_the_writes_of_a_database_that_is_gone_are_not_thrown_away(path: Path) -> None:
    Path(f"{path}-wal").write_bytes(b"writes")
    with pytest.raises(ConfigError, match="holds writes of it"):
        open_database(str(path), create=True)
    assert Path(f"{path}-wal").read_bytes() == b"writes"


def test_k23_nobody_makes_one_in_the_directory_of_somebody_else(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path.parent, 10_001, 10_001)
    owner = path.parent.stat().st_uid
    with pytest.raises(ConfigError, match=f"belongs to user {owner} and this is user {owner + 1}"):
        check_may_make(str(path), expected="", create=True, user=owner + 1)
    check_owner(str(path), user=owner)
    check_owner("/broker.db", user=owner)  # what belongs to root is shared out by its mode, as volumes are


# --- one process ---


@pytest.mark.parametrize("other_name", [os.symlink, os.link])
def test_k23_another_name_of_the_same_file_is_no_way_past_the_lock(
    path: Path, tmp_path: Path, other_name: Callable[[Path, Path], None]
) -> None:
    open_database(str(path)).close()
    other_name(path, tmp_path / "other.db")
    command = [sys.executable, "-c", HOLDS, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(ConfigError, match="open in another broker"):
            open_database(str(tmp_path / "other.db"))
        holder.kill()
    open_database(str(tmp_path / "other.db")).close()
