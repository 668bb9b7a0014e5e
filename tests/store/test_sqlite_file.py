"""The file of a SQLite store: who may open it, in which condition, and how it gets from one schema to the next."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import random
import re
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from broker.core.authorize.consent import Said
from broker.core.errors import ConfigError, StoreUnavailable
from broker.core.events import Event
from broker.core.people.identity import Person
from broker.core.people.linking import Vouched, fold_address, read_vouched
from broker.core.records import SigningKey
from broker.store.accounts import Sought
from broker.store.grants import Rotated
from broker.store.sqlite.file import log_ahead, migrate, open_database, reading, schema
from broker.store.sqlite.store import SqliteStore
from broker.store.transient import Kind
from tests.contract.people import NOW, account, ended_at, grant, link, settle, token
from tests.store.doubles import Clock, Notes

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "tests" / "fixtures" / "schema"
LATER = (
    *schema(),
    """CREATE TABLE later (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
       INSERT INTO later (text) SELECT subject FROM links;
       ALTER TABLE accounts ADD COLUMN note TEXT;
       UPDATE accounts SET note = 'a;b';
       DROP INDEX links_of_account;
       CREATE INDEX links_of_account ON links (sub, id);""",
)


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Of a file that is not there yet."""
    return str(tmp_path / "broker.db")


def master(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """The schema as SQLite keeps it."""
    return db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


async def test_the_file_and_all_beside_it_is_private(path: str) -> None:
    store = await SqliteStore.open(path, clock=Clock())
    await store.durable.ping()
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in Path(path).parent.iterdir()}
    assert modes == dict.fromkeys(("broker.db", "broker.db-wal", "broker.db-shm", "broker.db.lock"), 0o600)
    await store.close()


async def test_a_file_others_could_read_is_made_private(path: str) -> None:
    open_database(path).close()
    os.chmod(path, 0o644)
    open_database(path).close()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


async def test_a_closed_store_leaves_one_whole_file(path: str) -> None:
    store = await SqliteStore.open(path, clock=Clock())
    await store.transient.put(Kind.CODE, "k", b"v", ttl=60)
    await store.close()
    await store.close()
    assert sorted(file.name for file in Path(path).parent.iterdir()) == ["broker.db", "broker.db.lock"]


async def test_j2_the_file_holds_no_live_secret_and_no_dead_value(path: str) -> None:
    store = await SqliteStore.open(path, clock=Clock())
    await settle(store.durable)
    await store.transient.put(Kind.SESSION, "digest-of-cookie", b"a-session", ttl=60)
    await store.transient.put(Kind.CODE, "digest-of-code", b"canary", ttl=60)
    await store.transient.take(Kind.CODE, "digest-of-code")
    await store.close()
    held = b"".join(file.read_bytes() for file in Path(path).parent.iterdir())
    assert b"a-session" in held
    assert b"canary" not in held, "what was taken is overwritten"


def test_k8_one_connection_writes_and_checkpoints_and_waits_for_the_disk(path: str) -> None:
    with closing(open_database(path)) as database:
        assert database.reader is not None
        told = {
            name: (
                database.writer.execute(f"PRAGMA {name}").fetchone(),
                database.reader.execute(f"PRAGMA {name}").fetchone(),
            )
            for name in ("journal_mode", "synchronous", "foreign_keys", "wal_autocheckpoint", "query_only")
        }
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            database.reader.execute("DELETE FROM accounts")
    assert told == {
        "journal_mode": (("wal",), ("wal",)),
        "synchronous": ((2,), (2,)),
        "foreign_keys": ((1,), (1,)),
        "wal_autocheckpoint": ((1000,), (0,)),
        "query_only": ((0,), (1,)),
    }


async def test_a_second_process_is_refused_and_told_who_has_the_file(path: str) -> None:
    program = f"import sys; from broker.store.sqlite.file import open_database as o; o({path!r}); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(ConfigError, match=rf"storage\.sqlite\.path: .*another broker \(process {holder.pid}\)"):
            await SqliteStore.open(path, clock=Clock())
        holder.kill()
    await (await SqliteStore.open(path, clock=Clock())).close()


async def test_a_second_store_in_one_process_is_refused_too(path: str) -> None:
    store = await SqliteStore.open(path, clock=Clock())
    with pytest.raises(ConfigError, match=f"process {os.getpid()}"):
        await SqliteStore.open(path, clock=Clock())
    await store.close()
    await (await SqliteStore.open(path, clock=Clock())).close()


async def test_a_file_that_cannot_be_is_refused_by_the_name_of_its_setting(path: str) -> None:
    with pytest.raises(ConfigError, match=r"storage\.sqlite\.path: .*cannot be opened"):
        await SqliteStore.open(f"{path}/missing/broker.db", clock=Clock())
    Path(path).write_bytes(b"I am not a database, and never was one." * 100)
    with pytest.raises(ConfigError, match=r"storage\.sqlite\.path: .*not a database"):
        await SqliteStore.open(path, clock=Clock())


async def test_k10_damage_is_found_at_start_or_beside_the_work_or_does_no_harm(path: str) -> None:
    store = await SqliteStore.open(path, clock=Clock())
    for number in range(600):
        await store.durable.people.adopt(account(f"s{number}"), link(f"x{number}"))
    await store.close()
    whole = Path(path).read_bytes()
    dice, refused, found = random.Random(10), 0, 0
    for _ in range(100):
        page = dice.randrange(len(whole) // 4096)
        broken = bytearray(whole)
        broken[page * 4096 + dice.randrange(*((100, 140) if page == 0 else (0, 60)))] ^= 1 << dice.randrange(8)
        Path(path).write_bytes(broken)
        Path(f"{path}.lock").write_text(f"1\nopen {os.stat(path).st_ino}\n")
        try:
            store = await SqliteStore.open(path, clock=Clock())
        except ConfigError:
            refused += 1
            continue
        if await check(store):
            found += 1
        else:
            for number in range(600):
                known = await store.durable.people.person("p1", f"x{number}")
                assert known == Person(account(f"s{number}"), link(f"x{number}"))
        await store.close()
        if "damaged" in Path(f"{path}.lock").read_text():
            with pytest.raises(ConfigError, match="damaged"):
                await SqliteStore.open(path, clock=Clock())
    assert refused + found > 20  # the rest hit bytes that mean nothing
    assert found > 10, "most of it does not hinder a start"


async def check(store: SqliteStore) -> bool:
    """Whether the check beside the work finds damage."""
    with suppress(StoreUnavailable):
        while await store.check():
            pass
        await store.confirm_whole()
        return False
    return True


@pytest.mark.parametrize("flip", [0, 1])
async def test_k10_a_file_that_was_put_in_place_is_read_as_a_whole_before_it_is_served(path: str, flip: int) -> None:
    store = await SqliteStore.open(path, clock=Clock())
    for number in range(300):
        await store.durable.people.adopt(account(f"s{number}"), link(f"x{number}"))
    await store.close()
    compact(path)
    copy = bytearray(Path(path).read_bytes())
    place = copy.rindex(b"x299")  # the last one is in an index: a look-up would miss a person
    copy[place] ^= flip
    Path(path).unlink()
    Path(f"{path}.new").write_bytes(copy)
    os.rename(f"{path}.new", path)
    if flip:
        with pytest.raises(ConfigError, match="is damaged"):
            await SqliteStore.open(path, clock=Clock())
    else:
        await (await SqliteStore.open(path, clock=Clock())).close()


async def test_k10_a_start_reads_no_more_of_a_large_file_than_of_a_small_one(path: str) -> None:
    def cost() -> int:
        before = bytes_read()
        open_database(path).close()
        return bytes_read() - before

    open_database(path).close()
    small = cost()
    store = await SqliteStore.open(path, clock=Clock())
    for turn in range(10):
        people = range(turn * 1000, turn * 1000 + 1000)
        await asyncio.gather(*(store.durable.people.adopt(account(f"s{n}"), link(f"x{n}")) for n in people))
    await store.close()
    assert os.stat(path).st_size > 20 * small
    assert cost() <= 1.2 * small


def compact(path: str) -> None:
    """Nothing of what was moved about in the file is left where it was: every byte counts."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("VACUUM")


def bytes_read() -> int:
    """By this thread so far, from files and caches alike."""
    return int(re.findall(r"rchar: (\d+)", Path("/proc/thread-self/io").read_text())[0])


async def test_k10_damage_is_told_and_the_next_start_looks_first(path: str) -> None:
    notes, clock = Notes(), Clock()
    store = await SqliteStore.open(path, clock=clock)
    for number in range(300):
        await store.durable.people.adopt(account(f"s{number}"), link(f"x{number}"))
    await store.close()
    compact(path)
    store = await SqliteStore.open(path, clock=clock, recorder=notes)
    assert not await check(store)
    assert notes.events == []
    damaged = bytearray(Path(path).read_bytes())
    damaged[damaged.rindex(b"x299")] ^= 1
    with open(path, "r+b", buffering=0) as file:
        os.pwrite(file.fileno(), damaged, 0)
        held = os.dup(file.fileno())  # closing it would drop SQLite's locks on the file in this process
    clock.now += 86_399
    assert not await store.check(), "once a day is enough"
    await store.confirm_whole()
    clock.now += 1
    assert await check(store)
    assert notes.events == [Event.STORE_DAMAGED]
    with pytest.raises(StoreUnavailable, match="damaged: links: "):
        await store.confirm_whole()
    await store.durable.people.person("p1", "x1")
    await store.close()
    os.close(held)
    with pytest.raises(ConfigError, match="is damaged"):
        await SqliteStore.open(path, clock=clock)


async def test_k10_a_file_whose_list_of_tables_is_damaged_is_told_as_well(path: str) -> None:
    notes = Notes()
    open_database(path).close()
    store = await SqliteStore.open(path, clock=Clock(), recorder=notes)
    with open(path, "r+b", buffering=0) as file:
        os.pwrite(file.fileno(), b"\xff", 100)  # the kind of the first page's tree
        held = os.dup(file.fileno())  # closing it would drop SQLite's locks on the file in this process
    assert await check(store)
    assert set(notes.events) == {Event.STORE_DAMAGED}
    with pytest.raises(StoreUnavailable, match="damaged: structure: database disk image is malformed"):
        await store.confirm_whole()
    await store.close()
    os.close(held)


def test_a_file_that_somebody_writes_to_without_a_log_is_read_as_one_in_use(path: str) -> None:
    open_database(path).close()
    assert not Path(f"{path}-wal").exists()
    with open(path, "rb") as server:
        fcntl.flock(server, fcntl.LOCK_EX)
        with reading(path) as db:
            assert db.execute("SELECT count(*) FROM accounts").fetchone() == (0,)
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                db.execute("DELETE FROM accounts")


def test_a_database_that_cannot_share_memory_is_refused() -> None:
    with closing(sqlite3.connect("")) as db, pytest.raises(ConfigError, match="local disk"):
        log_ahead(db, "here")


# --- schemas ---


@pytest.mark.parametrize("version", range(len(schema()) + 1))
async def test_k17_every_schema_there_ever_was_comes_to_the_newest_with_its_people(path: str, version: int) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db, schema()[:version])
        if version:
            db.executescript((FIXTURES / f"{version:04}.sql").read_text(encoding="utf-8"))
    store = await SqliteStore.open(path, clock=Clock())
    if version:
        taken_in = ("s0",) if version >= 8 else ()
        told = {"groups": ["staff"]} if version >= 14 else {}
        ann = replace(account(), former=taken_in, claims=told)
        assert await store.durable.people.person("p1", "x1") == Person(ann, link())
        live = await store.durable.grants.find("g1", now=NOW)
        assert live is not None
        # Grants of before do not say by which name their provider went.
        assert live.grant == grant().replace(login=grant().login.replace(provider=""))
        assert await store.durable.grants.rotate("t1", token("t2"), now=NOW, grace=1) == Rotated(again=False)
        assert await store.durable.grants.spent("c1") == "g1"
        assert await store.durable.consents.consent("s1", "app", "") == Said(frozenset({"openid"}))
        assert await store.durable.people.namespace_key("google", "https://accounts.google.com") == "p1"
        assert await store.durable.keys.signing_keys() == (SigningKey("k1", "RS256", "sealed", "{}", NOW, NOW),)
        assert await store.transient.take(Kind.SESSION, "d1") == b"v"
        # This grant outlives its session, and it is known.
        assert await store.durable.sessions.end("sid", now=NOW, expires_at=NOW + 9) == ()
        await store.durable.sessions.lose_login("sid", now=NOW)
        assert await store.durable.grants.find("g1", now=NOW) is None
    assert await store.durable.grants.is_revoked("j1") == (version >= 2)
    assert await store.durable.deliveries.waiting() == (version >= 6, version >= 13)
    kept = await store.durable.upstream_tokens.find("s1", "p1", "x1", now=NOW)
    assert (kept is not None) == (version >= 10)
    assert len(await store.durable.switches.off()) == (version >= 12)
    assert len(await store.durable.extra_claims.of_account("s1")) == (version >= 14)
    assert [one.version for one in await store.durable.clients.kept()] == ([2] if version >= 15 else [])
    assert await store.durable.clients.kept_revision() == (2 if version >= 15 else 0)
    called = Sought(phone="+79990000042", name=("ann",))
    assert len(await store.durable.accounts.search(called, after="", limit=9)) == (version >= 16)
    invited = await store.durable.invitations.page(after="", limit=9, now=NOW)
    assert len(invited) == (version >= 17)
    assert len(await store.durable.admin_tokens.all_()) == (version >= 18)
    assert (await ended_at(store.durable, "p1", sid="u1", subject="x1") == NOW) == (version >= 4)
    await store.close()
    with closing(sqlite3.connect(path)) as db, closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrate(fresh, schema())
        assert master(db) == master(fresh)
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


ADDRESSES: dict[str, tuple[str | None, int]] = {
    '{"email":"Ada@Example.com","email_verified":true}': ("ada@example.com", 1),
    '{"email":"ada@example.com","email_verified":false}': ("ada@example.com", 0),
    '{"email":"ada@example.com"}': ("ada@example.com", 0),
    '{"email":"ada@example.com","email_verified":"true"}': ("ada@example.com", 0),
    '{"email":"ada@example.com","email_verified":1}': ("ada@example.com", 0),
    '{"email":"ada@example.com","email_verified":null}': ("ada@example.com", 0),
    '{"email":"\u0430da@example.com","email_verified":true}': (None, 0),
    '{"email":"ada@example.com@example.org","email_verified":true}': (None, 0),
    '{"email":"ada","email_verified":true}': (None, 0),
    '{"email":["a@b"],"email_verified":true}': (None, 0),
    '{"email":1,"email_verified":true}': (None, 0),
    '{"email_verified":true}': (None, 0),
    "{}": (None, 0),
}
"""What an upstream had said, and the address that is compared, proven or not."""


def test_d14_addresses_of_before_are_compared_where_they_can_mean_one_thing(path: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db, schema()[:7])
        db.execute("INSERT INTO accounts (sub, created_at) VALUES ('s1', 0)")
        for claims in ADDRESSES:
            db.execute(
                """INSERT INTO links (provider_key, subject, sub, provider, claims, raw_ids, seen_at)
                   VALUES ('p1', ?, 's1', 'google', ?, '{}', 0)""",
                (claims, claims),
            )
        migrate(db, schema())
        found = db.execute("SELECT claims, address, address_verified FROM links").fetchall()
    assert {claims: (address, proven) for claims, address, proven in found} == ADDRESSES
    for claims, (address, proven) in ADDRESSES.items():
        said = json.loads(claims)
        assert (read_vouched(said, ()) is Vouched.VERIFIED) == bool(proven), "the rule for what is said today"
        assert isinstance(said.get("email"), str) is False or fold_address(said["email"]) == address


async def test_a_schema_newer_than_the_broker_is_refused_and_left_alone(path: str) -> None:
    open_database(path, steps=LATER).close()
    before = Path(path).read_bytes()
    with pytest.raises(ConfigError, match=f"schema version {len(LATER)}, this broker knows {len(schema())}"):
        await SqliteStore.open(path, clock=Clock())
    assert Path(path).read_bytes() == before


@pytest.mark.parametrize("wrong", ["CREATE TABLE later (id INT) STRICT; CREATE TABEL x (y);", "SELECT nothing;"])
def test_a_migration_that_fails_changes_nothing(path: str, wrong: str) -> None:
    open_database(path).close()
    before = Path(path).read_bytes()
    with pytest.raises(ConfigError, match="cannot be opened"):
        open_database(path, steps=(*schema(), wrong))
    assert Path(path).read_bytes() == before
    open_database(path).close()


def test_a_migration_that_would_orphan_somebody_changes_nothing(path: str) -> None:
    with pytest.raises(ConfigError, match=f"migration {len(LATER)} would break a reference"):
        open_database(
            path,
            steps=(
                *schema(),
                """INSERT INTO links (provider_key, subject, sub, provider, claims, raw_ids, seen_at)
                   VALUES ('p', 'x', 'nobody', 'g', '{}', '{}', 0);""",
            ),
        )
    with closing(open_database(path)) as database:
        assert database.writer.execute("SELECT count(*) FROM links").fetchone() == (0,)


DIES = """
import json, os, signal, sqlite3, sys
from broker.store.sqlite.file import migrate
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
statements = []
def die(statement: str) -> None:
    statements.append(statement)
    if len(statements) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
db.set_trace_callback(die)
migrate(db, json.load(sys.stdin))
print(len(statements))
"""


def dying(path: str, before: int) -> subprocess.CompletedProcess[str]:
    """Migrate in a process that is killed before its statement of that number; 0 lets it live and count them."""
    program = [sys.executable, "-c", DIES, path, str(before)]
    return subprocess.run(program, cwd=ROOT, input=json.dumps(LATER), capture_output=True, text=True, check=False)


def test_k17_a_process_killed_before_any_statement_of_a_migration_leaves_a_whole_schema(tmp_path: Path) -> None:
    statements = int(dying(str(tmp_path / "measure.db"), 0).stdout)
    versions = []
    for number in range(1, statements + 1):
        path = str(tmp_path / f"{number}.db")
        assert dying(path, number).returncode == -signal.SIGKILL
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            versions.append(version)
            with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
                migrate(fresh, LATER[:version])
                assert master(db) == master(fresh)
        with closing(open_database(path, steps=LATER)) as again:
            assert again.writer.execute("PRAGMA user_version").fetchone() == (len(LATER),)
    assert versions == sorted(versions)
    assert set(versions) == set(range(len(LATER) + 1))
