"""What services are given: the issuer, a clock, randomness, somebody to tell; and a way to what apps gave as URLs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from broker.core.events import Recorder
from broker.core.jose.compact import b64url


@dataclass(frozen=True, slots=True)
class Context:
    """`clock` gives epoch seconds with their fraction, `monotonic` seconds that no hand can set, for ages.

    `randomness` gives that many bytes from the operating system's generator.
    """

    issuer: str
    clock: Callable[[], float]
    randomness: Callable[[int], bytes]
    recorder: Recorder
    monotonic: Callable[[], float] = time.monotonic

    def now(self) -> int:
        """Epoch seconds, rounded down: the times of the protocols."""
        return int(self.clock())

    def mint(self, prefix: str = "", *, size: int = 32) -> str:
        """An unguessable value of `size` random bytes in base64url; the prefix names its kind."""
        return prefix + b64url(self.randomness(size))

    def mint_ordered(self, prefix: str) -> str:
        """An unguessable id that begins with the time, so that a store's index grows at one end."""
        return prefix + (int(self.clock() * 1e6)).to_bytes(7, "big").hex() + b64url(self.randomness(16))


class Outbound(Protocol):
    """Goes nowhere that nobody outside may have us call, and believes nothing it is told."""

    async def fetch(self, url: str, *, accept: str = ..., limit: int = ...) -> bytes:
        """The body of a 200 answer to a GET, at most `limit` bytes; raises FetchFailed."""

    async def deliver(self, url: str, form: Mapping[str, str]) -> int:
        """The status that answers a POSTed form; the body is not looked at. Raises FetchFailed without an answer."""

    async def push(self, url: str, text: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body that answer a POSTed text; raises FetchFailed without an answer, or with a long body."""
