"""The public keys of an issuer: fetched once, kept, and fetched again only when there is a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from broker.core import jwk
from broker.core.errors import UpstreamError, UpstreamInvalid, UpstreamUnavailable
from broker.core.events import Event, Recorder
from broker.core.jwk import Key, pick_key
from broker.core.strict_json import Malformed
from broker.upstream.fields import Fields

MIN_AGE, MAX_AGE = 5 * 60, 24 * 3600  # seconds: however the issuer caches, we ask at least daily, not more than that
HARD_LIMIT = 24 * 3600  # seconds: keys that cannot be confirmed for this long are no longer believed
COOL_DOWN = 60.0  # seconds between two fetches that an unknown key id, a bad signature or a failure asks for


class CacheableHttp(Protocol):
    """The part of the HTTP client that key sets need."""

    async def get_cacheable(self, url: str, *, spare: bool = False) -> tuple[Fields, int | None]:
        """The JSON object and how many seconds it may be kept; `spare`: one is kept that will do instead."""
        ...


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

    async def find(self, kid: str | None, algorithm: str, fits: Callable[[Any], bool] = lambda public: True) -> Any:
        """The public key for a token's header, if it made the token's signature, which `fits` says of a key.

        Without a `kid` there must be exactly one key for the algorithm. An issuer may replace a key under its old
        `kid`, or have none: a signature that does not fit is as good a reason to fetch again as a key that is missing.
        Raises UpstreamInvalid when there is no such key and UpstreamUnavailable when no keys could be had at all.
        """
        stale = self._clock() >= self._fresh_until
        if stale:
            await self._fetch()
        key = pick_key(self._keys, kid, algorithm)
        if not _is_it(key, fits) and not stale and self._clock() - self._forced_at >= COOL_DOWN:
            self._forced_at = self._clock()
            await self._fetch()
            key = pick_key(self._keys, kid, algorithm)
        if key is None and not self._keys:
            raise UpstreamUnavailable("no keys of the issuer could be had")
        if key is None:
            raise UpstreamInvalid("the issuer has no such key for this algorithm")
        if not _is_it(key, fits):
            raise UpstreamInvalid("the signature does not fit")
        return key.public

    async def _fetch(self) -> None:
        """Fetch once for everybody who waits; keep what there is when it fails."""
        seen = self._fetches
        async with self._lock:
            if self._fetches != seen:
                return
            try:
                answer, max_age = await self._http.get_cacheable(self._uri, spare=bool(self._keys))
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


def _is_it(key: Key | None, fits: Callable[[Any], bool]) -> bool:
    return key is not None and fits(key.public)


def parse_keys(answer: Fields) -> tuple[Key, ...]:
    """The usable keys of an issuer's JWK set (RFC 7517 section 5); raises UpstreamInvalid when there is none."""
    try:
        return jwk.parse_keys(answer.raw("keys"), of_upstream=True)
    except Malformed as problem:
        raise UpstreamInvalid(f"key set: {problem}") from None
