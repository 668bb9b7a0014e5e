"""Sends what is queued: at least once, never faster than the messenger allows, as long as it may take.

A message is claimed in the store before anything is sent, and counts against the pace until a while after its answer
came: so the messenger never sees more than `Pace` in its window, whoever is killed in between and however many nodes
there are. Of a claim that nobody settled nobody knows what came: it is tried again, and that is counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from broker.core.errors import SealBroken
from broker.core.events import Event
from broker.core.notify import Fate, Letter, Message, Outcome, Pace, Status
from broker.core.seal import Seal
from broker.services.context import Context
from broker.services.providers import ProviderInstance, Providers
from broker.services.rounds import Rounds, back_off
from broker.services.switches import Off
from broker.store.notify import NotifyStore
from broker.upstream.abilities import WritesMessages

AT_ONCE = 64  # messages of one bot under way together
LEASE = 15.0  # seconds; longer than an attempt takes, which is ten at most
LOOK_EVERY = 5.0  # seconds between looks for what is due, where nothing is under way
TICK = 0.1  # seconds between looks while something is
PATIENCE = 6.0  # seconds that a stop waits for answers: what is cut off may arrive twice
DELAYS = (5, 30, 120, 600, 1800)  # seconds after the first attempt that failed, the second ...; the last one repeats
MOST_UNANSWERED = 5  # attempts of which nobody knows what came: so often may one message arrive
_SETTLED = {Fate.SENT: Status.SENT, Fate.UNREACHABLE: Status.UNREACHABLE, Fate.REFUSED: Status.FAILED}


class Sending:
    """One worker for all bots; nodes share them by the store."""

    def __init__(
        self,
        context: Context,
        store: NotifyStore,
        providers: Providers,
        *,
        seal: Seal,
        pace: Pace,
        on_crash: Callable[[Exception], None],
        off: Off | None = None,
    ) -> None:
        """`seal` has the purpose "notification"; `on_crash` hears of what nobody foresaw, and sending goes on.

        `off`: what operators have switched off. What is to go by such a provider waits; a client's is not sent.
        """
        self._off, self._providers = off or Off(), providers
        self._context = context
        self._store = store
        self._bots = _bots_of(providers)
        self._seal = seal
        self._pace = pace
        self._rounds = Rounds(self.look, on_crash=on_crash)
        self.push, self.settle, self.retire = self._rounds.push, self._rounds.settle, self._rounds.retire
        self._revoked: set[str] = set()
        self._paused: dict[str, float] = {}  # until when, for those that were claimed before the bot was told to wait
        self._backlog = 0

    @property
    def can(self) -> bool:
        """Whether there is anything to send by: a provider that has a bot."""
        return bool(self._bots)

    async def run(self) -> None:
        """Send until cancelled; what is under way then is waited for, as long as an answer may take."""
        await self._rounds.run(pause=LOOK_EVERY, patience=PATIENCE)

    async def look(self) -> float:
        """Begin whatever may go now, and in how many seconds to look again at the latest; raises StoreUnavailable."""
        await self._count()
        wake_at = math.inf
        for key in self._bots if self._backlog else ():
            wake_at = min(wake_at, await self._begin(key))
        if self._rounds.busy:
            return TICK
        return min(max(wake_at - self._context.clock(), TICK), LOOK_EVERY)

    async def _begin(self, key: str) -> float:
        """What is claimed of this bot is begun; when there is more, infinity for nobody knows."""
        now, instance = self._context.clock(), self._bots[key][0]
        idle = key in self._revoked or self._providers.instance_of(key) is None
        limit = 0 if idle else max(0, AT_ONCE - self._rounds.busy[key])
        claimed = await self._store.claim(key, now=now, until=now + LEASE, pace=self._pace, limit=limit)
        for client_id in claimed.expired:
            self._note(client_id, instance, Status.FAILED, reason="expired")
        for letter in claimed.letters:
            self._rounds.begin(self._attempt(letter), whose=key)
        return math.inf if idle else claimed.wake_at

    async def _count(self) -> None:
        """A read of what is on its way, told when it changed: an idle broker writes nothing."""
        before, self._backlog = self._backlog, await self._store.waiting()
        if before != self._backlog:
            self._context.recorder.record(Event.NOTIFY_BACKLOG, waiting=self._backlog)

    async def _attempt(self, letter: Letter) -> None:
        instance, bot = self._bots[letter.provider_key]
        if not letter.welcome:
            await self._settle(letter, Status.FAILED, "the person cannot sign in by that way any more")
            return
        if letter.client_id in self._off.clients:
            await self._settle(letter, Status.FAILED, "the app was switched off by an operator")
            return
        if letter.unanswered > MOST_UNANSWERED:
            await self._settle(letter, Status.FAILED, "no answer ever came; it may have arrived")
            return
        if letter.unanswered > 1:
            self._context.recorder.record(
                Event.NOTIFY_REPEATED, client_id=letter.client_id, provider=instance.name, attempts=letter.attempts
            )
        if (until := self._paused.get(letter.provider_key, 0)) > (now := self._context.clock()):
            await self._store.postpone(letter.id, until=until, now=now, pace=self._pace, answered=True)
            return
        try:
            message = Message.from_bytes(self._seal.open_(letter.body, bound_to=letter.id.encode()))
        except SealBroken:
            await self._settle(letter, Status.FAILED, "its text cannot be read any more")
            return
        await self._conclude(letter, await bot.write(letter.subject, message))

    async def _conclude(self, letter: Letter, outcome: Outcome) -> None:
        if (status := _SETTLED.get(outcome.fate)) is not None:
            await self._settle(letter, status, outcome.reason)
            return
        now, instance = self._context.clock(), self._bots[letter.provider_key][0]
        busy = outcome.fate is Fate.BUSY
        until = now + (outcome.retry_after if busy else back_off(DELAYS, letter.attempts, self._context.randomness))
        if busy:
            self._paused[letter.provider_key] = until
        await self._store.postpone(
            letter.id,
            until=until,
            now=now,
            pace=self._pace,
            answered=outcome.fate is not Fate.SILENT,
            everybody=busy,
        )
        told = {"provider": instance.name, "reason": outcome.reason}
        if busy:
            self._context.recorder.record(Event.NOTIFY_PAUSED, provider=instance.name, seconds=outcome.retry_after)
        elif outcome.fate is Fate.REVOKED:
            if letter.provider_key not in self._revoked:
                self._revoked.add(letter.provider_key)
                self._context.recorder.record(Event.NOTIFY_STOPPED, **told)
        else:
            self._context.recorder.record(
                Event.NOTIFY_POSTPONED, client_id=letter.client_id, attempts=letter.attempts, **told
            )

    async def _settle(self, letter: Letter, status: Status, reason: str) -> None:
        now, instance = self._context.clock(), self._bots[letter.provider_key][0]
        settled = await self._store.settle(letter.id, status, reason, now=now, pace=self._pace)
        for _ in range(settled):
            self._note(letter.client_id, instance, status, attempts=letter.attempts, reason=reason)

    def _note(
        self, client_id: str, instance: ProviderInstance, status: Status, *, attempts: int = 0, reason: str = ""
    ) -> None:
        event = Event.NOTIFY_SENT if status is Status.SENT else Event.NOTIFY_FAILED
        told: dict[str, str | int] = {"client_id": client_id, "provider": instance.name, "attempts": attempts}
        told |= {} if status is Status.SENT else {"outcome": status.value, "reason": reason}
        self._context.recorder.record(event, **told)


def _bots_of(providers: Providers) -> dict[str, tuple[ProviderInstance, WritesMessages]]:
    """By internal key, which two instances of one bot share."""
    found: dict[str, tuple[ProviderInstance, WritesMessages]] = {}
    for name, key in providers.enabled:
        instance = providers.find(name)
        if instance.abilities.writes is not None:
            found.setdefault(key, (instance, instance.abilities.writes))
    return found
