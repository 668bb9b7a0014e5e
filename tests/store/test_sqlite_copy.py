"""A copy is one moment of the database, whole, private and alone; putting it back lets nothing count twice."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from broker.core.errors import ConfigError, StoreUnavailable
from broker.store.grants import Reused, Rotated, SpentBefore
from broker.store.sqlite.copy import check_copy, copy_into, restore
from broker.store.sqlite.file import open_database
from broker.store.sqlite.place import check_owner, give_to_owner
from broker.store.sqlite.store import SqliteStore
from broker.store.transient import Kind
from tests.contract.people import NOW, account, grant, link, settle, token
from tests.store.doubles import Clock

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of a file that is not there yet, in a directory of its own."""
    (tmp_path / "state").mkdir()
    return tmp_path / "state" / "broker.db"


async def back_up(store: SqliteStore, target: Path) -> Path:
    """As a command does it."""
    descriptor = await store.copy()
    with os.fdopen(descriptor, "rb") as copy:
        target.write_bytes(copy.read())
    return target


def put_back(source: Path, path: Path, *, end_everything: bool = False) -> str:
    """Where the file of before is kept."""
    return restore(str(source), str(path), now=NOW, end_everything=end_everything, before=lambda: None).kept


async def test_a_copy_is_one_moment_however_much_is_written_meanwhile(path: Path, tmp_path: Path) -> None:
    store = await SqliteStore.open(str(path), clock=Clock())
    for turn in range(20):
        await asyncio.gather(
            *(store.durable.people.adopt(account(f"a{turn}-{n}"), link(f"a{turn}-{n}")) for n in range(100))
        )
    copying = asyncio.create_task(back_up(store, tmp_path / "copy.db"))
    written = 0
    while not copying.done():
        await store.durable.people.adopt(account(f"b{written}"), link(f"b{written}"))
        written += 1
    copy = await copying
    with closing(sqlite3.connect(copy)) as db:
        inside = {sub for (sub,) in db.execute("SELECT sub FROM accounts WHERE sub LIKE 'b%'")}
        assert db.execute("SELECT count(*) FROM accounts WHERE sub LIKE 'a%'").fetchone() == (2000,)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    assert inside == {f"b{number}" for number in range(len(inside))}, "a beginning of what was written, without gaps"
    assert written > len(inside)
    assert check_copy(str(copy)).accounts == 2000 + len(inside)
    assert sorted(file.name for file in tmp_path.glob("copy*")) == ["copy.db"], "it needs no log"
    await store.close()
    assert sorted(file.name for file in path.parent.iterdir()) == ["broker.db", "broker.db.lock"]


