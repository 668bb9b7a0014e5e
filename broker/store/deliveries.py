"""The queue of logout tokens on their way to apps. `SessionStore.end` fills it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from broker.core.logout import Delivery


class DeliveryStore(Protocol):
    """A repository of `broker.store.base.Durable`, which says what all of them have in common."""

    async def claim(
        self, *, now: int, until: int, limit: int, share: int, under_way: Mapping[str, int]
    ) -> tuple[Delivery, ...]:
        """Deliveries that are due, at most `limit`; nobody else gets them before `until`.

        Clients take turns, and none has more than `share` together with those that are `under_way`, by client id.
        """

    async def postpone(self, delivery_id: str, *, next_at: int) -> None:
        """Nobody gets it before `next_at`."""

    async def finish(self, delivery_id: str) -> None:
        """It was delivered, or never will be."""

    async def waiting(self) -> int:
        """How many are on their way."""
