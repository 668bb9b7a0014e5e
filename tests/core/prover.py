"""A small DPoP client: a key, and proofs made with it, good or spoilt in one place."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any

from broker.core.jose.compact import b64url
from broker.core.jose.own_keys import KeyPair, mint_key
from broker.core.terms import Algorithm
from tests.core.own_tokens import encode

Claims = Mapping[str, Any]


class Prover:
    """Holds a key; ES256 unless another algorithm is asked for."""

    def __init__(self, algorithm: Algorithm = Algorithm.ES256, pair: KeyPair | None = None) -> None:
        """`pair`: a key made before, for RSA takes a while."""
        self.pair = pair or mint_key(algorithm)

    @property
    def jwk(self) -> dict[str, str]:
        """The public key as a proof shows it."""
        return {name: value for name, value in self.pair.public_jwk.items() if name not in {"kid", "use", "alg"}}

    @property
    def jkt(self) -> str:
        """Its thumbprint: the broker names its own keys by it, too."""
        return self.pair.kid

    def prove(self, method: str, url: str, *, at: float, token: str = "", **claims: Any) -> str:
        """A proof for one request, made at `at`; `token` is the access token that comes with it. `...` leaves out."""
        return self.sign(claims_for(method, url, at=at, token=token) | claims)

    def sign(self, claims: Claims | str, header: Claims | None = None) -> str:
        """Anything as a proof, really signed; `...` leaves a member out."""
        base = {"typ": "dpop+jwt", "alg": self.pair.algorithm.value, "jwk": self.jwk} | dict(header or {})
        chosen = claims if isinstance(claims, str) else {n: v for n, v in claims.items() if v is not ...}
        message = f"{encode({n: v for n, v in base.items() if v is not ...})}.{encode(chosen)}".encode()
        return f"{message.decode()}.{encode(self.pair.sign(message))}"


def claims_for(method: str, url: str, *, at: float, token: str = "") -> dict[str, Any]:
    """What a good proof says (RFC 9449 section 4.2)."""
    claims = {"jti": token_urlsafe(12), "htm": method, "htu": url, "iat": at}
    return claims | ({"ath": b64url(sha256(token.encode()).digest())} if token else {})
