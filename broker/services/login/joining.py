"""The two questions in the middle of a login, or of adding a way in: have you an account here, and is that you, too?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from broker.core.authorize.target import VerifiedRedirect
from broker.core.clients.client import Client
from broker.core.errors import AccessDenied, AlreadyLinked
from broker.core.records import ForClient, JoinTicket
from broker.services.authorize.decide import Ask, Authorization, Return
from broker.services.clients.directory import Clients
from broker.services.login.complete import Completed, Completion, told
from broker.services.login.outcomes import Identified, Visitor
from broker.services.people.held import HeldIdentities, Shown, identity_of
from broker.services.people.linking import Answered, Linking, LinkQuestion
from broker.services.people.offers import Offers
from broker.services.providers import ProviderInstance


@dataclass(frozen=True, slots=True)
class JoinQuestion:
    """Whether somebody nobody knows has an account here. `ways`: the providers at which they may show it."""

    ticket: JoinTicket
    client: Client
    instance: ProviderInstance
    ways: tuple[str, ...]

    @property
    def seeking(self) -> ForClient:
        """What a login at one of the ways is for."""
        return self.ticket.purpose.replace(held=self.ticket.held)


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of the question about a way in, and the next `step` of the login that it interrupted, if it did."""

    question: LinkQuestion
    answered: Answered
    step: Ask | Return | None


class Joining:
    """One use case each: a question is shown, and answered."""

    def __init__(
        self,
        completion: Completion,
        authorization: Authorization,
        clients: Clients,
        *,
        held: HeldIdentities,
        offers: Offers,
        linking: Linking,
    ) -> None:
        self._completion = completion
        self._authorization = authorization
        self._clients = clients
        self._held = held
        self._offers = offers
        self._linking = linking

    async def open_(self, sealed: str, browser: str) -> JoinQuestion:
        """The question put to this browser; raises ForeignPost, FlowGone, ProviderNotOffered, UnknownClient."""
        ticket = await self._offers.open_(sealed, browser=browser)
        client = await self._clients.find_again(ticket.purpose.request.client_id)
        ways = await self._offers.ways_into(ticket, client)
        return JoinQuestion(ticket, client, self._held.check(ticket.held), ways)

    @asynccontextmanager
    async def decline(self, sealed: str, visitor: Visitor) -> AsyncIterator[Completed]:
        """They have no account, or want another one: it is made, and the login goes on as if nobody had asked.

        Raises FlowFinished for a second answer, and what a login may come to.
        """
        question = await self.open_(sealed, visitor.browser)
        held, client = question.ticket.held, question.client
        shown = Shown(held.began_at, 0, question.instance, identity_of(held), held.asked_at)
        who = Identified(shown, question.ticket.purpose, client)
        async with self._completion.answering(who.purpose.request, client) as target:
            async with self._held.spend(held, client):
                person = await self._completion.find(who) or await self._completion.make(who)
                done = await self._completion.go_on(who, person, visitor, target)
            yield done

    @asynccontextmanager
    async def answer(self, sealed: str, cookie: str, *, allowed: bool) -> AsyncIterator[Settled]:
        """A way in is added, or accounts are joined, or neither; what it interrupted goes on. Raises as `Linking`."""
        question = await self._linking.open_(sealed, cookie)
        then = question.ticket.then
        if then is None:
            async with self._linking.returns.returning(question.ticket.back) as target:
                async with self._linking.answer(question, allowed=allowed) as answered:
                    pass
                yield Settled(question, answered, self._tell(question, answered, target))
            return
        client, session = await self._clients.find_again(then.request.client_id), question.session
        async with self._completion.answering(then.request, client) as target:
            async with self._linking.answer(question, allowed=allowed) as answered:
                await self._authorization.check_still_welcome(client, session)
                since = session.login.began_at
                step = await self._authorization.after_login(then.request, client, session, fresh_since=since)
            yield Settled(question, answered, told(step, target))

    def _tell(self, question: LinkQuestion, answered: Answered, target: VerifiedRedirect | None) -> Return | None:
        """What the app hears that asked, where one did.

        Raises AlreadyLinked where two accounts were kept apart, AccessDenied where the person wants no other way in.
        """
        if target is None:
            return None
        if answered is not Answered.CANCELLED:
            return Return(target, self._linking.returns.tell(target))
        if question.ticket.other:
            raise AlreadyLinked("the person keeps two accounts apart")
        raise AccessDenied("the user does not want to add it")
