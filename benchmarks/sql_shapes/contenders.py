"""Who is measured: every shape on every driver, behind `read` for one statement and `write` for a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import StaticPool

from benchmarks.sql_shapes import core, coroutines, direct, generators

SCHEMA = Path(__file__).with_name("schema.sql").read_text()
POOL = 8
SERIALIZABLE = "SERIALIZABLE"
_LOST = (
    psycopg.errors.SerializationFailure,
    psycopg.errors.UniqueViolation,
    asyncpg.SerializationError,
    asyncpg.UniqueViolationError,
    DBAPIError,
)
"""Another transaction was first. An operation may be run again: it holds nothing but its arguments."""


class Contender:
    """One shape on one driver."""

    def __init__(self, isolation: str = SERIALIZABLE) -> None:
        self.isolation, self.retries = isolation, 0

    async def open(self, url: str) -> None:
        """Connect to a database that is empty."""

    async def read(self, name: str, *args: object) -> Any:
        """Run the operation of that name, one statement."""

    async def write(self, name: str, *args: object) -> Any:
        """Run the operation of that name in a transaction, again when it met another."""
        while True:
            try:
                return await self.attempt(name, *args)
            except _LOST:
                self.retries += 1

    async def attempt(self, name: str, *args: object) -> Any:
        """Run the operation of that name in a transaction."""

    async def close(self) -> None:
        """Leave no connection behind."""


class OnSqlite(Contender):
    """In memory, so that the disk is not measured; a transaction as the writer thread makes it."""

    def __init__(self, run: Callable[[sqlite3.Connection, str, tuple[Any, ...]], Any]) -> None:
        super().__init__()
        self._run = run

    async def open(self, url: str) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None, cached_statements=256)
        self.db.executescript(SCHEMA)

    async def read(self, name: str, *args: object) -> Any:
        return self._run(self.db, name, args)

    async def attempt(self, name: str, *args: object) -> Any:
        self.db.execute("BEGIN IMMEDIATE")
        answer = self._run(self.db, name, args)
        self.db.execute("COMMIT")
        return answer

    async def close(self) -> None:
        self.db.close()


_GENERATORS = generators.READS | generators.WRITES
_COROUTINES = coroutines.READS | coroutines.WRITES
_CORE: dict[str, Any] = core.READS | core.WRITES


def sqlite_direct() -> Contender:
    return OnSqlite(lambda db, name, args: getattr(direct.Sqlite, name)(db, *args))


def sqlite_generators() -> Contender:
    return OnSqlite(lambda db, name, args: generators.drive_sqlite(db, _GENERATORS[name](*args)))


class SqliteCoroutines(OnSqlite):
    """The wrapper of the connection is made once, as the engine would."""

    def __init__(self) -> None:
        super().__init__(
            lambda _, name, args: coroutines.run_without_loop(_COROUTINES[name](self.statements, *args)),
        )

    async def open(self, url: str) -> None:
        await super().open(url)
        self.statements = coroutines.OnSqlite(self.db)


class _Waitless:
    """A connection of SQLAlchemy whose `execute` may be awaited, so that its operations are not written twice."""

    def __init__(self, db: Any) -> None:
        self._execute, self.dialect = db.execute, db.dialect

    async def execute(self, *args: Any) -> Any:
        return self._execute(*args)


class SqliteCore(Contender):
    """SQLAlchemy over sqlite3."""

    async def open(self, url: str) -> None:
        # One database in memory means one connection; its own BEGIN is a plain one.
        self.engine = create_engine("sqlite://", poolclass=StaticPool, pool_reset_on_return=None)
        db = self.engine.raw_connection()
        db.driver_connection.executescript(SCHEMA)  # type: ignore[union-attr]
        db.close()

    async def read(self, name: str, *args: object) -> Any:
        with self.engine.connect() as db:
            answer = coroutines.run_without_loop(_CORE[name](_Waitless(db), *args))
            if name == "update_link":
                db.commit()
            return answer

    async def attempt(self, name: str, *args: object) -> Any:
        with self.engine.begin() as db:
            return coroutines.run_without_loop(_CORE[name](_Waitless(db), *args))

    async def close(self) -> None:
        self.engine.dispose()


Run = Callable[[Any, str, tuple[Any, ...]], Awaitable[Any]]


class OnPsycopg(Contender):
    """A pool of psycopg's; prepares what it sees more than five times."""

    def __init__(self, run: Run, isolation: str = SERIALIZABLE) -> None:
        super().__init__(isolation)
        self._run = run

    async def open(self, url: str) -> None:
        self.pool = AsyncConnectionPool(url, min_size=POOL, max_size=POOL, open=False, kwargs={"autocommit": True})
        await self.pool.open(wait=True)

    async def read(self, name: str, *args: object) -> Any:
        async with self.pool.connection() as db:
            return await self._run(db, name, args)

    async def attempt(self, name: str, *args: object) -> Any:
        async with self.pool.connection() as db:
            await db.execute(f"BEGIN ISOLATION LEVEL {self.isolation}")
            try:
                answer = await self._run(db, name, args)
                await db.execute("COMMIT")
            except BaseException:
                await db.execute("ROLLBACK")
                raise
            return answer

    async def close(self) -> None:
        await self.pool.close()


