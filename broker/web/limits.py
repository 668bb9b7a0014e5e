"""Rate limits per source and per client, with Retry-After. Counting costs no storage unless nodes must share counts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from broker.core.errors import TooManyRequests
from broker.core.events import Event, Recorder

_SLOTS = 50_000  # counters kept in this process; the least recently used go first


class SharedCounters(Protocol):
    """Counts that other nodes see."""

    async def hit(self, key: str, *, ttl: int) -> int:
        """Count one; the count within a window of `ttl` seconds."""
        ...


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

    def hit(self, key: str, seconds: int) -> float:
        """Count one; the weighted count over a sliding window of `seconds`."""
        now = self._clock()
        window, phase = divmod(now, seconds)
        current = self._windows.get(f"{key}|{int(window)}", 0) + 1
        previous = self._windows.get(f"{key}|{int(window) - 1}", 0)
        self._keep(f"{key}|{int(window)}", current)
        return current + previous * (1 - phase / seconds)

    def _keep(self, name: str, count: int) -> None:
        self._windows[name] = count
        self._windows.move_to_end(name)
        while len(self._windows) > self._slots:
            self._windows.popitem(last=False)


class Limits:
    """Asks before the work is done; beyond the limit it raises TooManyRequests."""

    def __init__(
        self, rates: dict[str, Rate], recorder: Recorder, *, clock: Callable[[], float], shared: SharedCounters | None
    ) -> None:
        """`rates` by name; `shared` counts in a store that other nodes see, where there is one."""
        self._rates = rates
        self._recorder = recorder
        self._counters = Counters(clock)
        self._clock = clock
        self._shared = shared

    async def check(self, name: str, key: str) -> None:
        """Count one of `name` for `key`; raises TooManyRequests."""
        rate = self._rates[name]
        count = self._counters.hit(f"{name}|{key}", rate.seconds)
        if self._shared is not None:
            count = max(count, await self._shared.hit(f"{name}|{key}", ttl=rate.seconds))
        if count > rate.number:
            self._recorder.record(Event.LIMIT_REACHED, limit=name)
            wait = max(1, int(rate.seconds - self._clock() % rate.seconds))
            raise TooManyRequests("too many requests; wait and try again", retry_after=wait)
