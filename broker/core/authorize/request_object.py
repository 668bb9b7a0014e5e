"""Request objects (RFC 9101, OIDC Core 6): an authorization request as a JWT that its client signed.

What is inside is the request, and all of it: parameters outside are not merged in (RFC 9101 section 6.3). The key
verifies, the client named outside is the one inside, and an object is good for an hour and for one answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import orjson

from broker.core.clients.client import Client
from broker.core.clients.fapi import serves
from broker.core.errors import InvalidRequest, InvalidRequestObject
from broker.core.jose.compact import UnverifiedToken, b64url, numeric_date, parse_token
from broker.core.terms import REQUEST_OBJECT_ALGORITHMS
from broker.core.wire.parameters import MULTIPLE, Parameters, parse_form
from broker.core.wire.query import encode_query
from broker.core.wire.strict_json import Malformed

REQUEST_OBJECT_TYPE: Final = "oauth-authz-req+jwt"
LIFETIME: Final = 60 * 60  # seconds (FAPI 2.0 Message Signing section 5.3.1)
LEEWAY: Final = 30  # seconds two clocks may differ
_TYPES = frozenset({None, "jwt", REQUEST_OBJECT_TYPE})
_ABOUT_THE_JWT = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti", "sub"})


@dataclass(frozen=True, slots=True)
class RequestObject:
    """A verified object. `name` is the same for the same content, however signed; `until` in epoch seconds."""

    params: Parameters
    name: str
    until: int


def parse_request_object(text: str, client: Client) -> UnverifiedToken:
    """An object this client may have signed; nothing in it is believed yet. Raises InvalidRequestObject."""
    try:
        token = parse_token(text, REQUEST_OBJECT_ALGORITHMS)
    except Malformed as problem:
        raise InvalidRequestObject(
            f"the request object is not a JWT signed by one of {', '.join(REQUEST_OBJECT_ALGORITHMS)}",
            detail=f"request object: {problem}",
        ) from None
    typ = None if token.typ is None else token.typ.lower().removeprefix("application/")
    if typ not in _TYPES:
        raise InvalidRequestObject(f"the request object is a token of another type; typ is {REQUEST_OBJECT_TYPE}")
    wanted = client.requests.request_object_signing_alg in {"", token.algorithm}
    if not wanted or not serves(token.algorithm, client.origin.profile):
        raise InvalidRequestObject("the request object is not signed by an algorithm of this client's registration")
    return token


def read_request_object(
    token: UnverifiedToken, client: Client, *, issuer: str, now: float, fetched: bool = False
) -> RequestObject:
    """What an object whose signature fits asks for; raises InvalidRequestObject.

    One that was `fetched` just now from the client's own place is meant now, for it is there: it needs no time.
    """
    claims = token.claims
    if claims.get("iss") != client.id or claims.get("client_id") != client.id:
        raise InvalidRequestObject("iss and client_id in the request object must be the client_id outside")
    audience = claims.get("aud")
    if audience not in (issuer, [issuer]):
        raise InvalidRequestObject("aud of the request object must be the issuer, and nobody else")
    if {"request", "request_uri"} & claims.keys():
        raise InvalidRequestObject("a request object holds no other one (RFC 9101 section 4)")
    until = _check_times(claims, now, undated=now if fetched else -math.inf)
    name = b64url(sha256(b"request object\0" + client.id.encode() + b"\0" + token.signing_input).digest())
    try:
        params = parse_form(encode_query(_said(claims)).encode())
    except InvalidRequest as problem:
        raise InvalidRequestObject(f"in the request object: {problem.public}") from None
    return RequestObject(params, name, until)


def _said(claims: Mapping[str, Any]) -> dict[str, str | tuple[str, ...]]:
    """The parameters as they would stand in an address: `claims` as JSON, numbers as digits."""
    said: dict[str, str | tuple[str, ...]] = {}
    for name, value in claims.items():
        if name in _ABOUT_THE_JWT:
            continue
        if name == "claims" and isinstance(value, dict):
            said[name] = orjson.dumps(value).decode()
        elif name == MULTIPLE and isinstance(value, list) and all(isinstance(one, str) for one in value):
            said[name] = tuple(value)
        elif isinstance(value, str) or type(value) is int:
            said[name] = str(value)
        else:
            raise InvalidRequestObject("a parameter in the request object is neither text nor a whole number")
    return said


def _not_a_time() -> InvalidRequestObject:
    return InvalidRequestObject("a time in the request object is not in epoch seconds")


def _check_times(claims: Mapping[str, Any], now: float, undated: float) -> int:
    """Until when it is good: its `exp`, or an hour after its `iat`, else after `undated`."""
    times = {name: numeric_date(claims[name], _not_a_time) for name in ("exp", "iat", "nbf") if name in claims}
    until = times.get("exp", times.get("iat", undated) + LIFETIME)
    if until == -math.inf:
        raise InvalidRequestObject("the request object needs exp")
    if now >= until + LEEWAY:
        raise InvalidRequestObject("the request object has expired; make a new one for every request")
    if until > now + LIFETIME + LEEWAY or times.get("nbf", now) < now - LIFETIME - LEEWAY:
        raise InvalidRequestObject(f"a request object is good for at most {LIFETIME // 60} minutes")
    if max(times.get("nbf", now), times.get("iat", now)) > now + LEEWAY:
        raise InvalidRequestObject("the request object is of the future; check the clock")
    return math.ceil(until)
