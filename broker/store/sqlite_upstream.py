"""Sessions that end, ours and those at upstreams, and what is asked at an upstream later on."""

from __future__ import annotations

import sqlite3

from broker.store.sqlite_logouts import end_session


def end_upstream(
    db: sqlite3.Connection, provider_key: str, *, sid: str, subject: str, now: int, expires_at: int, fresh: str
) -> tuple[str, ...]:
    """Durable.end_upstream; `fresh` as in `broker.store.sqlite_logouts.end_session`."""
    kind, value = ("sid", sid) if sid else ("sub", subject)
    db.execute(
        """INSERT INTO upstream_logouts (provider_key, kind, value, at, expires_at) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET at = max(at, excluded.at), expires_at = max(expires_at, excluded.expires_at)""",
        (provider_key, kind, value, now, expires_at),
    )
    sessions = _by_sid(db, provider_key, sid, now) if sid else _by_subject(db, provider_key, subject, now)
    for session in sessions:
        end_session(db, session, now=now, expires_at=expires_at, fresh=fresh)
    return sessions


# A session whose grants are all over still has apps that have to hear of its end.
def _by_sid(db: sqlite3.Connection, provider_key: str, sid: str, now: int) -> tuple[str, ...]:
    rows = db.execute(
        """SELECT sid FROM grants WHERE provider_key = ?1 AND upstream_sid = ?2 AND expires_at > ?3
           UNION
           SELECT sid FROM session_clients WHERE provider_key = ?1 AND upstream_sid = ?2 AND expires_at > ?3""",
        (provider_key, sid, now),
    )
    return tuple(sorted(str(row[0]) for row in rows))


def _by_subject(db: sqlite3.Connection, provider_key: str, subject: str, now: int) -> tuple[str, ...]:
    rows = db.execute(
        """SELECT sid FROM grants WHERE provider_key = ?1 AND subject = ?2 AND expires_at > ?3
           UNION
           SELECT sid FROM session_clients WHERE provider_key = ?1 AND subject = ?2 AND expires_at > ?3""",
        (provider_key, subject, now),
    )
    return tuple(sorted(str(row[0]) for row in rows))


def ended_at(db: sqlite3.Connection, provider_key: str, *, sid: str, subject: str) -> int | None:
    """Durable.upstream_ended_at. A session that the upstream gave no `sid` is never marked by one."""
    row = db.execute(
        """SELECT max(at) FROM upstream_logouts
           WHERE provider_key = ? AND (kind, value) IN (VALUES ('sub', ?), ('sid', ?))""",
        (provider_key, subject, sid),
    ).fetchone()
    return None if row[0] is None else int(row[0])


def keep_login(db: sqlite3.Connection, sid: str, sealed: str, *, asked_at: int, expires_at: int) -> None:
    """Durable.keep_login."""
    db.execute(
        """INSERT INTO kept_logins (sid, sealed, asked_at, expires_at) VALUES (?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)""",
        (sid, sealed, asked_at, expires_at),
    )


def claim_login(db: sqlite3.Connection, sid: str, *, now: int, every: int) -> str | None:
    """Durable.claim_login."""
    row = db.execute(
        "UPDATE kept_logins SET asked_at = ? WHERE sid = ? AND asked_at <= ? RETURNING sealed", (now, sid, now - every)
    ).fetchone()
    return None if row is None else str(row[0])


def renew_login(db: sqlite3.Connection, sid: str, sealed: str) -> None:
    """Durable.renew_login."""
    db.execute("UPDATE kept_logins SET sealed = ? WHERE sid = ?", (sealed, sid))


def lose_login(db: sqlite3.Connection, sid: str, now: int) -> None:
    """Durable.lose_login."""
    db.execute("DELETE FROM kept_logins WHERE sid = ?", (sid,))
    db.execute(
        "UPDATE grants SET revoked_at = ? WHERE sid = ? AND revoked_at IS NULL AND expires_at > ?", (now, sid, now)
    )


def sweep(db: sqlite3.Connection, before: int, limit: int) -> int:
    """Delete at most `limit` marks and `limit` kept logins that had expired by `before` (epoch seconds)."""
    marks = db.execute(
        """DELETE FROM upstream_logouts WHERE (provider_key, kind, value) IN
           (SELECT provider_key, kind, value FROM upstream_logouts
            WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)""",
        (before, limit),
    )
    kept = db.execute(
        """DELETE FROM kept_logins WHERE sid IN
           (SELECT sid FROM kept_logins WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)""",
        (before, limit),
    )
    return marks.rowcount + kept.rowcount
