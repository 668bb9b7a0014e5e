"""The authorization code grant (RFC 6749 section 4.1.3, RFC 7636 section 4.6)."""

from __future__ import annotations

from broker.core import pkce
from broker.core.client import Client
from broker.core.errors import InvalidGrant, InvalidRequest, SealBroken
from broker.core.events import Event
from broker.core.logout import SessionClient
from broker.core.parameters import Parameters
from broker.core.records import CodeRecord, Grant, RefreshToken
from broker.core.resource import verify_resources
from broker.core.seal import digest
from broker.core.terms import GrantType, Scope
from broker.services.context import Context
from broker.services.grants.base import Issued
from broker.services.held import Held
from broker.services.proofs import Key
from broker.services.tokens import Tokens
from broker.services.upstream_sessions import UpstreamSessions
from broker.store.grants import GrantStore, LiveGrant, SessionOver, SpentBefore
from broker.store.people import PeopleStore
from broker.store.transient import Kind, Transient

_WRONG = "the code is wrong, expired, already used, or was issued to another client or redirect_uri"


class AuthorizationCode:
    """Spends a code once; a second try ends what the first one gave."""

    event = Event.TOKEN_ISSUED

    def __init__(
        self,
        context: Context,
        tokens: Tokens,
        upstream: UpstreamSessions,
        *,
        people: PeopleStore,
        grants: GrantStore,
        transient: Transient,
        session_ttl: int,
    ) -> None:
        """`upstream` says whose login ended elsewhere. `session_ttl`: seconds a session lives at most."""
        self._context = context
        self._people, self._grants, self._transient = people, grants, transient
        self._upstream = upstream
        self._session_ttl = session_ttl
        self._tokens = tokens

    async def issue(self, client: Client, params: Parameters, key: Key) -> Issued:
        """Spend the code of this client; raises InvalidGrant or InvalidTarget."""
        if "code" not in params:
            raise InvalidRequest("code is missing")
        return await self.spend(Kind.CODE, digest(params["code"]), client, params, key=key)

    async def spend(self, kind: Kind, code_digest: str, client: Client, params: Parameters, *, key: Key) -> Issued:
        """Spend what is kept as `kind` under this digest, a code in any case; raises InvalidGrant."""
        code = await self._load(kind, client, code_digest)
        try:
            self._check(code, client, params)
            _check_key(code, key.jkt)
            live = await self._build_live(code, key.jkt)
            held = self._tokens.held.cut(live, client)
            named = verify_resources(params, held.grant.resource)
        except InvalidGrant:
            # A code shown by the wrong party has leaked: it is dead from here on (RFC 9700 section 4.5).
            await self._transient.take(kind, code_digest)
            await self._end_what_was_spent(client, code_digest)
            raise
        await key.use()
        grant = live.grant
        refresh_token = self._tokens.mint_refresh() if _wants_refresh(held) else None
        await self._upstream.keep(grant, code.upstream_refresh)
        outcome = await self._grants.redeem(
            code_digest,
            grant,
            self._build_refresh(grant, refresh_token),
            now=grant.created_at,
            hears=self._build_hearer(grant, client),
        )
        if isinstance(outcome, SessionOver):
            raise InvalidGrant(_WRONG, detail="the session of the code has ended")
        if isinstance(outcome, SpentBefore):
            raise self._replayed(client, outcome.grant_id)
        await self._check_not_over(code)
        scope = held.grant.scope
        return Issued(held, scope, refresh_token, self._tokens.audience_of(held, named, scope))

    async def _load(self, kind: Kind, client: Client, code_digest: str) -> CodeRecord:
        raw = await self._transient.get(kind, code_digest)
        if raw is None:
            await self._end_what_was_spent(client, code_digest)
            raise InvalidGrant(_WRONG)
        try:
            return CodeRecord.from_bytes(raw)
        except SealBroken as error:  # of another version of ours, in the minute around an upgrade
            raise InvalidGrant(_WRONG, detail=error.detail) from None

    async def _end_what_was_spent(self, client: Client, code_digest: str) -> None:
        """A code that turns up again, whoever brings it, ends what it gave (RFC 6749 section 4.1.2)."""
        grant_id = await self._grants.spent(code_digest)
        if grant_id is not None:
            await self._grants.revoke(grant_id, now=self._context.now())
            self._context.recorder.record(Event.CODE_REPLAYED, client_id=client.id, grant_id=grant_id)

    def _check(self, code: CodeRecord, client: Client, params: Parameters) -> None:
        asked = code.request
        if asked.client_id != client.id:
            raise InvalidGrant(_WRONG, detail=f"code of {asked.client_id} brought by {client.id}")
        if code.expires_at <= self._context.now():
            raise InvalidGrant(_WRONG, detail="code expired")
        if params.text("redirect_uri") != asked.redirect_uri:
            raise InvalidGrant("redirect_uri must be the one of the authorization request, byte for byte")
        verifier = params.text("code_verifier")
        if asked.code_challenge and not pkce.matches(verifier, asked.code_challenge):
            raise InvalidGrant(
                "code_verifier does not fit the code_challenge; send the one the challenge was made from"
            )
        if verifier and not asked.code_challenge:
            raise InvalidGrant(
                "code_verifier without a code_challenge; send the challenge in the authorization request"
            )

    async def _check_not_over(self, code: CodeRecord) -> None:
        """Asked when the grant stands: a logout that came before is seen here, and one that comes later sees it."""
        if await self._upstream.is_over(code.login):
            await self._grants.revoke(code.grant_id, now=self._context.now())
            raise InvalidGrant("the login behind this code has ended at the provider; log in again")

    async def _build_live(self, code: CodeRecord, jkt: str) -> LiveGrant:
        """The grant to be, as it was asked for, with the person as they are now: nothing is spent before."""
        person = await self._people.person(code.login.provider_key, code.login.subject)
        if person is None or person.account.sub != code.login.sub:
            raise InvalidGrant(_WRONG, detail="the account is gone")
        return LiveGrant(self._build_grant(code, jkt), person)

    def _build_grant(self, code: CodeRecord, jkt: str) -> Grant:
        now, lifetimes, asked = self._context.now(), self._tokens.lifetimes, code.request
        offline = Scope.OFFLINE_ACCESS in asked.scope
        ttl = lifetimes.refresh_absolute if offline else lifetimes.access_token
        return Grant(
            id=code.grant_id,
            client_id=asked.client_id,
            login=code.login,
            scope=asked.scope,
            nonce=asked.nonce,
            created_at=now,
            expires_at=now + ttl,
            offline=offline,
            resource=asked.resource,
            jkt=jkt,
            claims=asked.claims,
        )

    def _build_refresh(self, grant: Grant, refresh_token: str | None) -> RefreshToken | None:
        if refresh_token is None:
            return None
        expires_at = min(grant.created_at + self._tokens.lifetimes.refresh_idle, grant.expires_at)
        return RefreshToken(digest(refresh_token), grant.id, grant.created_at, expires_at)

    def _build_hearer(self, grant: Grant, client: Client) -> SessionClient | None:
        """Who has to hear when the session ends; apps without an address for that cost nothing."""
        if not client.logout.hears:
            return None
        return SessionClient(
            sid=grant.login.sid,
            client_id=client.id,
            sub=self._tokens.subjects.of(grant.login.sub, client),
            backchannel=bool(client.logout.backchannel_logout_uri),
            expires_at=grant.created_at + self._session_ttl,
        )

    def _replayed(self, client: Client, grant_id: str) -> InvalidGrant:
        self._context.recorder.record(Event.CODE_REPLAYED, client_id=client.id, grant_id=grant_id)
        return InvalidGrant(_WRONG, detail="code spent before; its grant is revoked")


def _check_key(code: CodeRecord, jkt: str) -> None:
    """A code asked for with a key is of no use without it (RFC 9449 section 10)."""
    if code.request.dpop_jkt not in {"", jkt}:
        raise InvalidGrant("send a DPoP proof of the key that the authorization request named")


def _wants_refresh(held: Held) -> bool:
    return Scope.OFFLINE_ACCESS in held.grant.scope and GrantType.REFRESH_TOKEN in held.client.grants
