"""Clients that registered themselves. Each function is one step, whole or not."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from broker.core.registered_client import RegisteredClient
from broker.core.registration_rules import folded_names


def registered_client(db: sqlite3.Connection, client_id: str) -> RegisteredClient | None:
    """RegisteredClients.registered_client."""
    row = db.execute("SELECT body FROM registered_clients WHERE client_id = ?", (client_id,)).fetchone()
    return None if row is None else RegisteredClient.from_bytes(row[0])


def namesake(db: sqlite3.Connection, names: Collection[str], of: str) -> str | None:
    """RegisteredClients.namesake."""
    entries = db.execute(
        "SELECT client_id, body FROM registered_clients WHERE client_id <> ? ORDER BY created_at", (of,)
    )
    for client_id, body in entries:
        if not folded_names(RegisteredClient.from_bytes(body).metadata).isdisjoint(names):
            return str(client_id)
    return None


def add(db: sqlite3.Connection, client: RegisteredClient, limit: int) -> bool:
    """RegisteredClients.add_client."""
    added = db.execute(
        """INSERT INTO registered_clients (client_id, token_digest, created_at, body)
           SELECT ?, ?, ?, ? WHERE (SELECT count(*) FROM registered_clients) < ?""",
        (client.client_id, client.token_digest, client.created_at, client.to_bytes(), limit),
    )
    return added.rowcount == 1


def replace(db: sqlite3.Connection, client: RegisteredClient, replacing: str) -> bool:
    """RegisteredClients.replace_client."""
    changed = db.execute(
        "UPDATE registered_clients SET token_digest = ?, body = ? WHERE client_id = ? AND token_digest = ?",
        (client.token_digest, client.to_bytes(), client.client_id, replacing),
    )
    return changed.rowcount == 1


def delete(db: sqlite3.Connection, client_id: str) -> bool:
    """RegisteredClients.delete_client. Its grants are worth nothing without it, and expire by themselves."""
    return db.execute("DELETE FROM registered_clients WHERE client_id = ?", (client_id,)).rowcount == 1
