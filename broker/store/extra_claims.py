"""What operators have set of people: claims that apps are told beside what upstreams say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class StaticClaim:
    """One of them, by the name it is kept under; `set_at` in epoch seconds."""

    name: str
    value: Any
    set_at: int


class ExtraClaimStore(Protocol):
    """A repository of `broker.store.base.Durable`, which says what all of them have in common.

    They hang on this very account: while it is part of another one nobody is told them, and they are deleted with it.
    """

    async def of_account(self, sub: str) -> tuple[StaticClaim, ...]:
        """All of them, by name."""

    async def put(self, sub: str, claim: StaticClaim) -> bool:
        """Set it, in place of one of that name; False where there is no such account, or it is part of another.

        Raises ValueError where the account would have more than `broker.core.people.extra_claims` allows.
        """

    async def remove(self, sub: str, name: str) -> bool:
        """Take it away; False where there is none."""