async def test_a_copy_does_not_begin_anew_when_somebody_writes(path: Path, tmp_path: Path) -> None:
    store = await SqliteStore.open(str(path), clock=Clock())
    await asyncio.gather(*(store.transient.put(Kind.SESSION, f"k{n}", b"v" * 4000, ttl=60) for n in range(3000)))
    await store.close()
    steps = 0

    def write() -> None:
        nonlocal steps
        steps += 1
        assert steps < 30, "3,000 pages are six steps and a few"
        database.writer.execute("INSERT INTO secrets VALUES (?, '')", (f"s{steps}",))

    with closing(open_database(str(path))) as database:
        with closing(database.connect()) as reading:
            copy_into(reading, str(tmp_path / "copy.db"), step=write)
        pages = database.writer.execute("PRAGMA page_count").fetchone()[0]
    assert steps == -(-pages // 500)
    with closing(sqlite3.connect(tmp_path / "copy.db")) as db:
        assert db.execute("SELECT count(*) FROM secrets").fetchone() == (0,)


async def test_a_copy_is_never_a_file_that_others_can_find(path: Path) -> None:
    store = await SqliteStore.open(str(path), clock=Clock())
    (path.parent / "broker.db.copy-left-by-a-killed-one").touch()
    descriptor = await store.copy()
    assert os.fstat(descriptor).st_nlink == 0
    assert stat.S_IMODE(os.fstat(descriptor).st_mode) == 0o600
    assert list(path.parent.glob("*copy*")) == []
    os.close(descriptor)
    await store.close()


async def test_a_store_that_closes_waits_for_no_copy(path: Path) -> None:
    store = await SqliteStore.open(str(path), clock=Clock())
    await asyncio.gather(*(store.transient.put(Kind.SESSION, f"k{n}", b"v" * 4000, ttl=60) for n in range(3000)))
    copying = asyncio.create_task(store.copy())
    await asyncio.sleep(0)
    await store.close()
    with pytest.raises(StoreUnavailable):
        os.close(await copying)
    assert sorted(file.name for file in path.parent.iterdir()) == ["broker.db", "broker.db.lock"]


async def test_what_is_no_database_of_ours_is_not_put_in_place(path: Path, tmp_path: Path) -> None:
    store = await SqliteStore.open(str(path), clock=Clock())
    await settle(store.durable)
    good = await back_up(store, tmp_path / "good.db")
    await store.close()
    before = path.read_bytes()
    flipped = bytearray(good.read_bytes())
    flipped[flipped.rindex(b"x1")] ^= 1
    (tmp_path / "damaged.db").write_bytes(flipped)
    (tmp_path / "cut.db").write_bytes(good.read_bytes()[:-4096])
    (tmp_path / "text.db").write_text("I am not a database." * 1000)
    (tmp_path / "empty.db").touch()
    with closing(sqlite3.connect(tmp_path / "other.db")) as db:
        db.execute("CREATE TABLE accounts (sub)")
    for name in ("damaged", "cut", "text", "empty", "other", "absent"):
        with pytest.raises(ConfigError):
            put_back(tmp_path / f"{name}.db", path)
    assert path.read_bytes() == before
    assert sorted(file.name for file in path.parent.iterdir()) == ["broker.db", "broker.db.lock"]


async def test_a_database_that_is_open_is_not_replaced(path: Path, tmp_path: Path) -> None:
    store = await SqliteStore.open(str(path), clock=Clock())
    copy = await back_up(store, tmp_path / "copy.db")
    with pytest.raises(ConfigError, match="is open in another broker"):
        put_back(copy, path)
    await store.look()
    await store.close()


@pytest.mark.parametrize("end_everything", [False, True])
async def test_k24_nothing_that_was_used_or_ended_counts_again_after_a_restore(
    path: Path, tmp_path: Path, end_everything: bool
) -> None:
    store = await SqliteStore.open(str(path), clock=Clock())
    await settle(store.durable)
    await store.transient.put(Kind.CODE, "code", b"v", ttl=60)
    await store.transient.put(Kind.SESSION, "session", b"v", ttl=60)
    copy = await back_up(store, tmp_path / "copy.db")
    await store.transient.take(Kind.CODE, "code")
    await store.close()
    kept = put_back(copy, path, end_everything=end_everything)
    assert check_copy(kept).accounts == 1, "what was in the place can be put back"
    store = await SqliteStore.open(str(path), clock=Clock())
    assert await store.transient.take(Kind.CODE, "code") is None
    assert await store.transient.get(Kind.SESSION, "session") is None
    assert await store.durable.people.person("p1", "x1") is not None, "people stay who they are"
    assert (await store.durable.grants.find("g1", now=NOW) is None) == end_everything
    again = await store.durable.grants.redeem("c1", grant(2), token("t9", grant_id="g2"), now=NOW)
    assert again == SpentBefore("g1"), "a code that was spent before the backup stays spent"
    await store.close()


async def test_k24_what_was_granted_comes_back_as_it_was_unless_everything_is_to_end(
    path: Path, tmp_path: Path
) -> None:
    store = await SqliteStore.open(str(path), clock=Clock())
    await settle(store.durable)
    copy = await back_up(store, tmp_path / "copy.db")
    await store.durable.grants.revoke("g1", now=NOW)
    await store.close()
    for end_everything, expected in ((False, Rotated(again=False)), (True, None)):
        put_back(copy, path, end_everything=end_everything)
        store = await SqliteStore.open(str(path), clock=Clock())
        answer = await store.durable.grants.rotate("t1", token("t2"), now=NOW, grace=0)
        assert answer == expected
        assert not isinstance(answer, Reused)
        await store.close()


async def test_a_restored_file_is_private_owned_and_served_without_a_second_look(path: Path, tmp_path: Path) -> None:
    open_database(str(path)).close()
    if os.geteuid() == 0:
        os.chown(path, 10_001, 10_001)
    owner = path.stat().st_uid
    copy = tmp_path / "copy.db"
    copy.write_bytes(path.read_bytes())
    copy.chmod(0o644)
    put_back(copy, path)
    found = path.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o600, owner)
    known = Path(f"{path}.lock").read_text().splitlines()[1]
    assert known == f"closed {found.st_ino} {found.st_size} {found.st_mtime_ns}"


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A directory of somebody who is not root, who we are in the test."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="broker-restore-"))
    was = os.geteuid()
    if was == 0:
        os.chown(folder, 65_534, 65_534)
        os.seteuid(65_534)
    yield folder
    os.seteuid(was)
    shutil.rmtree(folder)


