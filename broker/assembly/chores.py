"""What the broker does again and again beside the requests, each in a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from broker.core.errors import StoreUnavailable

Chore = Callable[[], Awaitable[object]]


async def repeat(
    seconds: float,
    chore: Chore,
    *,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    on_crash: Callable[[Exception], None],
) -> None:
    """Do `chore` after every pause of so many seconds, for ever; `on_crash` hears of failures nobody foresaw."""
    while True:
        await pause(seconds)
        try:
            await chore()
        except StoreUnavailable:
            continue  # the store itself has told, once per outage
        except Exception as error:  # housekeeping must outlive its own bugs; the operator hears of each
            on_crash(error)
