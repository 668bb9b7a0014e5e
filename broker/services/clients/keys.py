"""The public keys of clients: by value, or fetched from their `jwks_uri`, seldom and once, and kept when that fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker.core.clients.client import Client
from broker.core.errors import FetchFailed
from broker.core.events import Event
from broker.core.jose.jwk import Key, UnknownKey, parse_keys, pick_key
from broker.core.wire.strict_json import Malformed, parse_object
from broker.services.context import Context, Outbound
from broker.upstream.kept import Kept, Times

FRESH_FOR = 5 * 60  # seconds: a key a client took out of its set is believed no longer than this
COOL_DOWN = 60  # seconds between two fetches that an unknown key id or a failure asks for
HARD_LIMIT = 24 * 3600  # seconds: keys that cannot be confirmed for this long are no longer believed
SET_LIMIT = 128 * 1024  # bytes: a hundred RSA keys of 4096 bits fit
_TIMES = Times(COOL_DOWN, COOL_DOWN, HARD_LIMIT)
CLIENTS_LIMIT = 10_000  # key sets held at once; of more, the one held longest is read anew


class ClientKeys:
    """Verifies nothing: it knows whose key is whose. One client's keys never answer for another's."""

    def __init__(self, context: Context, outbound: Outbound) -> None:
        """`outbound` reaches the URLs that clients gave us, and nothing inside."""
        self._context = context
        self._outbound = outbound
        self._sets: dict[str, _KeySet] = {}

    async def find(self, client: Client, kid: str | None, algorithm: str) -> Key:
        """The client's key for a token's header, to be given to `broker.core.jose.jwk.verify_signature`.

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
        self._kept = Kept(self._read, _TIMES, clock=context.monotonic)

    async def find(self, kid: str | None, algorithm: str) -> Key:
        key = await self._kept.find(lambda keys: pick_key(keys, kid, algorithm))
        if key is not None:
            return key
        raise UnknownKey("whose keys could not be had" if not self._kept.value else "by a key that is not registered")

    async def _read(self) -> tuple[tuple[Key, ...], float] | None:
        if isinstance(self.source, str):
            return await self._fetch(self.source)
        try:
            return parse_keys(self.source.get("keys")), float("inf")
        except Malformed:
            return (), float("inf")  # find says that there are none

    async def _fetch(self, uri: str) -> tuple[tuple[Key, ...], float] | None:
        """The keys as they are now, None where that fails."""
        try:
            answer = parse_object(await self._outbound.fetch(uri, limit=SET_LIMIT))
            keys = parse_keys(answer.get("keys"))
        except (FetchFailed, Malformed) as problem:
            self._note(self._kept.value or (), outcome=type(problem).__name__, reason=str(problem))
            return None
        self._note(keys, outcome="fetched")
        return keys, FRESH_FOR

    def _note(self, keys: tuple[Key, ...], **told: str) -> None:
        self._context.recorder.record(Event.CLIENT_KEYS, client_id=self._client_id, keys=len(keys), **told)
