"""A worker over a durable queue: looks for what is due, begins it, and goes on whatever becomes of it.

What is claimed is claimed in the store, for a while: who dies meanwhile has only lost time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

from broker.core.errors import StoreUnavailable


def back_off(delays: Sequence[int], attempts: int, randomness: Callable[[int], bytes]) -> int:
    """Seconds after so many failed attempts; the last of `delays` repeats.

    Up to a fifth more, so that those which failed together are not all tried again together.
    """
    delay = delays[min(attempts, len(delays)) - 1]
    return delay + delay * randomness(1)[0] // 1280


class Rounds:
    """Runs what a look began, each piece for somebody (`whose`), so that nobody has more than their share."""

    def __init__(self, look: Callable[[], Awaitable[float]], *, on_crash: Callable[[Exception], None]) -> None:
        """`look` begins what is due and says in how many seconds to look again at the latest.

        `on_crash` hears of what nobody foresaw; the rounds go on.
        """
        self._look = look
        self._on_crash = on_crash
        self._due = asyncio.Event()
        self._heir: Callable[[], None] | None = None
        self._under_way: dict[asyncio.Task[None], str] = {}

    @property
    def busy(self) -> Counter[str]:
        """How many are under way, by whose they are."""
        return Counter(self._under_way.values())

    def push(self) -> None:
        """Something was queued: do not wait for the next look."""
        (self._heir or self._due.set)()

    def retire(self, heir: Callable[[], None]) -> None:
        """Begin nothing more; `run` returns when what is under way has ended. Whoever pushes here pushes `heir`."""
        self._heir = heir
        self._due.set()

    def begin(self, work: Coroutine[Any, Any, None], *, whose: str, then: Callable[[], None] = lambda: None) -> None:
        """Run this beside the others; `then` is called when it has ended, however it did."""
        task = asyncio.create_task(self._guarded(work))
        self._under_way[task] = whose

        def ended(_: asyncio.Task[None]) -> None:
            del self._under_way[task]
            then()

        task.add_done_callback(ended)

    async def make_room(self, most: int) -> int:
        """How many more may be begun so that `most` are under way; waits until that is one at least."""
        while len(self._under_way) >= most:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
        return most - len(self._under_way)

    async def run(self, *, pause: float, patience: float = 0) -> None:
        """Look until cancelled or retired, after a failed look again in `pause` seconds.

        What is under way when cancelled has `patience` seconds to end; the rest is tried again by whoever looks next.
        """
        try:
            while self._heir is None:
                self._due.clear()
                wait = await self._looked(pause)
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait if self._heir is None else 0):
                        await self._due.wait()
            await self.settle()
        finally:
            if self._under_way and patience:
                await asyncio.wait(self._under_way, timeout=patience)
            for task in self._under_way:
                task.cancel()
            await self.settle()

    async def settle(self) -> None:
        """Return when nothing is under way."""
        if self._under_way:
            await asyncio.wait(set(self._under_way))

    async def _looked(self, pause: float) -> float:
        waits = [pause]

        async def look() -> None:
            waits.append(await self._look())

        await self._guarded(look())
        return waits[-1]

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except StoreUnavailable:
            pass  # the store itself has told, once per outage; what was claimed is claimed again after the lease
        except Exception as error:  # one bad piece must not end the others
            self._on_crash(error)
