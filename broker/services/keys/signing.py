"""Where private keys live: behind two small protocols. The one that is here seals them and signs in this process.

A hardware module or a key service of a cloud is one more class, picked by the composition root (ADR 19).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from broker.core.jose.compact import b64url
from broker.core.jose.own_keys import KeyPair, load_key, mint_key
from broker.core.records import SigningKey
from broker.core.seal import Seal
from broker.core.terms import Algorithm


class KeyHandle(Protocol):
    """A private key that can be used and, perhaps, not be read."""

    async def sign(self, message: bytes) -> bytes:
        """The signature of a JWS, as RFC 7518 section 3 spells it for the key's algorithm (ES256: r and s, not DER).

        Raises StoreUnavailable when the key cannot be reached just now; the token is not issued then.
        """


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new key: `public_jwk` with `kid`, `use` and `alg`, and `kept`, which opens it again and may be stored."""

    public_jwk: Mapping[str, str]
    kept: str


class KeyService(Protocol):
    """Makes keys and opens them. Never called while a client waits; each may take seconds."""

    async def make(self, algorithm: Algorithm) -> MadeKey:
        """A fresh key for exactly this algorithm."""

    async def open_(self, key: SigningKey) -> KeyHandle:
        """A key made before, by its record; raises SealBroken when it was kept by somebody else."""


class SealedKeys(KeyService):
    """The KeyService of this process: keys are kept in the database, sealed with the master key."""

    def __init__(self, seal: Seal) -> None:
        """`seal` has the purpose "signing key"."""
        self._seal = seal

    async def make(self, algorithm: Algorithm) -> MadeKey:
        pair = await asyncio.to_thread(mint_key, algorithm)
        return MadeKey(pair.public_jwk, self._seal.seal(pair.to_der(), bound_to=pair.kid.encode()))

    async def open_(self, key: SigningKey) -> KeyHandle:
        """Parsing an RSA key is expensive."""
        der = self._seal.open_(key.sealed, bound_to=key.kid.encode())
        return InProcess(await asyncio.to_thread(load_key, der, Algorithm(key.algorithm)))


class InProcess:
    """A KeyHandle that holds the key itself."""

    def __init__(self, pair: KeyPair) -> None:
        """`pair`: parsed, so that a signature costs nothing but itself."""
        self._pair = pair

    async def sign(self, message: bytes) -> bytes:
        """KeyHandle.sign; never waits."""
        return self._pair.sign(message)


class Signer:
    """Signs claims with one key. Headers are made once per type."""

    def __init__(self, kid: str, algorithm: Algorithm, handle: KeyHandle) -> None:
        self.kid = kid
        self.algorithm = algorithm
        self._handle = handle
        self._headers: dict[str, str] = {}

    async def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A compact JWS (RFC 7515 section 7.1) with the explicit type `typ` (RFC 8725 section 3.11)."""
        header = self._headers.get(typ)
        if header is None:
            text = orjson.dumps({"alg": self.algorithm.value, "kid": self.kid, "typ": typ})
            header = self._headers[typ] = b64url(text)
        message = f"{header}.{b64url(orjson.dumps(claims))}"
        return f"{message}.{b64url(await self._handle.sign(message.encode('ascii')))}"
