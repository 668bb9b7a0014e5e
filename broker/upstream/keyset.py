"""The public keys of an issuer: fetched once, kept, and fetched again only when there is a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm, RSAAlgorithm, RSAPSSAlgorithm
from jwt.exceptions import InvalidKeyError

from broker.core.errors import UpstreamError, UpstreamInvalid, UpstreamUnavailable
from broker.core.events import Event, Recorder
from broker.upstream.fields import Fields

MIN_AGE, MAX_AGE = 5 * 60, 24 * 3600  # seconds: however the issuer caches, we ask at least daily, not more than that
HARD_LIMIT = 24 * 3600  # seconds: keys that cannot be confirmed for this long are no longer believed
COOL_DOWN = 60.0  # seconds between two fetches that an unknown key id or a failure asks for
KEYS_LIMIT = 100
_RSA_BITS = range(2048, 16385)

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
    "EdDSA": (OKPAlgorithm(), "Ed25519"),
    "Ed25519": (OKPAlgorithm(), "Ed25519"),
}
_PUBLIC_MEMBERS = frozenset({"kty", "crv", "n", "e", "x", "y"})


class CacheableHttp(Protocol):
    """The part of the HTTP client that key sets need."""

    async def get_cacheable(self, url: str) -> tuple[Fields, int | None]:
        """The JSON object and how many seconds it may be kept."""
        ...


class Key:
    """One public key, parsed, with the algorithms it may verify."""

    __slots__ = ("algorithms", "kid", "public")

    def __init__(self, kid: str, public: Any, algorithms: frozenset[str]) -> None:
        self.kid, self.public, self.algorithms = kid, public, algorithms


class KeySet:
    """The keys behind one `jwks_uri`. Fetches are single; a failed one leaves the last good keys in place."""

    def __init__(
        self, http: CacheableHttp, uri: str, *, name: str, recorder: Recorder, clock: Callable[[], float]
    ) -> None:
        """`name` of the provider instance, for events; `clock` gives monotonic seconds."""
        self._http, self._uri = http, uri
        self._name, self._recorder = name, recorder
        self._clock = clock
        self._lock = asyncio.Lock()
        self._fetches = 0
        self._keys: tuple[Key, ...] = ()
        self._fresh_until = self._dead_at = self._forced_at = float("-inf")

    async def find(self, kid: str | None, algorithm: str) -> Any:
        """The public key for a token's header.

        Without a `kid` there must be exactly one key for the algorithm. Raises UpstreamInvalid when there is none and
        UpstreamUnavailable when no keys could be had at all.
        """
        stale = self._clock() >= self._fresh_until
        if stale:
            await self._fetch()
        key = self._pick(kid, algorithm)
        if key is None and not stale and self._clock() - self._forced_at >= COOL_DOWN:
            self._forced_at = self._clock()
            await self._fetch()
            key = self._pick(kid, algorithm)
        if key is None and not self._keys:
            raise UpstreamUnavailable("no keys of the issuer could be had")
        if key is None:
            raise UpstreamInvalid("the issuer has no such key for this algorithm")
        return key.public

    def _pick(self, kid: str | None, algorithm: str) -> Key | None:
        fitting = [key for key in self._keys if algorithm in key.algorithms and kid in {None, key.kid}]
        return fitting[0] if len(fitting) == 1 else None

    async def _fetch(self) -> None:
        """Fetch once for everybody who waits; keep what there is when it fails."""
        seen = self._fetches
        async with self._lock:
            if self._fetches != seen:
                return
            try:
                answer, max_age = await self._http.get_cacheable(self._uri)
                keys = parse_keys(answer)
            except UpstreamError as error:
                self._keep_last_good(error)
            else:
                self._keys = keys
                self._fresh_until = self._clock() + min(max(max_age or 0, MIN_AGE), MAX_AGE)
                self._dead_at = self._clock() + HARD_LIMIT
                self._recorder.record(Event.UPSTREAM_KEYS, provider=self._name, outcome="fetched", keys=len(keys))
            self._fetches += 1

    def _keep_last_good(self, error: UpstreamError) -> None:
        if self._clock() >= self._dead_at:
            self._keys = ()
        if self._keys:
            self._fresh_until = self._clock() + COOL_DOWN
        self._recorder.record(
            Event.UPSTREAM_KEYS, provider=self._name, outcome=type(error).__name__, keys=len(self._keys)
        )


def parse_keys(answer: Fields) -> tuple[Key, ...]:
    """The usable keys of a JWK set (RFC 7517 section 5); raises UpstreamInvalid when there is none.

    Key by key: one of a kind nobody knows is left out, as section 5 asks, and does not take the others with it.
    """
    listed = answer.raw("keys")
    if not isinstance(listed, list) or len(listed) > KEYS_LIMIT:
        raise UpstreamInvalid("key set: keys is no list, or too long")
    keys = tuple(key for key in map(_parse_key, listed) if key is not None)
    if not keys:
        raise UpstreamInvalid("key set: no usable key")
    return keys


def _parse_key(jwk: object) -> Key | None:
    """The key, or None where it is not for verifying signatures, not known or too weak (RFC 8725 section 3.5)."""
    if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig" or "verify" not in _listed(jwk.get("key_ops")):
        return None
    kind = jwk.get("crv", jwk.get("kty"))
    named = jwk.get("alg")
    algorithms = frozenset(alg for alg, (_, serves) in ALGORITHMS.items() if serves == kind and named in (None, alg))
    kid = jwk.get("kid", "")
    if not algorithms or not isinstance(kid, str):
        return None
    try:
        public = ALGORITHMS[min(algorithms)][0].from_jwk({n: v for n, v in jwk.items() if n in _PUBLIC_MEMBERS})
    except (InvalidKeyError, UnsupportedAlgorithm, ValueError, TypeError, KeyError):
        return None
    if isinstance(public, RSAPublicKey) and public.key_size not in _RSA_BITS:
        return None
    return Key(kid, public, algorithms)


def _listed(key_ops: object) -> Iterable[object]:
    if key_ops is None:
        return ("verify",)
    return key_ops if isinstance(key_ops, list) else ()
