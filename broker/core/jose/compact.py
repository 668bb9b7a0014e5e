"""Compact signed tokens, read strictly before any key is looked for (RFC 7515 section 7.1, RFC 8725)."""

from __future__ import annotations

import math
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from broker.core.wire.strict_json import Malformed, parse_object

TOKEN_LIMIT = 16 * 1024  # characters
KID_LIMIT = 256  # characters
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """A token that is well formed, and nothing more. `kid` and `typ` are None where the header has none.

    `header` is for proofs of possession, which show their key in it (RFC 9449); nobody else may look for one there.
    """

    algorithm: str
    kid: str | None
    typ: str | None
    claims: Mapping[str, Any]
    signing_input: bytes
    signature: bytes
    header: Mapping[str, Any]


def parse_token(token: str, algorithms: Collection[str]) -> UnverifiedToken:
    """A compact JWS whose header asks for nothing but a signature by one of `algorithms`; raises Malformed.

    A token of five parts (encrypted) is refused like any other that has not three.
    """
    parts = _parts(token)
    header = parse_object(decode_segment(parts[0]))
    algorithm, kid, typ = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise Malformed("signed by an algorithm that is not allowed here")
    # jku, x5u, x5c and jwk are not looked at: a key does not come with what it signs.
    if "crit" in header or "b64" in header:
        raise Malformed("using a header extension we do not know (RFC 7515 section 4.1.11)")
    if kid is not None and (not isinstance(kid, str) or len(kid) > KID_LIMIT):
        raise Malformed("with a kid that is not a short text")
    if "typ" in header and not isinstance(typ, str):
        raise Malformed("with a typ that is not text")
    claims = parse_object(decode_segment(parts[1]))
    signing_input = f"{parts[0]}.{parts[1]}".encode("ascii")
    return UnverifiedToken(algorithm, kid, typ, claims, signing_input, decode_segment(parts[2]), header)


def read_claims(token: str) -> Mapping[str, Any]:
    """The claims of a compact JWS, or of an unsecured one, for whoever knows otherwise who made it; raises Malformed.

    Header and signature are not even decoded.
    """
    return parse_object(decode_segment(_parts(token)[1]))


def _parts(token: str) -> list[str]:
    if len(token) > TOKEN_LIMIT:
        raise Malformed("too long")
    parts = token.split(".")
    if len(parts) != 3:
        raise Malformed("not three parts")
    return parts


def b64url(raw: bytes) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode_segment(segment: str) -> bytes:
    """The bytes of the one spelling base64url has for them (RFC 4648 section 3.5); raises Malformed."""
    if _SEGMENT.fullmatch(segment) is None or len(segment) % 4 == 1:
        raise Malformed("not base64url")
    raw = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if b64url(raw) != segment:  # the decoder ignores spare bits
        raise Malformed("not canonical base64url")
    return raw


def numeric_date(value: object, failure: Callable[[], Exception]) -> float:
    """A NumericDate (RFC 7519 section 2): a finite number, not below 0, not a boolean; raises `failure` otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise failure()
    return value
