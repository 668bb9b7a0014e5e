"""Transient on Redis 7.0 or newer, or Valkey. Every method is one command, so every method is one step."""

from __future__ import annotations

from typing import Self

from broker.core.events import Recorder
from broker.store.outage import Outage
from broker.store.redis.fitness import Fitness
from broker.store.redis.wire import Wire
from broker.store.transient import Kind, Transient

# In one step, since a counter whose process died between the two would count for ever.
_HIT = "local n = redis.call('INCR', KEYS[1]) if n == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end return n"


class RedisTransient(Transient):
    """The Transient protocol, which says what each method promises, and counters. Expiry is the server's."""

    def __init__(self, wire: Wire, prefix: str) -> None:
        """Use `open`."""
        self._wire, self._prefix = wire, prefix

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        prefix: str,
        installation: str,
        recorder: Recorder | None = None,
        patience: float = 1.0,
        look_every: float = 2.0,
    ) -> Self:
        """Connect to the server at `url`; `prefix` goes in front of every key.

        `installation`: the id of the durable store this one belongs to; what is under `prefix` is claimed for it.
        `recorder` hears when the server goes away and when it is back; `patience` in seconds is how long an answer may
        take, `look_every` how often the server is looked at. One that is not there is waited for, and until then every
        method raises StoreUnavailable. Raises ConfigError for a server that may not hold our state: it evicts, is too
        old, refuses us, or belongs to another installation.
        """
        outage = Outage("redis", recorder)
        fitness = Fitness(prefix, installation)
        wire = Wire(url, fitness=fitness, outage=outage, patience=patience, look_every=look_every)
        try:
            await wire.start()
        except BaseException:
            await wire.close()
            raise
        return cls(wire, prefix)

    async def put(self, kind: Kind, key: str, value: bytes, *, ttl: int) -> bool:
        return bool(await self._wire.call("SET", self._named(kind, key), value, "NX", "EX", max(ttl, 1)))

    async def get(self, kind: Kind, key: str) -> bytes | None:
        return _value(await self._wire.call("GET", self._named(kind, key)))

    async def replace(self, kind: Kind, key: str, value: bytes, *, ttl: int) -> bool:
        return bool(await self._wire.call("SET", self._named(kind, key), value, "XX", "EX", max(ttl, 1)))

    async def take(self, kind: Kind, key: str) -> bytes | None:
        return _value(await self._wire.call("GETDEL", self._named(kind, key)))

    async def hit(self, key: str, *, ttl: int) -> int:
        """Count one hit and return the count since the first of a window of `ttl` seconds."""
        return int(await self._wire.call("EVAL", _HIT, 1, f"{self._prefix}hit:{key}", max(ttl, 1)))

    async def ping(self) -> None:
        """Looks at the server at once, as the wire does every few seconds by itself."""
        await self._wire.check()

    async def close(self) -> None:
        await self._wire.close()

    def _named(self, kind: Kind, key: str) -> str:
        # No kind holds a colon, so no key of one kind reads as a key of another, whatever it holds itself.
        return f"{self._prefix}{kind}:{key}"


def _value(answer: object) -> bytes | None:
    return answer if isinstance(answer, bytes) else None
