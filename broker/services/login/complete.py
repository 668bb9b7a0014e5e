"""What comes of a login at an upstream: a session, and the next step of what the person set out for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from broker.core.authorize.target import VerifiedRedirect
from broker.core.authorize.whereabouts import Whereabouts, located
from broker.core.errors import BrokerError, InvalidRequest
from broker.core.events import Event
from broker.core.people.history import Whence
from broker.core.people.identity import Person
from broker.core.records import Authorize, Device
from broker.services.authorize.codes import Answer
from broker.services.authorize.decide import Ask, Authorization, Return
from broker.services.authorize.pushed import PushedRequests
from broker.services.context import Context
from broker.services.login.attempts import Logins
from broker.services.login.outcomes import Callback, Identified
from broker.services.people.accounts import Accounts
from broker.services.sessions.single_sign_on import Sessions


@dataclass(frozen=True, slots=True)
class Completed:
    """The browser keeps `cookie`, the value of its session, and goes on. `provider`: where the person logged in."""

    step: Ask | Return
    cookie: str
    provider: str


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
    ) -> None:
        """`accounts` knows whose identity it is, `pushed` ends what is answered with an error."""
        self._context = context
        self._logins = logins
        self._accounts = accounts
        self._sessions = sessions
        self._authorization = authorization
        self._pushed = pushed

    @asynccontextmanager
    async def complete(self, callback: Callback, cookie: str, whence: Whence) -> AsyncIterator[Completed]:
        """Finish the login in a browser whose session has this cookie, "" for none; raises LoginFailed or BrokerError.

        The order is a rule: a login that its request does not accept leaves whoever was logged in before as they were.
        The body shows what came of it; what fails there is told at the same place.
        """
        with located(Whereabouts(flow=callback.tag)):
            who = await self._logins.finish(callback)
            person = await self.resolve(who)
            match who.purpose:
                case Device():
                    step, value = await self._go_on(who, person, cookie, whence)
                    if not isinstance(step, Ask):
                        raise InvalidRequest("a device is never answered without a question")
                    yield Completed(step, value, who.instance.name)
                case Authorize(request):
                    target = VerifiedRedirect.of(request, who.client)
                    async with self._pushed.answering(target, asked=True):
                        step, value = await self._go_on(who, person, cookie, whence)
                        next_ = step if isinstance(step, Ask) else Return(target, step.params)
                        yield Completed(next_, value, who.instance.name)

    async def resolve(self, who: Identified) -> Person:
        """The person of an identity, made if they are new; raises LoginFailed."""
        name = who.instance.name
        try:
            person = await self._accounts.resolve(who.instance.key, name, who.identity)
        except BrokerError as error:
            raise self._logins.fail(error, who.purpose, who.client, who.instance) from error
        took = max(0, int(self._context.clock() * 1000) - (who.began_ms or who.started_at * 1000))
        self._context.recorder.record(
            Event.LOGIN_SUCCEEDED, provider=name, client_id=who.client.id, sub=person.account.sub, ms=took
        )
        return person

    async def _go_on(self, who: Identified, person: Person, cookie: str, whence: Whence) -> tuple[Ask | Answer, str]:
        before = await self._sessions.find(cookie)
        value, session = self._sessions.build(
            person, who.identity, who.instance, began_at=who.started_at, replacing=before
        )
        request = who.purpose.request
        step = await self._authorization.after_login(request, who.client, session, fresh_since=who.started_at)
        await self._sessions.keep(session, replacing=before, client_id=who.client.id, whence=whence)
        return step, value
