"""SQLite, the embedded default: one file, both protocols, one process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Self

from broker.core.errors import StoreUnavailable
from broker.core.events import Event, Recorder
from broker.store.base import Durable
from broker.store.outage import Outage
from broker.store.sql.durable import build_durable
from broker.store.sqlite.aside import DamageCheck
from broker.store.sqlite.copy import copy_without_name
from broker.store.sqlite.engine import Engine, SqliteDriver
from broker.store.sqlite.file import open_database
from broker.store.sqlite.place import MEMORY
from broker.store.sqlite.transient import SqliteTransient
from broker.store.transient import Transient


class SqliteStore:
    """Both halves over one file and one writer; they may be used until `close`."""

    durable: Durable
    transient: Transient

    def __init__(
        self,
        engine: Engine,
        durable: Durable,
        transient: Transient,
        path: str = MEMORY,
        check: DamageCheck | None = None,
    ) -> None:
        """Use `open`."""
        self._engine, self.durable, self.transient = engine, durable, transient
        self._path, self._check = os.path.realpath(path), check

    @classmethod
    async def open(
        cls,
        path: str,
        *,
        clock: Callable[[], float],
        recorder: Recorder | None = None,
        randomness: Callable[[int], bytes] = os.urandom,
        create: bool = False,
        expected: str = "",
    ) -> Self:
        """Open the database at `path`, or make one (`:memory:` forgets everything at close).

        Where something says that there was one, `expected` for the outside of this store, none is made without
        `create`. `clock`: epoch seconds. `recorder` hears when a database is made or found damaged, and when the disk
        stops taking writes and does again. Raises ConfigError when the file is gone, in use by another process,
        damaged, unreachable, or newer than this broker.
        """
        database = await asyncio.to_thread(open_database, path, create=create, expected=expected)
        if database.created and recorder is not None:
            recorder.record(Event.DATABASE_CREATED, path=path)
        engine = Engine(database, Outage("sqlite", recorder))
        check = None if engine.aside is None else DamageCheck(database, engine.aside, recorder, clock=clock)
        durable = build_durable(SqliteDriver(engine), randomness)
        return cls(engine, durable, SqliteTransient(engine, clock), path, check)

    async def look(self) -> None:
        """Return when the database is the file that was opened, at its path; raises StoreUnavailable. Cheap."""
        await self._engine.look()

    async def check(self) -> bool:
        """Check the next part of the file for damage, beside the work. True when more parts are left for now."""
        return self._check is not None and await self._check.go_on()

    async def confirm_whole(self) -> None:
        """Return unless damage was found; raises StoreUnavailable with the first of it. Costs nothing."""
        if self._check is not None and self._check.damage:
            raise StoreUnavailable(f"sqlite: damaged: {self._check.damage}")

    async def copy(self) -> int:
        """A copy of everything committed by now, as a file without a name: a descriptor to read it by.

        Requests go on meanwhile. It needs as much room beside the database as that takes, until the descriptor is
        closed. Raises StoreUnavailable when there is none, and for a database in memory.
        """
        aside = self._engine.aside
        if aside is None:
            raise StoreUnavailable("sqlite: a database in memory is not copied")
        await self.look()
        return await aside.run(lambda db: copy_without_name(db, self._path, step=aside.check_open))

    async def close(self) -> None:
        """Commit what was accepted and close the file. May be called again."""
        await self._engine.close()
