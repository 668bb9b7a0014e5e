"""The public keys of clients: by value, or fetched from their `jwks_uri`, seldom and once, and kept when that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from broker.core.client import Client
from broker.core.errors import FetchFailed
from broker.core.events import Event
from broker.core.jwk import Key, UnknownKey, parse_keys, pick_key
from broker.core.strict_json import Malformed, parse_object
from broker.services.context import Context
from broker.services.outbound import Outbound

FRESH_FOR = 5 * 60  # seconds: a key a client took out of its set is believed no longer than this
COOL_DOWN = 60  # seconds between two fetches that an unknown key id or a failure asks for
HARD_LIMIT = 24 * 3600  # seconds: keys that cannot be confirmed for this long are no longer believed
SET_LIMIT = 128 * 1024  # bytes: a hundred RSA keys of 4096 bits fit
CLIENTS_LIMIT = 10_000  # key sets held at once; of more, the one held longest is read anew


class ClientKeys:
    """Verifies nothing: it knows whose key is whose. One client's keys never answer for another's."""

    def __init__(self, context: Context, outbound: Outbound) -> None:
        """`outbound` reaches the URLs that clients gave us, and nothing inside."""
        self._context = context
        self._outbound = outbound
        self._sets: dict[str, _KeySet] = {}

    async def find(self, client: Client, kid: str | None, algorithm: str) -> Key:
        """The client's key for a token's header, to be given to `broker.core.jwk.verify_signature`.

        Without a `kid` there must be exactly one key for the algorithm. Raises UnknownKey.
        """
        policy = client.assertions
        source = policy.jwks if policy.jwks is not None else policy.jwks_uri
        if not source:
            raise UnknownKey("of a client that has no keys registered")
        known = self._sets.get(client.id)
        if known is None or known.source != source:
            known = self._sets[client.id] = _KeySet(self._context, self._outbound, client.id, source)
            if len(self._sets) > CLIENTS_LIMIT:
                del self._sets[next(iter(self._sets))]
        return await known.find(kid, algorithm)


class _KeySet:
    """The keys of one client, as it has registered them: the set itself or where it is."""

    def __init__(self, context: Context, outbound: Outbound, client_id: str, source: Mapping[str, Any] | str) -> None:
        self.source = source
        self._context, self._outbound, self._client_id = context, outbound, client_id
        self._lock = asyncio.Lock()
        self._fetches = 0
        self._keys: tuple[Key, ...] = ()
        self._next_at = self._dead_at = self._forced_at = float("-inf")

    async def find(self, kid: str | None, algorithm: str) -> Key:
        due = self._context.clock() >= self._next_at
        if due:
            await self._read()
        key = pick_key(self._keys, kid, algorithm)
        if key is None and not due and self._keys and self._may_force():
            self._forced_at = self._context.clock()
            await self._read()
            key = pick_key(self._keys, kid, algorithm)
        if key is not None:
            return key
        raise UnknownKey("whose keys could not be had" if not self._keys else "by a key that is not registered")

    def _may_force(self) -> bool:
        return isinstance(self.source, str) and self._context.clock() - self._forced_at >= COOL_DOWN

    async def _read(self) -> None:
        """Once for everybody who waits."""
        seen = self._fetches
        async with self._lock:
            if self._fetches != seen:
                return
            if isinstance(self.source, str):
                await self._fetch(self.source)
            else:
                self._take(self.source)
            self._fetches += 1

    def _take(self, jwks: Mapping[str, Any]) -> None:
        self._next_at = float("inf")
        with suppress(Malformed):  # find says that there are none
            self._keys = parse_keys(jwks.get("keys"))

    async def _fetch(self, uri: str) -> None:
        """The keys as they are now; keep what there is when that fails, and do not ask again at once."""
        try:
            answer = parse_object(await self._outbound.fetch(uri, limit=SET_LIMIT))
            self._keys = parse_keys(answer.get("keys"))
        except (FetchFailed, Malformed) as problem:
            outcome = type(problem).__name__
            if self._context.clock() >= self._dead_at:
                self._keys = ()
            self._next_at = self._context.clock() + COOL_DOWN
        else:
            outcome = "fetched"
            self._next_at = self._context.clock() + FRESH_FOR
            self._dead_at = self._context.clock() + HARD_LIMIT
        self._context.recorder.record(
            Event.CLIENT_KEYS, client_id=self._client_id, outcome=outcome, keys=len(self._keys)
        )
