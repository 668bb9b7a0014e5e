"""Giving a grant: the one way from a login to tokens, whatever stood for the login (a code, a device code).

Both or neither: what is spent, the grant and its first refresh token are one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass

from broker.core.clients.client import Client
from broker.core.errors import InvalidGrant
from broker.core.records import AuthorizationRequest, Grant, Login, RefreshToken
from broker.core.seal import digest
from broker.core.terms import GrantType, Scope
from broker.core.tokens.audience import verify_resources
from broker.core.wire.parameters import Parameters
from broker.services.context import Context
from broker.services.grants.endpoint import Issued
from broker.services.sessions.endings import Endings
from broker.services.sessions.upstream import UpstreamSessions
from broker.services.tokens.held import Held
from broker.services.tokens.minting import Tokens
from broker.services.tokens.proofs import Key
from broker.services.upstream_tokens.keeping import Keeping
from broker.store.grants import GrantStore, LiveGrant, SessionOver, SpentBefore
from broker.store.people import PeopleStore


class LoginOver(InvalidGrant):
    """The login that a grant was to come from has ended, here or at its upstream. What stood for it did not leak."""


@dataclass(frozen=True, slots=True)
class Once:
    """What is good for one grant: the digest it is known by, and what its client is told where it is not good.

    `agreed_at`: when its person said yes (epoch seconds with their fraction). `upstream_refresh` is what the upstream
    of the login is asked with later, sealed, or "".
    """

    digest: str
    wrong: str
    agreed_at: float
    upstream_refresh: str = ""


class Giving:
    """Opens grants."""

    def __init__(
        self,
        context: Context,
        tokens: Tokens,
        upstream: UpstreamSessions,
        endings: Endings,
        *,
        people: PeopleStore,
        grants: GrantStore,
        keeping: Keeping,
    ) -> None:
        """`upstream` says whose login ended elsewhere, `endings` who hears when it ends here.

        `keeping` has what the login brought of its upstream's tokens.
        """
        self._context = context
        self._people, self._grants = people, grants
        self._tokens = tokens
        self._upstream = upstream
        self._endings = endings
        self._keeping = keeping

    async def open_grant(
        self,
        login: Login,
        client: Client,
        asked: AuthorizationRequest,
        *,
        spends: Once,
        params: Parameters,
        key: Key,
    ) -> Issued:
        """What `client` asked for, given by who logged in; `params` may name some of the APIs (RFC 8707 section 2.2).

        Raises InvalidGrant where the person is not welcome, or it was spent before (then the grant it was spent for
        has ended), InvalidTarget, and LoginOver. The key is used when all is known to be good, before it is spent.
        """
        live = await self._build_live(login, client, asked, spends, key.jkt)
        held = self._tokens.held.cut(live, client)
        named = verify_resources(params, held.grant.resource)
        await key.use()
        refresh_token = self._tokens.mint_refresh() if _wants_refresh(held) else None
        await self._keep(live.grant, client, refresh_token, spends)
        await self._check_not_over(live.grant)
        return Issued(held, held.grant.scope, refresh_token, named)

    async def _build_live(
        self, login: Login, client: Client, asked: AuthorizationRequest, spends: Once, jkt: str
    ) -> LiveGrant:
        """The grant to be, as it was asked for, with the person as they are now: nothing is spent before."""
        person = await self._people.person(login.provider_key, login.subject)
        if person is None or person.account.sub != login.sub:
            raise InvalidGrant(spends.wrong, detail="the account is gone")
        now, lifetimes = self._context.now(), self._tokens.lifetimes
        offline = Scope.OFFLINE_ACCESS in asked.scope
        grant = Grant(
            id=self._context.mint_ordered("g"),
            client_id=client.id,
            login=login,
            scope=asked.scope,
            nonce=asked.nonce,
            created_at=now,
            expires_at=now + (lifetimes.refresh_absolute if offline else lifetimes.access_token),
            offline=offline,
            resource=asked.resource,
            jkt=jkt,
            claims=asked.claims,
        )
        return LiveGrant(grant, person)

    async def _keep(self, grant: Grant, client: Client, refresh_token: str | None, spends: Once) -> None:
        await self._upstream.keep(grant, spends.upstream_refresh)
        await self._keeping.keep(client, grant.login)
        outcome = await self._grants.redeem(
            spends.digest,
            grant,
            self._build_refresh(grant, refresh_token),
            now=grant.created_at,
            agreed_at=spends.agreed_at,
            hears=self._endings.hears_of(grant.login, client),
        )
        if isinstance(outcome, SessionOver):
            raise LoginOver(spends.wrong, detail="the login has ended, or the yes was taken back")
        if isinstance(outcome, SpentBefore):
            raise InvalidGrant(spends.wrong, detail="spent before; its grant is revoked")

    def _build_refresh(self, grant: Grant, refresh_token: str | None) -> RefreshToken | None:
        if refresh_token is None:
            return None
        expires_at = min(grant.created_at + self._tokens.lifetimes.refresh_idle, grant.expires_at)
        return RefreshToken(digest(refresh_token), grant.id, grant.created_at, expires_at)

    async def _check_not_over(self, grant: Grant) -> None:
        """Asked when the grant stands: a logout that came before is seen here, and one that comes later sees it."""
        if await self._upstream.is_over(grant.login):
            await self._grants.revoke(grant.id, now=self._context.now())
            raise LoginOver("the login behind this code has ended at the provider; log in again")


def _wants_refresh(held: Held) -> bool:
    return Scope.OFFLINE_ACCESS in held.grant.scope and GrantType.REFRESH_TOKEN in held.client.grants
