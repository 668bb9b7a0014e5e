"""Our signing keys. Each function is one step, whole or not."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence

from broker.core.records import SigningKey


def signing_keys(db: sqlite3.Connection) -> tuple[SigningKey, ...]:
    """Durable.signing_keys."""
    rows = db.execute(
        """SELECT kid, algorithm, sealed, public_jwk, created_at, active_at, retired_at
           FROM signing_keys ORDER BY created_at, kid"""
    )
    return tuple(SigningKey(*row) for row in rows.fetchall())


def add(db: sqlite3.Connection, key: SigningKey) -> bool:
    """Durable.add_signing_key."""
    added = db.execute(
        """INSERT OR IGNORE INTO signing_keys (kid, algorithm, sealed, public_jwk, created_at, active_at, retired_at)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        (key.kid, key.algorithm, key.sealed, key.public_jwk, key.created_at, key.active_at, key.retired_at),
    )
    return added.rowcount == 1


def retire(db: sqlite3.Connection, kid: str, at: int) -> bool:
    """Durable.retire_signing_key. Never an INSERT: a node that saw the key before it was removed brings none back."""
    changed = db.execute("UPDATE signing_keys SET retired_at = ? WHERE kid = ? AND retired_at IS NULL", (at, kid))
    return changed.rowcount == 1


def delete(db: sqlite3.Connection, kid: str) -> None:
    """Durable.delete_signing_key."""
    db.execute("DELETE FROM signing_keys WHERE kid = ?", (kid,))


def replace(
    db: sqlite3.Connection, heirs: Sequence[SigningKey], algorithms: Collection[str] | None
) -> tuple[SigningKey, ...]:
    """Durable.replace_signing_keys."""
    gone = tuple(key for key in signing_keys(db) if algorithms is None or key.algorithm in algorithms)
    for key in gone:
        delete(db, key.kid)
    for heir in heirs:
        add(db, heir)
    return gone
