"""Signing keys of the emulated upstreams, made when first needed and never written anywhere."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from broker.core.jose.compact import b64url

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_MAKING: Final = threading.Lock()
_ALGORITHMS: Final[Mapping[str, Any]] = {  # three classes, each with a `to_jwk` for its own kind of key
    "RS256": RSAAlgorithm,
    "ES256": ECAlgorithm,
    "ES256K": ECAlgorithm,
    "EdDSA": OKPAlgorithm,
}


@dataclass(frozen=True, slots=True)
class Key:
    """A private key under its published name and algorithm."""

    kid: str
    alg: str
    private: PrivateKey

    def jwk(self, **members: object) -> dict[str, object]:
        """The public half as a JWK with `kid`, `alg` and the given members (RFC 7517)."""
        found = dict(_ALGORITHMS[self.alg].to_jwk(self.private.public_key(), as_dict=True))
        found.pop("key_ops", None)
        return {**found, "kid": self.kid, "alg": self.alg, **members}

    def pem(self) -> bytes:
        """The public half as SubjectPublicKeyInfo, PEM."""
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, claims: Mapping[str, object], **header: object) -> str:
        """A compact JWS of `claims`; `header` members are added to the JOSE header."""
        return jwt.encode(dict(claims), self.private, algorithm=self.alg, headers=dict(header))


def key(kid: str, alg: str) -> Key:
    """The process's key of this name: the same at every call and in every thread, another in every process."""
    with _MAKING:
        return _make(kid, alg)


@lru_cache(maxsize=64)
def _make(kid: str, alg: str) -> Key:
    private: PrivateKey
    if alg == "RS256":
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    elif alg == "EdDSA":
        private = ed25519.Ed25519PrivateKey.generate()
    else:
        private = ec.generate_private_key(ec.SECP256K1() if alg == "ES256K" else ec.SECP256R1())
    return Key(kid, alg, private)


def half_hash(text: str) -> str:
    """The left half of SHA-256 in base64url: `at_hash` for RS256 (OIDC Core 3.1.3.6)."""
    return b64url(hashlib.sha256(text.encode("ascii")).digest()[:16])


def challenge_of(verifier: str) -> str:
    """The S256 challenge (RFC 7636 section 4.2)."""
    return b64url(hashlib.sha256(verifier.encode("ascii", "replace")).digest())


def unsigned(claims: Mapping[str, object]) -> str:
    """A token of algorithm `none`."""
    return jwt.encode(dict(claims), "", algorithm="none")


def mac_signed(claims: Mapping[str, object], secret: bytes, **header: object) -> str:
    """A token of algorithm HS256, made without the library's refusal to use a public key as a secret."""
    head = b64url(_json({"alg": "HS256", "typ": "JWT", **header}))
    body = b64url(_json(claims))
    mac = hmac.new(secret, f"{head}.{body}".encode("ascii"), hashlib.sha256).digest()
    return f"{head}.{body}.{b64url(mac)}"


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
