"""The public keys of an issuer: fetched once, kept, and fetched again only when there is a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from broker.core.errors import UpstreamError, UpstreamInvalid, UpstreamUnavailable
from broker.core.events import Event, Recorder
from broker.core.jose import jwk
from broker.core.jose.jwk import Key, pick_key
from broker.core.wire.strict_json import Malformed
from broker.upstream.fields import Fields
from broker.upstream.kept import Kept, Times

MIN_AGE, MAX_AGE = 5 * 60, 24 * 3600  # seconds: however the issuer caches, we ask at least daily, not more than that
HARD_LIMIT = 24 * 3600  # seconds: keys that cannot be confirmed for this long are no longer believed
COOL_DOWN = 60.0  # seconds between two fetches that an unknown key id, a bad signature or a failure asks for
FIRST_COOL_DOWN = 5.0  # seconds after a failure while no keys are kept: people wait for them
_TIMES = Times(COOL_DOWN, FIRST_COOL_DOWN, HARD_LIMIT)


class CacheableHttp(Protocol):
    """The part of the HTTP client that key sets need."""

    async def get_cacheable(self, url: str, *, spare: bool = False) -> tuple[Fields, int | None]:
        """The JSON object and how many seconds it may be kept; `spare`: one is kept that will do instead."""


class KeySet:
    """The keys behind one `jwks_uri`. Fetches are single; a failed one leaves the last good keys in place."""

    def __init__(
        self, http: CacheableHttp, uri: str, *, name: str, recorder: Recorder, clock: Callable[[], float]
    ) -> None:
        """`name` of the provider instance, for events; `clock` gives monotonic seconds."""
        self._http, self._uri = http, uri
        self._name, self._recorder = name, recorder
        self._kept = Kept(self._fetch, _TIMES, clock=clock)
        self._problem = ""

    async def find(self, kid: str | None, algorithm: str, fits: Callable[[Any], bool] = lambda public: True) -> Key:
        """The key for a token's header, if it made the token's signature, which `fits` says of a key.

        Without a `kid` there must be exactly one key for the algorithm. An issuer may replace a key under its old
        `kid`, or have none: a signature that does not fit is as good a reason to fetch again as a key that is missing.
        Raises UpstreamInvalid when there is no such key and UpstreamUnavailable when no keys could be had at all.
        """

        def pick(keys: tuple[Key, ...]) -> Key | None:
            key = pick_key(keys, kid, algorithm)
            return key if key is not None and fits(key.public) else None

        found = await self._kept.find(pick)
        if found is not None:
            return found
        if self._kept.value is None:
            raise UpstreamUnavailable(f"no keys of the issuer could be had: {self._problem}")
        if pick_key(self._kept.value, kid, algorithm) is None:
            raise UpstreamInvalid("the issuer has no such key for this algorithm")
        raise UpstreamInvalid("the signature does not fit")

    async def _fetch(self) -> tuple[tuple[Key, ...], float] | None:
        spare = self._kept.value
        try:
            answer, max_age = await self._http.get_cacheable(self._uri, spare=spare is not None)
            keys = parse_keys(answer)
        except UpstreamError as error:
            self._problem = error.detail
            self._note(spare or (), outcome=type(error).__name__, reason=error.detail)
            return None
        self._note(keys, outcome="fetched")
        return keys, min(max(max_age or 0, MIN_AGE), MAX_AGE)

    def _note(self, keys: tuple[Key, ...], **told: str) -> None:
        self._recorder.record(Event.UPSTREAM_KEYS, provider=self._name, keys=len(keys), **told)


def parse_keys(answer: Fields) -> tuple[Key, ...]:
    """The usable keys of an issuer's JWK set (RFC 7517 section 5); raises UpstreamInvalid when there is none."""
    try:
        return jwk.parse_keys(answer.raw("keys"), of_upstream=True)
    except Malformed as problem:
        raise UpstreamInvalid(f"key set: {problem}") from None
