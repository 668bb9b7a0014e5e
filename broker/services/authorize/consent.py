"""Whether a person agreed that a client may know what it asks for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum

from broker.core.authorize.consent import Said, promised_at, promised_by, settle
from broker.core.clients.client import Client
from broker.core.errors import FlowFinished, FlowGone, ForeignPost, SealBroken
from broker.core.events import Event
from broker.core.records import AuthorizationRequest, ConsentTicket
from broker.core.seal import Seal, digest
from broker.core.terms import Prompt
from broker.services.context import Context
from broker.services.once import once
from broker.services.sessions.single_sign_on import Session
from broker.store.consents import ConsentStore
from broker.store.transient import Transient

TICKET_TTL = 600  # seconds


class About(StrEnum):
    """What a question is about; no page takes a ticket of another."""

    CONSENT = ""  # may the app know these things?
    DEVICE = "device"  # is that your device?
    PERSON = "person"  # do you go on as who you are?


class Consents:
    """Asks once per client, promise and scope, remembers the last answer, and binds every question to one session."""

    def __init__(self, context: Context, consents: ConsentStore, transient: Transient, seal: Seal) -> None:
        """`seal` has the purpose "consent"."""
        self._context = context
        self._consents = consents
        self._transient = transient
        self._seal = seal

    async def find_agreed(
        self, request: AuthorizationRequest, client: Client, sub: str, *, fresh: bool
    ) -> AuthorizationRequest | None:
        """What of the request this person agreed to, None where they must be asked now.

        `fresh`: they logged in a moment ago, for this very request.
        """
        if request.device:
            return None  # Whose device it is, only the person can tell (RFC 8628 section 5.4).
        if Prompt.CONSENT in request.prompt:
            return None
        if not fresh and client.native:
            # Another app on the device may have claimed the scheme: never answer silently (RFC 8252 section 8.6).
            return None
        if client.first_party:
            return request
        return settle(request, client, await self.recall(request, client, sub))

    async def find_remembered(
        self, request: AuthorizationRequest, client: Client, sub: str
    ) -> AuthorizationRequest | None:
        """What of a request that comes without a page this person agreed to before; None: not enough, or not yet.

        It is answered where the client is, so a yes of theirs counts to whichever of its hosts it was promised.
        """
        if client.first_party:
            return request
        for uri in client.redirect_uris:
            said = await self.recall(request.replace(redirect_uri=uri), client, sub)
            if (agreed := settle(request, client, said)) is not None:
                return agreed
        return None

    async def is_given(self, request: AuthorizationRequest, client: Client, sub: str) -> bool:
        """Whether this person agreed to anything at all for this client, as it is today."""
        return bool((await self.recall(request, client, sub)).yes)

    async def stands(self, client: Client, sub: str) -> bool:
        """Whether a yes of this person to the client, as it is today, is on record, to whichever of its hosts."""
        if client.first_party:
            return True
        for uri in client.redirect_uris:
            if (await self._consents.consent(sub, client.id, promised_at(uri, client))).yes:
                return True
        return False

    async def recall(self, request: AuthorizationRequest, client: Client, sub: str) -> Said:
        """What this person answered last, to this client as it is today."""
        return await self._consents.consent(sub, client.id, promised_by(request, client))

    def build_ticket(
        self, request: AuthorizationRequest, client: Client, session: Session, *, about: About | None = None
    ) -> str:
        """A question to this session about this request, within ten minutes; None: the one that the request is due."""
        asked = about or (About.DEVICE if request.device else About.CONSENT)
        ticket = ConsentTicket(
            request=request,
            session=session.key,
            jti=self._context.mint(size=16),
            expires_at=self._context.now() + TICKET_TTL,
            promise=promised_by(request, client),
        )
        return self._seal.seal(ticket.to_bytes(), bound_to=asked.encode())

    def open_ticket(self, sealed: str, session: Session | None, *, about: About = About.CONSENT) -> ConsentTicket:
        """The question about this, put to exactly this session; raises ForeignPost or FlowGone."""
        try:
            ticket = ConsentTicket.from_bytes(self._seal.open_(sealed, bound_to=about.encode()))
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
        self, ticket: ConsentTicket, sub: str, agreed: AuthorizationRequest | None, *, client: Client | None = None
    ) -> AsyncIterator[float]:
        """Take the one answer; the body, told when that was, does what comes of it.

        Raises FlowFinished, with the client, for a second one.
        `agreed`: what is left of the request in the ticket, None for a no. Where a store is away before the body is
        through, nothing was answered (see `once`).
        """
        answered_at = self._context.clock()
        ttl = max(1, ticket.expires_at - int(answered_at))
        twice = FlowFinished("consent answered twice", client=client)
        async with once(self._transient, digest(f"consent {ticket.jti}"), ttl=ttl, again=twice):
            await self._keep(ticket, sub, agreed)
            yield answered_at

    async def _keep(self, ticket: ConsentTicket, sub: str, agreed: AuthorizationRequest | None) -> None:
        request = ticket.request
        if request.device:
            return  # what was said about one device holds for no other, and is told by an event of its own
        if agreed is None:
            self._context.recorder.record(Event.CONSENT_REFUSED, client_id=request.client_id, sub=sub)
            return
        said = Said.to(request, agreed)
        await self._consents.save_consent(sub, request.client_id, ticket.promise, said, self._context.now())
        self._context.recorder.record(Event.CONSENT_GIVEN, client_id=request.client_id, sub=sub)
