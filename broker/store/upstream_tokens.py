"""Tokens of upstreams that are kept for apps, sealed: one row per way in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class KeptTokens:
    """What is kept of one way in. `version` changes with it; `kept_at` (epoch seconds): the login that it came from."""

    provider_key: str
    subject: str
    sealed: str = field(repr=False)
    version: str
    kept_at: int


class UpstreamTokenStore(Protocol):
    """A repository of `broker.store.base.Durable`, which says what all of them have in common."""

    async def keep(self, sub: str, tokens: KeptTokens, *, expires_at: int) -> bool:
        """Keep them in place of older ones; False, and nothing changes, where the way in is not this living account's.

        What a later login brought stays. They are forgotten at `expires_at`.
        """

    async def find(self, sub: str, provider_key: str, subject: str, *, now: int) -> KeptTokens | None:
        """Those of this provider that are kept for the account; None: there are none.

        Of several ways in that of `subject` is meant, else the one whose login was the last.
        """

    async def of_account(self, sub: str, *, now: int) -> tuple[KeptTokens, ...]:
        """All that are kept for an account, in the order of providers' keys and subjects."""

    async def claim(self, tokens: KeptTokens, *, now: float, until: float) -> bool:
        """Whether the caller alone renews exactly these, up to `until` (epoch seconds with their fraction)."""

    async def renew(self, tokens: KeptTokens, sealed: str, *, version: str, expires_at: int) -> bool:
        """Keep what they were renewed to; False where they are not the same any more."""

    async def release(self, tokens: KeptTokens) -> None:
        """They were not renewed after all: the next one may try."""

    async def lose(self, tokens: KeptTokens) -> bool:
        """Forget exactly these; False where they are not the same any more."""

    async def withdraw(
        self, sub: str, tokens: KeptTokens, *, provider: str, clients: Collection[str], now: int
    ) -> bool:
        """Forget what is kept of this way in, and every yes to these clients, in one transaction; False: nothing is.

        They ask again before they may have any. Yeses of accounts that were merged into this one are forgotten as well.
        The history tells of it, by the name of the `provider`.
        """

    async def sweep(self, *, now: int) -> int:
        """Delete what was forgotten; how many."""
