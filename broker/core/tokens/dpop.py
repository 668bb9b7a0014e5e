"""Proofs of possession (RFC 9449 section 4): a token signed, for one request, by the key that it shows.

Here is everything a proof can be told by itself. Whether it is of now, fresh and used once is
`broker.services.tokens.proofs`'s to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import Any

import orjson

from broker.core.errors import InvalidDpopProof
from broker.core.jose.compact import UnverifiedToken, b64url, decode_segment, numeric_date, parse_token
from broker.core.jose.jwk import PRIVATE_MEMBERS, parse_key, verify_signature
from broker.core.wire.addresses import normalise_uri
from broker.core.wire.strict_json import Malformed

PROOF_TYPE = "dpop+jwt"
JTI_LIMIT = 256  # characters
NONCE_LIMIT = 256
HTU_LIMIT = 2048
ALGORITHMS = (
    "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512",
)  # fmt: skip
_REQUIRED: Mapping[str, tuple[str, ...]] = {"EC": ("crv", "x", "y"), "OKP": ("crv", "x"), "RSA": ("e", "n")}
_JKT = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")  # 32 bytes in base64url
_FIELD = (1 << 255) - 19
_ORDER_8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL_ORDER = frozenset({0, 1, _FIELD - 1, _ORDER_8, _FIELD - _ORDER_8})  # y of the points of small order


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof whose signature, key and request fit. `jkt` is the thumbprint of its key (RFC 7638), `nonce` "" or text.

    Times are as its maker's clock had them, in epoch seconds; None: not said.
    """

    jkt: str
    algorithm: str
    jti: str
    nonce: str
    issued_at: float
    not_before: float | None
    expires_at: float | None


def verify_proof(proof: str, *, method: str, url: str, access_token: str = "") -> Proof:
    """The proof when it was made for exactly this request; raises InvalidDpopProof (section 4.3).

    `url` is the address as we publish it. With `access_token` the proof must name that token.
    """
    try:
        token = parse_token(proof, ALGORITHMS)
        if token.typ != PROOF_TYPE:
            raise Malformed(f"not of the type {PROOF_TYPE}")
        jkt = _verify_key(token)
        found = Proof(
            jkt=jkt,
            algorithm=token.algorithm,
            jti=_text(token.claims, "jti", JTI_LIMIT),
            nonce=_text(token.claims, "nonce", NONCE_LIMIT) if "nonce" in token.claims else "",
            issued_at=_time(token.claims, "iat"),
            not_before=_time(token.claims, "nbf") if "nbf" in token.claims else None,
            expires_at=_time(token.claims, "exp") if "exp" in token.claims else None,
        )
        _check_request(token.claims, method, url)
        if access_token:
            _check_access_token(token.claims, access_token)
    except Malformed as problem:
        raise InvalidDpopProof(f"the DPoP proof is refused: it is {problem}") from None
    return found


def is_thumbprint(text: str) -> bool:
    """Whether it is how a SHA-256 thumbprint of a key is spelt (section 10)."""
    return _JKT.fullmatch(text) is not None


def _verify_key(token: UnverifiedToken) -> str:
    """The thumbprint of the key in the header, which signed the token; raises Malformed."""
    jwk = token.header.get("jwk")
    if not isinstance(jwk, dict):
        raise Malformed("without the public key it is signed with (jwk)")
    if not PRIVATE_MEMBERS.isdisjoint(jwk):
        raise Malformed("showing a private key; that key is lost, make another")
    key = parse_key(jwk)
    if key is None or token.algorithm not in key.algorithms:
        raise Malformed("signed by a key that is unknown, too weak or too large, or not for its algorithm")
    _check_order(jwk)
    verify_signature(token, key)
    return _thumbprint(jwk)


def _check_order(jwk: Mapping[str, Any]) -> None:
    if jwk["kty"] == "OKP":
        y = int.from_bytes(decode_segment(jwk["x"]), "little") % (1 << 255) % _FIELD
        if y in _SMALL_ORDER:
            raise Malformed("signed by a key under which one signature fits many messages")


def _thumbprint(jwk: Mapping[str, Any]) -> str:
    """RFC 7638 section 3. Members have one spelling, so a key has one thumbprint."""
    required = {name: jwk[name] for name in ("kty", *_REQUIRED[jwk["kty"]])}
    for name in required.keys() - {"kty", "crv"}:
        if decode_segment(required[name]).startswith(b"\x00") and jwk["kty"] == "RSA":
            raise Malformed("showing a key with zeros in front of a number")  # RFC 7518 section 2
    return b64url(sha256(orjson.dumps(required, option=orjson.OPT_SORT_KEYS)).digest())


def _check_request(claims: Mapping[str, Any], method: str, url: str) -> None:
    if claims.get("htm") != method:
        raise Malformed("made for another method (htm)")
    target = normalise_uri(_text(claims, "htu", HTU_LIMIT))
    if target is None or target != normalise_uri(url):
        raise Malformed("made for another address (htu); take the one of the metadata document")


def _check_access_token(claims: Mapping[str, Any], access_token: str) -> None:
    expected = b64url(sha256(access_token.encode()).digest())
    if not compare_digest(_text(claims, "ath", JTI_LIMIT).encode(), expected.encode()):
        raise Malformed("made for another access token (ath)")


def _text(claims: Mapping[str, Any], name: str, limit: int) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= limit:
        raise Malformed(f"without {name}, or {name} is no text of 1 to {limit} characters")
    return value


def _time(claims: Mapping[str, Any], name: str) -> float:
    return numeric_date(claims.get(name), lambda: Malformed(f"without {name}, or {name} is no number of seconds"))