def psycopg_direct() -> Contender:
    return OnPsycopg(lambda db, name, args: getattr(direct.Psycopg, name)(db, *args))


def psycopg_generators(isolation: str = SERIALIZABLE) -> Contender:
    return OnPsycopg(lambda db, name, args: generators.drive_psycopg(db, _GENERATORS[name](*args)), isolation)


def psycopg_coroutines() -> Contender:
    return OnPsycopg(lambda db, name, args: _COROUTINES[name](coroutines.OnPsycopg(db), *args))


class OnAsyncpg(Contender):
    """A pool of asyncpg's; it prepares everything."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run

    async def open(self, url: str) -> None:
        self.pool = await asyncpg.create_pool(url, min_size=POOL, max_size=POOL)

    async def read(self, name: str, *args: object) -> Any:
        async with self.pool.acquire() as db:
            return await self._run(db, name, args)

    async def attempt(self, name: str, *args: object) -> Any:
        async with self.pool.acquire() as db, db.transaction(isolation="serializable"):
            return await self._run(db, name, args)

    async def close(self) -> None:
        await self.pool.close()


def asyncpg_generators() -> Contender:
    return OnAsyncpg(lambda db, name, args: generators.drive_asyncpg(db, _GENERATORS[name](*args)))


def asyncpg_coroutines() -> Contender:
    return OnAsyncpg(lambda db, name, args: _COROUTINES[name](coroutines.OnAsyncpg(db), *args))


class Core(Contender):
    """SQLAlchemy; reads go through an engine of their own that has no transactions."""

    def __init__(self, driver: str) -> None:
        super().__init__()
        self._driver = driver

    async def open(self, url: str) -> None:
        address = url.replace("postgresql:", f"postgresql+{self._driver}:")
        self.reader = create_async_engine(
            address, pool_size=POOL // 2, isolation_level="AUTOCOMMIT", pool_reset_on_return=None
        )
        self.writer = create_async_engine(address, pool_size=POOL // 2, isolation_level=SERIALIZABLE)

    async def read(self, name: str, *args: object) -> Any:
        async with self.reader.connect() as db:
            return await _CORE[name](db, *args)

    async def attempt(self, name: str, *args: object) -> Any:
        async with self.writer.begin() as db:
            return await _CORE[name](db, *args)

    async def close(self) -> None:
        await self.reader.dispose()
        await self.writer.dispose()


SQLITE: dict[str, Callable[[], Contender]] = {
    "sqlite3, by hand (today)": sqlite_direct,
    "sqlite3, generators": sqlite_generators,
    "sqlite3, coroutines": SqliteCoroutines,
    "sqlite3, SQLAlchemy Core": SqliteCore,
}
POSTGRESQL: dict[str, Callable[[], Contender]] = {
    "psycopg, by hand": psycopg_direct,
    "psycopg, generators": psycopg_generators,
    "psycopg, coroutines": psycopg_coroutines,
    "psycopg, generators, REPEATABLE READ": lambda: psycopg_generators("REPEATABLE READ"),
    "psycopg, generators, READ COMMITTED": lambda: psycopg_generators("READ COMMITTED"),
    "psycopg, SQLAlchemy Core": lambda: Core("psycopg"),
    "asyncpg, generators": asyncpg_generators,
    "asyncpg, coroutines": asyncpg_coroutines,
    "asyncpg, SQLAlchemy Core": lambda: Core("asyncpg"),
}
