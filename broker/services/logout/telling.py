"""Logout tokens to apps (OIDC Back-Channel Logout 1.0), and who waits for what comes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from broker.core.deliveries import Delivery
from broker.core.errors import FetchFailed
from broker.core.events import Event
from broker.core.logout import LOGOUT_TOKEN_TYPE, Telling, build_logout_token
from broker.services.clients.directory import Clients
from broker.services.context import Context, Outbound
from broker.services.deliveries import Attempt, Courier
from broker.services.keys.ring import KeyRing
from broker.services.people.subjects import Subjects

_DELIVERED = frozenset({200, 204})
_REFUSED = 400  # the app has understood and says no (section 2.8): the same token again would change nothing


@dataclass(slots=True)
class Watch:
    """The outcomes for the apps of one session, as they come in."""

    outcomes: dict[str, Telling] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, client_id: str, outcome: Telling) -> None:
        """An attempt has ended."""
        self.outcomes[client_id] = outcome
        self._changed.set()

    async def until(self, count: int, *, within: float) -> None:
        """Return when there are `count` outcomes, or after `within` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while len(self.outcomes) < count:
                    self._changed.clear()
                    await self._changed.wait()


class LogoutTokens(Courier):
    """Brings them; a receiver is a client id."""

    def __init__(
        self, context: Context, clients: Clients, keys: KeyRing, outbound: Outbound, *, subjects: Subjects
    ) -> None:
        """`subjects` names sessions as apps know them."""
        self._context = context
        self._clients = clients
        self._keys = keys
        self._outbound = outbound
        self._subjects = subjects
        self._watches: dict[str, Watch] = {}

    @contextmanager
    def watch(self, sid: str) -> Iterator[Watch]:
        """Outcomes for the apps of this session while somebody waits for them."""
        self._watches[sid] = watch = Watch()
        try:
            yield watch
        finally:
            if self._watches.get(sid) is watch:  # somebody who pressed twice watches anew
                del self._watches[sid]

    async def attempt(self, delivery: Delivery) -> Attempt:
        """The token is made anew, for it lives two minutes; its `jti` stays, so an app knows it again."""
        now = self._context.now()
        client = await self._clients.known(delivery.receiver)
        if client is None or not client.logout.backchannel_logout_uri:
            return Attempt(Telling.FAILED, "no address")
        if delivery.expires_at <= now:
            return Attempt(Telling.FAILED, "no success in a day")
        sid = self._subjects.sid_of(delivery.sid, client)
        claims = build_logout_token(delivery, issuer=self._context.issuer, now=now, sid=sid)
        token = await self._keys.signer(client.id_token_alg).sign(claims, typ=LOGOUT_TOKEN_TYPE)
        try:
            status = await self._outbound.deliver(client.logout.backchannel_logout_uri, {"logout_token": token})
        except FetchFailed as error:
            return Attempt(Telling.WAITING, error.detail)
        if status in _DELIVERED:
            return Attempt(Telling.TOLD)
        return Attempt(Telling.FAILED if status == _REFUSED else Telling.WAITING, f"status {status}")

    def note(self, delivery: Delivery, attempt: Attempt) -> None:
        """Tell the operator, and whoever waits for the outcomes of this session."""
        if delivery.sid in self._watches:
            self._watches[delivery.sid].note(delivery.receiver, attempt.outcome)
        client_id, sub, attempts = delivery.receiver, delivery.sub, delivery.attempts
        if attempt.outcome is Telling.TOLD:
            self._context.recorder.record(Event.LOGOUT_TOLD, client_id=client_id, sub=sub, attempts=attempts)
            return
        self._context.recorder.record(
            Event.LOGOUT_FAILED,
            client_id=client_id,
            sub=sub,
            attempts=attempts,
            outcome=attempt.outcome.value,
            reason=attempt.reason,
        )

    async def count(self, waiting: int) -> None:
        self._context.recorder.record(Event.LOGOUT_BACKLOG, waiting=waiting)

    def resting(self) -> Sequence[str]:
        """None: an app is tried for each logout by itself."""
        return ()
