"""Clients that prove themselves by a signed assertion, each of which is good once."""

from __future__ import annotations

from broker.core.clients.assertion import check_claims, check_method, not_accepted, verify_mac
from broker.core.clients.client import Client
from broker.core.errors import InvalidClient
from broker.core.jose.compact import UnverifiedToken
from broker.core.jose.jwk import verify_signature
from broker.core.terms import AuthMethod
from broker.core.wire.strict_json import Malformed
from broker.services.clients.keys import ClientKeys
from broker.services.context import Context
from broker.store.transient import Kind, Transient


class ClientAssertions:
    """`private_key_jwt` and `client_secret_jwt` (OIDC Core 9)."""

    def __init__(self, context: Context, transient: Transient, keys: ClientKeys) -> None:
        """`transient` remembers what was used, for all nodes."""
        self._context = context
        self._transient = transient
        self._keys = keys

    async def verify(self, client: Client | None, token: UnverifiedToken) -> Client:
        """The client whose key or secret signed this, just now and for us; raises InvalidClient."""
        known = check_method(client, token)
        try:
            if known.auth_method is AuthMethod.SECRET_JWT:
                verify_mac(token, known.assertions)
            else:
                verify_signature(token, await self._keys.find(known, token.kid, token.algorithm))
        except Malformed as problem:
            raise not_accepted(problem) from None
        key, ttl = check_claims(token, known.assertions, issuer=self._context.issuer, now=self._context.clock())
        if not await self._transient.put(Kind.ASSERTION, key, b"", ttl=ttl):
            raise InvalidClient("client_assertion was used before; make a new one, with a new jti, for every request")
        return known
