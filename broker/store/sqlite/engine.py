"""One writer thread with group commit: whatever waits while the disk is busy shares the next transaction.

A commit costs a wait for the disk (`synchronous=FULL`), so one per request would be as slow as the disk. The thread
takes everything that is queued, does it in one transaction, and wakes all callers at once after the commit. A commit
also costs the processor as much as a dozen writes, so while callers come together the thread gathers for a moment; a
caller who comes alone is served at once.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from broker.core.errors import StoreUnavailable
from broker.store.outage import Outage
from broker.store.sql.steps import Steps
from broker.store.sqlite.aside import Aside
from broker.store.sqlite.file import Database, unavailable

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

_BATCH = 256  # writes per transaction: bounds how long one caller waits for the others
_GATHER = 0.003  # seconds; less than callers lose by sharing the processor with more transactions
_WAITING = 8192  # writes in the queue: a disk that hangs must not take the memory with it
_CLOSED = "sqlite: closed"
PATIENCE = 10.0  # seconds one caller waits for the disk; a disk that is alive answers in less, however busy


@dataclass(slots=True)
class _Item:
    """One write and whoever waits for it; `outcome` is an exception when it failed. Any: every caller has its own T."""

    work: Work[Any]
    future: asyncio.Future[Any]
    taken: threading.Lock = field(default_factory=threading.Lock)
    outcome: Any = None
    failed: bool = False

    def take(self) -> bool:
        """True for the first who asks: the writer that does the write, or its caller who withdraws it."""
        return self.taken.acquire(blocking=False)

    def fail(self, error: Exception) -> None:
        self.outcome, self.failed = error, True


class Engine:
    """Reads and writes of one database, for the coroutines of one event loop."""

    def __init__(self, database: Database, outage: Outage, *, patience: float = PATIENCE) -> None:
        """Takes over `database`; call from inside the event loop. `patience`: seconds that a write may take."""
        self._database, self._outage, self._patience = database, outage, patience
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Item | None] = SimpleQueue()
        self._waiting = 0
        self._stuck = self._closed = False
        self.aside = None if database.reader is None else Aside(database)
        """For reads of seconds; None in memory."""
        self._missing = ""  # why the files are not those that were opened, as far as is known
        self._closing = threading.Event()
        self._shared = False
        self._thread = threading.Thread(target=self._write_until_closed, name="sqlite-writer", daemon=True)
        self._thread.start()

    async def write(self, work: Work[T]) -> T:
        """Run `work` inside a transaction and return its result once that is on the disk.

        `work` runs in the writer thread, may run twice (a neighbour's failure rolls the transaction back), and whatever
        it raises is raised here with nothing of it stored. Raises StoreUnavailable when the disk or file is to blame,
        and after the patience with a disk that hangs: the write was withdrawn, or, when it had begun, may be done yet.
        A cancelled caller leaves its write to happen or not; the others are not affected.
        """
        if self._closed:
            raise StoreUnavailable(_CLOSED)
        if self._stuck or self._waiting >= _WAITING:
            raise StoreUnavailable(f"sqlite: {'the disk hangs' if self._stuck else 'too many writes are waiting'}")
        item = _Item(work, self._loop.create_future())
        self._waiting += 1
        self._queue.put(item)
        deadline = self._loop.call_later(self._patience, self._give_up, item)
        try:
            answer: T = await item.future
        finally:
            deadline.cancel()
        return answer

    async def read(self, work: Work[T]) -> T:
        """Run `work`, a point read of microseconds, on committed data; raises StoreUnavailable."""
        reader = self._database.reader
        if reader is None:
            return await self.write(work)
        if self._closed or self._missing:
            raise StoreUnavailable(_CLOSED if self._closed else self._missing)
        try:
            return work(reader)
        except sqlite3.Error as error:
            raise unavailable(error) from error

    async def look(self) -> None:
        """Return when the files are those that were opened; raises StoreUnavailable. Writes look by themselves."""
        if self._closed:
            raise StoreUnavailable(_CLOSED)
        missing = self._database.missing()
        if missing is not None:
            self._outage.failed(missing.detail)
            self._missing = missing.detail
            raise missing
        if self._missing:
            self._outage.answered()
        self._missing = ""

    async def heartbeat(self) -> None:
        """Return when a write went through to the disk; raises StoreUnavailable."""
        await self.write(
            lambda db: db.execute(
                "INSERT INTO heartbeat (id, beats) VALUES (1, 1) ON CONFLICT DO UPDATE SET beats = beats + 1"
            ).close()
        )

    def _give_up(self, item: _Item) -> None:
        """The patience with one write is over. What has not begun never will; of what has, nobody knows."""
        if item.future.done():
            return
        withdrawn = item.take()
        if not withdrawn:
            self._stuck = True  # until the writer is back nothing else can be written either
        detail = f"sqlite: no answer of the disk in {self._patience:g} s"
        self._outage.failed(detail)
        item.future.set_exception(
            StoreUnavailable(f"{detail}; {'withdrawn' if withdrawn else 'it may be written yet'}")
        )

    async def close(self) -> None:
        """Commit what was accepted, empty the WAL into the file, close it. May be called again."""
        if self._closed:
            return
        self._closed = True
        self._closing.set()
        self._queue.put(None)
        if self.aside is not None:
            await self.aside.close()
        await asyncio.to_thread(self._finish)

    def _finish(self) -> None:
        self._thread.join()
        self._database.close()

    def _write_until_closed(self) -> None:
        last = False
        while not last:
            batch, last = self._next_batch()
            if batch:
                before = self._database.writer.total_changes
                missing = self._write_where_it_belongs(batch)
                wrote = self._database.writer.total_changes > before
                try:
                    self._loop.call_soon_threadsafe(self._wake, batch, wrote, missing)
                except RuntimeError:  # the loop is gone, and with it everybody who could be told
                    return

    def _write_where_it_belongs(self, batch: list[_Item]) -> StoreUnavailable | None:
        """Commit, unless the database is not at its path; what was committed as it left is acknowledged to nobody."""
        missing = self._database.missing()
        if missing is None:
            commit_together(self._database.writer, [item for item in batch if item.take()])
            missing = self._database.missing()
        if missing is not None:
            detail = missing.detail if self._missing else f"{missing.detail}{self._take_log_in()}"
            for item in batch:
                item.fail(StoreUnavailable(detail))
        return missing

    def _take_log_in(self) -> str:
        try:
            self._database.take_log_in()
        except sqlite3.Error as error:
            return f"; its last writes are in the log beside it only ({error})"
        return ""

    def _next_batch(self) -> tuple[list[_Item], bool]:
        """Everything that waits, at least one; True when the store is closing and nothing comes after it."""
        batch: list[_Item] = []
        try:
            while len(batch) < _BATCH:
                item = self._queue.get(block=not batch)
                if item is None:
                    return batch, True
                batch.append(item)
                if len(batch) == 1 and self._shared:
                    self._closing.wait(_GATHER)
        except Empty:
            pass  # that was all
        self._shared = len(batch) > 1 and self._database.reader is not None  # in memory a commit costs nothing
        return batch, False

    def _wake(self, batch: list[_Item], wrote: bool, missing: StoreUnavailable | None) -> None:
        self._waiting -= len(batch)
        self._stuck = False
        lost = missing
        for item in batch:
            if lost is None and isinstance(item.outcome, StoreUnavailable):
                lost = item.outcome
            if item.future.done():  # cancelled meanwhile
                continue
            if item.failed:
                item.future.set_exception(item.outcome)
            else:
                item.future.set_result(item.outcome)
        if lost is not None:
            self._outage.failed(lost.detail)
        elif wrote or self._missing:  # a commit that changed nothing asks nothing of the disk
            self._outage.answered()
        self._missing = missing.detail if missing is not None else ""


class SqliteDriver:
    """The Driver protocol of `broker.store.sql.steps` over one engine."""

    def __init__(self, engine: Engine) -> None:
        """`engine` reads and writes."""
        self._engine = engine
        self.ping, self.close = engine.heartbeat, engine.close

    def read(self, operation: Callable[[], Steps[T]]) -> Coroutine[Any, Any, T]:
        """At once, on the connection of readers."""
        return self._engine.read(partial(run, operation))

    def write(self, operation: Callable[[], Steps[T]]) -> Coroutine[Any, Any, T]:
        """In the thread of the writer, in one transaction with what waits beside it."""
        return self._engine.write(partial(run, operation))


def run(operation: Callable[[], Steps[T]], db: sqlite3.Connection) -> T:
    """Do the statements of an operation one after the other, and return what it comes to."""
    steps = operation()
    try:
        sql, params = next(steps)
        while True:
            sql, params = steps.send(db.execute(sql, params))
    except StopIteration as done:
        result: T = done.value
        return result


def commit_together(db: sqlite3.Connection, batch: list[_Item]) -> None:
    """Do the whole batch in one transaction; if one fails, do it over with a savepoint around each.

    Savepoints cost two more statements per write, so they are used only when something did fail.
    """
    if batch and not _attempt(db, batch, savepoints=False):
        _attempt(db, batch, savepoints=True)


def _attempt(db: sqlite3.Connection, batch: list[_Item], *, savepoints: bool) -> bool:
    """False when a write failed and there was no savepoint to return to; the next attempt begins by rolling back."""
    try:
        if db.in_transaction:
            db.execute("ROLLBACK")
        db.execute("BEGIN IMMEDIATE")
        for item in batch:
            if savepoints:
                _run_apart(db, item)
            elif not _run(db, item):
                return False
        db.execute("COMMIT")
    except sqlite3.Error as error:
        # The transaction as a whole is lost: nothing was stored, so nobody may be told otherwise.
        for item in batch:
            item.fail(unavailable(error))
    return True


def _run(db: sqlite3.Connection, item: _Item) -> bool:
    try:
        item.outcome, item.failed = item.work(db), False
    except sqlite3.Error as error:
        item.fail(unavailable(error))
    except Exception as error:  # whatever it is belongs to the caller, not to this thread
        item.fail(error)
    return not item.failed


def _run_apart(db: sqlite3.Connection, item: _Item) -> None:
    """Run and, if it fails, undo this write alone. Raises sqlite3.Error when the transaction itself is gone."""
    db.execute("SAVEPOINT apart")
    if not _run(db, item):
        db.execute("ROLLBACK TO apart")
    db.execute("RELEASE apart")
