"""Tokens for the admin API, by their digests; a token that is revoked is gone."""

from __future__ import annotations

from typing import Protocol

from broker.core.operators.tokens import AdminToken


class AdminTokenStore(Protocol):
    """A repository of `broker.store.base.Durable`, which says what all of them have in common."""

    async def add(self, token: AdminToken) -> bool:
        """Keep a new one; False where there is one of its name."""

    async def find(self, digest: str) -> AdminToken | None:
        """The one of this digest, expired or not; None where there is none, or it was revoked."""

    async def all_(self) -> tuple[AdminToken, ...]:
        """All of them by name, expired or not. There are few."""

    async def used(self, digest: str, *, now: int, apart: int) -> bool:
        """Note that it was used; False where that was noted less than `apart` seconds ago, or it is gone."""

    async def revoke(self, name: str) -> bool:
        """Forget it; False where there was none of this name."""
