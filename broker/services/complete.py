"""What comes of a login at an upstream: a session, and the next step of what the person set out for."""

from __future__ import annotations

from dataclasses import dataclass

from broker.core.authorize import VerifiedRedirect
from broker.core.errors import InvalidRequest
from broker.core.whereabouts import Whereabouts, located
from broker.services.attempt import Callback, Finished
from broker.services.authorize import Ask, Authorization, Return
from broker.services.login import Logins
from broker.services.par import PushedRequests
from broker.services.sessions import Sessions
from broker.services.states import States


@dataclass(frozen=True, slots=True)
class Completed:
    """The browser keeps `cookie`, the value of its session, and goes on. `provider`: where the person logged in."""

    step: Ask | Return
    cookie: str
    provider: str


class Completion:
    """One use case: an upstream has answered."""

    def __init__(
        self, logins: Logins, sessions: Sessions, authorization: Authorization, pushed: PushedRequests
    ) -> None:
        """`pushed` ends what is answered with an error."""
        self._logins = logins
        self._sessions = sessions
        self._authorization = authorization
        self._pushed = pushed

    async def complete(self, callback: Callback, cookie: str) -> Completed:
        """Finish the login in a browser whose session has this cookie, "" for none; raises LoginFailed or BrokerError.

        The order is a rule: a login that its request does not accept leaves whoever was logged in before as they were.
        """
        with located(Whereabouts(flow=States.tag(callback.state))):
            finished = await self._logins.finish(callback)
            if finished.request.device:
                return await self._go_on(finished, cookie)
            target = VerifiedRedirect.of(finished.request, finished.client)
            async with self._pushed.answering(target, asked=True):
                return await self._go_on(finished, cookie, target)

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
