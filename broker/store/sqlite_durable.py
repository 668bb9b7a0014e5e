"""Durable on SQLite: which function of `sqlite_accounts`, `sqlite_grants`, `sqlite_keys` reads, and which writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence

from broker.core.identity import Account, Link, Person
from broker.core.logout import Delivery, SessionClient
from broker.core.records import Grant, RefreshToken, SigningKey
from broker.core.registered_client import RegisteredClient
from broker.store import sqlite_accounts as accounts
from broker.store import sqlite_clients as clients
from broker.store import sqlite_grants as grants
from broker.store import sqlite_keys as keys
from broker.store import sqlite_logouts as logouts
from broker.store import sqlite_secrets as secrets
from broker.store import sqlite_upstream as upstream
from broker.store.base import LiveGrant, Redeemed, Reused, Rotated, SessionOver, SpentBefore
from broker.store.sqlite_engine import Engine

_SWEPT_AT_ONCE = 500  # rows per transaction, so that housekeeping makes nobody wait


class SqliteDurable:
    """The Durable protocol of `broker.store.base`, which says what each method promises."""

    def __init__(self, engine: Engine, randomness: Callable[[int], bytes]) -> None:
        """`randomness` makes the ids of providers' sets of people, and of logout tokens."""
        self._engine, self._randomness = engine, randomness

    async def person(self, provider_key: str, subject: str) -> Person | None:
        """Durable.person."""
        return await self._engine.read(lambda db: accounts.person(db, provider_key, subject))

    async def adopt(self, account: Account, link: Link) -> Person:
        """Durable.adopt."""
        return await self._engine.write(lambda db: accounts.adopt(db, account, link))

    async def update_link(self, link: Link) -> None:
        """Durable.update_link."""
        await self._engine.write(lambda db: accounts.update_link(db, link))

    async def links(self, sub: str) -> tuple[Link, ...]:
        """Durable.links."""
        return await self._engine.read(lambda db: accounts.links(db, sub))

    async def consent(self, sub: str, client_id: str, promise: str) -> frozenset[str]:
        """Durable.consent."""
        return await self._engine.read(lambda db: accounts.consent(db, sub, client_id, promise))

    async def save_consent(self, sub: str, client_id: str, promise: str, scope: frozenset[str], at: int) -> None:
        """Durable.save_consent."""
        await self._engine.write(lambda db: accounts.save_consent(db, sub, client_id, promise, scope, at=at))

    async def redeem(
        self,
        code_digest: str,
        grant: Grant,
        refresh: RefreshToken | None,
        *,
        now: int,
        hears: SessionClient | None = None,
    ) -> Redeemed | SpentBefore | SessionOver:
        """Durable.redeem."""
        return await self._engine.write(lambda db: grants.redeem(db, code_digest, grant, refresh, now=now, hears=hears))

    async def spent(self, code_digest: str) -> str | None:
        """Durable.spent."""
        return await self._engine.read(lambda db: grants.spent(db, code_digest))

    async def grant(self, grant_id: str, *, now: int) -> LiveGrant | None:
        """Durable.grant."""
        return await self._engine.read(lambda db: grants.live(db, grant_id, now))

    async def refresh_token(self, token_digest: str) -> RefreshToken | None:
        """Durable.refresh_token."""
        return await self._engine.read(lambda db: grants.refresh_token(db, token_digest))

    async def rotate(self, token_digest: str, child: RefreshToken, *, now: int, grace: int) -> Rotated | Reused | None:
        """Durable.rotate."""
        return await self._engine.write(lambda db: grants.rotate(db, token_digest, child, now, grace))

    async def prolong(self, token_digest: str, *, now: int, expires_at: int) -> bool:
        """LastingTokens.prolong."""
        return await self._engine.write(lambda db: grants.prolong(db, token_digest, now, expires_at))

    async def revoke_grant(self, grant_id: str, *, now: int, client_id: str | None = None) -> bool:
        """Durable.revoke_grant."""
        return await self._engine.write(lambda db: grants.revoke(db, grant_id, now, client_id))

    async def revoke_all_grants(self, *, now: int) -> int:
        """Durable.revoke_all_grants."""
        return await self._engine.write(lambda db: grants.revoke_all(db, now))

    async def revoke_token(self, token_id: str, *, expires_at: int) -> bool:
        """Durable.revoke_token."""
        return await self._engine.write(lambda db: grants.revoke_token(db, token_id, expires_at))

    async def is_revoked(self, token_id: str) -> bool:
        """Durable.is_revoked."""
        return await self._engine.read(lambda db: grants.is_revoked(db, token_id))

    async def end_session(self, sid: str, *, now: int, expires_at: int) -> tuple[SessionClient, ...]:
        """Durable.end_session."""
        fresh = self._randomness(16).hex()
        return await self._engine.write(
            lambda db: logouts.end_session(db, sid, now=now, expires_at=expires_at, fresh=fresh)
        )

    async def retire_cookie(self, key: str, *, expires_at: int) -> None:
        """Durable.retire_cookie."""
        await self._engine.write(lambda db: logouts.retire_cookie(db, key, expires_at))

    async def is_ended(self, sid: str, key: str, *, now: int) -> bool:
        """Durable.is_ended."""
        return await self._engine.read(lambda db: logouts.is_ended(db, sid, key, now))

    async def claim_deliveries(
        self, *, now: int, until: int, limit: int, share: int, under_way: Mapping[str, int]
    ) -> tuple[Delivery, ...]:
        """Durable.claim_deliveries."""
        wanted = logouts.Wanted(now, until, limit, share, json.dumps(dict(under_way)))
        return await self._engine.write(lambda db: logouts.claim_deliveries(db, wanted))

    async def postpone_delivery(self, delivery_id: str, *, next_at: int) -> None:
        """Durable.postpone_delivery."""
        await self._engine.write(lambda db: logouts.postpone_delivery(db, delivery_id, next_at))

    async def finish_delivery(self, delivery_id: str) -> None:
        """Durable.finish_delivery."""
        await self._engine.write(lambda db: logouts.finish_delivery(db, delivery_id))

    async def deliveries(self) -> int:
        """Durable.deliveries."""
        return await self._engine.read(logouts.deliveries)

    async def end_upstream(
        self, provider_key: str, *, sid: str, subject: str, now: int, expires_at: int
    ) -> tuple[str, ...]:
        """Durable.end_upstream."""
        fresh = self._randomness(16).hex()
        return await self._engine.write(
            lambda db: upstream.end_upstream(
                db, provider_key, sid=sid, subject=subject, now=now, expires_at=expires_at, fresh=fresh
            )
        )

    async def upstream_ended_at(self, provider_key: str, *, sid: str, subject: str) -> int | None:
        """Durable.upstream_ended_at."""
        return await self._engine.read(lambda db: upstream.ended_at(db, provider_key, sid=sid, subject=subject))

    async def keep_login(self, sid: str, sealed: str, *, asked_at: int, expires_at: int) -> None:
        """Durable.keep_login."""
        await self._engine.write(
            lambda db: upstream.keep_login(db, sid, sealed, asked_at=asked_at, expires_at=expires_at)
        )

    async def claim_login(self, sid: str, *, now: int, every: int) -> str | None:
        """Durable.claim_login."""
        return await self._engine.write(lambda db: upstream.claim_login(db, sid, now=now, every=every))

    async def renew_login(self, sid: str, sealed: str) -> None:
        """Durable.renew_login."""
        await self._engine.write(lambda db: upstream.renew_login(db, sid, sealed))

    async def lose_login(self, sid: str, *, now: int) -> None:
        """Durable.lose_login."""
        await self._engine.write(lambda db: upstream.lose_login(db, sid, now))

    async def namespace_key(self, alias: str, namespace: str) -> str:
        """Durable.namespace_key."""
        fresh = self._randomness(16).hex()
        return await self._engine.write(lambda db: accounts.namespace_key(db, alias, namespace, fresh))

    async def set_blocked(self, sub: str, blocked: bool) -> bool:
        """Durable.set_blocked."""
        return await self._engine.write(lambda db: accounts.set_blocked(db, sub, blocked))

    async def secret(self, name: str) -> str | None:
        """Durable.secret."""
        return await self._engine.read(lambda db: secrets.secret(db, name))

    async def save_secret(self, name: str, sealed: str, *, replacing: str | None) -> str:
        """Durable.save_secret."""
        return await self._engine.write(lambda db: secrets.save_secret(db, name, sealed, replacing))

    async def installation(self) -> str:
        """Durable.installation."""
        fresh = self._randomness(16).hex()
        return await self._engine.write(lambda db: secrets.save_secret(db, "installation", fresh, None))

    async def signing_keys(self) -> tuple[SigningKey, ...]:
        """Durable.signing_keys."""
        return await self._engine.read(keys.signing_keys)

    async def add_signing_key(self, key: SigningKey) -> bool:
        """Durable.add_signing_key."""
        return await self._engine.write(lambda db: keys.add(db, key))

    async def retire_signing_key(self, kid: str, *, at: int) -> bool:
        """Durable.retire_signing_key."""
        return await self._engine.write(lambda db: keys.retire(db, kid, at))

    async def delete_signing_key(self, kid: str) -> None:
        """Durable.delete_signing_key."""
        await self._engine.write(lambda db: keys.delete(db, kid))

    async def replace_signing_keys(
        self, heirs: Sequence[SigningKey], *, algorithms: Collection[str] | None
    ) -> tuple[SigningKey, ...]:
        """Durable.replace_signing_keys."""
        return await self._engine.write(lambda db: keys.replace(db, heirs, algorithms))

    async def sweep(self, *, now: int) -> int:
        """Durable.sweep."""
        total = 0
        while swept := await self._engine.write(lambda db: grants.sweep(db, now, _SWEPT_AT_ONCE)):
            total += swept
        return total

    async def registered_client(self, client_id: str) -> RegisteredClient | None:
        """RegisteredClients.registered_client."""
        return await self._engine.read(lambda db: clients.registered_client(db, client_id))

    async def namesake(self, names: Collection[str], *, of: str) -> str | None:
        """RegisteredClients.namesake."""
        return await self._engine.read(lambda db: clients.namesake(db, names, of))

    async def add_client(self, client: RegisteredClient, *, limit: int) -> bool:
        """RegisteredClients.add_client."""
        return await self._engine.write(lambda db: clients.add(db, client, limit))

    async def replace_client(self, client: RegisteredClient, *, replacing: str) -> bool:
        """RegisteredClients.replace_client."""
        return await self._engine.write(lambda db: clients.replace(db, client, replacing))

    async def delete_client(self, client_id: str) -> bool:
        """RegisteredClients.delete_client."""
        return await self._engine.write(lambda db: clients.delete(db, client_id))

    async def ping(self) -> None:
        """Durable.ping."""
        await self._engine.heartbeat()

    async def close(self) -> None:
        """Durable.close: the file is shared with the transient half, which closes with it."""
        await self._engine.close()
