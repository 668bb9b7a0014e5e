"""Reads of seconds, beside the work: a connection and a thread of their own, one at a time, so that nobody waits."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from broker.core.errors import StoreUnavailable
from broker.core.events import Event, Recorder
from broker.store.sqlite.file import Database, unavailable

T = TypeVar("T")
_AGAIN_AFTER = 86_400  # seconds from the end of one look at the whole file to the beginning of the next
_STRUCTURE = ""  # the slice that is no table: pages that two trees use, or none


class Aside:
    """Runs long reads over a database in a file until it is closed, which interrupts them."""

    def __init__(self, database: Database) -> None:
        """Close this before `database`."""
        self._database = database
        self._pool = ThreadPoolExecutor(1, "sqlite-aside")
        self._reading: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._closing = False

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns. It sees what was committed when it began to read, and writers do not wait for it.

        The log of writes cannot be used anew meanwhile, so it grows. Raises StoreUnavailable.
        """
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._run, work)

    def check_open(self) -> None:
        """Raise StoreUnavailable when the store is closing: for work that goes in steps."""
        if self._closing:
            raise StoreUnavailable("sqlite: closing")

    async def close(self) -> None:
        """Interrupt what runs, and wait for it."""
        self._closing = True
        ending = asyncio.create_task(asyncio.to_thread(self._pool.shutdown, cancel_futures=True))
        while not ending.done():
            with self._lock:
                if self._reading is not None:
                    self._reading.interrupt()
            await asyncio.wait([ending], timeout=0.02)

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            reading = self._database.connect()
            self._reading = reading
            try:
                self.check_open()
                return work(reading)
            finally:
                with self._lock:  # nobody interrupts what is closed
                    self._reading = None
                    reading.close()
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
                raise Damaged(str(error)) from error
            raise unavailable(error) from error


class Damaged(StoreUnavailable):
    """The file cannot be read any more; `detail` is SQLite's word for it."""


class DamageCheck:
    """Looks through the whole file, a table with its indexes at a time: from the start on, and once a day."""

    def __init__(
        self, database: Database, aside: Aside, recorder: Recorder | None, *, clock: Callable[[], float]
    ) -> None:
        """`recorder` hears of damage, `clock` gives epoch seconds."""
        self._database, self._aside, self._recorder, self._clock = database, aside, recorder, clock
        self._left: list[str] = []
        self._due = 0.0
        self.damage = ""
        """The first damage that was found, "" as long as there is none."""

    async def go_on(self) -> bool:
        """Check the next slice, if it is time. True when more are left; raises StoreUnavailable."""
        if not self._left and self._clock() < self._due:
            return False
        try:
            self._left = self._left or await self._aside.run(_slices)
            found = await self._aside.run(lambda db: _check(db, self._left[-1]))
        except Damaged as error:  # it cannot even be looked at
            self._left = self._left or [_STRUCTURE]
            found = f"{_named(self._left[-1])}: {error.detail}"
        if found:
            self._tell(found)
        self._left.pop()
        if not self._left:
            self._due = self._clock() + _AGAIN_AFTER
        return bool(self._left)

    def _tell(self, found: str) -> None:
        self.damage = self.damage or found
        self._database.condemn()
        if self._recorder is not None:
            self._recorder.record(Event.STORE_DAMAGED, store="sqlite", detail=found)


def _slices(db: sqlite3.Connection) -> list[str]:
    """The last one comes first. Tables come out one by one, what holds them together and the free pages at the end."""
    tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name DESC").fetchall()
    return [_STRUCTURE, "sqlite_schema", *(name for (name,) in tables)]


def _check(db: sqlite3.Connection, table: str) -> str:
    """What is wrong with a table, its indexes and their agreement; "" when nothing is."""
    # Only the first of them compares tables with their indexes: a flipped bit there hides a person from a look-up.
    if table:
        found = str(db.execute("SELECT integrity_check FROM pragma_integrity_check(?)", (table,)).fetchone()[0])
    else:
        found = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    return "" if found == "ok" else f"{_named(table)}: {found}"


def _named(table: str) -> str:
    return table or "structure"
