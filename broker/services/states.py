"""The `state` we send upstream: unguessable, short, and recognisable as ours without looking anything up.

Four bytes of time, eighteen random ones and ten of a keyed digest: 43 characters of base64url, as short as the
strictest upstream wants and as long as the most demanding one does. Because it is recognisable, a flood of made-up
states is refused without a single write.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac_digest

from broker.core.jose import b64url

_TIME, _RANDOM, _PROOF = 4, 18, 10
_LENGTH = 43


class States:
    """Mints and recognises states."""

    def __init__(self, keys: tuple[bytes, ...], randomness: Callable[[int], bytes]) -> None:
        """`keys`: 32 bytes each of the purpose "state"; the first mints, all of them recognise (for rotation)."""
        self._keys = keys
        self._randomness = randomness

    def mint(self, now: int) -> str:
        """A fresh state; `now` in epoch seconds."""
        body = now.to_bytes(_TIME, "big") + self._randomness(_RANDOM)
        return b64url(body + _prove(self._keys[0], body))

    def started_at(self, state: str) -> int | None:
        """When this state was minted (epoch seconds), or None when it is not one of ours."""
        if len(state) != _LENGTH or not state.isascii():
            return None
        try:
            raw = urlsafe_b64decode(state + "=")
        except (Base64Error, ValueError):
            return None
        body, proof = raw[: _TIME + _RANDOM], raw[_TIME + _RANDOM :]
        if b64url(raw) != state or not any([compare_digest(proof, _prove(key, body)) for key in self._keys]):
            return None
        return int.from_bytes(body[:_TIME], "big")

    @staticmethod
    def tag(state: str) -> str:
        """The short public name of an attempt, for its cookie."""
        return sha256(state.encode()).hexdigest()[:12]


def _prove(key: bytes, body: bytes) -> bytes:
    return hmac_digest(key, body, "sha256")[:_PROOF]
