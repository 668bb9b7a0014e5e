"""What a person may see of their account: where they are signed in, and what happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from broker.core.people.history import AccountEvent, SignIn


@dataclass(frozen=True, slots=True)
class Written:
    """That an app wrote to somebody by a bot, and what came of it; not what it wrote. Times in epoch seconds."""

    client_id: str
    status: str
    created_at: int
    settled_at: int | None


class HistoryStore(Protocol):
    """A repository of `broker.store.base.Durable`, which says what all of them have in common.

    Events are written by the operations that they tell of, in the same transaction; an account keeps the newest 200.
    """

    async def signed_in(self, sign_in: SignIn, *, expires_at: int, ends: str = "", retires: str = "") -> None:
        """A session began, or went on with another login; the row is kept until `expires_at`.

        A session that goes on for no app keeps the one that it was for.

        In the same transaction `ends`, the `sid` of the session before it in this browser, ends as `SessionStore.end`
        says, or the cookie `retires`, a digest, opens nothing any more.
        """

    async def sign_ins(self, sub: str, *, limit: int, after: tuple[int, str] | None = None) -> tuple[SignIn, ...]:
        """The newest sign-ins of the account, newest first; of those behind `after`, which is `at` and `sid` of one."""

    async def living(self, sub: str, *, now: int) -> tuple[SignIn, ...]:
        """Those whose sessions may still be alive: not ended here, within their absolute limit; newest first.

        The store of sessions alone knows which of them were idle for too long. No more than fifty:
        `AccountStore.sign_out` ends them all.
        """

    async def events(self, sub: str, *, limit: int) -> tuple[AccountEvent, ...]:
        """The newest events of the account, newest first."""

    async def messages(self, sub: str, *, limit: int) -> tuple[Written, ...]:
        """Messages of apps to this account that are still known, newest first."""

    async def names(self, sub: str) -> tuple[str, ...]:
        """What apps that see nobody's own `sub` call this account, as far as that was ever kept."""

    async def forget_events(self, *, until: int, limit: int) -> int:
        """Delete events of that time and before, the oldest first; how many. Those whose time is unknown stay."""

    async def sweep(self, *, now: int) -> int:
        """Delete sign-ins whose time is over; how many."""
