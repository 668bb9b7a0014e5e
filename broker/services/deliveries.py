"""Tokens on their way to others, logout tokens and events alike: at least once, whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from broker.core.deliveries import Delivery, Waiting
from broker.core.logout import Telling
from broker.services.context import Context
from broker.services.rounds import Rounds, back_off
from broker.store.deliveries import DeliveryStore

AT_ONCE = 16  # deliveries under way together, so that receivers that hang keep few others waiting
SHARE = 4  # of them one receiver may have: what hangs or floods is its own
LEASE = 30  # seconds; longer than a delivery takes, so that two nodes seldom send the same token
LOOK_EVERY = 5.0  # seconds between looks for what is due
DELAYS = (5, 30, 120, 600, 1800, 3600)  # seconds after the first attempt, the second ...; the last one repeats


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one: told, to be tried again, or given up; and why, where it was not told."""

    outcome: Telling
    reason: str = ""


class Courier(Protocol):
    """Knows how one kind of token is made, brought and accounted for."""

    async def attempt(self, delivery: Delivery) -> Attempt:
        """Bring it, unless it is too old or nobody is there to take it."""

    def note(self, delivery: Delivery, attempt: Attempt) -> None:
        """An attempt has ended, and the queue knows of it."""

    async def count(self, waiting: int) -> None:
        """So many of its kind are on their way by now; called when that changed."""

    def resting(self) -> Sequence[str]:
        """Receivers that get nothing just now."""


class Deliveries:
    """Sends what is queued, tries again what failed, and gives up in the end."""

    def __init__(
        self,
        context: Context,
        queue: DeliveryStore,
        *,
        logouts: Courier,
        events: Courier,
        on_crash: Callable[[Exception], None],
    ) -> None:
        """`logouts` go to apps, `events` to webhooks; `on_crash` hears of what nobody foresaw, deliveries go on."""
        self._context = context
        self._queue = queue
        self._logouts = logouts
        self._events = events
        self._rounds = Rounds(self.look, on_crash=on_crash)
        self.push, self.settle, self.retire = self._rounds.push, self._rounds.settle, self._rounds.retire
        self._backlog = Waiting(0, 0)

    async def run(self) -> None:
        """Deliver until cancelled; what is under way then is tried again by whoever looks next."""
        await self._rounds.run(pause=LOOK_EVERY)

    async def look(self) -> float:
        """Begin every delivery that is due, as many together as may be; raises StoreUnavailable.

        In how many seconds to look again at the latest.
        """
        await self._count()
        while sum(self._backlog) and (claimed := await self._claim()):
            for delivery in claimed:
                self._rounds.begin(self._deliver(delivery), whose=delivery.receiver, then=self._ended)
        return LOOK_EVERY

    def _ended(self) -> None:
        if sum(self._backlog) > self._rounds.busy.total():
            self.push()  # perhaps one of the same receiver that had to wait for it

    async def _claim(self) -> tuple[Delivery, ...]:
        limit, now = await self._rounds.make_room(AT_ONCE), self._context.now()
        under_way: Mapping[str, int] = self._rounds.busy | dict.fromkeys(self._events.resting(), SHARE)
        return await self._queue.claim(now=now, until=now + LEASE, limit=limit, share=SHARE, under_way=under_way)

    async def _count(self) -> None:
        """A read of what is on its way, told when it changed: an idle broker writes nothing."""
        before, self._backlog = self._backlog, await self._queue.waiting()
        if before.logouts != self._backlog.logouts:
            await self._logouts.count(self._backlog.logouts)
        if before.events != self._backlog.events:
            await self._events.count(self._backlog.events)

    async def _deliver(self, delivery: Delivery) -> None:
        courier = self._logouts if delivery.news is None else self._events
        attempt = await courier.attempt(delivery)
        if attempt.outcome is Telling.WAITING:
            wait = back_off(DELAYS, delivery.attempts, self._context.randomness)
            await self._queue.postpone(delivery.id, next_at=self._context.now() + wait)
        else:
            await self._queue.finish(delivery.id)
        courier.note(delivery, attempt)
