"""SQLite, the embedded default: one file, both protocols, one process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Self

from broker.core.events import Recorder
from broker.store.base import Durable, Transient
from broker.store.outage import Outage
from broker.store.sqlite_durable import SqliteDurable
from broker.store.sqlite_engine import Engine
from broker.store.sqlite_file import open_database
from broker.store.sqlite_transient import SqliteTransient


class SqliteStore:
    """Both halves over one file and one writer; they may be used until `close`."""

    durable: Durable
    transient: Transient

    def __init__(self, engine: Engine, durable: Durable, transient: Transient) -> None:
        """Use `open`."""
        self._engine, self.durable, self.transient = engine, durable, transient

    @classmethod
    async def open(
        cls,
        path: str,
        *,
        clock: Callable[[], float],
        recorder: Recorder | None = None,
        randomness: Callable[[int], bytes] = os.urandom,
    ) -> Self:
        """Open or make the database at `path` (`:memory:` forgets everything at close).

        `clock`: epoch seconds. `recorder` hears when the disk stops taking writes and when it does again. Raises
        ConfigError when the file is in use by another process, damaged, unreachable, or newer than this broker.
        """
        database = await asyncio.to_thread(open_database, path)
        engine = Engine(database, Outage("sqlite", recorder))
        return cls(engine, SqliteDurable(engine, randomness), SqliteTransient(engine, clock))

    async def close(self) -> None:
        """Commit what was accepted and close the file. May be called again."""
        await self._engine.close()
