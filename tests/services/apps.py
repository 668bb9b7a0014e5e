"""Doubles of the apps and webhooks: they hear of logouts and events, or do not answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from broker.core.errors import FetchFailed
from broker.services.deliveries import Deliveries
from tests.services.client_app import Web


@dataclass
class Apps(Web):
    """What every app publishes, answers a logout token with, and was sent. An app without an answer is down."""

    status: dict[str, int] = field(default_factory=dict)
    heard: list[tuple[str, str]] = field(default_factory=list)
    hangs: set[str] = field(default_factory=set)
    pushed: list[tuple[str, Mapping[str, str], str]] = field(default_factory=list)
    bodies: dict[str, bytes] = field(default_factory=dict)

    async def deliver(self, url: str, form: Mapping[str, str]) -> int:
        """The status of this app."""
        self.heard.append((url, form["logout_token"]))
        return await self._answer(url)

    async def push(self, url: str, text: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """The status and the body of this webhook."""
        self.pushed.append((url, headers, text))
        return await self._answer(url), self.bodies.get(url, b"")

    async def _answer(self, url: str) -> int:
        if url in self.hangs:
            await asyncio.Event().wait()
        if url not in self.status:
            raise FetchFailed("refused")
        return self.status[url]

    def events(self, url: str) -> list[tuple[Mapping[str, str], str]]:
        """Headers and token of each event that came to this address, in order."""
        return [(headers, text) for pushed, headers, text in self.pushed if pushed == url]

    def tokens(self, url: str) -> list[str]:
        """The logout tokens that came to this address, in order."""
        return [token for heard, token in self.heard if heard == url]


@asynccontextmanager
async def delivering(deliveries: Deliveries) -> AsyncIterator[None]:
    """As a running broker does it."""
    task = asyncio.create_task(deliveries.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
