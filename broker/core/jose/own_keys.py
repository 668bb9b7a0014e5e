"""Keys of ours, and verifying our own tokens. A key decides the algorithm; a header never does (RFC 8725 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256, sha512
from typing import Any

import jwt
import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)

from broker.core.errors import InvalidToken
from broker.core.jose.compact import b64url, parse_token
from broker.core.terms import Algorithm
from broker.core.wire.strict_json import Malformed

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
_KINDS: Mapping[Algorithm, type[PrivateKey]] = {
    Algorithm.RS256: rsa.RSAPrivateKey,
    Algorithm.PS256: rsa.RSAPrivateKey,
    Algorithm.ES256: ec.EllipticCurvePrivateKey,
    Algorithm.EDDSA: ed25519.Ed25519PrivateKey,
}
_RSA_BITS = 2048
_SHA256 = SHA256()
_ES256 = ec.ECDSA(_SHA256)
_PADDINGS: Mapping[Algorithm, padding.AsymmetricPadding] = {
    Algorithm.RS256: padding.PKCS1v15(),  # RFC 7518 section 3.3
    Algorithm.PS256: padding.PSS(padding.MGF1(_SHA256), padding.PSS.DIGEST_LENGTH),  # 3.5: the salt is 32 bytes
}


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key parsed once, with the parts of its public key that may be published."""

    kid: str
    algorithm: Algorithm
    private: PrivateKey
    public_jwk: Mapping[str, str]

    def to_der(self) -> bytes:
        """PKCS#8, to be sealed before it is kept."""
        return self.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, message: bytes) -> bytes:
        """The signature of a JWS (RFC 7518 section 3, RFC 8037 section 3.1). ES256 takes 22 microseconds, RSA 250."""
        private = self.private
        if isinstance(private, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(private.sign(message, _ES256))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")  # RFC 7518 section 3.4
        if isinstance(private, rsa.RSAPrivateKey):
            return private.sign(message, _PADDINGS[self.algorithm], _SHA256)
        return private.sign(message)


def mint_key(algorithm: Algorithm) -> KeyPair:
    """A fresh key pair; RSA has 2048 bits. Takes up to a second for RSA: never inside a request."""
    private: PrivateKey
    if algorithm in _PADDINGS:
        private = rsa.generate_private_key(65537, _RSA_BITS)
    elif algorithm is Algorithm.ES256:
        private = ec.generate_private_key(ec.SECP256R1())
    else:
        private = ed25519.Ed25519PrivateKey.generate()
    return _pair(private, algorithm)


def load_key(der: bytes, algorithm: Algorithm) -> KeyPair:
    """The key pair in PKCS#8 bytes of ours; parsing RSA is expensive, so this happens once per start."""
    private = load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(private, PrivateKey) or not isinstance(private, _KINDS[algorithm]):
        raise TypeError(f"not a key for {algorithm.value}: {type(private).__name__}")
    return _pair(private, algorithm)


def parse_pem(pem: str, algorithm: Algorithm) -> KeyPair:
    """The key pair that an operator was given (PEM, no passphrase); raises ValueError, which quotes nothing of it."""
    try:
        private = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("is no private key in PEM, or has a passphrase") from None
    curve = private.curve.name if isinstance(private, ec.EllipticCurvePrivateKey) else "secp256r1"
    weak = isinstance(private, rsa.RSAPrivateKey) and private.key_size < _RSA_BITS
    if (
        not isinstance(private, PrivateKey)
        or not isinstance(private, _KINDS[algorithm])
        or weak
        or curve != "secp256r1"
    ):
        raise ValueError(f"is no key for {algorithm.value}")
    return _pair(private, algorithm)


def _pair(private: PrivateKey, algorithm: Algorithm) -> KeyPair:
    jwk = _public_jwk(private)
    # RFC 7638: the thumbprint of the required members names the key.
    kid = b64url(sha256(orjson.dumps(jwk, option=orjson.OPT_SORT_KEYS)).digest())
    return KeyPair(kid, algorithm, private, jwk | {"kid": kid, "use": "sig", "alg": algorithm.value})


def _public_jwk(private: PrivateKey) -> dict[str, str]:
    """Public members by name: what is not listed here is never published."""
    public = private.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return {"kty": "RSA", "n": _uint(numbers.n), "e": _uint(numbers.e)}
    if isinstance(public, ec.EllipticCurvePublicKey):
        point = public.public_numbers()
        return {"kty": "EC", "crv": "P-256", "x": _uint(point.x, 32), "y": _uint(point.y, 32)}
    return {"kty": "OKP", "crv": "Ed25519", "x": b64url(public.public_bytes_raw())}


def _uint(number: int, size: int = 0) -> str:
    return b64url(number.to_bytes(size or (number.bit_length() + 7) // 8, "big"))


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A public key of ours, for tokens that come back to us."""

    algorithm: Algorithm
    key: jwt.PyJWK


def build_own_key(public_jwk: Mapping[str, str]) -> OwnKey:
    """From a published JWK of ours."""
    return OwnKey(Algorithm(public_jwk["alg"]), jwt.PyJWK(dict(public_jwk)))


def verify_own(
    token: str, keys: Mapping[str, OwnKey], *, issuer: str, typ: str, now: float, allow_expired: bool = False
) -> dict[str, Any]:
    """The claims of a token we signed for exactly this purpose; raises InvalidToken.

    `now` in epoch seconds. `allow_expired`: an ID token that serves as a hint may be old (OIDC Core 3.1.2.1).
    The audience is the caller's to check.
    """
    try:
        unverified = parse_token(token, frozenset(Algorithm))
    except Malformed as problem:
        raise InvalidToken("the token is malformed", detail=f"our token: {problem}") from None
    known = keys.get(unverified.kid or "")
    if known is None or unverified.algorithm != known.algorithm or unverified.typ != typ:
        raise InvalidToken("the token was not signed here for this purpose")
    if not known.key.Algorithm.verify(unverified.signing_input, known.key.key, unverified.signature):
        raise InvalidToken("the signature of the token does not fit")
    claims = dict(unverified.claims)
    expires_at = claims.get("exp")
    if claims.get("iss") != issuer or not isinstance(claims.get("sub"), str) or type(expires_at) is not int:
        raise InvalidToken("the token lacks iss, sub or exp, or is of another issuer")
    if expires_at <= now and not allow_expired:
        raise InvalidToken("the token has expired")
    return claims


def half_hash(value: str, algorithm: Algorithm) -> str:
    """`at_hash` and `c_hash` (OIDC Core 3.1.3.6): the left half of the hash that belongs to the algorithm.

    For EdDSA with Ed25519 that is SHA-512, the hash inside the signature scheme (RFC 8032 section 5.1).
    """
    hashed = sha512(value.encode()) if algorithm is Algorithm.EDDSA else sha256(value.encode())
    return b64url(hashed.digest()[: hashed.digest_size // 2])
