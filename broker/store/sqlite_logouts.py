"""Sessions that end, the apps that hear of it, and deliveries under way. Each function is one step, whole or not."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from hashlib import sha256

from broker.core.logout import DELIVERED_WITHIN, Delivery, SessionClient
from broker.core.records import Grant

_CODES_LIVE = 600  # seconds; no code lives longer (RFC 6749 section 4.1.2), so a mark must not be shorter-lived
_COOKIE = "cookie:"  # a `sid` is base64url, so no session is called like a cookie


def add_client(db: sqlite3.Connection, grant: Grant, client: SessionClient) -> None:
    """The app has to hear when the grant's session ends. A second grant of the session changes what it is told."""
    db.execute(
        """INSERT OR REPLACE INTO session_clients
           (sid, client_id, sub, backchannel, provider_key, subject, upstream_sid, expires_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            client.sid,
            client.client_id,
            client.sub,
            client.backchannel,
            grant.provider_key,
            grant.subject,
            grant.upstream_sid,
            client.expires_at,
        ),
    )


def is_ended(db: sqlite3.Connection, sid: str, key: str, now: int) -> bool:
    """Logouts.is_ended; `key` is "" where no cookie is in question."""
    row = db.execute(
        "SELECT 1 FROM ended_sessions WHERE sid IN (?, ?) AND expires_at > ?", (sid, _COOKIE + key, now)
    ).fetchone()
    return row is not None


def retire_cookie(db: sqlite3.Connection, key: str, expires_at: int) -> None:
    """Logouts.retire_cookie."""
    _mark(db, _COOKIE + key, expires_at)


def _mark(db: sqlite3.Connection, name: str, expires_at: int) -> None:
    db.execute(
        """INSERT INTO ended_sessions (sid, expires_at) VALUES (?, ?)
           ON CONFLICT DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)""",
        (name, expires_at),
    )


def end_session(
    db: sqlite3.Connection, sid: str, *, now: int, expires_at: int, fresh: str
) -> tuple[SessionClient, ...]:
    """Durable.end_session; `fresh` is unguessable and makes the ids of the deliveries."""
    db.execute(
        "UPDATE grants SET revoked_at = ? WHERE sid = ? AND offline = 0 AND revoked_at IS NULL AND expires_at > ?",
        (now, sid, now),
    )
    _mark(db, sid, max(expires_at, now + _CODES_LIVE))
    rows = db.execute(
        """DELETE FROM session_clients WHERE sid = ?
           RETURNING sid, client_id, sub, backchannel, expires_at""",
        (sid,),
    ).fetchall()
    clients = tuple(SessionClient(row[0], row[1], row[2], bool(row[3]), row[4]) for row in sorted(rows) if row[4] > now)
    db.executemany(
        """INSERT INTO logout_deliveries (id, client_id, sid, sub, created_at, next_at, expires_at)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        [
            (_delivery_id(fresh, told), told.client_id, sid, told.sub, now, now, now + DELIVERED_WITHIN)
            for told in clients
            if told.backchannel
        ],
    )
    return clients


@dataclass(frozen=True, slots=True)
class Wanted:
    """What Logouts.claim_deliveries is asked for; `under_way` as a JSON object."""

    now: int
    until: int
    limit: int
    share: int
    under_way: str


def claim_deliveries(db: sqlite3.Connection, wanted: Wanted) -> tuple[Delivery, ...]:
    """Durable.claim_deliveries. Turns are taken among the longest due of all who have not got their share already."""
    rows = db.execute(
        """UPDATE logout_deliveries SET attempts = attempts + 1, next_at = ? WHERE id IN
           (WITH busy AS MATERIALIZED (SELECT key AS client_id, value AS count FROM json_each(?)),
                 due AS MATERIALIZED
                 (SELECT id, client_id, next_at FROM logout_deliveries
                  WHERE next_at <= ? AND client_id NOT IN (SELECT client_id FROM busy WHERE count >= ?)
                  ORDER BY next_at, id LIMIT 256)
            SELECT id FROM
            (SELECT id, next_at, coalesce(count, 0)
                    + row_number() OVER (PARTITION BY client_id ORDER BY next_at, id) AS turn
             FROM due LEFT JOIN busy USING (client_id))
            WHERE turn <= ? ORDER BY turn, next_at, id LIMIT ?)
           RETURNING id, client_id, sid, sub, created_at, attempts, expires_at""",
        (wanted.until, wanted.under_way, wanted.now, wanted.share, wanted.share, wanted.limit),
    ).fetchall()
    return tuple(sorted((Delivery(*row) for row in rows), key=lambda one: (one.created_at, one.id)))


def postpone_delivery(db: sqlite3.Connection, delivery_id: str, next_at: int) -> None:
    """Durable.postpone_delivery."""
    db.execute("UPDATE logout_deliveries SET next_at = ? WHERE id = ?", (next_at, delivery_id))


def finish_delivery(db: sqlite3.Connection, delivery_id: str) -> None:
    """Durable.finish_delivery."""
    db.execute("DELETE FROM logout_deliveries WHERE id = ?", (delivery_id,))


def deliveries(db: sqlite3.Connection) -> int:
    """Durable.deliveries."""
    return int(db.execute("SELECT count(*) FROM logout_deliveries").fetchone()[0])


def sweep(db: sqlite3.Connection, before: int, limit: int) -> int:
    """Delete at most `limit` of each: apps of sessions that were over by `before` (epoch seconds), and such marks."""
    clients = db.execute(
        """DELETE FROM session_clients WHERE (sid, client_id) IN
           (SELECT sid, client_id FROM session_clients WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)""",
        (before, limit),
    )
    marks = db.execute(
        """DELETE FROM ended_sessions WHERE sid IN
           (SELECT sid FROM ended_sessions WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)""",
        (before, limit),
    )
    return clients.rowcount + marks.rowcount


def _delivery_id(fresh: str, told: SessionClient) -> str:
    return sha256(f"{fresh} {told.sid} {told.client_id}".encode()).hexdigest()[:32]
