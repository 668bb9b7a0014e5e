"""What a token is, told to the client it was given to and to the APIs it is for (RFC 7662), and to nobody else."""

from __future__ import annotations

from typing import Any

from broker.core.clients.client import Client
from broker.core.errors import InvalidRequest, InvalidToken
from broker.core.events import Event
from broker.core.records import AccessToken, ClientToken
from broker.core.seal import digest
from broker.core.terms import Scope
from broker.core.tokens.audience import say_audience
from broker.core.tokens.claims import build_access_claims
from broker.core.tokens.id_token import build_confirmation, build_context, client_subject
from broker.core.wire.parameters import Parameters
from broker.services.clients.directory import Clients
from broker.services.context import Context
from broker.services.tokens.minting import Tokens, type_of
from broker.store.grants import GrantStore


class Introspection:
    """Answers from the stores, each time anew: a cached answer would outlive a revocation."""

    def __init__(self, context: Context, clients: Clients, grants: GrantStore, *, tokens: Tokens) -> None:
        self._context = context
        self._clients = clients
        self._grants = grants
        self._tokens = tokens

    async def answer(self, client: Client, params: Parameters) -> dict[str, Any]:
        """The introspection response; exactly `{"active": false}` for all that is not a living token of this client.

        An access token may also be one that is for an API this client is itself (`serves`).

        Raises InvalidRequest without a token. `token_type_hint` is not needed: a token says what it is.
        """
        params.check_single(params.repeated)
        if "token" not in params:
            raise InvalidRequest("token is missing")
        token = params["token"]
        said = await (self._find_refresh if self._tokens.is_refresh(token) else self._find_access)(client, token)
        self._context.recorder.record(Event.TOKEN_INTROSPECTED, client_id=client.id, active=said is not None)
        if said is None:
            return {"active": False}
        issuer = self._context.issuer
        return {"active": True, "iss": issuer, "aud": issuer, "client_id": client.id} | said

    async def _find_refresh(self, client: Client, token: str) -> dict[str, Any] | None:
        now = self._context.now()
        known = await self._grants.refresh_token(digest(token), now=now)
        if known is None or known.token.spent_at is not None or known.token.expires_at <= now:
            return None
        held = self._tokens.held.accepted(known.live, client)
        if held is None or Scope.OFFLINE_ACCESS not in held.grant.scope:
            return None
        said = {"sub": held.grant.login.sub, "iat": known.token.issued_at}
        return _about(held.grant.scope, known.token.expires_at) | said

    async def _find_access(self, client: Client, token: str) -> dict[str, Any] | None:
        try:
            opened = self._tokens.open_access(token)
        except InvalidToken:
            return None
        owner = client if opened.client_id == client.id else await self._clients.find(opened.client_id)
        if owner is None:
            return None
        found: tuple[AccessToken | ClientToken, dict[str, Any]] | None
        if isinstance(opened, ClientToken):
            found = await self._find_own(owner, opened)
        else:
            found = await self._find_persons(owner, opened)
        if found is None:
            return None
        cut, said = found  # what is left of it today, and what is to be said of it
        if owner is not client and set(client.tokens.serves).isdisjoint(cut.audience):
            return None  # neither its own nor for an API that it runs (RFC 7662 section 2.1)
        whom = {"client_id": owner.id, "aud": say_audience(cut.audience, self._context.issuer)}
        # How it is used; a refresh token has nothing of this, so that nobody takes it for one.
        used = {"token_type": type_of(cut.jkt)} | build_confirmation(cut.jkt)
        return said | _about(cut.scope, cut.expires_at) | used | whom

    async def _find_persons(self, owner: Client, token: AccessToken) -> tuple[AccessToken, dict[str, Any]] | None:
        held = await self._tokens.held.find(token.grant_id, owner)
        if held is None:
            return None
        cut = self._tokens.held.cut_token(token, held.grant.scope, held.grant.resource)
        if cut is None:
            return None
        told = build_access_claims(held.person, owner, cut.scope)
        return cut, told | {"sub": held.grant.login.sub} | build_context(held.grant.login)

    async def _find_own(self, owner: Client, token: ClientToken) -> tuple[ClientToken, dict[str, Any]] | None:
        found = await self._tokens.held.find_own(token)
        said = {"sub": client_subject(owner.id), "iat": token.issued_at, "jti": token.jti}
        return (found[1], said) if found is not None else None


def _about(scope: tuple[str, ...], expires_at: int) -> dict[str, Any]:
    return {"exp": expires_at} | ({"scope": " ".join(scope)} if scope else {})
