"""What a token is, told to the client it was given to and to the APIs it is for (RFC 7662), and to nobody else."""

from __future__ import annotations

from typing import Any

from broker.core.client import Client
from broker.core.errors import InvalidClient, InvalidRequest, InvalidToken
from broker.core.events import Event
from broker.core.id_token import build_confirmation, build_context, client_subject
from broker.core.parameters import Parameters
from broker.core.records import AccessToken, ClientToken
from broker.core.resource import say_audience
from broker.core.seal import digest
from broker.core.terms import GrantType
from broker.services.clients import Clients
from broker.services.context import Context
from broker.services.gate import Gate
from broker.services.tokens import Tokens, type_of
from broker.store.base import Durable, LiveGrant


class Introspection:
    """Answers from the stores, each time anew: a cached answer would outlive a revocation."""

    def __init__(self, context: Context, clients: Clients, durable: Durable, *, tokens: Tokens, gate: Gate) -> None:
        """`gate` says whose login still counts."""
        self._context = context
        self._clients = clients
        self._durable = durable
        self._tokens = tokens
        self._gate = gate

    async def verify_client(self, authorization: str, params: Parameters) -> Client:
        """The client, as at the token endpoint but never a public one: anybody may say its name (RFC 7662 2.1)."""
        client = await self._clients.verify(authorization, params)
        if client.public:
            raise InvalidClient("introspection is for clients that have a secret")
        return client

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
        known = await self._durable.refresh_token(digest(token))
        if known is None or known.spent_at is not None or known.expires_at <= self._context.now():
            return None
        live = await self._live(client, known.grant_id)
        if live is None:
            return None
        return _about(live.grant.sub, live.grant.scope, known.expires_at) | {"iat": known.issued_at}

    async def _find_access(self, client: Client, token: str) -> dict[str, Any] | None:
        try:
            opened = self._tokens.open_access(token)
        except InvalidToken:
            return None
        owner = client if opened.client_id == client.id else await self._find_owner(client, opened)
        if owner is None:
            return None
        if isinstance(opened, ClientToken):
            said = await self._find_own(owner, opened)
        else:
            said = await self._find_persons(owner, opened)
        whom = {"client_id": owner.id, "aud": say_audience(opened.audience, self._context.issuer)}
        return said | whom if said is not None else None

    async def _find_owner(self, client: Client, token: AccessToken | ClientToken) -> Client | None:
        """Whose token this is, where `client` runs an API that it is for (RFC 7662 section 2.1)."""
        if set(client.tokens.serves).isdisjoint(token.audience):
            return None
        return await self._clients.find(token.client_id)

    async def _find_persons(self, client: Client, token: AccessToken) -> dict[str, Any] | None:
        live = await self._live(client, token.grant_id)
        if live is None:
            return None
        return _about(live.grant.sub, token.scope, token.expires_at) | build_context(live.grant) | _kind(token)

    async def _find_own(self, client: Client, token: ClientToken) -> dict[str, Any] | None:
        if GrantType.CLIENT_CREDENTIALS not in client.grants or await self._durable.is_revoked(token.jti):
            return None
        said = _about(client_subject(client.id), token.scope, token.expires_at)
        return said | _kind(token) | {"iat": token.issued_at, "jti": token.jti}

    async def _live(self, client: Client, grant_id: str) -> LiveGrant | None:
        live = await self._durable.grant(grant_id, now=self._context.now())
        if live is None or live.grant.client_id != client.id or not self._gate.accepts(live, client):
            return None
        return self._tokens.subjects.present(live, client)


def _kind(token: AccessToken | ClientToken) -> dict[str, Any]:
    """How an access token is used; a refresh token has nothing of this, so that nobody takes it for one."""
    return {"token_type": type_of(token.jkt)} | build_confirmation(token.jkt)


def _about(sub: str, scope: tuple[str, ...], expires_at: int) -> dict[str, Any]:
    return {"sub": sub, "exp": expires_at} | ({"scope": " ".join(scope)} if scope else {})
