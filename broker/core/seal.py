"""Sealed records: state that travels through browsers and comes back unread and unchanged.

AES-256-GCM; the key of each purpose is derived from the master key, so a record made for one purpose never opens for
another. The first byte of a seal names the format, the next eight the master key, the next three the day (UTC) whose
key made it. Nonces are random, so one key may seal 2^32 times (NIST SP 800-38D section 8.3): with a key for every day
that is never near. Seals of the first format, by one key for ever, are still opened.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from broker.core.errors import SealBroken
from broker.core.jose.compact import b64url, decode_segment
from broker.core.wire.strict_json import Malformed

_FORMAT, _FIRST_FORMAT = b"\x02", b"\x01"
_KEY_ID = 8
_DAY = 3
_NONCE = 12
_SECONDS = 86400
_KEPT = 64  # days whose keys are at hand: as long as anything that people carry around lives

Randomness = Callable[[int], bytes]


class Seal:
    """Seals and opens bytes of one purpose. The first master key seals, all of them open (for rotation)."""

    def __init__(
        self, masters: tuple[bytes, ...], purpose: str, *, randomness: Randomness, clock: Callable[[], float]
    ) -> None:
        """`masters`: at least one key of 32 bytes; `purpose`: part of the key and of what is authenticated.

        `clock` gives epoch seconds: it chooses the key, and nothing ever expires by it.
        """
        if not masters or any(len(master) != 32 for master in masters):
            raise ValueError("a master key has 32 bytes")
        self._purpose = purpose.encode()
        self._randomness = randomness
        self._clock = clock
        self._roots = {_key_id(master): derive(master, f"seal {purpose}") for master in masters}
        self._current = _key_id(masters[0])
        self._cipher = lru_cache(_KEPT)(self._derive_cipher)

    def seal(self, plain: bytes, *, bound_to: bytes = b"") -> str:
        """URL-safe text that only `open_` with the same purpose and `bound_to` turns back into `plain`."""
        nonce, day = self._randomness(_NONCE), int(self._clock() // _SECONDS).to_bytes(_DAY, "big")
        body = self._cipher(self._current, day).encrypt(nonce, plain, self._purpose + b"\0" + bound_to)
        return b64url(_FORMAT + self._current + day + nonce + body)

    def open_(self, sealed: str, *, bound_to: bytes = b"") -> bytes:
        """The plain bytes; raises SealBroken for everything this seal did not make."""
        try:
            raw = decode_segment(sealed)  # one record has one spelling
        except Malformed as problem:
            raise SealBroken(str(problem)) from None
        key_id, day_ends = raw[1 : 1 + _KEY_ID], 1 + _KEY_ID + (_DAY if raw[:1] == _FORMAT else 0)
        head = day_ends + _NONCE
        if len(raw) <= head or raw[:1] not in {_FORMAT, _FIRST_FORMAT} or key_id not in self._roots:
            raise SealBroken("unknown format or key")
        cipher = self._cipher(key_id, raw[1 + _KEY_ID : day_ends])
        try:
            return cipher.decrypt(raw[day_ends:head], raw[head:], self._purpose + b"\0" + bound_to)
        except InvalidTag:
            raise SealBroken("changed, or made for something else") from None

    def _derive_cipher(self, key_id: bytes, day: bytes) -> AESGCM:
        """The key of one day; without a day, the one of the first format."""
        root = self._roots[key_id]
        return AESGCM(derive(root, f"day {int.from_bytes(day, 'big')}") if day else root)

    def is_current(self, sealed: str) -> bool:
        """Whether the first master key made this seal; if not, seal it anew while the older key is still there."""
        return decode_segment(sealed)[1 : 1 + _KEY_ID] == self._current


def derive(master: bytes, purpose: str) -> bytes:
    """A 32-byte key of one purpose from a 32-byte master key (HKDF, RFC 5869)."""
    return HKDF(SHA256(), 32, salt=b"identity-broker", info=purpose.encode()).derive(master)


def digest(value: str) -> str:
    """How a secret value is known to the stores: SHA-256 in hexadecimal, so that a dump holds nothing usable."""
    return sha256(value.encode()).hexdigest()


def _key_id(master: bytes) -> bytes:
    return sha256(b"key id\0" + master).digest()[:_KEY_ID]
