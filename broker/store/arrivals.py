"""People who come from another system: kept with all their ways in, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from broker.core.arrivals.newcomer import Arrival, Settled


class ArrivalStore(Protocol):
    """A repository of `broker.store.base.Durable`, which says what all of them have in common."""

    async def look(self, arrivals: Sequence[Arrival]) -> tuple[Settled, ...]:
        """What would become of each, in this order; nothing changes."""

    async def bring(self, arrivals: Sequence[Arrival], *, now: int) -> tuple[Settled, ...]:
        """Keep those that are new, as they are given; all of them in one transaction. In this order, as `look`.

        An account with a `former` gets that name as one that leads to it, as after a merge.
        """
