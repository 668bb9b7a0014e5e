"""Account linking and merging: a person shows in one browser that two ways in are both theirs, and says yes.

A question is put about a proof (`HeldIdentity`) to the session that is there; the answer makes the way in theirs, or
joins the account that it opens.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from broker.core.clients.client import Client
from broker.core.errors import AlreadyLinked, ForeignPost, NobodyAsked, OtherPerson, SealBroken
from broker.core.events import Event
from broker.core.people.identity import Link
from broker.core.records import ForClient, HeldIdentity, LinkReturn, LinkTicket
from broker.core.records import Link as LinkPurpose
from broker.services.carried import Carried
from broker.services.context import Context
from broker.services.people.held import PROOF_TTL, HeldIdentities, Shown, add_link, build_link, identity_of
from broker.services.people.merging import Merging
from broker.services.people.offers import Offers
from broker.services.people.returns import LinkReturns
from broker.services.sessions.single_sign_on import Session, Sessions
from broker.store.accounts import Unmergeable
from broker.store.people import Linked, PeopleStore, Taken

_SKEW = 60  # seconds an upstream's clock may be off


class Answered(StrEnum):
    """What came of a question."""

    LINKED = "linked"
    MERGED = "merged"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class LinkQuestion:
    """What was put to exactly this session; `client` asked for it, where an app did.

    `links` are the ways into their account, `others` those into the other.
    """

    ticket: LinkTicket
    session: Session
    client: Client | None
    links: tuple[Link, ...]
    others: tuple[Link, ...]


class Linking:
    """One use case each: set out to add a way in, put the question, answer it."""

    def __init__(
        self,
        context: Context,
        people: PeopleStore,
        held: HeldIdentities,
        tickets: Carried,
        *,
        offers: Offers,
        sessions: Sessions,
        merging: Merging,
        returns: LinkReturns,
    ) -> None:
        """`tickets` have the purpose "link"; `returns` tell apps that asked."""
        self._context = context
        self._people = people
        self._held = held
        self._tickets = tickets
        self.offers = offers
        self._sessions = sessions
        self._merging = merging
        self.returns = returns

    def begin(self, session: Session, provider: str, *, back: LinkReturn | None = None) -> LinkPurpose:
        """What a login at `provider` is for; raises LoginTooOld where the session is not fresh (threats D7).

        `back`: the app that asked for it.
        """
        self._sessions.check_fresh(session, "link", then=f"link/{provider}")
        return LinkPurpose(session.login.sub, session.key, back)

    async def arrive(self, purpose: LinkPurpose, shown: Shown, cookie: str) -> str | None:
        """The ticket of the question whether they add it; None where it is theirs already.

        Raises AccessBarred, OtherPerson in a browser where another session is by now, or none (threats B6), and
        NobodyAsked where the upstream says that it did not ask them now.
        """
        held, session = self._held.hold(shown), await self._sessions.find(cookie)
        if session is None or session.key != purpose.session:
            self._refuse(purpose.sub, held, "another session")
            raise OtherPerson("a way in was to be added in a session that is not there")
        if held.auth_time is not None and held.auth_time < held.began_at - _SKEW:
            self._refuse(purpose.sub, held, "an old login")
            raise NobodyAsked("the upstream asked nobody", provider=held.provider)
        return await self._ask(session, held, back=purpose.back)

    async def settle(self, held: HeldIdentity, session: Session, client: Client, then: ForClient) -> str | None:
        """For who was unknown and has now logged in another way: the ticket of the question whether to join the two.

        None where nothing is left to ask: it is theirs already, or became theirs, because the page before named their
        account; or it is too late, and they add it at their account page.
        """
        if not (self._held.is_good(held) and self._sessions.is_fresh(session)):
            return None
        sub = session.login.sub
        if await self.offers.is_named(held, client, sub):
            async with self._held.spend(held, client):
                if not await self._link(sub, held):
                    return None
        return await self._ask(session, held, then=then)

    async def open_(self, sealed: str, cookie: str) -> LinkQuestion:
        """The question in a browser whose session has this cookie.

        Raises ForeignPost, FlowGone, ProviderNotOffered; AlreadyLinked where the proof opens the other account no more,
        whose ways in are nobody else's to see.
        """
        session = await self._sessions.find(cookie)
        if session is None:
            raise ForeignPost("a question about a way in without a session")
        try:
            ticket = await self._tickets.open_(LinkTicket, sealed, bound_to=session.key)
        except SealBroken as error:
            raise ForeignPost(error.detail) from None
        self._held.check(ticket.held)
        async with self.returns.returning(ticket.back) as target:
            if ticket.other and not await self._merging.is_proved(ticket.sub, ticket.other, ticket.held):
                self._refuse_merge(ticket)
            links = await self._people.links(ticket.sub)
            others = await self._people.links(ticket.other) if ticket.other else ()
            return LinkQuestion(ticket, session, target.client if target else None, links, others)

    @asynccontextmanager
    async def answer(self, question: LinkQuestion, *, allowed: bool) -> AsyncIterator[Answered]:
        """Take the one answer; the body goes on from there. Raises FlowFinished for a second one, AlreadyLinked."""
        ticket = question.ticket
        async with self._held.spend(ticket.held):
            if not allowed:
                yield Answered.CANCELLED
            elif ticket.other:
                await self._merge(ticket)
                yield Answered.MERGED
            else:
                if why_not := await self._link(ticket.sub, ticket.held):
                    self._refuse(ticket.sub, ticket.held, why_not)
                    raise AlreadyLinked("it became the way into another account meanwhile, or was removed")
                yield Answered.LINKED

    async def _ask(
        self, session: Session, held: HeldIdentity, *, then: ForClient | None = None, back: LinkReturn | None = None
    ) -> str | None:
        person = await self._people.person(held.provider_key, held.subject)
        sub = session.login.sub
        if person is not None and person.account.sub == sub:
            return None
        other = person.account.sub if person else ""
        ticket = LinkTicket(sub, session.key, held, other, then, back)
        return await self._tickets.seal(ticket, bound_to=session.key, ttl=PROOF_TTL)

    async def _link(self, sub: str, held: HeldIdentity) -> str:
        """Make it a way into the account. "" when it is; else why not: it is in another, or this one is not there any
        more, or had it removed since it was shown.
        """
        link = build_link(held.provider_key, held.provider, identity_of(held), now=self._context.now())
        done = await add_link(self._context, self._people, sub, link, began_at=held.began_at)
        if isinstance(done, Linked):
            return ""
        return "another account" if isinstance(done, Taken) else "no account, or removed since"

    async def _merge(self, ticket: LinkTicket) -> None:
        """Join the other account to this one, as long as the proof stands; raises AlreadyLinked."""
        if isinstance(await self._merging.merge(ticket.sub, ticket.other, ticket.held), Unmergeable):
            self._refuse_merge(ticket)

    def _refuse_merge(self, ticket: LinkTicket) -> NoReturn:
        self._refuse(ticket.sub, ticket.held, "not to be joined")
        raise AlreadyLinked("one of two accounts has changed, or is switched off, closing or gone")

    def _refuse(self, sub: str, held: HeldIdentity, reason: str) -> None:
        self._context.recorder.record(Event.ACCOUNT_LINK_REFUSED, sub=sub, provider=held.provider, reason=reason)
