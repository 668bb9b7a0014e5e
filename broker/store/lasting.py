"""Refresh tokens that are not rotated, because nobody but their client can use them."""

from __future__ import annotations

from typing import Protocol


class LastingTokens(Protocol):
    """What is done with one when it is used, in place of a rotation."""

    async def prolong(self, token_digest: str, *, now: int, expires_at: int) -> bool:
        """Let an unspent refresh token live until `expires_at`; False when it, or its grant, is not alive."""
        ...
