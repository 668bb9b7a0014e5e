"""Disks that fill up and processes that die: what was acknowledged is there, and nothing is half done."""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from broker.core.errors import StoreUnavailable
from broker.core.events import Event
from broker.store.outage import Outage
from broker.store.sqlite.engine import Engine
from broker.store.sqlite.file import open_database
from broker.store.sqlite.store import SqliteStore
from broker.store.sqlite.transient import SqliteTransient
from broker.store.transient import Kind
from tests.contract.people import NOW, account, kept_token
from tests.store.doubles import Clock, Notes

pytestmark = pytest.mark.anyio


# --- full disks ---


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        # Only root may mount; the two tests below show the same errors without a disk of their own.
        pytest.skip("needs a user who may mount a file system")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


async def put_until_refused(store: SqliteStore) -> list[str]:
    """The keys that were acknowledged."""
    kept: list[str] = []
    while len(kept) < 1000:
        try:
            await store.transient.put(Kind.SESSION, f"k{len(kept)}", b"v" * 4000, ttl=60)
        except StoreUnavailable:
            break
        kept.append(f"k{len(kept)}")
    return kept


async def test_k9_a_full_disk_refuses_writes_serves_reads_and_loses_nothing(small_disk: Path) -> None:
    notes, path = Notes(), str(small_disk / "broker.db")
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * 500_000)
    store = await SqliteStore.open(path, clock=Clock(), recorder=notes)
    kept = await put_until_refused(store)
    assert 0 < len(kept) < 1000
    with suppress(OSError), (small_disk / "last drop").open("wb", buffering=0) as last_drop:
        while True:
            last_drop.write(b"\0" * 512)
    with suppress(StoreUnavailable):
        for _ in range(100):  # the log of writes has a few pages of room left
            await store.transient.ping()
    with pytest.raises(StoreUnavailable, match=r"SQLITE_(FULL|IOERR)"):
        await store.transient.ping()
    assert await store.transient.get(Kind.SESSION, kept[0]) == b"v" * 4000
    ballast.unlink()
    await store.transient.ping()
    assert await store.transient.put(Kind.SESSION, "after", b"v", ttl=60)
    assert notes.events[-2:] == [Event.STORE_UNAVAILABLE, Event.STORE_RECOVERED]
    assert all(one != other for one, other in pairwise(notes.events)), "each change is told once"
    await store.close()
    store = await SqliteStore.open(path, clock=Clock())
    for key in kept:
        assert await store.transient.get(Kind.SESSION, key) is not None
    await store.close()


async def test_k9_a_transaction_that_ran_out_of_space_is_acknowledged_to_nobody_in_it(tmp_path: Path) -> None:
    database = open_database(str(tmp_path / "broker.db"))
    pages = database.writer.execute("PRAGMA page_count").fetchone()[0]
    database.writer.execute(f"PRAGMA max_page_count = {pages + 4}")
    notes = Notes()
    engine = Engine(database, Outage("sqlite", notes))
    transient = SqliteTransient(engine, Clock())
    answers = await asyncio.gather(
        *(transient.put(Kind.CODE, f"k{n}", b"v" * (60_000 if n == 5 else 10), ttl=60) for n in range(10)),
        return_exceptions=True,
    )
    for number, answer in enumerate(answers):
        held = await transient.get(Kind.CODE, f"k{number}")
        assert held is None if isinstance(answer, StoreUnavailable) else answer is True and held == b"v" * 10
    assert isinstance(answers[5], StoreUnavailable)
    assert await transient.take(Kind.CODE, "none") is None
    assert notes.events == [Event.STORE_UNAVAILABLE], "a commit of nothing does not show that the disk takes writes"
    await transient.ping()
    assert notes.events == [Event.STORE_UNAVAILABLE, Event.STORE_RECOVERED]
    await engine.close()


