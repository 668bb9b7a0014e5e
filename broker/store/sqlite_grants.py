"""Grants and what hangs on them: codes spent, refresh families, revocation. Each function is one step, whole or not."""

from __future__ import annotations

import sqlite3

from broker.core.logout import SessionClient
from broker.core.records import Grant, RefreshToken
from broker.store.base import LiveGrant, Redeemed, Reused, Rotated, SessionOver, SpentBefore
from broker.store.sqlite_accounts import person_from
from broker.store.sqlite_logouts import add_client, is_ended
from broker.store.sqlite_logouts import sweep as sweep_logouts
from broker.store.sqlite_upstream import sweep as sweep_upstream

# A grant and the digest of its code outlive the grant by a day, so that a clock that jumped and came back does not
# make anything forgotten that was refused before.
_KEPT_AFTER_EXPIRY = 86_400


def redeem(
    db: sqlite3.Connection,
    code_digest: str,
    grant: Grant,
    refresh: RefreshToken | None,
    *,
    now: int,
    hears: SessionClient | None,
) -> Redeemed | SpentBefore | SessionOver:
    """Durable.redeem. The UNIQUE key of `code_digest` stands behind the look-up."""
    before = spent(db, code_digest)
    if before is not None:
        revoke(db, before, now)
        return SpentBefore(before)
    if is_ended(db, grant.sid, "", now):
        return SessionOver()
    db.execute(
        """INSERT INTO grants
           (id, code_digest, sub, provider_key, subject, expires_at, sid, upstream_sid, offline, body)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            grant.id,
            code_digest,
            grant.sub,
            grant.provider_key,
            grant.subject,
            grant.expires_at,
            grant.sid,
            grant.upstream_sid,
            grant.offline,
            grant.to_bytes(),
        ),
    )
    if refresh is not None:
        _add_refresh_token(db, refresh)
    if hears is not None:
        add_client(db, grant, hears)
    return Redeemed()


def spent(db: sqlite3.Connection, code_digest: str) -> str | None:
    """Durable.spent."""
    row = db.execute("SELECT id FROM grants WHERE code_digest = ?", (code_digest,)).fetchone()
    return None if row is None else str(row[0])


def live(db: sqlite3.Connection, grant_id: str, now: int) -> LiveGrant | None:
    """Durable.grant."""
    row = db.execute(
        """SELECT body, sub, created_at, blocked, provider_key, subject, provider, claims, raw_ids, seen_at
           FROM standing_grants WHERE id = ? AND expires_at > ?""",
        (grant_id, now),
    ).fetchone()
    return None if row is None else LiveGrant(Grant.from_bytes(row[0]), person_from(row[1:]))


def refresh_token(db: sqlite3.Connection, digest: str) -> RefreshToken | None:
    """Durable.refresh_token."""
    row = db.execute(
        "SELECT digest, grant_id, issued_at, expires_at, spent_at FROM refresh_tokens WHERE digest = ?", (digest,)
    ).fetchone()
    return None if row is None else RefreshToken(*row)


def rotate(db: sqlite3.Connection, digest: str, child: RefreshToken, now: int, grace: int) -> Rotated | Reused | None:
    """Durable.rotate. Death comes before reuse: an expired token, or one of a dead grant, changes nothing."""
    row = db.execute(
        "SELECT grant_id, spent_at, child FROM refresh_tokens WHERE digest = ? AND expires_at > ?", (digest, now)
    ).fetchone()
    alive = None if row is None else live(db, row[0], now)
    if row is None or alive is None:
        return None
    grant_id, spent_at, known_child = row
    if spent_at is None:
        db.execute("UPDATE refresh_tokens SET spent_at = ?, child = ? WHERE digest = ?", (now, child.digest, digest))
        _add_refresh_token(db, child)
        return Rotated(alive.grant, again=False)
    if now - spent_at <= grace and known_child == child.digest and _unspent(db, child.digest):
        return Rotated(alive.grant, again=True)
    revoke(db, grant_id, now)
    return Reused(grant_id)


def prolong(db: sqlite3.Connection, digest: str, now: int, expires_at: int) -> bool:
    """LastingTokens.prolong."""
    row = db.execute(
        "SELECT grant_id FROM refresh_tokens WHERE digest = ? AND expires_at > ? AND spent_at IS NULL", (digest, now)
    ).fetchone()
    if row is None or live(db, row[0], now) is None:
        return False
    db.execute("UPDATE refresh_tokens SET expires_at = ? WHERE digest = ?", (expires_at, digest))
    return True


def revoke(db: sqlite3.Connection, grant_id: str, now: int, client_id: str | None = None) -> bool:
    """Durable.revoke_grant. Tokens need no mark of their own: nothing reads them without their grant."""
    if client_id is not None and _client_of(db, grant_id) != client_id:
        return False
    changed = db.execute(
        "UPDATE grants SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL AND expires_at > ?", (now, grant_id, now)
    )
    return changed.rowcount == 1


def revoke_all(db: sqlite3.Connection, now: int) -> int:
    """Durable.revoke_all_grants."""
    changed = db.execute("UPDATE grants SET revoked_at = ? WHERE revoked_at IS NULL AND expires_at > ?", (now, now))
    return changed.rowcount


def revoke_token(db: sqlite3.Connection, token_id: str, expires_at: int) -> bool:
    """Durable.revoke_token."""
    added = db.execute("INSERT OR IGNORE INTO revoked_tokens (id, expires_at) VALUES (?, ?)", (token_id, expires_at))
    return added.rowcount == 1


def is_revoked(db: sqlite3.Connection, token_id: str) -> bool:
    """Durable.is_revoked."""
    return db.execute("SELECT 1 FROM revoked_tokens WHERE id = ?", (token_id,)).fetchone() is not None


def sweep(db: sqlite3.Connection, now: int, limit: int) -> int:
    """Delete at most `limit` of each: grants (with their tokens), tokens, revocations, marks that no longer matter."""
    grants = db.execute(
        "DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)",
        (now - _KEPT_AFTER_EXPIRY, limit),
    )
    tokens = db.execute(
        """DELETE FROM refresh_tokens WHERE digest IN
           (SELECT digest FROM refresh_tokens WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)""",
        (now - _KEPT_AFTER_EXPIRY, limit),
    )
    revoked = db.execute(
        """DELETE FROM revoked_tokens WHERE id IN
           (SELECT id FROM revoked_tokens WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)""",
        (now - _KEPT_AFTER_EXPIRY, limit),
    )
    upstream = sweep_upstream(db, now - _KEPT_AFTER_EXPIRY, limit)
    logouts = sweep_logouts(db, now - _KEPT_AFTER_EXPIRY, limit)
    return grants.rowcount + tokens.rowcount + revoked.rowcount + upstream + logouts


def _client_of(db: sqlite3.Connection, grant_id: str) -> str | None:
    row = db.execute("SELECT body FROM grants WHERE id = ?", (grant_id,)).fetchone()
    return None if row is None else Grant.from_bytes(row[0]).client_id


def _add_refresh_token(db: sqlite3.Connection, token: RefreshToken) -> None:
    db.execute(
        "INSERT INTO refresh_tokens (digest, grant_id, issued_at, expires_at) VALUES (?, ?, ?, ?)",
        (token.digest, token.grant_id, token.issued_at, token.expires_at),
    )


def _unspent(db: sqlite3.Connection, digest: str) -> bool:
    row = db.execute("SELECT 1 FROM refresh_tokens WHERE digest = ? AND spent_at IS NULL", (digest,)).fetchone()
    return row is not None
