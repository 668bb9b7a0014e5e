"""Secrets of this installation, sealed before they come here, and its id, which is none."""

from __future__ import annotations

import sqlite3


def secret(db: sqlite3.Connection, name: str) -> str | None:
    """Durable.secret."""
    row = db.execute("SELECT sealed FROM secrets WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def save_secret(db: sqlite3.Connection, name: str, sealed: str, replacing: str | None) -> str:
    """Durable.save_secret."""
    if replacing is None:
        db.execute("INSERT OR IGNORE INTO secrets (name, sealed) VALUES (?, ?)", (name, sealed))
    else:
        db.execute("UPDATE secrets SET sealed = ? WHERE name = ? AND sealed = ?", (sealed, name, replacing))
    return secret(db, name) or ""
