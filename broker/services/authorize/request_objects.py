"""Request objects of clients: fetched only from where they are registered, verified by their keys alone."""

from __future__ import annotations

from broker.core.authorize.request_object import (
    REQUEST_OBJECT_TYPE,
    RequestObject,
    parse_request_object,
    read_request_object,
)
from broker.core.clients.client import Client
from broker.core.errors import (
    FetchFailed,
    InvalidRequestObject,
    RequestNotSupported,
    RequestUriNotSupported,
    RequestUriUnusable,
)
from broker.core.jose.compact import TOKEN_LIMIT
from broker.core.jose.jwk import verify_signature
from broker.core.wire.strict_json import Malformed
from broker.services.clients.keys import ClientKeys
from broker.services.context import Context, Outbound


class RequestObjects:
    """Opens them (RFC 9101 section 6)."""

    def __init__(self, context: Context, keys: ClientKeys, outbound: Outbound) -> None:
        """`outbound` goes nowhere inside."""
        self._context = context
        self._keys = keys
        self._outbound = outbound

    async def fetch(self, client: Client, request_uri: str) -> str:
        """The object behind a URI that is registered for this client, byte for byte; raises RequestError.

        Nothing is called for any other: who asks is unproved (RFC 9101 section 10.4).
        """
        if not client.requests.request_uris:
            raise RequestUriNotSupported("this client has no request_uris registered")
        if request_uri not in client.requests.request_uris:
            raise RequestUriUnusable("request_uri is not one of the request_uris registered for this client")
        try:
            raw = await self._outbound.fetch(
                request_uri, accept=f"application/{REQUEST_OBJECT_TYPE}", limit=TOKEN_LIMIT
            )
        except FetchFailed as problem:
            raise RequestUriUnusable("request_uri could not be fetched", detail=problem.detail) from None
        return raw.decode("ascii", "replace").strip()

    async def open_(self, client: Client, text: str, *, fetched: bool = False) -> RequestObject:
        """The request in an object that this client signed, for us and just now; raises RequestError.

        `fetched`: it came from `fetch`.
        """
        if client.assertions.jwks is None and not client.assertions.jwks_uri:
            raise RequestNotSupported("this client has no keys registered to sign a request object with")
        token = parse_request_object(text, client)
        try:
            verify_signature(token, await self._keys.find(client, token.kid, token.algorithm))
        except Malformed as problem:
            raise InvalidRequestObject(
                "the request object is not signed by a key of this client", detail=f"request object: {problem}"
            ) from None
        now = self._context.clock()
        return read_request_object(token, client, issuer=self._context.issuer, now=now, fetched=fetched)
