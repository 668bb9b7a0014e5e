"""The queue of what is on its way to others: logout tokens to apps, and events to webhooks.

The operations that do what is told of fill it, each in its own transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from broker.core.deliveries import Delivery, Waiting


class DeliveryStore(Protocol):
    """A repository of `broker.store.base.Durable`, which says what all of them have in common."""

    async def claim(
        self, *, now: int, until: int, limit: int, share: int, under_way: Mapping[str, int]
    ) -> tuple[Delivery, ...]:
        """Deliveries that are due, at most `limit`; nobody else gets them before `until`.

        Receivers take turns, and none has more than `share` together with those that are `under_way`, by receiver.
        """

    async def postpone(self, delivery_id: str, *, next_at: int) -> None:
        """Nobody gets it before `next_at`."""

    async def finish(self, delivery_id: str) -> None:
        """It was delivered, or never will be."""

    async def waiting(self) -> Waiting:
        """How many are on their way."""

    async def waiting_for(self, receiver: str) -> int:
        """How many of them to this receiver."""

    async def drop_oldest(self, receiver: str, *, keep: int, limit: int) -> int:
        """Give up those to this receiver but the newest `keep`, at most `limit` of them at once; how many went."""
