"""Devices without a browser of their own (RFC 8628): what is kept of them, and the code people type."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from broker.core.records import AuthorizationRequest, Record

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
"""Consonants alone: no look-alikes, and no words by chance (RFC 8628 section 6.1)."""
LENGTH = 8  # letters; 20 ** 8 codes are 34 bits
_FAIR = 256 - 256 % len(ALPHABET)


class Waiting(Record, frozen=True, tag="device"):
    """A device that waits for a person's answer. Times in epoch seconds.

    `user_code` is sealed. `place` is where the device asked from, coarsely, or "".
    """

    request: AuthorizationRequest
    user_code: str
    place: str
    asked_at: int
    expires_at: int


class Pace(Record, frozen=True, tag="device-poll"):
    """How often a device may ask for its answer, in seconds, and when it last did, in epoch seconds."""

    interval: int
    polled_at: int = 0


class DeviceTicket(Record, frozen=True, tag="device-ticket"):
    """Somebody typed the code of this device; sealed for one browser. `expires_at` in epoch seconds."""

    device: str
    expires_at: int


def build_user_code(randomness: Callable[[int], bytes]) -> str:
    """A fresh code of `LENGTH` letters, each of them equally likely."""
    return "".join(islice(_letters(randomness), LENGTH))


def _letters(randomness: Callable[[int], bytes]) -> Iterator[str]:
    while True:
        yield from (ALPHABET[byte % len(ALPHABET)] for byte in randomness(LENGTH) if byte < _FAIR)


def show_user_code(user_code: str) -> str:
    """As people read it: XXXX-XXXX."""
    return f"{user_code[: LENGTH // 2]}-{user_code[LENGTH // 2 :]}"


def parse_user_code(typed: str) -> str:
    """What was meant, however it was written; "" where it cannot be a code of ours."""
    code = "".join(letter for letter in typed.upper() if not letter.isspace() and letter not in "-‐‑–—_.")
    return code if len(code) == LENGTH and set(code) <= set(ALPHABET) else ""
