"""Shape (a): an operation is a generator that yields statements and is sent what they gave.

The driver decides how a statement is carried out: at once on a connection of sqlite3, awaited on psycopg or asyncpg.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from benchmarks.sql_shapes import statements as s

T = TypeVar("T")


@dataclass(slots=True)
class One:
    """Wants the first row or None."""

    sql: str
    params: s.Params


@dataclass(slots=True)
class Do:
    """Wants nothing."""

    sql: str
    params: s.Params


Operation = Generator[One | Do, Any, T]


def person(provider_key: str, subject: str) -> Operation[s.Row | None]:
    return (yield One(s.PERSON, (provider_key, subject)))


def adopt(login: s.Login) -> Operation[s.Row]:
    known = yield from person(str(login.link[4]), str(login.link[5]))
    if known is not None:
        return known
    yield Do(s.ADD_ACCOUNT, login.account)
    yield Do(s.ADD_LINK, login.link)
    return login.account


def update_link(columns: s.Params) -> Operation[None]:
    yield Do(s.UPDATE_LINK, columns)


def is_ended(sid: str, now: int) -> Operation[bool]:
    return (yield One(s.IS_ENDED, (sid, "cookie:", now))) is not None


def redeem(code_digest: str, login: s.Login, now: int) -> Operation[str]:
    before = yield One(s.SPENT, (code_digest,))
    if before is not None:
        yield Do(s.REVOKE, (now, before[0], now))
        return "spent before"
    if (yield from is_ended(str(login.client[0]), now)):
        return "over"
    yield Do(s.ADD_GRANT, login.grant)
    yield Do(s.ADD_TOKEN, login.token)
    yield Do(s.ADD_CLIENT, login.client)
    return "redeemed"


def live(grant_id: str, now: int) -> Operation[s.Row | None]:
    return (yield One(s.LIVE, (grant_id, now)))


def refresh_token(digest: str) -> Operation[s.Row | None]:
    return (yield One(s.TOKEN, (digest,)))


def rotate(digest: str, child: s.Params, now: int, grace: int) -> Operation[str]:
    row = yield One(s.FAMILY, (digest, now))
    if row is None or (yield One(s.STANDS, (row[0], now))) is None:
        return "dead"
    grant_id, spent_at, known_child = row
    if spent_at is None:
        yield Do(s.SPEND, (now, child[0], digest))
        yield Do(s.ADD_TOKEN, child)
        return "rotated"
    if now - spent_at <= grace and known_child == child[0] and (yield One(s.UNSPENT, (child[0],))) is not None:
        return "rotated"
    yield Do(s.REVOKE, (now, grant_id, now))
    return "reused"


def drive_sqlite(db: sqlite3.Connection, operation: Operation[T]) -> T:
    """Carry out on a connection of sqlite3."""
    answer = None
    try:
        while True:
            statement = operation.send(answer)
            cursor = db.execute(statement.sql, statement.params)
            answer = cursor.fetchone() if type(statement) is One else None
    except StopIteration as done:
        value: T = done.value
        return value


async def drive_psycopg(db: Any, operation: Operation[T]) -> T:
    """Carry out on an AsyncConnection of psycopg."""
    answer = None
    try:
        while True:
            statement = operation.send(answer)
            cursor = await db.execute(s.for_psycopg(statement.sql), statement.params)
            answer = await cursor.fetchone() if type(statement) is One else None
    except StopIteration as done:
        value: T = done.value
        return value


async def drive_asyncpg(db: Any, operation: Operation[T]) -> T:
    """Carry out on a Connection of asyncpg."""
    answer = None
    try:
        while True:
            statement = operation.send(answer)
            answer = await db.fetchrow(s.for_asyncpg(statement.sql), *statement.params)
    except StopIteration as done:
        value: T = done.value
        return value


READS: dict[str, Callable[..., Operation[Any]]] = {
    "person": person, "is_ended": is_ended, "live": live, "refresh_token": refresh_token, "update_link": update_link,
}  # fmt: skip
"""Of one statement: they need no transaction of their own."""
WRITES: dict[str, Callable[..., Operation[Any]]] = {"adopt": adopt, "redeem": redeem, "rotate": rotate}
