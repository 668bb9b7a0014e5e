"""Answering a question: may this app know these things (consent), and is that your device (RFC 8628 section 3.3)?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from broker.core.authorize.consent import Said, narrow, optional_of
from broker.core.authorize.target import VerifiedRedirect
from broker.core.clients.client import Client
from broker.core.errors import AccessDenied, ForeignPost
from broker.core.records import AuthorizationRequest, ConsentTicket
from broker.services.authorize.codes import Codes
from broker.services.authorize.consent import About, Consents
from broker.services.authorize.decide import Ask, Authorization, Return
from broker.services.authorize.pushed import PushedRequests
from broker.services.clients.directory import Clients
from broker.services.devices import Devices
from broker.services.sessions.single_sign_on import Session, Sessions


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose on a page. `scope`: what was left marked, None where the page had nothing to mark."""

    allowed: bool
    scope: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What was put to exactly this session, about this request of a client that has not changed since."""

    ticket: ConsentTicket
    client: Client
    session: Session

    @property
    def request(self) -> AuthorizationRequest:
        """What the app asks for."""
        return self.ticket.request

    @property
    def optional(self) -> frozenset[str]:
        """The scopes that the person may leave out."""
        return optional_of(self.request, self.client)

    def agreed(self, choice: Choice) -> AuthorizationRequest | None:
        """What is left of the request after this choice, None for a no; never more than was asked (threats A14)."""
        if not choice.allowed:
            return None
        left_out = self.optional - choice.scope if choice.scope is not None else frozenset[str]()
        return narrow(self.request, left_out)


@dataclass(frozen=True, slots=True)
class DeviceAnswered:
    """The device of this app has its answer. `number`: what a window is told that waits instead of one, else ""."""

    client: Client
    allowed: bool
    number: str = ""


class Questions:
    """One use case each: a question is shown, consent is answered, a device is answered."""

    def __init__(
        self,
        clients: Clients,
        authorization: Authorization,
        consents: Consents,
        codes: Codes,
        *,
        sessions: Sessions,
        devices: Devices,
        pushed: PushedRequests,
    ) -> None:
        self._clients = clients
        self._authorization = authorization
        self._consents = consents
        self._codes = codes
        self._sessions = sessions
        self._devices = devices
        self._pushed = pushed

    async def recall(self, question: Question) -> Said:
        """What the person answered the last time, where the question is put again."""
        return await self._consents.recall(question.request, question.client, question.session.login.sub)

    async def open_(self, sealed: str, cookie: str, *, about: About = About.CONSENT) -> Question:
        """The question in a browser whose session has this cookie; raises ForeignPost, FlowGone or UnknownClient.

        `about`: what the page asks that it came from.
        """
        session = await self._sessions.find(cookie)
        if session is None:
            raise ForeignPost("a question without a session")
        ticket = self._consents.open_ticket(sealed, session, about=about)
        client = await self._clients.find_again(ticket.request.client_id)
        self._consents.check_promise(ticket, client)
        return Question(ticket, client, session)

    @asynccontextmanager
    async def go_on(self, sealed: str, cookie: str) -> AsyncIterator[Ask | Return]:
        """Somebody whom the app had choose an account goes on as who they are, without another login.

        The body shows what comes of it; what fails there is told at the same place.
        """
        question = await self.open_(sealed, cookie, about=About.PERSON)
        target = VerifiedRedirect.of(question.request, question.client)
        async with self._pushed.answering(target, asked=True):
            step = await self._authorization.go_on(question.request, question.client, question.session)
            yield step if isinstance(step, Ask) else Return(target, step.params)

    @asynccontextmanager
    async def answer_consent(self, sealed: str, cookie: str, choice: Choice) -> AsyncIterator[Return]:
        """The one answer, and the code it comes to; raises AccessDenied for a no, FlowFinished for a second answer.

        The body shows it; what fails there is told at the same place.
        """
        question = await self.open_(sealed, cookie)
        target = VerifiedRedirect.of(question.request, question.client)
        async with self._pushed.answering(target, asked=True):
            agreed = question.agreed(choice)
            async with self._answered(question, agreed) as answered_at:
                if agreed is None:
                    raise AccessDenied("the user did not agree")
                await self._authorization.check_still_welcome(question.client, question.session)
                answer = await self._codes.issue(agreed, question.session, agreed_at=answered_at)
            yield Return(target, answer.params)

    async def answer_device(self, sealed: str, cookie: str, choice: Choice) -> DeviceAnswered:
        """The one answer to a device; raises FlowFinished, FlowGone."""
        question = await self.open_(sealed, cookie, about=About.DEVICE)
        request, session, agreed = question.request, question.session, question.agreed(choice)
        number = ""
        async with self._answered(question, agreed) as answered_at:
            if agreed is not None:
                await self._authorization.check_still_welcome(question.client, session)
                left = self._devices.left_of(await self._devices.find(request.device))
                code = self._codes.build(agreed, session, ttl=left, agreed_at=answered_at)
                number = await self._devices.approve(request.device, code)
            else:
                await self._devices.deny(request, session.login.sub)
        return DeviceAnswered(question.client, agreed is not None, number)

    def _answered(self, question: Question, agreed: AuthorizationRequest | None) -> AbstractAsyncContextManager[float]:
        sub, client = question.session.login.sub, question.client
        return self._consents.answer(question.ticket, sub, agreed, client=client)
