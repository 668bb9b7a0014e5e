"""The refresh token grant: rotated at every use, a spent token that comes back ends the family (RFC 9700 4.14.2).

Where a client's proofs and its own key guard the token already, it is kept: FAPI 2.0 Security Profile 5.3.2.1 wants no
rotation, for an answer that is lost would end the login.
"""

from __future__ import annotations

from dataclasses import replace

from broker.core.clients.client import Client
from broker.core.errors import InvalidDpopProof, InvalidGrant, InvalidRequest
from broker.core.events import Event
from broker.core.people.history import Whence
from broker.core.records import Grant, RefreshToken
from broker.core.seal import digest
from broker.core.terms import Scope
from broker.core.tokens.audience import verify_resources
from broker.core.wire.parameters import Parameters
from broker.services.context import Context
from broker.services.grants.endpoint import Issued
from broker.services.sessions.upstream import Confirmations
from broker.services.tokens.held import Held
from broker.services.tokens.minting import Tokens
from broker.services.tokens.proofs import Key
from broker.store.grants import GrantStore, Reused

_DOWN_AT_MOST = 3600  # seconds between a rotation and the start after it, for a rotation whose answer may be lost
_WRONG = "the refresh token is wrong, expired, already used, revoked, or was issued to another client"


class RefreshTokenGrant:
    """Swaps a refresh token for its child, or lets it live on."""

    event = Event.TOKEN_REFRESHED

    def __init__(self, context: Context, grants: GrantStore, tokens: Tokens, confirmations: Confirmations) -> None:
        """`confirmations` says who may still log in at their upstream. This is when we start."""
        self._context = context
        self._started_at = context.now()
        self._grants = grants
        self._tokens = tokens
        self._confirmations = confirmations

    async def issue(self, client: Client, params: Parameters, key: Key, _: Whence) -> Issued:
        """Rotate or prolong the token of this client; raises RequestError."""
        if "refresh_token" not in params:
            raise InvalidRequest("refresh_token is missing")
        token = params["refresh_token"]
        known, held = await self._load(client, token, key.jkt)
        scope = held.narrow(params.words("scope"))
        named = verify_resources(params, held.grant.resource)
        await key.use()
        await self._confirmations.confirm(held.grant.login.replace(sid=held.session))
        # One that was rotated before its client changed is a sign of theft as ever.
        if client.tokens.refresh_rotated or known.spent_at is not None:
            child: str | None = await self._rotate(client, token, known, held.grant)
        else:
            await self._prolong(known, held.grant)
            child = None
        # OIDC Core 12.2: the new ID token need not carry the nonce of the login.
        return Issued(replace(held, grant=held.grant.replace(nonce="")), scope, child, named)

    async def _rotate(self, client: Client, token: str, known: RefreshToken, grant: Grant) -> str:
        child = self._tokens.build_child(token)
        now = self._context.now()
        outcome = await self._grants.rotate(
            known.digest,
            RefreshToken(digest(child), grant.id, now, self._expires_at(now, grant)),
            now=now,
            grace=self._grace(now),
        )
        if isinstance(outcome, Reused):
            raise self._reused(client, outcome.grant_id)
        if outcome is None:
            raise InvalidGrant(_WRONG)
        return child

    def _grace(self, now: int) -> int:
        """Seconds ago that a rotation may be, to be done again; time in which nobody could ask does not count.

        An answer that was lost because the process died is asked for once it is back: the grace begins at the start.
        """
        grace, up = self._tokens.lifetimes.reuse_grace, now - self._started_at
        return grace if not 0 <= up <= grace else max(grace, up + _DOWN_AT_MOST)

    async def _prolong(self, known: RefreshToken, grant: Grant) -> None:
        """The token stays what it is; no answer repeats it (RFC 6749 section 6)."""
        now = self._context.now()
        if not await self._grants.prolong(known.digest, now=now, expires_at=self._expires_at(now, grant)):
            raise InvalidGrant(_WRONG)

    def _expires_at(self, now: int, grant: Grant) -> int:
        return min(now + self._tokens.lifetimes.refresh_idle, grant.expires_at)

    async def _load(self, client: Client, token: str, jkt: str) -> tuple[RefreshToken, Held]:
        known = await self._grants.refresh_token(digest(token), now=self._context.now())
        held = self._tokens.held.open_(known.live, client) if known is not None else None
        if known is None or held is None:
            text = "no such refresh token" if known is None else "of a dead grant, or of another client"
            raise InvalidGrant(_WRONG, detail=text)
        await self._check_key(client, known.token, held.grant, jkt)
        if Scope.OFFLINE_ACCESS not in held.grant.scope:
            raise InvalidGrant("this client may no longer have offline_access; log in again")
        return known.token, held

    async def _check_key(self, client: Client, known: RefreshToken, grant: Grant, jkt: str) -> None:
        """Bound to its key where nothing else shows whose it is, and never back to bearer (RFC 9449 section 5).

        Nothing is spent by a refusal; only a spent token in other hands ends the family, within the grace, too.
        """
        if grant.jkt and not jkt:
            raise InvalidDpopProof("this login began with DPoP; send a DPoP proof with every refresh")
        if not client.public or grant.jkt == jkt:
            return
        if known.spent_at is not None:
            await self._grants.revoke(grant.id, now=self._context.now())
            raise self._reused(client, grant.id)
        raise InvalidGrant("the refresh token is bound to another key than the one of the DPoP proof, or to none")

    def _reused(self, client: Client, grant_id: str) -> InvalidGrant:
        self._context.recorder.record(Event.TOKEN_REUSE_DETECTED, client_id=client.id, grant_id=grant_id)
        return InvalidGrant(_WRONG, detail="refresh token reused; its family is revoked")
