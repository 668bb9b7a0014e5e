"""The signed assertion by which a client proves itself (RFC 7523 section 3, RFC 10070, OIDC Core 9).

An app may sign other things with the same key: request objects, DPoP proofs, tokens for somebody else. None of them
passes here: a `typ` that names another kind, a missing `sub` or `jti`, a claim of another kind or another audience is
enough to refuse it.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from broker.core.clients.client import AssertionPolicy, Client
from broker.core.errors import InvalidClient
from broker.core.jose.compact import UnverifiedToken, numeric_date, parse_token
from broker.core.seal import digest
from broker.core.terms import AuthMethod
from broker.core.wire.strict_json import Malformed

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFETIME = 5 * 60  # seconds: no assertion is good for longer than this from now
LEEWAY = 30  # seconds two clocks may differ; FAPI 2.0 section 5.3.2.1 asks for 10 to 60
JTI_LIMIT = 256  # characters
SHORTEST_SECRET = 32  # characters
ALGORITHMS: Mapping[str, tuple[str, ...]] = {
    AuthMethod.PRIVATE_KEY_JWT: ("PS256", "ES256", "EdDSA", "RS256"),
    AuthMethod.SECRET_JWT: ("HS256",),
}
EVERY_ALGORITHM = tuple(name for names in ALGORITHMS.values() for name in names)
ENDPOINTS = ("/token", "/revoke", "/introspect", "/par")
_TYPES = {None, "jwt", "client-authentication+jwt"}
# What stands in a request object (RFC 9101), a DPoP proof (RFC 9449) or a logout token, and never in an assertion.
_FOREIGN = frozenset({"client_id", "response_type", "redirect_uri", "scope", "nonce", "htm", "htu", "ath", "events"})
_NOT_ACCEPTED = "client authentication failed; check the client id, its registered method, the key and its algorithm"


def parse_assertion(assertion: str, assertion_type: str, client_id: str) -> tuple[UnverifiedToken, str]:
    """The assertion and whose it claims to be; `client_id` is that of the request or "". Raises InvalidClient.

    Nothing about the client is known here, so what is refused here is refused alike for clients there are and are not.
    """
    if assertion_type != ASSERTION_TYPE:
        raise InvalidClient(f"client_assertion_type must be {ASSERTION_TYPE}")
    try:
        token = parse_token(assertion, EVERY_ALGORITHM)
    except Malformed as problem:
        raise InvalidClient(
            f"client_assertion is not a JWT signed by one of {', '.join(EVERY_ALGORITHM)}",
            detail=f"assertion: {problem}",
        ) from None
    claimed = token.claims.get("sub")
    if not isinstance(claimed, str) or not claimed or token.claims.get("iss") != claimed:
        raise InvalidClient("client_assertion must name the client in iss and in sub (RFC 7523 section 3)")
    if client_id not in {"", claimed}:
        raise InvalidClient("client_id differs from the client in client_assertion")
    return token, claimed


def method_of(token: UnverifiedToken) -> AuthMethod:
    """The method that signs by this algorithm: a key of one is never used for the other."""
    return next(AuthMethod(method) for method, names in ALGORITHMS.items() if token.algorithm in names)


def check_method(client: Client | None, token: UnverifiedToken) -> Client:
    """The client when this is its registered method and one of its algorithms; raises InvalidClient."""
    if client is None or client.auth_method is not method_of(token):
        raise InvalidClient(_NOT_ACCEPTED, detail="assertion: unknown client, or not its method")
    if client.assertions.assertion_algs and token.algorithm not in client.assertions.assertion_algs:
        raise InvalidClient(_NOT_ACCEPTED, detail="assertion: an algorithm this client may not sign with")
    return client


def verify_mac(token: UnverifiedToken, policy: AssertionPolicy) -> None:
    """Returns when one of the client's secrets made the HMAC; raises Malformed.

    A secret shorter than the hash signs nothing, least of all one that was lost (RFC 7518 section 3.2).
    """
    keys = [secret.encode() for secret in policy.shared_secrets if len(secret) >= SHORTEST_SECRET]
    made = [hmac.digest(key, token.signing_input, sha256) for key in keys]
    if not any([hmac.compare_digest(one, token.signature) for one in made]):
        raise Malformed("with a signature that does not fit")


def not_accepted(problem: Malformed) -> InvalidClient:
    """The failure when key and signature do not fit: whoever has no key of the client learns nothing about it."""
    return InvalidClient(_NOT_ACCEPTED, detail=f"assertion: {problem}")


def check_claims(token: UnverifiedToken, policy: AssertionPolicy, *, issuer: str, now: float) -> tuple[str, int]:
    """(what it must not be used twice under, for how many seconds) of a signed assertion; raises InvalidClient.

    Whoever gets here holds the client's key and is told what to change.
    """
    typ = None if token.typ is None else token.typ.lower().removeprefix("application/")
    if typ not in _TYPES:
        raise InvalidClient("client_assertion is a token of another type; typ is client-authentication+jwt (RFC 10070)")
    if _FOREIGN & token.claims.keys():
        raise InvalidClient("client_assertion holds claims of another kind of token, such as a request object")
    _check_audience(token.claims.get("aud"), policy, issuer)
    expires_at = _check_times(token.claims, now)
    jti = token.claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= JTI_LIMIT:
        raise InvalidClient(f"client_assertion needs a jti: a new text of 1 to {JTI_LIMIT} characters each time")
    key = digest(f"{token.claims['sub']}\0{jti}")
    return key, math.ceil(expires_at + LEEWAY - now) + 1  # a store counts in whole seconds


def _check_audience(audience: object, policy: AssertionPolicy, issuer: str) -> None:
    """Strictly the issuer as one text: whoever is sent an assertion for two may take it to the other (RFC 10070)."""
    if not policy.legacy_audience:
        if audience != issuer:
            raise InvalidClient("aud of client_assertion must be the issuer, as one text (RFC 10070)")
        return
    ours = {issuer, *(f"{issuer}{path}" for path in ENDPOINTS)}
    named = audience if isinstance(audience, list) else [audience]
    if not named or not all(isinstance(one, str) and one in ours for one in named):
        raise InvalidClient("aud of client_assertion must be the issuer, or an endpoint of it, and nobody else")


def _check_times(claims: Mapping[str, Any], now: float) -> float:
    """`exp` in epoch seconds."""
    expires_at = _time(claims, "exp")
    if now >= expires_at + LEEWAY:
        raise InvalidClient("client_assertion has expired")
    if expires_at > now + LIFETIME + LEEWAY:
        raise InvalidClient(f"exp of client_assertion must be at most {LIFETIME // 60} minutes ahead")
    for name in ("iat", "nbf"):
        if name in claims and _time(claims, name) > now + LEEWAY:
            raise InvalidClient(f"{name} of client_assertion is in the future; check the clock")
    return expires_at


def _time(claims: Mapping[str, Any], name: str) -> float:
    return numeric_date(
        claims.get(name), lambda: InvalidClient(f"{name} of client_assertion must be a time in epoch seconds")
    )
