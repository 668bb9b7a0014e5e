"""`broker.store.grants` in SQL."""

from __future__ import annotations

from broker.core.logout import SessionClient
from broker.core.records import Grant, RefreshToken
from broker.store.grants import GrantStore, KnownRefresh, LiveGrant, Redeemed, Reused, Rotated, SessionOver, SpentBefore
from broker.store.sql.endings import is_over
from broker.store.sql.persons import person_with_parts
from broker.store.sql.sessions import add_client
from broker.store.sql.steps import Repository, Steps, do, first, one, read, sweep, write


class SqlGrants(Repository, GrantStore):
    """The GrantStore protocol, which says what each method promises."""

    @write
    def redeem(
        self,
        code_digest: str,
        grant: Grant,
        refresh: RefreshToken | None,
        *,
        now: int,
        agreed_at: float = 0,
        hears: SessionClient | None = None,
    ) -> Steps[Redeemed | SpentBefore | SessionOver]:
        """The UNIQUE key of `code_digest` stands behind the look-up."""
        login, before = grant.login, (yield from _spent(code_digest))
        if before is not None:
            yield from _revoke(before, now)
            return SpentBefore(before)
        if (yield from is_over(login, grant.client_id, agreed_at, now)):
            return SessionOver()
        yield from do(
            """INSERT INTO grants
               (id, code_digest, client_id, sub, provider_key, subject, expires_at, sid, upstream_sid, offline, body)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            grant.id,
            code_digest,
            grant.client_id,
            login.sub,
            login.provider_key,
            login.subject,
            grant.expires_at,
            login.sid,
            login.upstream_sid,
            int(grant.offline),
            grant.to_bytes(),
        )
        if refresh is not None:
            yield from _add_refresh_token(refresh)
        if hears is not None:
            yield from add_client(grant, hears)
        return Redeemed()

    @read
    def spent(self, code_digest: str) -> Steps[str | None]:
        return _spent(code_digest)

    @read
    def find(self, grant_id: str, *, now: int) -> Steps[LiveGrant | None]:
        return _live(grant_id, now)

    @read
    def refresh_token(self, token_digest: str, *, now: int) -> Steps[KnownRefresh | None]:
        """Two statements: one that joins the view from outside may read all of it."""
        found = yield (
            "SELECT digest, grant_id, issued_at, expires_at, spent_at FROM refresh_tokens WHERE digest = ?",
            (token_digest,),
        )
        row = first(found)
        if row is None:
            return None
        token = RefreshToken(*row)
        return KnownRefresh(token, (yield from _live(token.grant_id, now)))

    @write
    def rotate(self, token_digest: str, child: RefreshToken, *, now: int, grace: int) -> Steps[Rotated | Reused | None]:
        """Death comes before reuse: an expired token, or one of a dead grant, changes nothing."""
        row = yield from one(
            "SELECT grant_id, spent_at, child FROM refresh_tokens WHERE digest = ? AND expires_at > ?",
            token_digest,
            now,
        )
        if row is None or not (yield from _stands(row[0], now)):
            return None
        grant_id, spent_at, known_child = row
        if spent_at is None:
            yield from do(
                "UPDATE refresh_tokens SET spent_at = ?, child = ? WHERE digest = ?", now, child.digest, token_digest
            )
            yield from _add_refresh_token(child)
            return Rotated(again=False)
        if now - spent_at <= grace and known_child == child.digest and (yield from _is_unspent(child.digest)):
            return Rotated(again=True)
        yield from _revoke(grant_id, now)
        return Reused(grant_id)

    @write
    def prolong(self, token_digest: str, *, now: int, expires_at: int) -> Steps[bool]:
        row = yield from one(
            "SELECT grant_id FROM refresh_tokens WHERE digest = ? AND expires_at > ? AND spent_at IS NULL",
            token_digest,
            now,
        )
        if row is None or not (yield from _stands(row[0], now)):
            return False
        yield from do("UPDATE refresh_tokens SET expires_at = ? WHERE digest = ?", expires_at, token_digest)
        return True

    @write
    def revoke(self, grant_id: str, *, now: int, client_id: str | None = None) -> Steps[bool]:
        if client_id is not None and (yield from _client_of(grant_id)) != client_id:
            return False
        return (yield from _revoke(grant_id, now))

    @write
    def revoke_all(self, *, now: int) -> Steps[int]:
        return do("UPDATE grants SET revoked_at = ? WHERE revoked_at IS NULL AND expires_at > ?", now, now)

    @write
    def revoke_given(self, sub: str, client_id: str, *, now: int, access_until: int | None = None) -> Steps[int]:
        if access_until is None:
            return (
                yield from do(
                    """UPDATE grants SET revoked_at = ?
                       WHERE sub = ? AND client_id = ? AND revoked_at IS NULL AND expires_at > ?""",
                    now,
                    sub,
                    client_id,
                    now,
                )
            )
        yield from do(
            "DELETE FROM refresh_tokens WHERE grant_id IN (SELECT id FROM grants WHERE sub = ? AND client_id = ?)",
            sub,
            client_id,
        )
        return (
            yield from do(
                """UPDATE grants SET expires_at = CASE WHEN expires_at > ? THEN ? ELSE expires_at END
                   WHERE sub = ? AND client_id = ? AND revoked_at IS NULL AND expires_at > ?""",
                access_until,
                access_until,
                sub,
                client_id,
                now,
            )
        )

    @write
    def revoke_token(self, token_id: str, *, expires_at: int) -> Steps[bool]:
        added = yield from do(
            "INSERT INTO revoked_tokens (id, expires_at) VALUES (?, ?) ON CONFLICT DO NOTHING", token_id, expires_at
        )
        return added == 1

    @read
    def is_revoked(self, token_id: str) -> Steps[bool]:
        return (yield from one("SELECT 1 FROM revoked_tokens WHERE id = ?", token_id)) is not None

    async def sweep(self, *, now: int) -> int:
        return await sweep(self._sweep, now=now)

    @write
    def _sweep(self, before: int, limit: int) -> Steps[int]:
        """Refresh tokens go with their grants, and are not counted then."""
        grants = yield from do(
            "DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)",
            before,
            limit,
        )
        tokens = yield from do(
            """DELETE FROM refresh_tokens WHERE digest IN
               (SELECT digest FROM refresh_tokens WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)""",
            before,
            limit,
        )
        revoked = yield from do(
            """DELETE FROM revoked_tokens WHERE id IN
               (SELECT id FROM revoked_tokens WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)""",
            before,
            limit,
        )
        return grants + tokens + revoked


def _spent(code_digest: str) -> Steps[str | None]:
    row = yield from one("SELECT id FROM grants WHERE code_digest = ?", code_digest)
    return None if row is None else str(row[0])


def _live(grant_id: str, now: int) -> Steps[LiveGrant | None]:
    found = yield (
        """SELECT body, sub, created_at, blocked, closes_at, provider_key, subject, provider, claims, raw_ids, seen_at,
                  linked_at, home, EXISTS (SELECT 1 FROM accounts AS part WHERE part.merged_into = standing_grants.sub),
                  EXISTS (SELECT 1 FROM account_claims WHERE account_claims.sub = standing_grants.sub)
           FROM standing_grants WHERE id = ? AND expires_at > ?""",
        (grant_id, now),
    )
    row = first(found)
    return None if row is None else LiveGrant(Grant.from_bytes(row[0]), (yield from person_with_parts(row[1:])))


def _stands(grant_id: str, now: int) -> Steps[bool]:
    """Whether it is alive: not expired, and neither it nor its person stopped."""
    row = yield from one("SELECT 1 FROM standing_grants WHERE id = ? AND expires_at > ?", grant_id, now)
    return row is not None


def _revoke(grant_id: str, now: int) -> Steps[bool]:
    """False when it was not alive. Tokens need no mark of their own: nothing reads them without their grant."""
    changed = yield from do(
        "UPDATE grants SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL AND expires_at > ?", now, grant_id, now
    )
    return changed == 1


def _client_of(grant_id: str) -> Steps[str | None]:
    row = yield from one("SELECT client_id FROM grants WHERE id = ?", grant_id)
    return None if row is None else str(row[0])


def _add_refresh_token(token: RefreshToken) -> Steps[int]:
    return do(
        "INSERT INTO refresh_tokens (digest, grant_id, issued_at, expires_at) VALUES (?, ?, ?, ?)",
        token.digest,
        token.grant_id,
        token.issued_at,
        token.expires_at,
    )


def _is_unspent(token_digest: str) -> Steps[bool]:
    row = yield from one("SELECT 1 FROM refresh_tokens WHERE digest = ? AND spent_at IS NULL", token_digest)
    return row is not None