def test_who_is_not_root_restores_what_is_theirs_and_nothing_else(as_nobody: Path) -> None:
    path, copy = as_nobody / "state" / "broker.db", as_nobody / "copy.db"
    path.parent.mkdir()
    open_database(str(path)).close()
    copy.write_bytes(path.read_bytes())
    put_back(copy, path)
    descriptor = os.open(copy, os.O_RDONLY)
    give_to_owner(descriptor, str(path))
    os.close(descriptor)
    assert {file.stat().st_uid for file in (path, copy)} == {os.geteuid()}
    with pytest.raises(ConfigError, match="belongs to user"):
        check_owner(str(path), user=os.geteuid() + 1)


def test_a_backup_is_put_where_nothing_was(path: Path, tmp_path: Path) -> None:
    open_database(str(path)).close()
    empty = tmp_path / "new" / "broker.db"
    empty.parent.mkdir()
    assert put_back(path, empty) == ""
    assert check_copy(str(empty)).accounts == 0


def test_a_backup_that_says_of_itself_what_is_not_so_is_not_restored(path: Path, tmp_path: Path) -> None:
    hollow = tmp_path / "hollow.db"
    open_database(str(path)).close()
    with closing(sqlite3.connect(hollow)) as db, closing(sqlite3.connect(path)) as good:
        application = good.execute("PRAGMA application_id").fetchone()[0]
        db.execute("CREATE TABLE accounts (sub)")
        db.execute(f"PRAGMA application_id = {application}")
        db.execute("PRAGMA user_version = 1")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="cannot be restored: no such table"):
        put_back(hollow, path)
    assert path.read_bytes() == before


async def test_k24_the_last_writes_of_what_was_replaced_stay_with_it(path: Path, tmp_path: Path) -> None:
    store = await SqliteStore.open(str(path), clock=Clock())
    copy = await back_up(store, tmp_path / "copy.db")
    await settle(store.durable)
    killed = tmp_path / "killed"
    killed.mkdir()
    for ending in ("", "-wal"):
        (killed / f"broker.db{ending}").write_bytes(Path(f"{path}{ending}").read_bytes())
    await store.close()
    place = killed / "broker.db"
    kept = put_back(copy, place)
    with closing(sqlite3.connect(kept)) as db:
        assert db.execute("SELECT count(*) FROM accounts").fetchone() == (1,)
    assert check_copy(str(place)).accounts == 0
    assert not Path(f"{place}-wal").exists()
