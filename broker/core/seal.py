"""Sealed records: state that travels through browsers and comes back unread and unchanged.

AES-256-GCM; the key of each purpose is derived from the master key, so a record made for one purpose never opens for
another. The first byte of a seal names the format, the next eight the key that made it.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from broker.core.errors import SealBroken

_FORMAT = b"\x01"
_KEY_ID = 8
_NONCE = 12
_HEAD = len(_FORMAT) + _KEY_ID + _NONCE

Randomness = Callable[[int], bytes]


class Seal:
    """Seals and opens bytes of one purpose. The first master key seals, all of them open (for rotation)."""

    def __init__(self, masters: tuple[bytes, ...], purpose: str, *, randomness: Randomness) -> None:
        """`masters`: at least one key of 32 bytes; `purpose`: part of the key and of what is authenticated."""
        if not masters or any(len(master) != 32 for master in masters):
            raise ValueError("a master key has 32 bytes")
        self._purpose = purpose.encode()
        self._randomness = randomness
        self._ciphers = {_key_id(master): AESGCM(derive(master, f"seal {purpose}")) for master in masters}
        self._current = _key_id(masters[0])

    def seal(self, plain: bytes, *, bound_to: bytes = b"") -> str:
        """URL-safe text that only `open_` with the same purpose and `bound_to` turns back into `plain`."""
        nonce = self._randomness(_NONCE)
        body = self._ciphers[self._current].encrypt(nonce, plain, self._purpose + b"\0" + bound_to)
        return urlsafe_b64encode(_FORMAT + self._current + nonce + body).rstrip(b"=").decode("ascii")

    def open_(self, sealed: str, *, bound_to: bytes = b"") -> bytes:
        """The plain bytes; raises SealBroken for everything this seal did not make."""
        try:
            raw = urlsafe_b64decode(sealed.encode("ascii") + b"=" * (-len(sealed) % 4))
        except (UnicodeEncodeError, Base64Error, ValueError):
            raise SealBroken("not base64url") from None
        # The decoder ignores spare bits and foreign characters; one record must have one spelling (RFC 4648 3.5).
        if urlsafe_b64encode(raw).rstrip(b"=").decode("ascii") != sealed:
            raise SealBroken("not canonical base64url")
        cipher = self._ciphers.get(raw[1 : 1 + _KEY_ID])
        if len(raw) <= _HEAD or raw[:1] != _FORMAT or cipher is None:
            raise SealBroken("unknown format or key")
        try:
            return cipher.decrypt(raw[1 + _KEY_ID : _HEAD], raw[_HEAD:], self._purpose + b"\0" + bound_to)
        except InvalidTag:
            raise SealBroken("changed, or made for something else") from None

    def is_current(self, sealed: str) -> bool:
        """Whether the first master key made this seal; if not, seal it anew while the older key is still there."""
        return urlsafe_b64decode(sealed.encode("ascii") + b"=" * (-len(sealed) % 4))[1 : 1 + _KEY_ID] == self._current


def derive(master: bytes, purpose: str) -> bytes:
    """A 32-byte key of one purpose from a 32-byte master key (HKDF, RFC 5869)."""
    return HKDF(SHA256(), 32, salt=b"identity-broker", info=purpose.encode()).derive(master)


def digest(value: str) -> str:
    """How a secret value is known to the stores: SHA-256 in hexadecimal, so that a dump holds nothing usable."""
    return sha256(value.encode()).hexdigest()


def _key_id(master: bytes) -> bytes:
    return sha256(b"key id\0" + master).digest()[:_KEY_ID]
