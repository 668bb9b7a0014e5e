"""Transient on SQLite: values in the database beside everything else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from broker.store.sqlite.engine import Engine
from broker.store.transient import Kind, Transient

_SWEEP_EVERY = 64  # puts
_SWEPT_AT_ONCE = 192  # rows: three out for one in, so a full table empties while it is used
# Dead rows stay for an hour, unseen: when the clock jumps ahead and comes back, a used state must still be used.
_KEPT_AFTER_EXPIRY = 3600


class SqliteTransient(Transient):
    """The Transient protocol, which says what each method promises."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        """`clock`: epoch seconds."""
        self._engine, self._clock = engine, clock
        self._puts = 0

    async def put(self, kind: Kind, key: str, value: bytes, *, ttl: int) -> bool:
        now = self._clock()
        self._puts += 1
        sweeping = self._puts % _SWEEP_EVERY == 0
        return await self._engine.write(lambda db: _put(db, (kind, key, value, now + max(ttl, 1)), now, sweeping))

    async def get(self, kind: Kind, key: str) -> bytes | None:
        now = self._clock()
        return await self._engine.read(lambda db: _get(db, kind, key, now))

    async def replace(self, kind: Kind, key: str, value: bytes, *, ttl: int) -> bool:
        now = self._clock()
        return await self._engine.write(lambda db: _replace(db, (value, now + max(ttl, 1), kind, key, now)))

    async def take(self, kind: Kind, key: str) -> bytes | None:
        now = self._clock()
        return await self._engine.write(lambda db: _take(db, kind, key, now))

    async def ping(self) -> None:
        await self._engine.heartbeat()

    async def close(self) -> None:
        """The file is shared with the durable half, which closes with it."""
        await self._engine.close()


def _put(db: sqlite3.Connection, row: tuple[str, str, bytes, float], now: float, sweeping: bool) -> bool:
    if sweeping:
        db.execute(
            """DELETE FROM transient WHERE (kind, key) IN
               (SELECT kind, key FROM transient WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)""",
            (now - _KEPT_AFTER_EXPIRY, _SWEPT_AT_ONCE),
        )
    stored = db.execute(
        """INSERT INTO transient (kind, key, value, expires_at) VALUES (?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
           WHERE transient.expires_at <= ?""",
        (*row, now),
    )
    return stored.rowcount == 1


def _get(db: sqlite3.Connection, kind: Kind, key: str, now: float) -> bytes | None:
    row = db.execute(
        "SELECT value FROM transient WHERE kind = ? AND key = ? AND expires_at > ?", (kind, key, now)
    ).fetchone()
    return None if row is None else bytes(row[0])


def _replace(db: sqlite3.Connection, row: tuple[bytes, float, str, str, float]) -> bool:
    changed = db.execute(
        "UPDATE transient SET value = ?, expires_at = ? WHERE kind = ? AND key = ? AND expires_at > ?", row
    )
    return changed.rowcount == 1


def _take(db: sqlite3.Connection, kind: Kind, key: str, now: float) -> bytes | None:
    # All rows are fetched, though there is one at most: an unfinished statement would hold up the commit.
    rows = db.execute(
        "DELETE FROM transient WHERE kind = ? AND key = ? AND expires_at > ? RETURNING value", (kind, key, now)
    ).fetchall()
    return bytes(rows[0][0]) if rows else None
