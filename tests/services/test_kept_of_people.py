"""What is kept of somebody: the table of docs/how-to/answer-a-data-request.md, held against the schema."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest

from broker.store.sqlite.file import migrate, schema
from broker.store.sqlite.place import MEMORY
from broker.store.sqlite.store import SqliteStore
from tests.services.bare_broker import NOW, World

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/answer-a-data-request.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \|[^|]+\| (.+) \| (.+) \|$", PAGE, re.MULTILINE)
TOLD = {name: (export, after) for name, export, after in ROWS}
OF_A_PERSON = {"sub", "subject", "sid", "link_id", "grant_id"}
"""Columns by which a row is somebody's."""
THEIRS = {"s1", "s0", "x1", "x2", "x3", "w0", "sid", "other", "g1", "a@example.com"}
"""Whose rows are in the fixture: one of everything is `s1`'s, or of `s0`, which is part of it."""
SHOWN = {
    **{"accounts": '"s1"', "links": '"x2"', "consents": '"openid"', "grants": '"offline_access"'},
    **{"sign_ins": "192.0.2.0/24", "account_events": '"merged"', "former_subs": '"w0"'},
    "account_claims": '"staff"',
    **{"notifications": '"queued"', "upstream_tokens": '"accounts_used_by_apps"'},
}
"""What the export has of each table that is in it."""


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Of a database with one of everything."""
    found = str(tmp_path / "broker.db")
    newest = sorted((ROOT / "tests/fixtures/schema").glob("*.sql"))[-1]
    with closing(sqlite3.connect(found, isolation_level=None)) as db:
        migrate(db, schema())
        db.executescript(newest.read_text(encoding="utf-8"))
        db.executescript("DELETE FROM signing_keys; DELETE FROM secrets;")  # nobody could open them
    return found


@pytest.fixture
async def world(path: str) -> AsyncIterator[World]:
    filled = path

    class Filled(SqliteStore):
        """Over that database."""

        @classmethod
        async def open(cls, path: str, **more: Any) -> Self:
            assert path == MEMORY
            return await super().open(filled, **more)

    opened = await World.open(Filled)
    yield opened
    await opened.store.close()


def tables(path: str) -> dict[str, list[dict[str, object]]]:
    """The rows of every table that has people's."""
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        columns = {name: {row[1] for row in db.execute(f"PRAGMA table_info({name})")} for name in names}
        theirs = [name for name in names if columns[name] & OF_A_PERSON or name == "upstream_logouts"]
        return {name: [dict(row) for row in db.execute(f"SELECT * FROM {name}")] for name in theirs}


def test_every_table_of_people_is_named_with_what_becomes_of_it(path: str) -> None:
    assert tables(path).keys() == TOLD.keys()
    assert all(tables(path).values()), "the fixture has one of everything"
    assert {name for name, (export, _) in TOLD.items() if export.startswith(("yes", "that"))} == SHOWN.keys()


async def test_the_export_has_what_the_page_says_and_no_secret(world: World) -> None:
    account = await world.store.durable.accounts.resolve("s1")
    assert account is not None
    document = json.dumps(msgspec.to_builtins(await world.account_page.collect(account), str_keys=True))
    assert [name for name, mark in SHOWN.items() if mark not in document] == []
    assert "sealed" not in document


async def test_d17_who_was_erased_is_gone_from_every_table_that_says_so(world: World, path: str) -> None:
    world.clock.now = NOW + 1
    await world.deeds.close("s1", closes_at=None)
    left = {
        name
        for name, rows in tables(path).items()
        if TOLD[name][1] == "gone" and any(THEIRS & set(map(str, row.values())) for row in rows)
    }
    assert left == set()
    kept = {str(row["sub"]): row for row in tables(path)["accounts"]}
    bare = {"created_at": 0, "used_at": None, "blocked": 0, "blocked_at": None, "blocked_why": "", "closes_at": None}
    for sub in ("s1", "s0"):
        assert {name: kept[sub][name] for name in bare} == bare
    assert kept["s1"]["deleted_at"] == NOW + 1
