"""`broker.store.operators` in SQL."""

from __future__ import annotations

from broker.core.operators.tokens import AdminToken
from broker.store.operators import AdminTokenStore
from broker.store.sql.steps import Repository, Steps, do, every, one, read, write


class SqlAdminTokens(Repository, AdminTokenStore):
    """The AdminTokenStore protocol, which says what each method promises."""

    @write
    def add(self, token: AdminToken) -> Steps[bool]:
        added = yield from do(
            """INSERT INTO admin_tokens (name, digest, scope, created_at, operator, expires_at)
               VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING""",
            *(token.name, token.digest, token.scope, token.created_at, token.by, token.expires_at),
        )
        return added == 1

    @read
    def find(self, digest: str) -> Steps[AdminToken | None]:
        row = yield from one(
            """SELECT name, digest, scope, created_at, operator, expires_at, used_at FROM admin_tokens
               WHERE digest = ?""",
            digest,
        )
        return None if row is None else AdminToken(*row)

    @read
    def all_(self) -> Steps[tuple[AdminToken, ...]]:
        rows = yield from every(
            """SELECT name, digest, scope, created_at, operator, expires_at, used_at FROM admin_tokens
               ORDER BY name"""
        )
        return tuple([AdminToken(*row) for row in rows])

    @write
    def used(self, digest: str, *, now: int, apart: int) -> Steps[bool]:
        noted = yield from do(
            "UPDATE admin_tokens SET used_at = ? WHERE digest = ? AND (used_at IS NULL OR used_at <= ?)",
            *(now, digest, now - apart),
        )
        return noted == 1

    @write
    def revoke(self, name: str) -> Steps[bool]:
        return (yield from do("DELETE FROM admin_tokens WHERE name = ?", name)) == 1
