"""Calls to URLs that clients supplied, as the services see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Outbound(Protocol):
    """Goes nowhere that nobody outside may have us call, and believes nothing it is told."""

    async def fetch(self, url: str, *, accept: str = ..., limit: int = ...) -> bytes:
        """The body of a 200 answer to a GET, at most `limit` bytes; raises FetchFailed."""

    async def deliver(self, url: str, form: Mapping[str, str]) -> int:
        """The status that answers a POSTed form; the body is not looked at. Raises FetchFailed without an answer."""
