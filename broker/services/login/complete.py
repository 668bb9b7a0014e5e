"""What comes of a login at an upstream: a session, and the next step of what the person set out for."""

from __future__ import annotations

from dataclasses import dataclass

from broker.core.authorize.target import VerifiedRedirect
from broker.core.authorize.whereabouts import Whereabouts, located
from broker.core.errors import BrokerError, InvalidRequest
from broker.core.events import Event
from broker.services.authorize.decide import Ask, Authorization, Return
from broker.services.authorize.pushed import PushedRequests
from broker.services.context import Context
from broker.services.login.attempts import Logins
from broker.services.login.outcomes import Callback, Finished, Identified
from broker.services.login.states import States
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

    async def complete(self, callback: Callback, cookie: str) -> Completed:
        """Finish the login in a browser whose session has this cookie, "" for none; raises LoginFailed or BrokerError.

        The order is a rule: a login that its request does not accept leaves whoever was logged in before as they were.
        """
        with located(Whereabouts(flow=States.tag(callback.state))):
            finished = await self.resolve(await self._logins.finish(callback))
            if finished.request.device:
                return await self._go_on(finished, cookie)
            target = VerifiedRedirect.of(finished.request, finished.client)
            async with self._pushed.answering(target, asked=True):
                return await self._go_on(finished, cookie, target)

    async def resolve(self, who: Identified) -> Finished:
        """The person of an identity, made if they are new; raises LoginFailed."""
        try:
            person = await self._accounts.resolve(who.instance.key, who.instance.name, who.identity)
        except BrokerError as error:
            raise self._logins.fail(error, who.request, who.client, who.instance) from error
        took = max(0, int(self._context.clock() * 1000) - (who.began_ms or who.started_at * 1000))
        name, sub = who.instance.name, person.account.sub
        self._context.recorder.record(Event.LOGIN_SUCCEEDED, provider=name, client_id=who.client.id, sub=sub, ms=took)
        return Finished(who.request, who.client, who.started_at, name, person, who.identity)

    async def _go_on(self, finished: Finished, cookie: str, target: VerifiedRedirect | None = None) -> Completed:
        before = await self._sessions.find(cookie)
        value, session = self._sessions.build(
            finished.person, finished.identity, finished.provider, began_at=finished.started_at, replacing=before
        )
        step = await self._authorization.after_login(
            finished.request, finished.client, session, fresh_since=finished.started_at
        )
        await self._sessions.keep(session, replacing=before)
        if isinstance(step, Ask):
            return Completed(step, value, finished.provider)
        if target is None:
            raise InvalidRequest("a device is never answered without a question")
        return Completed(Return(target, step.params), value, finished.provider)
