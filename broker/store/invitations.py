"""Who was invited: a row for each, by a digest of who it is for, gone when it was used."""

from __future__ import annotations

from typing import Protocol

from broker.core.invitations import Invitation


class InvitationStore(Protocol):
    """A repository of `broker.store.base.Durable`, which says what all of them have in common."""

    async def add(self, invitation: Invitation) -> None:
        """Keep it; one of the same id is replaced."""

    async def page(self, *, after: str, limit: int, now: int) -> tuple[Invitation, ...]:
        """Those that are good `now`, by id, behind `after`."""

    async def remove(self, invite: str) -> bool:
        """Take it back; False where there was none."""

    async def sweep(self, *, now: int) -> int:
        """Delete what nobody can use any more."""
