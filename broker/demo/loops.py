"""An event loop in a thread of its own, for tests that are not asynchronous or not ours."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Background:
    """A running loop, called from another thread."""

    loop: asyncio.AbstractEventLoop

    def run(self, coroutine: Coroutine[Any, Any, Result], *, timeout: float = 60) -> Result:
        """What it returns or raises; TimeoutError after so many seconds."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout=timeout)

    def call(self, function: Callable[[], Result]) -> Result:
        """What the function returns or raises, called on the loop."""

        async def run() -> Result:
            return function()

        return self.run(run(), timeout=10)


@contextlib.contextmanager
def background(name: str) -> Iterator[Background]:
    """A loop in a daemon thread of this name; both end with the context."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name=name, daemon=True)
    thread.start()
    try:
        yield Background(loop)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=60)
        loop.close()
