"""Entries of clients: those that registered themselves (RFC 7591), and those that operators keep (ADR 75)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from broker.core.clients.kept import KeptClient
from broker.core.clients.registered import RegisteredClient


class ClientStore(Protocol):
    """A repository of `broker.store.base.Durable`, which says what all of them have in common."""

    async def find(self, client_id: str) -> RegisteredClient | None:
        """The entry, or None."""

    async def namesake(self, names: Collection[str], *, of: str) -> str | None:
        """The id of another entry than `of` that goes by one of these folded names, the oldest; None for none.

        Every entry is looked at: it is asked when somebody registers, which is seldom and counted.
        """

    async def add(self, client: RegisteredClient, *, limit: int) -> bool:
        """A new entry; False, and nothing changes, when there are `limit` already."""

    async def replace(self, client: RegisteredClient, *, replacing: str) -> bool:
        """The entry as it is from now on; False when its token digest is not `replacing` any more."""

    async def delete(self, client_id: str) -> bool:
        """Forget an entry; False when there was none. Its grants are worth nothing without it, and expire."""

    async def registered(self, *, after: str, limit: int) -> tuple[RegisteredClient, ...]:
        """Entries of those that registered themselves, in the order of their ids, behind `after`."""

    async def kept_revision(self) -> int:
        """A number that is another after every change of an entry that operators keep. Every node asks often."""

    async def kept(self) -> tuple[KeptClient, ...]:
        """Every entry that operators keep, by client_id."""

    async def keep(self, client: KeptClient, *, limit: int) -> bool:
        """A new entry; False, and nothing changes, where there is one of that id or there are `limit` already."""

    async def change(self, client: KeptClient) -> bool:
        """The next version of an entry; False, and nothing changes, unless the one kept is the version before."""

    async def drop(self, client_id: str) -> bool:
        """Forget an entry that operators keep; False where there was none."""
