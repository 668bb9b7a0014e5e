"""Public keys of others (RFC 7517). The key decides which algorithms it may verify; a header never does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm, RSAAlgorithm, RSAPSSAlgorithm
from jwt.exceptions import InvalidKeyError

from broker.core.jose.compact import UnverifiedToken
from broker.core.wire.strict_json import Malformed

KEYS_LIMIT = 100
_RSA_BITS = range(2048, 4097)  # whoever shows the key chooses how long we compute, so there is a longest one, too
_RSA_EXPONENT = 1 << 32

# The allow-list: what a signature algorithm is called, how it is verified, and which keys may serve it.
ALGORITHMS: Mapping[str, tuple[Algorithm, str]] = {
    "RS256": (RSAAlgorithm(RSAAlgorithm.SHA256), "RSA"),
    "RS384": (RSAAlgorithm(RSAAlgorithm.SHA384), "RSA"),
    "RS512": (RSAAlgorithm(RSAAlgorithm.SHA512), "RSA"),
    "PS256": (RSAPSSAlgorithm(RSAPSSAlgorithm.SHA256), "RSA"),
    "PS384": (RSAPSSAlgorithm(RSAPSSAlgorithm.SHA384), "RSA"),
    "PS512": (RSAPSSAlgorithm(RSAPSSAlgorithm.SHA512), "RSA"),
    "ES256": (ECAlgorithm(ECAlgorithm.SHA256), "P-256"),
    "ES384": (ECAlgorithm(ECAlgorithm.SHA384), "P-384"),
    "ES512": (ECAlgorithm(ECAlgorithm.SHA512), "P-521"),
    "ES256K": (ECAlgorithm(ECAlgorithm.SHA256), "secp256k1"),  # RFC 8812; upstreams alone
    "EdDSA": (OKPAlgorithm(), "Ed25519"),
    "Ed25519": (OKPAlgorithm(), "Ed25519"),
}
_UPSTREAMS_ALONE = frozenset({"ES256K"})
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})  # RFC 7518 section 6, RFC 8037 section 2
_PUBLIC_MEMBERS = frozenset({"kty", "crv", "n", "e", "x", "y"})


class UnknownKey(Malformed):
    """No key of the signer fits the token; the text says why and names no key."""


class Key:
    """One public key, parsed, with the algorithms it may verify. `issuer`: for whom alone, where it says so."""

    __slots__ = ("algorithms", "issuer", "kid", "public")

    def __init__(self, kid: str, public: Any, algorithms: frozenset[str], issuer: str = "") -> None:
        self.kid, self.public, self.algorithms, self.issuer = kid, public, algorithms, issuer


def parse_keys(listed: object, *, of_upstream: bool = False) -> tuple[Key, ...]:
    """The usable keys among the `keys` of a JWK set (RFC 7517 section 5); raises Malformed when there is none.

    Key by key: one of a kind nobody knows is left out, as section 5 asks, and does not take the others with it. An
    upstream may sign by algorithms that no client may.
    """
    if not isinstance(listed, list) or len(listed) > KEYS_LIMIT:
        raise Malformed("keys is no list, or too long")
    parsed = (parse_key(jwk, of_upstream=of_upstream) for jwk in listed)
    keys = tuple(key for key in parsed if key is not None)
    if not keys:
        raise Malformed("no usable key")
    return keys


def parse_key(jwk: object, *, of_upstream: bool = False) -> Key | None:
    """The key, or None where it is not for verifying signatures, not known, or too weak or too large.

    RSA has 2048 to 4096 bits and an odd exponent below 2^32 (RFC 8725 section 3.5, threats E19 and E23).
    """
    if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig" or "verify" not in _listed(jwk.get("key_ops")):
        return None
    kind = jwk.get("crv", jwk.get("kty"))
    named = jwk.get("alg")
    algorithms = frozenset(alg for alg, (_, serves) in ALGORITHMS.items() if serves == kind and named in (None, alg))
    algorithms -= frozenset() if of_upstream else _UPSTREAMS_ALONE
    kid = jwk.get("kid", "")
    if not algorithms or not isinstance(kid, str):
        return None
    try:
        public = ALGORITHMS[min(algorithms)][0].from_jwk({n: v for n, v in jwk.items() if n in _PUBLIC_MEMBERS})
    except (InvalidKeyError, UnsupportedAlgorithm, ValueError, TypeError, KeyError):
        return None
    if isinstance(public, RSAPublicKey) and not _is_usual(public):
        return None
    issuer = jwk.get("issuer")  # quirk(microsoft): one set of keys serves all its tenants (read 2026-11)
    return Key(kid, public, algorithms, issuer if isinstance(issuer, str) else "")


def _is_usual(public: RSAPublicKey) -> bool:
    exponent = public.public_numbers().e
    return public.key_size in _RSA_BITS and 1 < exponent < _RSA_EXPONENT and exponent % 2 == 1


def pick_key(keys: Iterable[Key], kid: str | None, algorithm: str) -> Key | None:
    """The one key that fits. Without a `kid` there must be exactly one for the algorithm; the same one twice is one."""
    fitting = [key for key in keys if algorithm in key.algorithms and kid in {None, key.kid}]
    first = fitting[0] if fitting else None
    return first if first is not None and all(key.public == first.public for key in fitting) else None


def verify_signature(token: UnverifiedToken, key: Key) -> None:
    """Returns when the key made this token's signature by an algorithm the key is for; raises Malformed."""
    fits = token.algorithm in key.algorithms and ALGORITHMS[token.algorithm][0].verify(
        token.signing_input, key.public, token.signature
    )
    if not fits:
        raise Malformed("with a signature that does not fit")


def _listed(key_ops: object) -> Iterable[object]:
    if key_ops is None:
        return ("verify",)
    return key_ops if isinstance(key_ops, list) else ()
