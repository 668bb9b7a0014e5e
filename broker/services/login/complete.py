"""What comes of a login at an upstream: a session, and the next step of what the person set out for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from broker.core.authorize.target import VerifiedRedirect
from broker.core.authorize.whereabouts import Whereabouts, located, whereabouts_of
from broker.core.clients.client import Client
from broker.core.errors import AccountError, InvalidRequest, LoginRequired, NoAccount, OtherPerson, StoreUnavailable
from broker.core.events import Event
from broker.core.people.identity import Person
from broker.core.records import Account, AuthorizationRequest, ForClient, HeldIdentity, Link, LinkReturn, Purpose
from broker.services.authorize.codes import Answer
from broker.services.authorize.decide import Ask, Authorization, Return
from broker.services.authorize.pushed import PushedRequests
from broker.services.context import Context
from broker.services.login.attempts import Logins
from broker.services.login.outcomes import AtHome, Callback, Identified, LoginFailed, Visitor
from broker.services.people.accounts import Accounts
from broker.services.people.held import Shown
from broker.services.people.linking import Linking
from broker.services.sessions.single_sign_on import Session, Sessions
from broker.services.upstream_tokens.keeping import Keeping


@dataclass(frozen=True, slots=True)
class Home:
    """On to this page of their account, "" for the first one."""

    page: str = ""


@dataclass(frozen=True, slots=True)
class Completed:
    """The browser goes on. It keeps `cookie`, the value of its session, and `browser`, to which a question is bound.

    "" is nothing new to keep. `person`: who logged in, and by which way; None where nobody did.
    """

    step: Ask | Return | Home
    cookie: str = ""
    person: Person | None = None
    browser: str = ""


class Completion:
    """One use case: an upstream has answered."""

    def __init__(
        self,
        context: Context,
        logins: Logins,
        accounts: Accounts,
        *,
        sessions: Sessions,
        authorization: Authorization,
        pushed: PushedRequests,
        linking: Linking,
        keeping: Keeping,
    ) -> None:
        """`accounts` knows whose identity it is, `pushed` ends what is answered with an error.

        `linking` is what joins accounts, and asks before one is made; `keeping` holds an upstream's tokens.
        """
        self._context = context
        self._logins = logins
        self._accounts = accounts
        self._sessions = sessions
        self._authorization = authorization
        self._pushed = pushed
        self._linking = linking
        self._keeping = keeping

    @asynccontextmanager
    async def complete(self, callback: Callback, visitor: Visitor) -> AsyncIterator[Completed]:
        """Finish the login in the browser of this visitor; raises LoginFailed or BrokerError.

        The order is a rule: a login that its request does not accept leaves whoever was logged in before as they were.
        The body shows what came of it; what fails there is told at the same place.
        """
        with located(Whereabouts(flow=callback.tag)):
            who = await self._finish(callback)
            if isinstance(who, AtHome):
                yield await self._or_fail(who, self._at_home(who, visitor))
                return
            async with self.answering(who.purpose.request, who.client) as target:
                yield await self._or_fail(who, self._arrive(who, visitor, target))

    async def _finish(self, callback: Callback) -> Identified | AtHome:
        """As `Logins.finish`; an app that asked for a way in hears of it when that fails."""
        try:
            return await self._logins.finish(callback)
        except LoginFailed as failed:
            async with self._linking.returns.returning(_asked_by(failed.purpose)):
                raise

    async def _arrive(self, who: Identified, visitor: Visitor, target: VerifiedRedirect | None) -> Completed:
        person = await self.find(who)
        if person is None:
            if (asked := await self._ask(who, visitor)) is not None:
                return asked
            person = await self.make(who)
        return await self.go_on(who, person, visitor, target)

    @asynccontextmanager
    async def answering(self, request: AuthorizationRequest, client: Client) -> AsyncIterator[VerifiedRedirect | None]:
        """What fails in the body is told where answers to the request go; those to a device go nowhere."""
        if request.device:
            yield None
            return
        target = VerifiedRedirect.of(request, client)
        async with self._pushed.answering(target, asked=True):
            yield target

    async def find(self, who: Identified) -> Person | None:
        """Whose identity it is, None for nobody's; raises as `Standing.check_person`."""
        person = await self._find(who.shown, who.client)
        if person is not None:
            self._succeeded(who, person)
        return person

    async def _find(self, shown: Shown, client: Client | None) -> Person | None:
        return await self._accounts.find(shown.instance.key, shown.instance.name, shown.identity, client)

    async def make(self, who: Identified) -> Person:
        """The person of an identity that is nobody's, made now; raises as `Accounts.make`."""
        shown = who.shown
        person = await self._accounts.make(shown.instance.key, shown.instance.name, shown.identity, who.client)
        self._succeeded(who, person)
        return person

    async def go_on(
        self, who: Identified, person: Person, visitor: Visitor, target: VerifiedRedirect | None
    ) -> Completed:
        """The session of somebody known, and the next step of what they came for."""
        value, session, before = await self._build(who.shown, person, visitor.session)
        request, client, since = who.purpose.request, who.client, who.shown.started_at
        step: Ask | Answer | None = None
        if who.purpose.held is not None:
            await self._authorization.check_login(request, client, session, fresh_since=since)
            step = await self._settle(who.purpose, who.purpose.held, client, session)
        step = step or await self._authorization.after_login(request, client, session, fresh_since=since)
        await self._keeping.hold(client, who.shown.instance, who.shown.identity.tokens, session.login)
        await self._sessions.keep(session, replacing=before, client_id=client.id, whence=visitor.whence)
        return Completed(told(step, target), value, person)

    async def _build(self, shown: Shown, person: Person, cookie: str) -> tuple[str, Session, Session | None]:
        """The cookie value and session of this login, which is none before it is kept, and the one it replaces."""
        before = await self._sessions.find(cookie)
        value, session = self._sessions.build(
            person,
            shown.identity,
            shown.instance,
            began_at=shown.started_at,
            asked_at=shown.asked_at,
            replacing=before,
        )
        return value, session, before

    async def _settle(self, purpose: ForClient, held: HeldIdentity, client: Client, session: Session) -> Ask | None:
        """They looked for their account and have found it: is what they showed before to be a way into it?"""
        ticket = await self._linking.settle(held, session, client, purpose.replace(held=None))
        return Ask(ticket, "/account/link") if ticket else None

    async def _ask(self, who: Identified, visitor: Visitor) -> Completed | None:
        """Nobody knows them: the question whether they have an account, where the operator wants it put."""
        browser = visitor.browser or self._context.mint()
        ticket = await self._linking.offers.ask(
            who.shown, who.purpose, who.client, browser=browser, last_used=visitor.last_used
        )
        return Completed(Ask(ticket, "/join"), browser=browser) if ticket else None

    async def _at_home(self, who: AtHome, visitor: Visitor) -> Completed:
        if isinstance(who.purpose, Link):
            return Completed(await self._add(who.purpose, who.shown, visitor))
        async with self._linking.returns.returning(who.purpose.back) as target:
            person = await self._find(who.shown, None)
            if target is not None and (person is None or person.account.sub != who.purpose.sub):
                raise LoginRequired("somebody else signed in than the user who was to sign in again")
        if person is None:
            raise self._logins.fail(NoAccount("it opens no account"), who.purpose, None, who.shown.instance)
        if who.purpose.sub not in {"", person.account.sub}:
            raise OtherPerson("somebody else logged in than the one who was to show that it is them")
        self._succeeded(who, person)
        value, session, before = await self._build(who.shown, person, visitor.session)
        await self._sessions.keep(session, replacing=before, client_id="", whence=visitor.whence)
        return Completed(Home(who.purpose.page), value, person)

    async def _add(self, purpose: Link, shown: Shown, visitor: Visitor) -> Ask | Return | Home:
        """Another way in was shown: the question whether they add it, unless they have it."""
        async with self._linking.returns.returning(purpose.back) as target:
            ticket = await self._linking.arrive(purpose, shown, visitor.session)
            if ticket:
                return Ask(ticket, "/account/link")
            return Return(target, self._linking.returns.tell(target)) if target else Home()

    async def _or_fail(self, who: Identified | AtHome, answer: Awaitable[Completed]) -> Completed:
        """What it comes to; raises LoginFailed where the person cannot go on: the attempt is spent and begun anew.

        It is told where its cause would have been.
        """
        try:
            return await answer
        except (AccountError, StoreUnavailable) as error:
            client = who.client if isinstance(who, Identified) else None
            with located(whereabouts_of(error)):
                raise self._logins.fail(error, who.purpose, client, who.shown.instance) from error

    def _succeeded(self, who: Identified | AtHome, person: Person) -> None:
        shown, client_id = who.shown, who.client.id if isinstance(who, Identified) else ""
        took = max(0, int(self._context.clock() * 1000) - (shown.began_ms or shown.started_at * 1000))
        self._context.recorder.record(
            Event.LOGIN_SUCCEEDED, provider=shown.instance.name, client_id=client_id, sub=person.account.sub, ms=took
        )


def told(step: Ask | Answer, target: VerifiedRedirect | None) -> Ask | Return:
    """The step, and where an answer goes."""
    if isinstance(step, Ask):
        return step
    if target is None:
        raise InvalidRequest("a device is never answered without a question")
    return Return(target, step.params)


def _asked_by(purpose: Purpose) -> LinkReturn | None:
    """The app that sent somebody to add a way in, None where none did."""
    return purpose.back if isinstance(purpose, Link | Account) else None
