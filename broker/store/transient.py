"""Values that expire: codes, sessions, used states, pushed requests, devices that wait."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    """Every kind of transient value has a key space of its own: a state never answers for a code."""

    CODE = "code"
    CLAIM = "claim"  # a login attempt, a ticket or a signed reply that was used
    SESSION = "session"
    ASSERTION = "assertion"  # a client's proof of itself that was used
    LOGOUT = "logout"  # what came of a logout, while the browser is at the upstream
    FLOW = "flow"  # a login attempt too large for a cookie
    PAR = "par"  # a pushed authorization request
    PROOF = "proof"  # a proof of possession that was used
    UPSTREAM_TOKENS = "upstream-tokens"  # sealed, from a login until the app has its grant
    DEVICE = "device"  # a device that waits, by its device code
    USER_CODE = "user-code"  # which device a code that people type stands for
    DEVICE_POLL = "device-poll"  # how often a device may ask
    DEVICE_ANSWER = "device-answer"  # what a person said about a device
    BOT = "bot"  # a browser that waits for somebody in a chat
    BOT_PERSON = "bot-person"  # who was asked there
    BOT_ANSWER = "bot-answer"  # what they said
    BOT_QUIET = "bot-quiet"  # somebody who is asked nothing there for a while


class Transient(Protocol):
    """Losing it means logging in again, never that something refused before is allowed now.

    (But for signed proofs of the last minutes, ADR 22.) `ttl` is in whole seconds; a value is gone from the second it
    expires, swept or not. Every method raises StoreUnavailable when it cannot answer.
    """

    async def put(self, kind: Kind, key: str, value: bytes, *, ttl: int) -> bool:
        """Store under a free key; False, and nothing changes, when an unexpired value is there."""

    async def get(self, kind: Kind, key: str) -> bytes | None:
        """The unexpired value, or None."""

    async def replace(self, kind: Kind, key: str, value: bytes, *, ttl: int) -> bool:
        """Overwrite an unexpired value; False when there is none."""

    async def take(self, kind: Kind, key: str) -> bytes | None:
        """Read and remove in one step: of any number of callers exactly one gets the value."""

    async def ping(self) -> None:
        """Return when the store can be written to."""

    async def close(self) -> None:
        """Finish what was accepted and let go of files and connections."""
