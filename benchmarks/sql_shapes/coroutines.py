"""Shape (c): an operation is a coroutine over a small protocol; on sqlite3 nothing in it ever waits.

A coroutine that never waits runs to its end at the first `send(None)`, in whatever thread does it; no loop is needed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from benchmarks.sql_shapes import statements as s

T = TypeVar("T")


class Statements(Protocol):
    """Carries out single statements."""

    async def one(self, sql: str, *params: object) -> Any:
        """The first row or None."""

    async def do(self, sql: str, *params: object) -> None:
        """Nothing is wanted."""


async def person(db: Statements, provider_key: str, subject: str) -> Any:
    return await db.one(s.PERSON, provider_key, subject)


async def adopt(db: Statements, login: s.Login) -> Any:
    known = await person(db, str(login.link[4]), str(login.link[5]))
    if known is not None:
        return known
    await db.do(s.ADD_ACCOUNT, *login.account)
    await db.do(s.ADD_LINK, *login.link)
    return login.account


async def update_link(db: Statements, columns: s.Params) -> None:
    await db.do(s.UPDATE_LINK, *columns)


async def is_ended(db: Statements, sid: str, now: int) -> bool:
    return await db.one(s.IS_ENDED, sid, "cookie:", now) is not None


async def redeem(db: Statements, code_digest: str, login: s.Login, now: int) -> str:
    before = await db.one(s.SPENT, code_digest)
    if before is not None:
        await db.do(s.REVOKE, now, before[0], now)
        return "spent before"
    if await is_ended(db, str(login.client[0]), now):
        return "over"
    await db.do(s.ADD_GRANT, *login.grant)
    await db.do(s.ADD_TOKEN, *login.token)
    await db.do(s.ADD_CLIENT, *login.client)
    return "redeemed"


async def live(db: Statements, grant_id: str, now: int) -> Any:
    return await db.one(s.LIVE, grant_id, now)


async def refresh_token(db: Statements, digest: str) -> Any:
    return await db.one(s.TOKEN, digest)


async def rotate(db: Statements, digest: str, child: s.Params, now: int, grace: int) -> str:
    row = await db.one(s.FAMILY, digest, now)
    if row is None or await db.one(s.STANDS, row[0], now) is None:
        return "dead"
    grant_id, spent_at, known_child = row
    if spent_at is None:
        await db.do(s.SPEND, now, child[0], digest)
        await db.do(s.ADD_TOKEN, *child)
        return "rotated"
    if now - spent_at <= grace and known_child == child[0] and await db.one(s.UNSPENT, child[0]) is not None:
        return "rotated"
    await db.do(s.REVOKE, now, grant_id, now)
    return "reused"


class OnSqlite:
    """Statements on a connection of sqlite3."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._execute = db.execute

    async def one(self, sql: str, *params: Any) -> Any:
        return self._execute(sql, params).fetchone()

    async def do(self, sql: str, *params: Any) -> None:
        self._execute(sql, params)


class OnPsycopg:
    """Statements on an AsyncConnection of psycopg."""

    def __init__(self, db: Any) -> None:
        self._execute = db.execute

    async def one(self, sql: str, *params: object) -> Any:
        return await (await self._execute(s.for_psycopg(sql), params)).fetchone()

    async def do(self, sql: str, *params: object) -> None:
        await self._execute(s.for_psycopg(sql), params)


class OnAsyncpg:
    """Statements on a Connection of asyncpg."""

    def __init__(self, db: Any) -> None:
        self._fetchrow = db.fetchrow

    async def one(self, sql: str, *params: object) -> Any:
        return await self._fetchrow(s.for_asyncpg(sql), *params)

    async def do(self, sql: str, *params: object) -> None:
        await self._fetchrow(s.for_asyncpg(sql), *params)


def run_without_loop(operation: Coroutine[Any, Any, T]) -> T:
    """What the operation returns; it may not wait for anything."""
    try:
        operation.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    operation.close()
    raise RuntimeError("an operation waited for something else than its database")


READS: dict[str, Callable[..., Any]] = {
    "person": person, "is_ended": is_ended, "live": live, "refresh_token": refresh_token, "update_link": update_link,
}  # fmt: skip
WRITES: dict[str, Callable[..., Any]] = {"adopt": adopt, "redeem": redeem, "rotate": rotate}
