"""Our signing keys: made on first start, sealed at rest, published before use, rotated by age and by command."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256

import orjson

from broker.core.events import Event
from broker.core.jose.own_keys import OwnKey, build_own_key
from broker.core.records import SigningKey
from broker.core.terms import Algorithm
from broker.services.context import Context
from broker.services.keys.signing import KeyService, Signer
from broker.store.grants import GrantStore
from broker.store.keys import KeyStore

LOOK_EVERY = 20.0
"""Seconds between two looks of a node at the keys in the store: well under the minute in which all must agree."""


@dataclass(frozen=True, slots=True)
class RotationRules:
    """In seconds: age at which a new key takes over, how long before and after use a key is published."""

    rotate_every: int
    publish_before: int
    keep_after: int


@dataclass(frozen=True, slots=True)
class Keys:
    """One consistent view of the keys: what signs, what verifies, what is published."""

    signers: Mapping[Algorithm, Signer]
    own: Mapping[str, OwnKey]
    jwks: bytes
    etag: str


class KeyRing:
    """Holds the current view and brings it up to date; `current` is replaced as a whole, never changed."""

    current: Keys

    def __init__(
        self,
        context: Context,
        store: KeyStore,
        service: KeyService,
        *,
        algorithms: tuple[Algorithm, ...],
        rules: RotationRules,
    ) -> None:
        """`service` makes and opens the private keys; `algorithms` are those to hold a key for."""
        self._context = context
        self._store = store
        self._service = service
        self._algorithms = algorithms
        self._rules = rules
        self._opened: dict[str, Signer] = {}
        self._signing: dict[Algorithm, str] = {}
        self._lock = asyncio.Lock()

    async def refresh(self) -> None:
        """Make, activate, retire and delete keys as their age demands, then publish the view. Safe at any time.

        Several rings over one store may each make a key at the same moment. They agree on the newest, and the others
        retire: signed with or not, a key that was ever published stays published as long as its tokens live.
        """
        async with self._lock:
            await self._refresh()

    async def _refresh(self) -> None:
        stored = await self._store.signing_keys()
        now = self._context.now()
        for algorithm in self._algorithms:
            await self._advance(algorithm, [key for key in stored if key.algorithm == algorithm], now)
        await self._publish(await self._store.signing_keys(), now)

    async def rotate(self, algorithm: Algorithm, *, at_once: bool = False) -> str:
        """Publish a new key that takes over after `publish_before`, or now; its kid. The old one stays published.

        `at_once` also retires a key that was waiting for its turn: whoever is in such a hurry trusts no older key.
        """
        async with self._lock:
            now = self._context.now()
            before = [key for key in await self._store.signing_keys() if key.algorithm == algorithm]
            key = await self._make(algorithm, active_at=now if at_once else now + self._rules.publish_before)
            for old in before if at_once else ():
                if old.retired_at is None:
                    await self._retire(old, now)
            await self._refresh()
            return key.kid

    async def replace(self, algorithms: Collection[Algorithm] = ()) -> None:
        """Remove every key of these algorithms, whatever its state, and sign with new ones; none named: all keys.

        For a key that has leaked. What the old ones signed is believed here from now on no more, and on another node
        from its next look on. Raises StoreUnavailable; either all of it was done, or the old keys are all there.
        """
        async with self._lock:
            now = self._context.now()
            held = [algorithm for algorithm in self._algorithms if not algorithms or algorithm in algorithms]
            heirs = [await self._build(algorithm, active_at=now) for algorithm in held]
            removed = await self._store.replace(heirs, algorithms={algorithm.value for algorithm in algorithms} or None)
            for key in removed:
                self._context.recorder.record(Event.KEY_REMOVED, kid=key.kid, algorithm=key.algorithm)
            for key in heirs:
                self._context.recorder.record(Event.KEY_CREATED, kid=key.kid, algorithm=key.algorithm)
            await self._refresh()

    def signer(self, algorithm: Algorithm) -> Signer:
        """Signs with the active key of this algorithm."""
        return self.current.signers[algorithm]

    async def _advance(self, algorithm: Algorithm, keys: list[SigningKey], now: int) -> None:
        live = [key for key in keys if key.retired_at is None]
        active = _in_turn(live, now)
        if not active:
            # Nothing can have been signed with this algorithm yet, so nobody's cache can be stale.
            active = [await self._make(algorithm, active_at=now)]
        newest = max(active, key=_order)
        if len(live) <= len(active) and newest.active_at + self._rules.rotate_every - self._rules.publish_before <= now:
            await self._make(algorithm, active_at=now + self._rules.publish_before)
        for key in active:
            if key.kid != newest.kid:
                await self._retire(key, now)
        for key in keys:
            if key.retired_at is not None and key.retired_at + self._rules.keep_after <= now:
                await self._store.delete(key.kid)

    async def _make(self, algorithm: Algorithm, *, active_at: int) -> SigningKey:
        key = await self._build(algorithm, active_at=active_at)
        await self._store.add(key)
        self._context.recorder.record(Event.KEY_CREATED, kid=key.kid, algorithm=algorithm.value)
        return key

    async def _build(self, algorithm: Algorithm, *, active_at: int) -> SigningKey:
        made = await self._service.make(algorithm)
        return SigningKey(
            kid=made.public_jwk["kid"],
            algorithm=algorithm.value,
            sealed=made.kept,
            public_jwk=orjson.dumps(dict(made.public_jwk)).decode(),
            created_at=self._context.now(),
            active_at=active_at,
        )

    async def _retire(self, key: SigningKey, now: int) -> None:
        if await self._store.retire(key.kid, at=now):
            self._context.recorder.record(Event.KEY_RETIRED, kid=key.kid, algorithm=key.algorithm)

    async def _publish(self, stored: tuple[SigningKey, ...], now: int) -> None:
        signers: dict[Algorithm, Signer] = {}
        kept = {key.kid for key in stored}
        self._opened = {kid: signer for kid, signer in self._opened.items() if kid in kept}
        for algorithm in self._algorithms:
            live = [key for key in stored if key.algorithm == algorithm and key.retired_at is None]
            for key in sorted(_in_turn(live, now), key=_order)[-1:]:
                signers[algorithm] = await self._open(key)
        public = [orjson.loads(key.public_jwk) for key in stored]
        jwks = orjson.dumps({"keys": public})
        self.current = Keys(
            signers=signers,
            own={jwk["kid"]: build_own_key(jwk) for jwk in public},
            jwks=jwks,
            etag=f'"{sha256(jwks).hexdigest()[:32]}"',
        )
        for algorithm, signer in signers.items():
            if self._signing.get(algorithm) != signer.kid:
                self._signing[algorithm] = signer.kid
                self._context.recorder.record(Event.KEY_ACTIVATED, kid=signer.kid, algorithm=algorithm.value)

    async def _open(self, key: SigningKey) -> Signer:
        if key.kid not in self._opened:
            handle = await self._service.open_(key)
            self._opened[key.kid] = Signer(key.kid, Algorithm(key.algorithm), handle)
        return self._opened[key.kid]


async def end_grants(context: Context, grants: GrantStore) -> int:
    """End all that apps were given about people: access and refresh tokens of every form. How many grants ended.

    Browsers stay signed on, so an app gets new tokens without anybody typing. A login under way is finished.
    """
    ended = await grants.revoke_all(now=context.now())
    context.recorder.record(Event.GRANTS_ENDED, grants=ended)
    return ended


def _in_turn(live: list[SigningKey], now: int) -> list[SigningKey]:
    """The keys of one algorithm whose turn has come, or the first of those that wait.

    None has come when the clock stepped back past a take-over. A key that waits was published in time; one made now
    would be unknown to everybody who asked for the keys a moment ago.
    """
    return [key for key in live if key.active_at <= now] or sorted(live, key=_order)[:1]


def _order(key: SigningKey) -> tuple[int, int, str]:
    return key.active_at, key.created_at, key.kid
