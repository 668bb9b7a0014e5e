"""Rate limits per source and per client, with Retry-After. Counting costs no storage unless nodes must share counts."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from broker.core.errors import StoreUnavailable, TooManyRequests
from broker.core.events import Event, Recorder

_SLOTS = 50_000  # counters kept in this process; the least recently used go first
_LONGEST_WAIT = 10.0  # seconds until a turn
_ALONE = frozenset(
    {"token", "client_auth_failure", "identity_lookup", "notify", "registration", "upstream_logout"}
    | {"admin", "admin_failure"}
)
"""Limits in front of what needs no shared store: nothing is refused there for the sake of a count."""


class SharedCounters(Protocol):
    """Counts that other nodes see."""

    async def hit(self, key: str, *, ttl: int) -> int:
        """Count one; the count within a window of `ttl` seconds. Raises StoreUnavailable."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many within so many seconds."""

    number: int
    seconds: int


class Counters:
    """Sliding windows in this process, bounded in number. A flood of sources pushes out counters, never memory."""

    def __init__(self, clock: Callable[[], float], *, slots: int = _SLOTS) -> None:
        """`clock` in seconds."""
        self._clock = clock
        self._slots = slots
        self._windows: OrderedDict[str, int] = OrderedDict()

    def count(self, key: str, seconds: int, *, more: int = 0) -> float:
        """The weighted count over a sliding window of `seconds`, when `more` are counted now."""
        window, phase = divmod(self._clock(), seconds)
        name = f"{key}|{int(window)}"
        current = self._windows.get(name, 0) + more
        if more:
            self._windows[name] = current
            self._windows.move_to_end(name)
            while len(self._windows) > self._slots:
                self._windows.popitem(last=False)
        return current + self._windows.get(f"{key}|{int(window) - 1}", 0) * (1 - phase / seconds)


class Limits:
    """Asked before the work is done. What is counted is either every try (`check`), or what became of it: then the
    limit is asked before the verdict (`ask`, `pace`), so that being right opens nothing that is shut, and counted
    after it (`count`).
    """

    def __init__(
        self,
        rates: dict[str, Rate],
        recorder: Recorder,
        *,
        clock: Callable[[], float],
        shared: SharedCounters | None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        counters: Counters | None = None,
    ) -> None:
        """`rates` by name; `shared` counts in a store that other nodes see, where there is one.

        `counters` are those of this process, which outlive a change of the rates; None: new ones.
        """
        self._rates = rates
        self._recorder = recorder
        self._counters = counters or Counters(clock)
        self._clock = clock
        self._shared = shared
        self._sleep = sleep
        self._next_turn: dict[str, float] = {}

    async def check(self, name: str, key: str, *, times: int = 1) -> None:
        """Count one of `name` for `key`; raises TooManyRequests beyond `times` the rate."""
        if await self.count(name, key) > self._rates[name].number * times:
            self._refuse(name)

    def ask(self, name: str, key: str) -> None:
        """Count nothing; raises TooManyRequests when all of `name` is used up for `key`."""
        if self._is_spent(name, key):
            self._refuse(name)

    async def pace(self, name: str) -> None:
        """Count nothing; when all of `name` is used up, by everybody together, wait for a turn.

        Turns come at the rate of `name`, and nobody else waits meanwhile. Raises TooManyRequests when one would have to
        wait for more than ten seconds.
        """
        if not self._is_spent(name, ""):
            return
        now, apart = self._clock(), self._rates[name].seconds / max(self._rates[name].number, 1)
        turn = max(self._next_turn.get(name, now), now)
        if turn - now > _LONGEST_WAIT + apart:
            turn = now  # no turn is given that far ahead: the clock stepped back
        if turn - now > _LONGEST_WAIT:
            self._refuse(name)
        self._next_turn[name] = turn + apart
        self._recorder.record(Event.LIMIT_REACHED, limit=name)
        await self._sleep(turn - now)

    async def count(self, name: str, key: str = "") -> float:
        """Count one of `name` for `key`, or for everybody together; the count within its time. Refuses nobody.

        Raises StoreUnavailable where the count is shared and what follows needs the shared store, too.
        """
        seconds = self._rates[name].seconds
        count = self._counters.count(f"{name}|{key}", seconds, more=1)
        if self._shared is None:
            return count
        try:
            shared = await self._shared.hit(f"{name}|{key}", ttl=seconds)
        except StoreUnavailable:
            if name in _ALONE:
                return count
            raise
        return max(count, shared)

    def _is_spent(self, name: str, key: str) -> bool:
        rate = self._rates[name]
        return self._counters.count(f"{name}|{key}", rate.seconds) >= rate.number

    def _refuse(self, name: str) -> None:
        self._recorder.record(Event.LIMIT_REACHED, limit=name)
        seconds = self._rates[name].seconds
        wait = max(1, int(seconds - self._clock() % seconds))
        raise TooManyRequests("too many requests; wait and try again", retry_after=wait)
