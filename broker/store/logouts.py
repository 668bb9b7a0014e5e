"""What the durable store knows of sessions that end and of the apps that have to hear of it. Epoch seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from broker.core.logout import Delivery, SessionClient


class Logouts(Protocol):
    """A part of `broker.store.base.Durable`, which says what all of it has in common.

    An app is bound to hear of a session from the redemption of its code on (`Durable.redeem`). Ending the session turns
    that into deliveries in one transaction, so nothing that happens in between can swallow one.
    """

    async def end_session(self, sid: str, *, now: int, expires_at: int) -> tuple[SessionClient, ...]:
        """End the grants of a session, except those that outlive it, and queue a delivery for every back channel.

        Returns every app that has to hear of it, by any channel; codes of the session give nothing from here on. A mark
        of the end is kept until `expires_at`: the session itself is in a store that may go back in time.
        """
        ...

    async def retire_cookie(self, key: str, *, expires_at: int) -> None:
        """The session known by the cookie `key`, a digest, goes on under another; keep a mark until `expires_at`."""
        ...

    async def is_ended(self, sid: str, key: str, *, now: int) -> bool:
        """Whether the session was ended, or the cookie it is known by was retired. One point read."""
        ...

    async def claim_deliveries(
        self, *, now: int, until: int, limit: int, share: int, under_way: Mapping[str, int]
    ) -> tuple[Delivery, ...]:
        """Deliveries that are due, at most `limit`; nobody else gets them before `until`.

        Clients take turns, and none has more than `share` together with those that are `under_way`, by client id.
        """
        ...

    async def postpone_delivery(self, delivery_id: str, *, next_at: int) -> None:
        """Nobody gets it before `next_at`."""
        ...

    async def finish_delivery(self, delivery_id: str) -> None:
        """It was delivered, or never will be."""
        ...

    async def deliveries(self) -> int:
        """How many are on their way."""
        ...
