"""Verification of what issuers sign (OIDC Core 3.1.3.7, RFC 7519, RFC 8725): all is checked, nothing has a default."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256, sha384, sha512
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from broker.core.errors import UpstreamInvalid, quote
from broker.core.events import Event, Recorder
from broker.core.jose.compact import UnverifiedToken, b64url, numeric_date, parse_token, read_claims
from broker.core.jose.jwk import ALGORITHMS, Key
from broker.core.posted import NONCE_MARK
from broker.core.wire.strict_json import Malformed
from broker.upstream.fields import Fields, counting, same
from broker.upstream.keyset import CacheableHttp, KeySet
from broker.upstream.model import IdTokenRules, Jwt
from broker.upstream.tenants import TENANT, is_tenant

# The final specification recommends the first; issuers that do not follow it say what is said of any token.
_LOGOUT_TYPES = frozenset({"LOGOUT+JWT", "JWT"})
_EVENT_TYPES = frozenset({"SECEVENT+JWT", "JWT"})  # RFC 8417 section 2.3; few issuers name it
_HASH = re.compile(r"[0-9a-fA-F]{64}")
_HASHES = {"256": sha256, "256K": sha256, "384": sha384, "512": sha512, "EdDSA": sha512, "Ed25519": sha512}


class JwtVerifier(Jwt):
    """Implements `broker.upstream.model.Jwt` for one provider instance; key sets are never shared between two."""

    def __init__(
        self,
        http: CacheableHttp,
        *,
        name: str,
        recorder: Recorder,
        now: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        """`now` gives epoch seconds, `clock` monotonic ones; `name` of the instance, for events."""
        self._http, self._name, self._recorder = http, name, recorder
        self._now, self._clock = now, clock
        self._odd = counting(recorder, name)
        self._key_sets: dict[str, KeySet] = {}

    async def verify_id_token(self, token: str, rules: IdTokenRules) -> Fields:
        unverified = _parse(token, rules.algorithms)
        key, claims = await self._find(unverified, rules.jwks_uri, "ID token")
        self._check(claims, rules)
        check_key(key, claims, rules)
        check_access_token_hash(claims, unverified.algorithm, rules.access_token)
        return claims

    async def verify_userinfo(self, token: str, rules: IdTokenRules) -> Fields:
        """The claims of a signed userinfo answer (OIDC Core 5.3.2) of these issuers for us; raises UpstreamInvalid.

        Whom it is about is the caller's to check, and its time is that of the call it answers.
        """
        claims = await self._verify(_parse(token, rules.algorithms, what="userinfo"), rules.jwks_uri, "userinfo")
        if claims.text("iss") not in rules.issuers or rules.audience not in audiences_of(claims.raw("aud")):
            raise UpstreamInvalid("userinfo: it is of another issuer or for another client")
        return claims

    async def verify_logout_token(self, token: str, *, jwks_uri: str, algorithms: tuple[str, ...]) -> Fields:
        unverified = _parse(token, algorithms, what="logout token", types=_LOGOUT_TYPES)
        return await self._verify(unverified, jwks_uri, "logout token")

    async def verify_event(self, token: str, *, jwks_uri: str, algorithms: tuple[str, ...]) -> Fields:
        unverified = _parse(token, algorithms, what="event", types=_EVENT_TYPES)
        return await self._verify(unverified, jwks_uri, "event")

    def read_direct(self, token: str, rules: IdTokenRules) -> Fields:
        try:
            claims = Fields(read_claims(token), "ID token", self._odd)
        except Malformed as problem:
            raise UpstreamInvalid(f"ID token: {problem}") from None
        self._check(claims, rules)
        return claims

    def _check(self, claims: Fields, rules: IdTokenRules) -> None:
        now = self._now()
        check_parties(claims, rules)
        ahead = point_in_time(claims, "iat") - now
        self._recorder.record(Event.UPSTREAM_CLOCK, provider=self._name, ahead_s=round(ahead, 1))
        check_times(claims, now=now, skew=rules.skew, issued_after=rules.issued_after)
        check_nonce(claims, rules)

    def verify_pinned(self, token: str, *, public_key: str, algorithm: str) -> Fields:
        unverified = _parse(token, (algorithm,))
        try:
            public = load_pem_public_key(public_key.encode())
            fits = _fits(unverified, ALGORITHMS[algorithm][0].prepare_key(public))
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise UpstreamInvalid("the pinned key is not a public key for this algorithm") from None
        if not fits:
            raise UpstreamInvalid("ID token: the signature does not fit")
        return Fields(unverified.claims, "ID token", self._odd)

    async def _verify(self, token: UnverifiedToken, jwks_uri: str, what: str) -> Fields:
        return (await self._find(token, jwks_uri, what))[1]

    async def _find(self, token: UnverifiedToken, jwks_uri: str, what: str) -> tuple[Key, Fields]:
        """The key that made the signature, and the claims."""
        try:
            key = await self._key_set(jwks_uri).find(token.kid, token.algorithm, lambda public: _fits(token, public))
        except UpstreamInvalid as problem:
            raise UpstreamInvalid(f"{what}: {problem.detail}") from None
        return key, Fields(token.claims, what, self._odd)

    def _key_set(self, uri: str) -> KeySet:
        if uri not in self._key_sets:
            self._key_sets[uri] = KeySet(self._http, uri, name=self._name, recorder=self._recorder, clock=self._clock)
        return self._key_sets[uri]


def _parse(
    token: str, algorithms: tuple[str, ...], *, what: str = "ID token", types: frozenset[str] = frozenset({"JWT"})
) -> UnverifiedToken:
    try:
        unverified = parse_token(token, ALGORITHMS.keys() & set(algorithms))
    except Malformed as problem:
        raise UpstreamInvalid(f"{what}: {problem}") from None
    if unverified.typ is not None and unverified.typ.upper() not in types:
        raise UpstreamInvalid(f"{what}: it is a token of another type")
    return unverified


def _fits(token: UnverifiedToken, public: Any) -> bool:
    return bool(ALGORITHMS[token.algorithm][0].verify(token.signing_input, public, token.signature))


def check_parties(claims: Fields, rules: IdTokenRules) -> None:
    """Made by this issuer, about somebody, for us and at our request (OIDC Core 3.1.3.7 points 2 to 5)."""
    if claims.text("iss") not in [spell(issuer, claims, rules) for issuer in rules.issuers]:
        raise UpstreamInvalid("ID token: iss is another issuer")
    claims.text("sub")
    audiences, parties = audiences_of(claims.raw("aud")), rules.azp or (rules.audience,)
    if not {rules.audience, *parties} & set(audiences):
        raise UpstreamInvalid(f"ID token: our client id is not in aud ({quote(', '.join(audiences))})")
    if rules.sole and len(audiences) > 1:
        raise UpstreamInvalid("ID token: aud names others besides our client id")
    if len(audiences) > 1 and "azp" not in claims:
        raise UpstreamInvalid("ID token: aud names several and azp does not say which of them asked")
    issued_to = claims.text("azp") if "azp" in claims else audiences[0]
    if issued_to not in parties:
        raise UpstreamInvalid(f"ID token: it was issued to another client ({quote(issued_to)})")


def spell(issuer: str, claims: Fields, rules: IdTokenRules) -> str:
    """This issuer as a token has to name it: where it stands for many tenants, with the one that the token is of.

    Raises UpstreamInvalid for a tenant that is none.
    """
    if TENANT not in issuer or not rules.tenant_claim:
        return issuer
    tenant = claims.text(rules.tenant_claim)
    if not is_tenant(tenant):
        raise UpstreamInvalid(f"ID token: {rules.tenant_claim} is no tenant")
    return issuer.replace(TENANT, tenant)


def check_key(key: Key, claims: Fields, rules: IdTokenRules) -> None:
    """Where one set of keys serves many issuers, a key that names one signs for no other."""
    if rules.tenant_claim and key.issuer and claims.text("iss") != spell(key.issuer, claims, rules):
        raise UpstreamInvalid("ID token: it is signed with a key for another issuer")


def audiences_of(given: object, what: str = "ID token") -> list[str]:
    """The values of `aud`, which is one text or a list of them (RFC 7519 section 4.1.3); raises UpstreamInvalid."""
    found = []
    for one in given if isinstance(given, list) else [given]:
        # quirk(telegram): aud is the bot id and may come as a number (contract read 2026-11)
        value = str(one) if isinstance(one, int) and not isinstance(one, bool) else one
        if not isinstance(value, str):
            raise UpstreamInvalid(f"{what}: aud is neither a text nor a list of texts")
        found.append(value)
    return found


def check_times(claims: Fields, *, now: float, skew: int, issued_after: int | None) -> None:
    """Not expired, not from the future, and not older than the login attempt; all in epoch seconds."""
    issued_at = point_in_time(claims, "iat")
    valid_from = max(issued_at, point_in_time(claims, "nbf") if "nbf" in claims else 0)
    expires_at = point_in_time(claims, "exp")
    if now >= expires_at + skew:
        raise UpstreamInvalid(f"ID token: expired {now - expires_at:.0f} s ago; check both clocks")
    if valid_from > now + skew:
        raise UpstreamInvalid(f"ID token: not valid yet by {valid_from - now:.0f} s; check both clocks")
    if issued_after is not None and issued_at < issued_after - skew:
        before = issued_after - issued_at
        raise UpstreamInvalid(f"ID token: made {before:.0f} s before this login attempt; check both clocks")


def point_in_time(claims: Fields, name: str) -> float:
    """A NumericDate (RFC 7519 section 2) of an upstream; raises UpstreamInvalid."""
    return numeric_date(claims.raw(name), lambda: UpstreamInvalid(f"{name} is not a point in time"))


def check_nonce(claims: Fields, rules: IdTokenRules) -> None:
    """The nonce of this login attempt, where it must or happens to be there (OIDC Core 3.1.3.7 point 11).

    One that was made for a challenge is worth nothing without it, whoever else may come unasked (threats M1).
    """
    if rules.unasked:
        told = str(claims.raw("nonce"))
        if told.startswith(NONCE_MARK) or (rules.hashed_nonce and _HASH.fullmatch(told)):  # which may be of a challenge
            raise UpstreamInvalid("ID token: it was made for a challenge, which did not come along")
        return
    if rules.nonce_optional and "nonce" not in claims:
        return
    forms = (rules.nonce, sha256(rules.nonce.encode()).hexdigest()) if rules.hashed_nonce else (rules.nonce,)
    if not rules.nonce or not any([same(claims.text("nonce"), form) for form in forms]):
        raise UpstreamInvalid("ID token: nonce is not that of this login attempt")


def check_access_token_hash(claims: Fields, algorithm: str, access_token: str | None) -> None:
    """`at_hash`, where present, fits the access token, where one came along (OIDC Core 3.1.3.6)."""
    if "at_hash" not in claims or access_token is None:
        return
    hashed = _HASHES.get(algorithm, _HASHES.get(algorithm[2:]))
    if hashed is None:
        raise UpstreamInvalid("ID token: at_hash of an algorithm we cannot hash for")
    digest = hashed(access_token.encode(errors="surrogatepass")).digest()
    half = b64url(digest[: len(digest) // 2])
    if not access_token or not same(claims.text("at_hash"), half):
        raise UpstreamInvalid("ID token: at_hash does not fit the access token")
