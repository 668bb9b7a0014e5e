"""What is fetched from somebody else's address and kept: key sets and documents that logins depend on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Times:
    """In seconds.

    `cool_down`: between two fetches that a failure, or something missing in what is kept, asks for; `first_cool_down`:
    the same while nothing is kept and people wait. `hard_limit`: what is not confirmed this long is believed no more.
    """

    cool_down: float
    first_cool_down: float
    hard_limit: float


class Kept(Generic[T]):
    """One such thing. It is fetched once for everybody who waits; a fetch that fails leaves the last one in place."""

    def __init__(
        self, fetch: Callable[[], Awaitable[tuple[T, float] | None]], times: Times, *, clock: Callable[[], float]
    ) -> None:
        """`clock` gives monotonic seconds: ages are not wall time, which steps.

        `fetch` comes to what there is and the seconds it stays fresh, or to None where it could not be had.
        """
        self._fetch, self._times, self._clock = fetch, times, clock
        self._lock = asyncio.Lock()
        self._fetches = 0
        self._next_at = self._dead_at = self._forced_at = float("-inf")
        self._value: T | None = None

    @property
    def value(self) -> T | None:
        """What is believed now, None where there is nothing."""
        return self._value if self._clock() < self._dead_at else None

    async def get(self) -> T | None:
        """The value, fetched where it is time to."""
        if self._clock() >= self._next_at:
            await self._fetch_once()
        return self.value

    async def find(self, pick: Callable[[T], Found | None]) -> Found | None:
        """What `pick` finds in the value; where that is nothing in one that was kept, it is fetched once more."""
        due = self._clock() >= self._next_at
        found = _pick(pick, await self.get())
        if found is not None or due or self.value is None or self._clock() - self._forced_at < self._times.cool_down:
            return found
        self._forced_at = self._clock()
        await self._fetch_once()
        return _pick(pick, self.value)

    async def _fetch_once(self) -> None:
        seen = self._fetches
        async with self._lock:
            if self._fetches != seen:
                return
            fetched, times = await self._fetch(), self._times
            now = self._clock()
            if fetched is not None:
                self._value, fresh_for = fetched
                self._next_at, self._dead_at = now + fresh_for, now + times.hard_limit
            else:
                self._next_at = now + (times.first_cool_down if self.value is None else times.cool_down)
            self._fetches += 1


def _pick(pick: Callable[[T], Found | None], value: T | None) -> Found | None:
    return None if value is None else pick(value)
