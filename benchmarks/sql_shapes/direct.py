"""The measure: today's shape on sqlite3, and the same written by hand over psycopg. Two copies of every operation."""

from __future__ import annotations

import sqlite3
from typing import Any

from benchmarks.sql_shapes import statements as s


class Sqlite:
    """As broker/store/sqlite_*.py stood: functions over a connection."""

    @staticmethod
    def person(db: sqlite3.Connection, provider_key: str, subject: str) -> Any:
        return db.execute(s.PERSON, (provider_key, subject)).fetchone()

    @staticmethod
    def adopt(db: sqlite3.Connection, login: s.Login) -> Any:
        known = Sqlite.person(db, str(login.link[4]), str(login.link[5]))
        if known is not None:
            return known
        db.execute(s.ADD_ACCOUNT, login.account)
        db.execute(s.ADD_LINK, login.link)
        return login.account

    @staticmethod
    def update_link(db: sqlite3.Connection, columns: Any) -> None:
        db.execute(s.UPDATE_LINK, columns)

    @staticmethod
    def is_ended(db: sqlite3.Connection, sid: str, now: int) -> bool:
        return db.execute(s.IS_ENDED, (sid, "cookie:", now)).fetchone() is not None

    @staticmethod
    def redeem(db: sqlite3.Connection, code_digest: str, login: s.Login, now: int) -> str:
        before = db.execute(s.SPENT, (code_digest,)).fetchone()
        if before is not None:
            db.execute(s.REVOKE, (now, before[0], now))
            return "spent before"
        if Sqlite.is_ended(db, str(login.client[0]), now):
            return "over"
        db.execute(s.ADD_GRANT, login.grant)
        db.execute(s.ADD_TOKEN, login.token)
        db.execute(s.ADD_CLIENT, login.client)
        return "redeemed"

    @staticmethod
    def live(db: sqlite3.Connection, grant_id: str, now: int) -> Any:
        return db.execute(s.LIVE, (grant_id, now)).fetchone()

    @staticmethod
    def refresh_token(db: sqlite3.Connection, digest: str) -> Any:
        return db.execute(s.TOKEN, (digest,)).fetchone()

    @staticmethod
    def rotate(db: sqlite3.Connection, digest: str, child: Any, now: int, grace: int) -> str:
        row = db.execute(s.FAMILY, (digest, now)).fetchone()
        if row is None or db.execute(s.STANDS, (row[0], now)).fetchone() is None:
            return "dead"
        grant_id, spent_at, known_child = row
        if spent_at is None:
            db.execute(s.SPEND, (now, child[0], digest))
            db.execute(s.ADD_TOKEN, child)
            return "rotated"
        if now - spent_at <= grace and known_child == child[0] and db.execute(s.UNSPENT, (child[0],)).fetchone():
            return "rotated"
        db.execute(s.REVOKE, (now, grant_id, now))
        return "reused"


class Psycopg:
    """The happy way of each operation alone, which is enough for a floor. Placeholders are translated beforehand."""

    PERSON, ADD_ACCOUNT, ADD_LINK, UPDATE_LINK, IS_ENDED, SPENT, ADD_GRANT, ADD_TOKEN = map(
        s.for_psycopg,
        (s.PERSON, s.ADD_ACCOUNT, s.ADD_LINK, s.UPDATE_LINK, s.IS_ENDED, s.SPENT, s.ADD_GRANT, s.ADD_TOKEN),
    )
    ADD_CLIENT, LIVE, TOKEN, FAMILY, STANDS, SPEND = map(
        s.for_psycopg, (s.ADD_CLIENT, s.LIVE, s.TOKEN, s.FAMILY, s.STANDS, s.SPEND)
    )

    @staticmethod
    async def person(db: Any, provider_key: str, subject: str) -> Any:
        return await (await db.execute(Psycopg.PERSON, (provider_key, subject))).fetchone()

    @staticmethod
    async def adopt(db: Any, login: s.Login) -> Any:
        known = await (await db.execute(Psycopg.PERSON, (login.link[4], login.link[5]))).fetchone()
        if known is None:
            await db.execute(Psycopg.ADD_ACCOUNT, login.account)
            await db.execute(Psycopg.ADD_LINK, login.link)
        return known or login.account

    @staticmethod
    async def update_link(db: Any, columns: Any) -> None:
        await db.execute(Psycopg.UPDATE_LINK, columns)

    @staticmethod
    async def is_ended(db: Any, sid: str, now: int) -> bool:
        return await (await db.execute(Psycopg.IS_ENDED, (sid, "cookie:", now))).fetchone() is not None

    @staticmethod
    async def redeem(db: Any, code_digest: str, login: s.Login, now: int) -> str:
        if await (await db.execute(Psycopg.SPENT, (code_digest,))).fetchone() is not None:
            return "spent before"
        if await Psycopg.is_ended(db, str(login.client[0]), now):
            return "over"
        await db.execute(Psycopg.ADD_GRANT, login.grant)
        await db.execute(Psycopg.ADD_TOKEN, login.token)
        await db.execute(Psycopg.ADD_CLIENT, login.client)
        return "redeemed"

    @staticmethod
    async def live(db: Any, grant_id: str, now: int) -> Any:
        return await (await db.execute(Psycopg.LIVE, (grant_id, now))).fetchone()

    @staticmethod
    async def refresh_token(db: Any, digest: str) -> Any:
        return await (await db.execute(Psycopg.TOKEN, (digest,))).fetchone()

    @staticmethod
    async def rotate(db: Any, digest: str, child: Any, now: int, grace: int) -> str:
        row = await (await db.execute(Psycopg.FAMILY, (digest, now))).fetchone()
        if row is None or await (await db.execute(Psycopg.STANDS, (row[0], now))).fetchone() is None:
            return "dead"
        await db.execute(Psycopg.SPEND, (now, child[0], digest))
        await db.execute(Psycopg.ADD_TOKEN, child)
        return "rotated"
