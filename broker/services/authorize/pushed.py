"""Requests known by a name (RFC 9126): pushed or signed, kept while a person logs in, ended by the first answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from broker.core.authorize.pushed import PREFIX, PushedRequest
from broker.core.authorize.request_object import LEEWAY, RequestObject
from broker.core.authorize.target import VerifiedRedirect
from broker.core.authorize.whereabouts import Whereabouts, is_for_client, located
from broker.core.clients.client import Client
from broker.core.errors import InvalidRequestUri, SealBroken, StoreUnavailable
from broker.core.records import AuthorizationRequest
from broker.core.seal import digest
from broker.services.context import Context
from broker.store.transient import Kind, Transient

EXPIRES_IN = 60  # seconds until the browser must have come


class PushedRequests:
    """Keeps checked requests under names nobody can guess. An answer to one ends it."""

    def __init__(self, context: Context, transient: Transient, *, kept_for: int) -> None:
        """`kept_for`: seconds a request lives after a browser first came with it; longer than all pages of a login."""
        self._context = context
        self._transient = transient
        self._kept_for = kept_for

    async def keep(self, request: AuthorizationRequest) -> str:
        """The `request_uri` of a request, good for `EXPIRES_IN` seconds."""
        request_uri = PREFIX + self._context.mint()
        record = self._record(request, ttl=EXPIRES_IN)
        await self._transient.put(Kind.PAR, digest(request_uri), record.to_bytes(), ttl=EXPIRES_IN)
        return request_uri

    async def keep_signed(
        self, client: Client, request: AuthorizationRequest, signed: RequestObject
    ) -> AuthorizationRequest:
        """The request of an object that a browser brought, under a name; raises InvalidRequestUri for an answered one.

        The same object always has the same name, and is written once, so whoever shows it often fills no store.
        """
        request_uri = PREFIX + signed.name
        if await self._transient.get(Kind.CLAIM, _mark(request_uri)) is not None:
            raise InvalidRequestUri("the request object was answered before", client=client)
        record = self._record(request, ttl=self._kept_for).replace(until=signed.until, shown=True)
        await self._transient.put(Kind.PAR, digest(request_uri), record.to_bytes(), ttl=self._kept_for)
        return request.replace(request_uri=request_uri)

    async def present(self, client: Client, request_uri: str) -> AuthorizationRequest:
        """The request of this client, as often as it is shown before it is answered; raises InvalidRequestUri.

        People reload pages, change the language and go back: what counts once is the answer (RFC 9126 section 4).
        The first time it is written down that somebody came; from then on it is read alone.
        """
        key = digest(request_uri)
        record = _read(await self._transient.get(Kind.PAR, key))
        if record is None:
            raise InvalidRequestUri("request_uri unknown, expired or spent", client=client)
        request = record.request
        if request.client_id != client.id:
            raise InvalidRequestUri(f"request_uri of {request.client_id} brought by {client.id}")
        if record.expires_at and record.expires_at <= self._context.now():
            raise InvalidRequestUri("request_uri expired", client=client)
        if not record.shown:
            shown = record.replace(shown=True, expires_at=self._context.now() + self._kept_for)
            if not await self._transient.replace(Kind.PAR, key, shown.to_bytes(), ttl=self._kept_for):
                raise InvalidRequestUri("request_uri was answered just now", client=client)
        return request.replace(request_uri=request_uri)

    async def spend(self, request_uri: str) -> None:
        """End a request that is answered now; raises InvalidRequestUri when it was before. "" is no pushed request."""
        if request_uri and not await self._take(request_uri):
            raise InvalidRequestUri("request_uri was answered before")

    @asynccontextmanager
    async def answering(self, target: VerifiedRedirect, *, asked: bool = False) -> AsyncIterator[None]:
        """What fails in the body is told at `target`; where the client hears of it, the pushed request ends with it.

        An error that goes back is the answer, so the request has none left to give. `asked`: see `Whereabouts`.
        """
        try:
            with located(Whereabouts(target=target, asked=asked)):
                yield
        except Exception as error:
            if target.request_uri and is_for_client(error, target):
                await self._end(target.request_uri)
            raise

    async def _end(self, request_uri: str) -> None:
        """End a request that is answered with an error, whether or not it still stands."""
        try:
            await self._take(request_uri)
        except StoreUnavailable:
            return  # nothing was given for it, and it ends by itself; the error is what must be told

    def _record(self, request: AuthorizationRequest, *, ttl: int) -> PushedRequest:
        return PushedRequest(request, expires_at=self._context.now() + ttl)

    async def _take(self, request_uri: str) -> bool:
        """Whether this call ended it. An object can be shown again, so it leaves a mark for as long as it is good."""
        raw = await self._transient.take(Kind.PAR, digest(request_uri))
        if raw is None:
            return False
        until = PushedRequest.from_bytes(raw).until
        if not until:
            return True
        ttl = max(1, until + LEEWAY + 1 - self._context.now())
        return await self._transient.put(Kind.CLAIM, _mark(request_uri), b"1", ttl=ttl)


def _mark(request_uri: str) -> str:
    return digest(f"request object {request_uri}")


def _read(raw: bytes | None) -> PushedRequest | None:
    try:
        return PushedRequest.from_bytes(raw) if raw is not None else None
    except SealBroken:  # of another version of ours, in the minutes around an upgrade
        return None
