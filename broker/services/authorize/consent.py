"""Whether a person agreed that a client may know what it asks for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import orjson

from broker.core.clients.client import Client
from broker.core.errors import FlowFinished, FlowGone, ForeignPost, SealBroken
from broker.core.events import Event
from broker.core.records import AuthorizationRequest, ConsentTicket
from broker.core.seal import Seal, digest
from broker.core.terms import Prompt, SubjectType
from broker.core.tokens.claims import build_asked_scope
from broker.services.context import Context
from broker.services.once import once
from broker.services.sessions.single_sign_on import Session
from broker.store.consents import ConsentStore
from broker.store.transient import Transient

TICKET_TTL = 600  # seconds
_DEVICE = b"device"


class Consents:
    """Asks once per client, promise and scopes, remembers the answer, and binds every question to one session."""

    def __init__(self, context: Context, consents: ConsentStore, transient: Transient, seal: Seal) -> None:
        """`seal` has the purpose "consent"."""
        self._context = context
        self._consents = consents
        self._transient = transient
        self._seal = seal

    async def is_needed(self, request: AuthorizationRequest, client: Client, sub: str, *, fresh: bool) -> bool:
        """Whether the person must be asked now. `fresh`: they logged in a moment ago, for this very request."""
        if request.device:
            return True  # Whose device it is, only the person can tell (RFC 8628 section 5.4).
        if Prompt.CONSENT in request.prompt:
            return True
        if not fresh and client.native:
            # Another app on the device may have claimed the scheme: never answer silently (RFC 8252 section 8.6).
            return True
        if client.first_party:
            return False
        return not agreed_by(request) <= await self._consents.consent(sub, client.id, promised_by(request, client))

    async def is_given(self, request: AuthorizationRequest, client: Client, sub: str) -> bool:
        """Whether this person agreed to anything at all for this client, as it is today."""
        return bool(await self._consents.consent(sub, client.id, promised_by(request, client)))

    def build_ticket(self, request: AuthorizationRequest, client: Client, session: Session) -> str:
        """A question to this session about this request, good for one answer within ten minutes."""
        ticket = ConsentTicket(
            request=request,
            session=session.key,
            jti=self._context.mint(size=16),
            expires_at=self._context.now() + TICKET_TTL,
            promise=promised_by(request, client),
        )
        return self._seal.seal(ticket.to_bytes(), bound_to=_DEVICE if request.device else b"")

    def open_ticket(self, sealed: str, session: Session | None, *, for_device: bool = False) -> ConsentTicket:
        """The question put to exactly this session; raises ForeignPost or FlowGone.

        `for_device`: the page that asks is the one for devices. Neither page takes a ticket of the other.
        """
        try:
            ticket = ConsentTicket.from_bytes(self._seal.open_(sealed, bound_to=_DEVICE if for_device else b""))
        except SealBroken as error:
            raise ForeignPost(error.detail) from None
        if session is None or session.key != ticket.session:
            raise ForeignPost("a consent question of another session")
        if ticket.expires_at <= self._context.now():
            raise FlowGone("the consent question is too old")
        return ticket

    @staticmethod
    def check_promise(ticket: ConsentTicket, client: Client) -> None:
        """Raise FlowGone when the client changed while its question was open: what nobody saw, nobody agreed to."""
        if ticket.promise != promised_by(ticket.request, client):
            raise FlowGone("the client changed while its question was open")

    @asynccontextmanager
    async def answer(
        self, ticket: ConsentTicket, sub: str, *, allowed: bool, client: Client | None = None
    ) -> AsyncIterator[None]:
        """Take the one answer; the body does what comes of it. Raises FlowFinished, with the client, for a second one.

        Where a store is away before the body is through, nothing was answered (see `once`).
        """
        ttl = max(1, ticket.expires_at - self._context.now())
        twice = FlowFinished("consent answered twice", client=client)
        async with once(self._transient, digest(f"consent {ticket.jti}"), ttl=ttl, again=twice):
            await self._keep(ticket.request, sub, ticket.promise, allowed=allowed)
            yield

    async def _keep(self, request: AuthorizationRequest, sub: str, promise: str, *, allowed: bool) -> None:
        if request.device:
            return  # what was said about one device holds for no other, and is told by an event of its own
        if not allowed:
            self._context.recorder.record(Event.CONSENT_REFUSED, client_id=request.client_id, sub=sub)
            return
        await self._consents.save_consent(sub, request.client_id, promise, agreed_by(request), self._context.now())
        self._context.recorder.record(Event.CONSENT_GIVEN, client_id=request.client_id, sub=sub)


def agreed_by(request: AuthorizationRequest) -> frozenset[str]:
    """What a yes to this request is remembered as: scopes, and the URIs of APIs, which no scope looks like."""
    return frozenset((*build_asked_scope(request.scope, request.claims), *request.resource))


def promised_by(request: AuthorizationRequest, client: Client) -> str:
    """What a yes to this client rests on, as a digest. A yes given to one promise is none to another.

    Its name in every language, the host people are sent to, its policy and terms, and with whom it can compare people.
    """
    place, tokens = urlsplit(request.redirect_uri), client.tokens
    pairwise = tokens.subject_type is SubjectType.PAIRWISE
    promise = {
        "name": dict(client.name),
        "host": place.hostname or place.scheme,
        "subject": tokens.subject_type,
        "sector": tokens.sector if pairwise else "",
        "policy": client.origin.policy_uri,
        "terms": client.origin.tos_uri,
    }
    return digest(orjson.dumps(promise, option=orjson.OPT_SORT_KEYS).decode())
