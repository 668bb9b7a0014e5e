"""What people agreed to, by app and promise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from broker.core.authorize.consent import Said


@dataclass(frozen=True, slots=True)
class Access:
    """What one app may do for a person: what they agreed to, last at `agreed_at`, and what its living grants are for.

    Times in epoch seconds. `granted_at`: when the newest living grant began, None where there is none. `offline`: one
    outlives its session. `refused`: the scopes that they said no to.
    """

    client_id: str
    scope: frozenset[str]
    agreed_at: int | None
    granted_at: int | None
    offline: bool
    refused: frozenset[str] = frozenset()


class ConsentStore(Protocol):
    """A repository of `broker.store.base.Durable`, which says what all of them have in common."""

    async def consent(self, sub: str, client_id: str, promise: str) -> Said:
        """What this account answered to exactly this promise of this client, scope by scope; empty: nothing."""

    async def save_consent(self, sub: str, client_id: str, promise: str, said: Said, at: int) -> None:
        """Answer this promise: what `said` does not speak of stays as it was.

        A no to a scope ends every yes to it, whatever promise that was given to, also of accounts that were merged into
        this one: undoing the merge brings none back. A yes counts for its promise alone.
        """

    async def accesses(self, sub: str, *, now: int, limit: int = 200) -> tuple[Access, ...]:
        """The apps that the person agreed to or that hold a living grant of theirs, in the order of client ids.

        Looked at are at most `limit` apps that they agreed to, and so many grants, those that live longest.
        """

    async def take_back(self, sub: str, client_id: str, *, now: float, expires_at: int) -> bool:
        """Forget every yes to this app and end its grants, in one transaction; False when there was nothing.

        A yes of accounts that were merged into this one is forgotten, too: undoing the merge brings it not back.
        The sessions that the grants came from go on. No code for a yes of `now` or before gives this app a grant any
        more, whatever is agreed to later. `now` has its fraction: a yes a moment later counts. That is remembered until
        `expires_at`: let it be when all codes of before have expired.
        """
