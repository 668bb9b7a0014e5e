"""Keys of ours and tokens made by hand, for tests of what we accept."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from functools import cache
from typing import Any

from broker.core.jose.own_keys import KeyPair, OwnKey, build_own_key, mint_key, verify_own
from broker.core.terms import Algorithm
from broker.services.keys.signing import InProcess, Signer

NOW = 1_800_000_000
ISSUER = "https://id.test"
CLAIMS: dict[str, Any] = {"iss": ISSUER, "sub": "s1", "aud": "app", "exp": NOW + 600}


@cache
def pair_of(algorithm: Algorithm) -> KeyPair:
    """One key pair per algorithm and test run: RSA takes a while."""
    return mint_key(algorithm)


def own_keys() -> dict[str, OwnKey]:
    """All of them by kid, as the key ring holds them."""
    return {pair.kid: build_own_key(pair.public_jwk) for pair in map(pair_of, Algorithm)}


def encode(part: bytes | str | object) -> str:
    """One part of a compact token: bytes and text as they are, anything else as JSON."""
    raw = part if isinstance(part, bytes) else (part if isinstance(part, str) else json.dumps(part)).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def forge(
    header: Mapping[str, Any] | str | None = None,
    claims: Mapping[str, Any] | str = CLAIMS,
    *,
    algorithm: Algorithm = Algorithm.ES256,
) -> str:
    """A token really signed with our key, with any header members or claims, well formed or not."""
    pair = pair_of(algorithm)
    base = {"alg": algorithm.value, "kid": pair.kid, "typ": "JWT"}
    chosen: Any = header if isinstance(header, str) else base | dict(header or {})
    if isinstance(chosen, dict):
        chosen = {name: value for name, value in chosen.items() if value is not ...}
    message = f"{encode(chosen)}.{encode(claims)}".encode()
    return f"{message.decode()}.{encode(pair.sign(message))}"


def sign(pair: KeyPair, claims: Mapping[str, Any], *, typ: str = "JWT") -> str:
    """A token as the broker makes it."""
    return asyncio.run(Signer(pair.kid, pair.algorithm, InProcess(pair)).sign(claims, typ=typ))


def verify(token: str, *, typ: str = "JWT", now: float = NOW, allow_expired: bool = False) -> dict[str, Any]:
    """As the broker verifies what comes back to it."""
    return verify_own(token, own_keys(), issuer=ISSUER, typ=typ, now=now, allow_expired=allow_expired)
