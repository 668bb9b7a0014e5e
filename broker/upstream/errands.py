"""Calls that nobody waits for: what becomes of them is nobody's failed login, so no breaker hears of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from broker.core.errors import UpstreamError

PAUSES: Final = (0.0, 3.0, 15.0)  # seconds before each try; a token may live for no more than a minute


async def run_errand(call: Callable[[], Awaitable[None]], pause: Callable[[float], Awaitable[None]]) -> None:
    """Make the call until it succeeds, three times at most; `pause` waits so many seconds."""
    for seconds in PAUSES:
        await pause(seconds)
        with suppress(UpstreamError):
            await call()
            return
