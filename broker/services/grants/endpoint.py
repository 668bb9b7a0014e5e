"""The phases of a token request of a client that proved itself: grant type, proof of possession, acting, answering.

No grant skips one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from broker.core.clients.client import Client
from broker.core.clients.credentials import check_token_parameters
from broker.core.errors import (
    AuthorizationPending,
    InvalidDpopProof,
    RequestError,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from broker.core.events import Event
from broker.core.people.history import NOWHERE, Whence
from broker.core.terms import GrantType, Scope, TokenType
from broker.core.wire.parameters import Parameters
from broker.services.context import Context
from broker.services.tokens.held import Held
from broker.services.tokens.minting import Tokens, type_of
from broker.services.tokens.proofs import Key, Proofs, check_profile


@dataclass(frozen=True, slots=True)
class Issued:
    """What a grant came to: what the client has of it, the scope given now and the refresh token, if any.

    `held` is None where a client gets something for itself and no person is concerned. `named` are the APIs
    that the access token was asked for. `issued_type` is said where a token was exchanged (RFC 8693 section 2.2.1).
    """

    held: Held | None
    scope: tuple[str, ...]
    refresh_token: str | None
    named: tuple[str, ...] = ()
    issued_type: str = ""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A token that is not ours: of `provider`, for the person `sub`. `expires_in` in seconds, None: nobody knows."""

    provider: str
    sub: str
    access_token: str = field(repr=False)
    expires_in: int | None
    scope: tuple[str, ...]

    def tell(self) -> dict[str, Any]:
        """The answer (RFC 8693 section 2.2.1). Whatever the provider calls its type, apps bear it."""
        answer: dict[str, Any] = {"access_token": self.access_token, "issued_token_type": TokenType.ACCESS_TOKEN.value}
        answer["token_type"] = "Bearer"
        if self.expires_in is not None:
            answer["expires_in"] = self.expires_in
        return answer | ({"scope": " ".join(self.scope)} if self.scope else {})


class GrantHandler(Protocol):
    """One grant type. The client is authenticated and may use it. `event`: something of ours was issued."""

    event: Event

    async def issue(self, client: Client, params: Parameters, key: Key, whence: Whence) -> Issued | Foreign:
        """Spend what was brought; raises RequestError. Use `key` once that is known to be good, before it is spent."""


class TokenRequests:
    """Walks a request through the phases. `handlers` by grant type: what is not in it does not exist."""

    def __init__(
        self,
        context: Context,
        proofs: Proofs,
        tokens: Tokens,
        handlers: Mapping[GrantType, GrantHandler],
    ) -> None:
        self._context = context
        self._proofs = proofs
        self._tokens = tokens
        self._handlers: Mapping[str, GrantHandler] = dict(handlers.items())

    async def answer(
        self, client: Client, params: Parameters, *, proof: str = "", whence: Whence = NOWHERE
    ) -> dict[str, Any]:
        """The token response of an authenticated client (RFC 6749 section 5.1); raises RequestError.

        `proof`: the DPoP header, or "". `whence`: where the client calls from.
        """
        try:
            handler = self._select(client, params)
            key = await self._prove(client, proof)
            issued = await handler.issue(client, params, key, whence)
            await key.use()
        except AuthorizationPending:
            raise  # a device that waits, as it should
        except RequestError as error:
            self._context.recorder.record(Event.TOKEN_REFUSED, client_id=client.id, error=error.code)
            raise
        if isinstance(issued, Foreign):
            about = {"provider": issued.provider, "sub": issued.sub}
            self._context.recorder.record(Event.UPSTREAM_TOKENS_HANDED, client_id=client.id, **about)
            return issued.tell()
        about = {"provider": issued.held.person.link.provider} if issued.held is not None else {}
        self._context.recorder.record(handler.event, client_id=client.id, **about)
        return await self._build(client, issued, key.jkt)

    async def _prove(self, client: Client, proof: str) -> Key:
        """The key that what is issued now will be bound to (RFC 9449 section 5)."""
        if proof:
            proven = await self._proofs.verify(proof, endpoint="/token")
            check_profile(proven, client)
            return self._proofs.key_of(proven, endpoint="/token")
        if client.tokens.dpop_bound_access_tokens:
            raise InvalidDpopProof("this client is registered for tokens bound to a key; send a DPoP header")
        return Key()

    def _select(self, client: Client, params: Parameters) -> GrantHandler:
        check_token_parameters(params)
        wanted = params["grant_type"]
        handler = self._handlers.get(wanted)
        if handler is None:
            raise UnsupportedGrantType(f"grant_type must be one of: {', '.join(self._handlers)}")
        if wanted not in client.grants:
            raise UnauthorizedClient("this client is not registered for this grant_type")
        return handler

    async def _build(self, client: Client, issued: Issued, jkt: str) -> dict[str, Any]:
        """An empty scope has no spelling (RFC 6749 section 3.3), so it is left out."""
        held, scope = issued.held, issued.scope
        if held is None:
            access_token, ttl = await self._tokens.mint_client_access(client, scope, issued.named, jkt=jkt)
        else:
            access_token, ttl = await self._tokens.mint_access(held, scope, issued.named, jkt=jkt)
        answer: dict[str, Any] = {"access_token": access_token, "token_type": type_of(jkt), "expires_in": ttl}
        if scope:
            answer["scope"] = " ".join(scope)
        if issued.issued_type:
            answer["issued_token_type"] = issued.issued_type
        if issued.refresh_token is not None:
            answer["refresh_token"] = issued.refresh_token
        if held is not None and Scope.OPENID in scope:
            answer["id_token"] = await self._tokens.mint_id_token(held, access_token, scope)
        return answer
