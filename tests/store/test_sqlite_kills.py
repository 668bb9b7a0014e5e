"""Threat K7 step by step: whatever is done to an account, a process that dies in the middle of it has done nothing."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from broker.core.authorize.consent import Said
from broker.store.accounts import Decision, OperatorsWord
from broker.store.base import Durable
from broker.store.outage import Outage
from broker.store.sql.durable import build_durable
from broker.store.sqlite.engine import Engine, SqliteDriver
from broker.store.sqlite.file import open_database
from broker.store.upstream_tokens import KeptTokens
from tests.contract.histories import sign_in
from tests.contract.people import EVERY_APP, NOW, USABLE, adopt, give, grant, link, of_login, proof
from tests.contract.webhooks import EVERYTHING
from tests.store.test_sqlite_faults import check_whole

ROOT = Path(__file__).parents[2]
UNTIL = NOW + 86_400
Deed = Callable[[Durable], Coroutine[Any, Any, object]]

DEEDS: Mapping[str, Deed] = {
    "link": lambda durable: durable.people.link("s1", link("new"), began_at=NOW + 1, now=NOW),
    "unlink": lambda durable: durable.people.unlink("s1", "p1", "x1", usable=USABLE, now=NOW, expires_at=UNTIL),
    "unlink what goes home": lambda durable: durable.people.unlink(
        "s1", "p1", "x3", usable=USABLE, now=NOW, expires_at=UNTIL
    ),
    "merge": lambda durable: durable.accounts.merge(
        "s1",
        "s2",
        proof=proof("x2"),
        now=NOW,
        expires_at=UNTIL,
        known=EVERY_APP,
        seen_as={"pairwise": "s2", "other": "s2"},
    ),
    "merge by an operator's word": lambda durable: durable.accounts.merge(
        "s1", "s2", proof=OperatorsWord(), now=NOW, expires_at=UNTIL, known=EVERY_APP, seen_as={"pairwise": "s2"}
    ),
    "sign out": lambda durable: durable.accounts.sign_out("s1", now=NOW, expires_at=UNTIL, keep=grant(9).login),
    "log out": lambda durable: durable.sessions.end("of-g1", now=NOW, expires_at=UNTIL),
    "close": lambda durable: durable.accounts.close("s1", closes_at=NOW, now=NOW, expires_at=UNTIL),
    "close what nobody uses": lambda durable: durable.accounts.close_unused(
        since=NOW, closes_at=UNTIL, now=NOW, expires_at=UNTIL
    ),
    "keep": lambda durable: durable.accounts.keep("s4", now=NOW),
    "delete": lambda durable: durable.accounts.delete_due(now=NOW + 1),
    "block": lambda durable: durable.accounts.set_blocked("s1", True, decision=Decision("left", NOW, UNTIL)),
    "unblock": lambda durable: durable.accounts.set_blocked("s6", False, decision=Decision("back", NOW, UNTIL)),
    "end all": lambda durable: durable.accounts.end_all("s1", now=NOW, expires_at=UNTIL),
    "take back": lambda durable: durable.consents.take_back("s1", "app", now=NOW, expires_at=UNTIL),
    "withdraw tokens": lambda durable: durable.upstream_tokens.withdraw(
        "s1", KeptTokens("p1", "x1", "sealed", "v", NOW), provider="google", clients=["app"], now=NOW
    ),
    "sign in": lambda durable: durable.history.signed_in(
        sign_in("fresh"), expires_at=UNTIL, ends="of-g1", retires="cookie"
    ),
}


DIES = "import sys; from tests.store.test_sqlite_kills import die_at_every_step as d; print(d(*sys.argv[1:]))"


async def fill(durable: Durable) -> None:
    """Accounts with all that hangs on them: `s3` is part of `s1`, `s4` is closing, `s5` part of it, `s6` blocked,
    `s7` has nothing."""
    for number in range(1, 7):
        sub, subject = f"s{number}", f"x{number}"
        await adopt(durable, subject, sub=sub)
        await durable.consents.save_consent(sub, "app", "p", Said(frozenset({"openid", "email"})), NOW)
        given = of_login(grant(number, sub=sub, subject=subject), sid=f"of-g{number}").replace(offline=number == 1)
        await give(durable, given, hears=f"{sub} at app")
        await durable.sessions.keep_login(f"of-g{number}", "sealed", asked_at=NOW, expires_at=UNTIL)
        await durable.history.signed_in(sign_in(f"of-g{number}", sub=sub), expires_at=UNTIL)
        await durable.upstream_tokens.keep(sub, KeptTokens("p1", subject, "sealed", "v", NOW), expires_at=UNTIL)
    for survivor, absorbed, way in (("s1", "s3", "x3"), ("s4", "s5", "x5")):
        await durable.accounts.merge(
            survivor,
            absorbed,
            proof=proof(way),
            now=NOW,
            expires_at=UNTIL,
            known=EVERY_APP,
            seen_as={f"at {absorbed}": absorbed},
        )
    await durable.accounts.close("s4", closes_at=NOW + 1, now=NOW, expires_at=UNTIL)
    await durable.accounts.set_blocked("s6", True, decision=Decision("left", NOW, UNTIL))
    await adopt(durable, "x7", sub="s7")


async def perform(path: str, deed: Deed, heard: Callable[[str], None] | None = None) -> None:
    """Do it in a database file; `heard` is told of every statement before it runs."""
    database = open_database(path)
    database.writer.set_trace_callback(heard)
    engine = Engine(database, Outage("sqlite", None))
    durable = build_durable(SqliteDriver(engine), os.urandom)
    durable.subscribe(EVERYTHING)
    await deed(durable)
    await engine.close()


def dies(path: str, deed: Deed, before: int) -> bool:
    """Whether a process that does it lived to be killed before its statement of that number."""
    child = os.fork()
    if child == 0:  # nothing of the parent runs on in here, whatever happens
        try:
            statements: list[str] = []

            def die(statement: str) -> None:
                statements.append(statement)
                if len(statements) == before:
                    os.kill(os.getpid(), signal.SIGKILL)

            asyncio.run(perform(path, deed, die))
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status in {0, signal.SIGKILL}
    return status == signal.SIGKILL


def die_at_every_step(path: str, deed: str) -> int:
    """Do it in copies of the file, killed before the first statement, the second and so on; how many there are.

    The copies are left beside it, by the number of the statement; the last one is where it was done.
    """
    number = 1
    while dies(shutil.copy(path, f"{path}.{number}"), DEEDS[deed], number):
        number += 1
    return number - 1


def picture(path: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with closing(sqlite3.connect(path)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in tables}


@pytest.mark.parametrize("deed", DEEDS)
def test_k7_k27_killed_before_any_statement_of_it_nothing_is_done_or_told(tmp_path: Path, deed: str) -> None:
    path = str(tmp_path / "broker.db")
    asyncio.run(perform(path, fill))
    before = picture(path)
    command = [sys.executable, "-c", DIES, path, deed]  # a process of one thread, which may fork
    steps = int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    assert steps >= 4
    for number in range(1, steps + 1):
        open_database(f"{path}.{number}").close()
        assert picture(f"{path}.{number}") == before, f"half of it was done before statement {number}"
    assert picture(f"{path}.{steps + 1}") != before
    check_whole(f"{path}.{steps + 1}")
