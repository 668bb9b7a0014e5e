"""What is looked at in every answer on the way, whatever the module is about."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from joserfc import jwt
from joserfc.jwk import KeySet

ENOUGH_ENTROPY = 128  # bits; RFC 6749 section 10.10
_DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 section 4.1.2.1; neither CR, LF nor TAB
_CODE = re.compile(r"[\x20-\x7e]+")  # RFC 6749 appendix A.11
_BEARER = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # RFC 6750 section 2.1
_SUCCESS = frozenset({"code", "state", "iss"})
_ERROR = frozenset({"error", "error_description", "error_uri", "state", "iss"})
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "email_verified": bool,
    "phone_number_verified": bool,
    "address": dict,
    "updated_at": (int, float),
}
_SHAPES: Mapping[str, re.Pattern[str]] = {
    "birthdate": re.compile(r"\d{4}(-\d{2}-\d{2})?"),
    "phone_number": re.compile(r"\+[0-9]{7,15}(;ext=[0-9]+)?"),
    "email": re.compile(r"[^@\s]+@[^@\s]+"),
    "picture": re.compile(r"https://\S+"),
    "profile": re.compile(r"https://\S+"),
    "website": re.compile(r"https?://\S+"),
}
ADDRESS = frozenset({"formatted", "street_address", "locality", "region", "postal_code", "country"})


def check_unguessable(secret: str) -> None:
    """Its characters alone, counted as they come, carry enough entropy (Shannon's estimate; RFC 6749 10.10)."""
    total = len(secret)
    bits = -sum(n * math.log2(n / total) for n in Counter(secret).values())
    assert bits >= ENOUGH_ENTROPY, f"{bits:.0f} bits in a secret of {total} characters"


def check_response(params: Mapping[str, str], *, issuer: str, state: str | None) -> None:
    """An authorization response: its own parameters, `state` as sent, and `iss` (RFC 6749 4.1.2, RFC 9207 2)."""
    assert params.keys() <= (_ERROR if "error" in params else _SUCCESS), sorted(params)
    assert params.get("state") == state
    assert params.get("iss") == issuer
    if "error" in params:
        check_error(params)
    else:
        assert _CODE.fullmatch(params["code"])
        check_unguessable(params["code"])


def check_error(body: Mapping[str, Any]) -> None:
    """A code and a description in the characters allowed (RFC 6749 section 5.2)."""
    assert re.fullmatch(r"[a-z_]+", body["error"])
    assert _DESCRIPTION.fullmatch(body["error_description"]), body["error_description"]


def check_token_headers(answer: aiohttp.ClientResponse) -> None:
    """JSON that nobody keeps (RFC 6749 section 5.1)."""
    assert answer.content_type == "application/json"
    assert "no-store" in answer.headers["Cache-Control"].lower()


def check_token_response(body: Mapping[str, Any], *, token_type: str = "bearer") -> None:
    """Type, lifetime and texture of what the token endpoint gives (RFC 6749 section 5.1, OIDC Core 3.1.3.3)."""
    assert body["token_type"].lower() == token_type
    assert type(body["expires_in"]) is int
    assert body["expires_in"] > 0
    assert _BEARER.fullmatch(body["access_token"])
    check_unguessable(body["access_token"])
    assert "openid" in body["scope"].split()
    if "refresh_token" in body:
        assert _CODE.fullmatch(body["refresh_token"])
        check_unguessable(body["refresh_token"])


def verify_id_token(
    id_token: str, keys: KeySet, *, issuer: str, client_id: str, asked_at: float, now: float, algorithm: str = "RS256"
) -> dict[str, Any]:
    """The claims, after every check of OIDC Core 3.1.3.7 but the nonce, by a library not our own.

    `asked_at` and `now` (epoch seconds) are the times of the token request and of this look.
    """
    token = jwt.decode(id_token, keys, algorithms=[algorithm])
    assert token.header["alg"] == algorithm
    assert token.header["kid"] in {key.kid for key in keys.keys}
    claims: dict[str, Any] = token.claims
    assert claims["iss"] == issuer
    assert claims["aud"] in (client_id, [client_id])
    assert claims.get("azp", client_id) == client_id
    assert 0 < len(claims["sub"]) <= 255
    assert claims["sub"].isascii()
    assert int(asked_at) <= claims["iat"] <= now
    assert claims["exp"] > now
    assert type(claims["auth_time"]) is int
    assert claims["auth_time"] <= claims["iat"]
    assert all(isinstance(method, str) for method in claims["amr"])
    assert isinstance(claims.get("acr", ""), str)
    return claims


def check_at_hash(claims: Mapping[str, Any], access_token: str) -> None:
    """The access token that came along is the one meant (OIDC Core 3.1.3.8)."""
    half = hashlib.sha256(access_token.encode("ascii")).digest()[:16]
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode("ascii")


def check_claims(claims: Mapping[str, Any]) -> None:
    """Types and shapes of the standard claims (OIDC Core 5.1); a claim without a value is absent (5.3.2)."""
    for name, value in claims.items():
        assert value not in (None, "", [], {}), f"{name} is empty"
        assert isinstance(value, _TYPES.get(name, str)), f"{name} is {type(value).__name__}"
        shape = _SHAPES.get(name)
        assert shape is None or shape.fullmatch(str(value)), f"{name} has another form"
    assert claims.get("address", {}).keys() <= ADDRESS


def check_plain_url(url: str, *, issuer: str) -> None:
    """Below the issuer, one spelling, no query and no fragment. Where the issuer is https, so is the URL."""
    assert url.startswith(f"{issuer}/")
    parts = urlsplit(url)
    assert not parts.query
    assert not parts.fragment
    assert "//" not in parts.path