async def test_k9_a_commit_that_fails_is_acknowledged_to_nobody(tmp_path: Path) -> None:
    database = open_database(str(tmp_path / "broker.db"))
    engine = Engine(database, Outage("sqlite", None))

    def defer(db: sqlite3.Connection) -> None:
        """Makes the commit itself fail, as a disk does."""
        db.execute("PRAGMA defer_foreign_keys = ON")
        db.execute("INSERT INTO consents VALUES ('nobody', 'app', '', 'openid', 0)")

    transient = SqliteTransient(engine, Clock())
    begun, both_wait = threading.Event(), threading.Event()

    def hold(db: sqlite3.Connection) -> None:
        """Keeps the writer until the two others wait together."""
        begun.set()
        both_wait.wait(30)

    busy = asyncio.create_task(engine.write(hold))
    await asyncio.to_thread(begun.wait, 30)
    put = asyncio.create_task(transient.put(Kind.CODE, "k", b"v", ttl=60))
    failing = asyncio.create_task(engine.write(defer))
    await asyncio.sleep(0)  # both are in the queue now, and so in one transaction
    both_wait.set()
    answers = await asyncio.gather(put, failing, return_exceptions=True)
    await busy
    assert not any(answer is True for answer in answers)
    assert await transient.get(Kind.CODE, "k") is None
    assert await transient.put(Kind.CODE, "k", b"v", ttl=60)
    await engine.close()


# --- kill -9 ---

WRITES = """
import asyncio, os, sys, time
from broker.store.transient import Kind
from broker.store.sqlite.store import SqliteStore
from tests.contract.people import USABLE, NOW, account, grant, link, of_login, proof, token

def acknowledged(line: str) -> None:
    os.write(1, (line + "\\n").encode())

async def one_person(store: SqliteStore, who: str) -> None:
    number = int(who)
    await store.durable.people.adopt(account(f"s{who}"), link(f"x{who}"))
    acknowledged(f"adopt {who}")
    given = of_login(grant(number, sub=f"s{who}", subject=f"x{who}"), sid=f"of {who}")
    await store.durable.grants.redeem(f"c{who}", given, token(f"t{who}", grant_id=f"g{number}"), now=NOW)
    acknowledged(f"redeem {who}")
    await store.durable.grants.rotate(f"t{who}", token(f"u{who}", grant_id=f"g{number}"), now=NOW, grace=0)
    acknowledged(f"rotate {who}")
    await store.transient.put(Kind.CODE, who, b"v", ttl=60)
    acknowledged(f"put {who}")
    await store.transient.take(Kind.CODE, who)
    acknowledged(f"take {who}")
    await (revoke, join, leave)[number % 3](store, who)

async def revoke(store: SqliteStore, who: str) -> None:
    await store.durable.grants.revoke(f"g{who}", now=NOW)
    acknowledged(f"revoke {who}")

async def join(store: SqliteStore, who: str) -> None:
    people = store.durable.people
    await people.link(f"s{who}", link(f"y{who}"), began_at=NOW + 1, now=NOW)
    acknowledged(f"link {who}")
    await people.adopt(account(f"other{who}"), link(f"z{who}"))
    shown = proof(f"z{who}")
    merging = {"proof": shown, "now": NOW, "expires_at": NOW + 9, "known": (), "seen_as": {}}
    await store.durable.accounts.merge(f"s{who}", f"other{who}", **merging)
    acknowledged(f"merge {who}")
    await people.unlink(f"s{who}", "p1", f"y{who}", usable=USABLE, now=NOW, expires_at=NOW + 9)
    acknowledged(f"unlink {who}")

async def leave(store: SqliteStore, who: str) -> None:
    await store.durable.accounts.close(f"s{who}", closes_at=NOW, now=NOW, expires_at=NOW + 9)
    acknowledged(f"close {who}")
    await store.durable.accounts.delete_due(now=NOW)  # and whoever else is due
    acknowledged(f"delete {who}")

async def work(path: str, first: int) -> None:
    store = await SqliteStore.open(path, clock=lambda: float(NOW))
    async def lane(lane: int) -> None:
        for turn in range(10**6):
            await one_person(store, str(first + 16 * turn + lane))
    await asyncio.gather(*(lane(n) for n in range(16)))

asyncio.run(work(sys.argv[1], int(sys.argv[2])))
"""


