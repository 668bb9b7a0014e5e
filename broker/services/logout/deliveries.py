"""Logout tokens on their way to apps (OIDC Back-Channel Logout 1.0): at least once, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from broker.core.errors import FetchFailed
from broker.core.events import Event
from broker.core.logout import LOGOUT_TOKEN_TYPE, Delivery, Telling, build_logout_token
from broker.services.clients.directory import Clients
from broker.services.context import Context, Outbound
from broker.services.keys.ring import KeyRing
from broker.services.people.subjects import Subjects
from broker.services.rounds import Rounds, back_off
from broker.store.deliveries import DeliveryStore

AT_ONCE = 16  # deliveries under way together, so that apps that hang keep few others waiting
SHARE = 4  # of them one app may have: what hangs or floods is its own
LEASE = 30  # seconds; longer than a delivery takes, so that two nodes seldom send the same token
LOOK_EVERY = 5.0  # seconds between looks for what is due
DELAYS = (5, 30, 120, 600, 1800, 3600)  # seconds after the first attempt, the second ...; the last one repeats
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


class Deliveries:
    """Sends what is queued, tries again what failed, and gives up a day later."""

    def __init__(
        self,
        context: Context,
        queue: DeliveryStore,
        clients: Clients,
        keys: KeyRing,
        outbound: Outbound,
        *,
        subjects: Subjects,
        on_crash: Callable[[Exception], None],
    ) -> None:
        """`subjects` names sessions as apps know them; `on_crash` hears of what nobody foresaw, deliveries go on."""
        self._context = context
        self._queue = queue
        self._clients = clients
        self._keys = keys
        self._outbound = outbound
        self._subjects = subjects
        self._rounds = Rounds(self.look, on_crash=on_crash)
        self.push, self.settle = self._rounds.push, self._rounds.settle
        self._watches: dict[str, Watch] = {}
        self._backlog = 0

    @contextmanager
    def watch(self, sid: str) -> Iterator[Watch]:
        """Outcomes for the apps of this session while somebody waits for them."""
        self._watches[sid] = watch = Watch()
        try:
            yield watch
        finally:
            if self._watches.get(sid) is watch:  # somebody who pressed twice watches anew
                del self._watches[sid]

    async def run(self) -> None:
        """Deliver until cancelled; what is under way then is tried again by whoever looks next."""
        await self._rounds.run(pause=LOOK_EVERY)

    async def look(self) -> float:
        """Begin every delivery that is due, as many together as may be; raises StoreUnavailable.

        In how many seconds to look again at the latest.
        """
        await self._count()
        while self._backlog and (claimed := await self._claim()):
            for delivery in claimed:
                self._rounds.begin(self._deliver(delivery), whose=delivery.client_id, then=self._ended)
        return LOOK_EVERY

    def _ended(self) -> None:
        if self._backlog > self._rounds.busy.total():
            self.push()  # perhaps one of the same app that had to wait for it

    async def _claim(self) -> tuple[Delivery, ...]:
        limit, now = await self._rounds.make_room(AT_ONCE), self._context.now()
        return await self._queue.claim(
            now=now, until=now + LEASE, limit=limit, share=SHARE, under_way=self._rounds.busy
        )

    async def _count(self) -> None:
        """A read of what is on its way, told when it changed: an idle broker writes nothing."""
        before, self._backlog = self._backlog, await self._queue.waiting()
        if before != self._backlog:
            self._context.recorder.record(Event.LOGOUT_BACKLOG, waiting=self._backlog)

    async def _deliver(self, delivery: Delivery) -> None:
        """One attempt. The token is made anew, for it lives two minutes; its `jti` stays, so an app knows it again."""
        now = self._context.now()
        client = await self._clients.known(delivery.client_id)
        if client is None or not client.logout.backchannel_logout_uri:
            await self._give_up(delivery, "no address")
            return
        if delivery.expires_at <= now:
            await self._give_up(delivery, "no success in a day")
            return
        sid = self._subjects.sid_of(delivery.sid, client)
        claims = build_logout_token(delivery, issuer=self._context.issuer, now=now, sid=sid)
        token = await self._keys.signer(client.id_token_alg).sign(claims, typ=LOGOUT_TOKEN_TYPE)
        try:
            status = await self._outbound.deliver(client.logout.backchannel_logout_uri, {"logout_token": token})
            reason = f"status {status}"
        except FetchFailed as error:
            status, reason = 0, error.detail
        if status in _DELIVERED:
            await self._queue.finish(delivery.id)
            self._note(delivery, Telling.TOLD)
            self._context.recorder.record(
                Event.LOGOUT_TOLD, client_id=delivery.client_id, sub=delivery.sub, attempts=delivery.attempts
            )
        elif status == _REFUSED:
            await self._give_up(delivery, reason)
        else:
            await self._queue.postpone(
                delivery.id, next_at=now + back_off(DELAYS, delivery.attempts, self._context.randomness)
            )
            self._failed(delivery, Telling.WAITING, reason)

    async def _give_up(self, delivery: Delivery, reason: str) -> None:
        await self._queue.finish(delivery.id)
        self._failed(delivery, Telling.FAILED, reason)

    def _failed(self, delivery: Delivery, outcome: Telling, reason: str) -> None:
        self._note(delivery, outcome)
        self._context.recorder.record(
            Event.LOGOUT_FAILED,
            client_id=delivery.client_id,
            sub=delivery.sub,
            attempts=delivery.attempts,
            outcome=outcome.value,
            reason=reason,
        )

    def _note(self, delivery: Delivery, outcome: Telling) -> None:
        if delivery.sid in self._watches:
            self._watches[delivery.sid].note(delivery.client_id, outcome)
