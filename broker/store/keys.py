"""Our signing keys and other secrets of this installation, sealed before they come here, and its id."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from broker.core.records import SigningKey


class KeyStore(Protocol):
    """A repository of `broker.store.base.Durable`, which says what all of them have in common."""

    async def signing_keys(self) -> tuple[SigningKey, ...]:
        """Every key not yet deleted, oldest first."""

    async def add(self, key: SigningKey) -> bool:
        """Keep a new key; False, and nothing changes, when there is one with this kid."""

    async def retire(self, kid: str, *, at: int) -> bool:
        """Note when a key stopped signing; False when it had before, or is gone. What is gone stays gone."""

    async def delete(self, kid: str) -> None:
        """Forget a key for good."""

    async def replace(
        self, heirs: Sequence[SigningKey], *, algorithms: Collection[str] | None
    ) -> tuple[SigningKey, ...]:
        """Forget all keys of these algorithms and keep the heirs, in one transaction; the forgotten. None: all keys."""

    async def secret(self, name: str) -> str | None:
        """A sealed secret of this installation, or None."""

    async def save_secret(self, name: str, sealed: str, *, replacing: str | None) -> str:
        """Keep a sealed secret where `replacing` (None: nothing) is kept now; what is kept afterwards, ours or not."""

    async def installation(self) -> str:
        """The id of this installation, made on first sight and never changed; no secret."""
