"""Accounts that nobody uses any more: found in the order in which they were used last."""

from __future__ import annotations

from broker.store.sql.steps import Steps, do, every, one


def unused(since: int, limit: int) -> Steps[tuple[str, ...]]:
    """Those that nobody signed in to since then, the longest first; none blocked, closing, merged or deleted."""
    rows = yield from every(
        """SELECT sub FROM accounts
           WHERE blocked = 0 AND deleted_at IS NULL AND merged_into IS NULL AND closes_at IS NULL AND used_at <= ?
           ORDER BY used_at, sub LIMIT ?""",
        since,
        limit,
    )
    return tuple(str(sub) for (sub,) in rows)


def in_use(sub: str, now: int) -> Steps[bool]:
    """Whether an app holds a grant of it, or a session may be alive; then it counts as used now."""
    row = yield from one(
        """SELECT 1 WHERE EXISTS (SELECT 1 FROM grants WHERE sub = ? AND revoked_at IS NULL AND expires_at > ?)
                    OR EXISTS (SELECT 1 FROM sign_ins WHERE sub = ? AND ends_at > ?)""",
        *(sub, now) * 2,
    )
    if row is None:
        return False
    yield from do("UPDATE accounts SET used_at = ? WHERE sub = ?", now, sub)
    return True
