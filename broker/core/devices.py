"""Devices without a browser of their own (RFC 8628), and windows that wait for another browser: what is kept of them.

With the code people type in that browser, and the number they bring back to a window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from broker.core.records import AuthorizationRequest, CodeRecord, Record

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
"""Consonants alone: no look-alikes, and no words by chance (RFC 8628 section 6.1)."""
LENGTH = 8  # letters; 20 ** 8 codes are 34 bits
_FAIR = 256 - 256 % len(ALPHABET)
DIGITS = 6  # of the number that a window is told


class Waiting(Record, frozen=True, tag="device"):
    """A device that waits for a person's answer. Times in epoch seconds.

    `user_code` is sealed. `place` is where the device asked from, coarsely, or "". `resumes` is the request of a window
    that waits in place of a device, and is answered there; in `request` nothing is left of where that is.
    """

    request: AuthorizationRequest
    user_code: str
    place: str
    asked_at: int
    expires_at: int
    resumes: AuthorizationRequest | None = None

    @property
    def leads_to(self) -> str:
        """Where the app of a window gets its answer, "" for a device, which is sent nowhere."""
        return self.resumes.redirect_uri if self.resumes is not None else ""


class Pace(Record, frozen=True, tag="device-poll"):
    """How often a device may ask for its answer, in seconds, and when it last did, in epoch seconds."""

    interval: int
    polled_at: int = 0


class DeviceTicket(Record, frozen=True, tag="device-ticket"):
    """Somebody typed the code of this device; sealed for one browser. `expires_at` in epoch seconds."""

    device: str
    expires_at: int


class WindowTicket(Record, frozen=True, tag="window-ticket"):
    """This window waits under `device`; sealed for its browser. `expires_at` in epoch seconds."""

    device: str
    expires_at: int


class WindowAnswer(Record, frozen=True, tag="window-answer"):
    """The person's yes, held until the window is told the number whose digest this is."""

    code: CodeRecord
    number: str


def build_number(randomness: Callable[[int], bytes]) -> str:
    """A fresh number of `DIGITS` digits."""
    return f"{int.from_bytes(randomness(16)) % 10**DIGITS:0{DIGITS}}"


def show_number(number: str) -> str:
    """As people read it: 123 456."""
    return f"{number[: DIGITS // 2]} {number[DIGITS // 2 :]}"


def parse_number(typed: str) -> str:
    """The digits of it, however it was written."""
    return "".join(letter for letter in typed if letter in "0123456789")


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