def killed_round(path: str, first: int, delay: float) -> list[list[str]]:
    """What a process acknowledged before it was killed, `delay` seconds after its first acknowledgement."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", WRITES, path, str(first)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline()]
        killer = threading.Timer(delay, writer.kill)
        killer.start()
        lines += writer.stdout.readlines()
        killer.join()
    assert writer.returncode == -signal.SIGKILL
    return [line.split() for line in lines if line.endswith("\n")]


async def check_ledger(store: SqliteStore, ledger: list[list[str]]) -> None:
    """Everything acknowledged is there."""
    done: dict[str, set[str]] = {}
    for deed, who in ledger:
        done.setdefault(who, set()).add(deed)
    for who, deeds in done.items():
        if int(who) % 3 == 2 and "take" in deeds:
            await check_gone(store, who, deeds)
        else:
            await check_there(store, who, deeds)
            await check_joined(store, who, deeds)


async def check_there(store: SqliteStore, who: str, deeds: set[str]) -> None:
    """What was acknowledged of codes, tokens and values that expire."""
    assert await store.durable.people.person("p1", f"x{who}") is not None
    if "redeem" in deeds:
        assert await store.durable.grants.spent(f"c{who}") == f"g{who}"
    if "rotate" in deeds:
        assert await kept_token(store.durable, f"u{who}") is not None
    if "take" in deeds:  # after a put alone it may have been done without having been acknowledged
        assert await store.transient.get(Kind.CODE, who) is None
    if "revoke" in deeds:
        assert await store.durable.grants.find(f"g{who}", now=NOW) is None


async def check_gone(store: SqliteStore, who: str, deeds: set[str]) -> None:
    """What was acknowledged to whoever wanted to be deleted; without a word the next deed may have been done or not."""
    person = await store.durable.people.person("p1", f"x{who}")
    if "close" in deeds:
        assert person is None or person.account.closes_at == NOW
    if "delete" in deeds:
        assert person is None
        assert await store.durable.accounts.resolve(f"s{who}") is None


async def check_joined(store: SqliteStore, who: str, deeds: set[str]) -> None:
    """What was acknowledged of ways in that came and went, and of the account that was taken in."""
    if "merge" in deeds:
        taken_in = await store.durable.accounts.resolve(f"other{who}")
        assert taken_in == replace(account(f"s{who}"), former=(f"other{who}",))
        links = {one.subject for one in await store.durable.people.links(f"s{who}")}
        assert {f"x{who}", f"z{who}"} <= links
        assert "unlink" not in deeds or f"y{who}" not in links
    elif "link" in deeds:
        assert await store.durable.people.person("p1", f"y{who}") is not None


def check_whole(path: str) -> None:
    """Nothing is half done, acknowledged or not."""
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        halves = """
            SELECT sub FROM living_accounts WHERE sub NOT IN (SELECT sub FROM links)
            UNION ALL SELECT links.sub FROM links JOIN accounts USING (sub)
                WHERE merged_into IS NOT NULL OR deleted_at IS NOT NULL
            UNION ALL SELECT part.sub FROM accounts AS part JOIN accounts AS whole ON whole.sub = part.merged_into
                WHERE whole.merged_into IS NOT NULL OR whole.deleted_at IS NOT NULL
            UNION ALL SELECT id FROM grants JOIN accounts USING (sub)
                WHERE revoked_at IS NULL AND (merged_into IS NOT NULL OR closes_at IS NOT NULL)
            UNION ALL SELECT id FROM grants WHERE id NOT IN (SELECT grant_id FROM refresh_tokens)
            UNION ALL SELECT child FROM refresh_tokens
                WHERE child IS NOT NULL AND child NOT IN (SELECT digest FROM refresh_tokens)"""
        assert db.execute(halves).fetchall() == []


async def kill_and_check(path: str, rounds: int, seed: int) -> int:
    """The number of acknowledged writes that survived `rounds` kills."""
    dice, total = random.Random(seed), 0
    for turn in range(rounds):
        ledger = await asyncio.to_thread(killed_round, path, 10_000_000 * turn, dice.uniform(0.0, 0.3))
        store = await SqliteStore.open(path, clock=Clock())
        await check_ledger(store, ledger)
        await store.close()
        check_whole(path)
        total += len(ledger)
    return total


async def test_k7_a_killed_process_loses_nothing_it_acknowledged_and_leaves_no_halves(tmp_path: Path) -> None:
    assert await kill_and_check(str(tmp_path / "broker.db"), rounds=4, seed=7) > 400


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_k7_two_hundred_killed_processes_lose_nothing(tmp_path: Path) -> None:
    assert await kill_and_check(str(tmp_path / "broker.db"), rounds=200, seed=8) > 20_000
