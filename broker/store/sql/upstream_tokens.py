"""`broker.store.upstream_tokens` in SQL."""

from __future__ import annotations

from collections.abc import Collection

from broker.core.people.history import AccountEvent, Happened
from broker.store.sql.deliveries import Outbox
from broker.store.sql.history import remember
from broker.store.sql.steps import Driver, Repository, Row, Steps, do, every, one, read, sweep, write
from broker.store.upstream_tokens import KeptTokens, UpstreamTokenStore


class SqlUpstreamTokens(Repository, UpstreamTokenStore):
    """The UpstreamTokenStore protocol, which says what each method promises."""

    def __init__(self, driver: Driver, outbox: Outbox) -> None:
        """`outbox` takes what others have to hear of."""
        super().__init__(driver)
        self._outbox = outbox

    @write
    def keep(self, sub: str, tokens: KeptTokens, *, expires_at: int) -> Steps[bool]:
        kept = yield from do(
            """INSERT INTO upstream_tokens (provider_key, subject, sub, sealed, version, kept_at, expires_at)
               SELECT links.provider_key, links.subject, links.sub, ?, ?, ?, ?
               FROM links JOIN living_accounts AS living ON living.sub = links.sub
               WHERE links.provider_key = ? AND links.subject = ? AND links.sub = ?
               ON CONFLICT (provider_key, subject) DO UPDATE SET
               sub = excluded.sub, sealed = excluded.sealed, version = excluded.version, kept_at = excluded.kept_at,
               expires_at = excluded.expires_at, busy_until = 0
               WHERE upstream_tokens.kept_at <= excluded.kept_at OR upstream_tokens.sub <> excluded.sub""",
            *(tokens.sealed, tokens.version, tokens.kept_at, expires_at),
            *(tokens.provider_key, tokens.subject, sub),
        )
        return kept == 1

    @read
    def find(self, sub: str, provider_key: str, subject: str, *, now: int) -> Steps[KeptTokens | None]:
        # Whose the way in was and is: a row that stayed behind when it moved is nobody's.
        row = yield from one(
            """SELECT kept.provider_key, kept.subject, kept.sealed, kept.version, kept.kept_at
               FROM upstream_tokens AS kept
               JOIN links ON links.provider_key = kept.provider_key AND links.subject = kept.subject
                             AND links.sub = kept.sub
               WHERE kept.sub = ? AND kept.expires_at > ? AND kept.provider_key = ?
               ORDER BY CASE kept.subject WHEN ? THEN 0 ELSE 1 END, kept.kept_at DESC, kept.subject LIMIT 1""",
            *(sub, now, provider_key, subject),
        )
        return None if row is None else _kept(row)

    @read
    def of_account(self, sub: str, *, now: int) -> Steps[tuple[KeptTokens, ...]]:
        rows = yield from every(
            """SELECT kept.provider_key, kept.subject, kept.sealed, kept.version, kept.kept_at
               FROM upstream_tokens AS kept
               JOIN links ON links.provider_key = kept.provider_key AND links.subject = kept.subject
                             AND links.sub = kept.sub
               WHERE kept.sub = ? AND kept.expires_at > ? ORDER BY kept.provider_key, kept.subject""",
            *(sub, now),
        )
        return tuple([_kept(row) for row in rows])

    @write
    def claim(self, tokens: KeptTokens, *, now: float, until: float) -> Steps[bool]:
        claimed = yield from do(
            """UPDATE upstream_tokens SET busy_until = ?
               WHERE provider_key = ? AND subject = ? AND version = ? AND busy_until <= ?""",
            *(until, *_name(tokens), now),
        )
        return claimed == 1

    @write
    def renew(self, tokens: KeptTokens, sealed: str, *, version: str, expires_at: int) -> Steps[bool]:
        renewed = yield from do(
            """UPDATE upstream_tokens SET sealed = ?, version = ?, expires_at = ?, busy_until = 0
               WHERE provider_key = ? AND subject = ? AND version = ?""",
            *(sealed, version, expires_at, *_name(tokens)),
        )
        return renewed == 1

    @write
    def release(self, tokens: KeptTokens) -> Steps[None]:
        yield from do(
            "UPDATE upstream_tokens SET busy_until = 0 WHERE provider_key = ? AND subject = ? AND version = ?",
            *_name(tokens),
        )

    @write
    def lose(self, tokens: KeptTokens) -> Steps[bool]:
        lost = yield from do(
            "DELETE FROM upstream_tokens WHERE provider_key = ? AND subject = ? AND version = ?", *_name(tokens)
        )
        return lost == 1

    @write
    def withdraw(
        self, sub: str, tokens: KeptTokens, *, provider: str, clients: Collection[str], now: int
    ) -> Steps[bool]:
        gone = yield from do(
            "DELETE FROM upstream_tokens WHERE provider_key = ? AND subject = ? AND sub = ?",
            *(tokens.provider_key, tokens.subject, sub),
        )
        if not gone:
            return False
        for client_id in sorted(clients):
            yield from do(
                """DELETE FROM consents WHERE client_id = ? AND sub IN
                   (SELECT sub FROM accounts WHERE sub = ? OR merged_into = ?)""",
                *(client_id, sub, sub),
            )
        yield from remember(sub, AccountEvent(Happened.WITHDRAWN, now, provider=provider), self._outbox)
        return True

    async def sweep(self, *, now: int) -> int:
        return await sweep(self._sweep, now=now)

    @write
    def _sweep(self, before: int, limit: int) -> Steps[int]:
        return do(
            """DELETE FROM upstream_tokens WHERE (provider_key, subject) IN (SELECT provider_key, subject
               FROM upstream_tokens WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)""",
            *(before, limit),
        )


def _name(tokens: KeptTokens) -> tuple[str, str, str]:
    return tokens.provider_key, tokens.subject, tokens.version


def _kept(row: Row) -> KeptTokens:
    return KeptTokens(*row)
