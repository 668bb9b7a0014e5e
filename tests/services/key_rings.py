"""Key rings over one store and one clock."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

import orjson

from broker.core.records import SigningKey
from broker.core.seal import Seal
from broker.core.terms import Algorithm
from broker.services.context import Context
from broker.services.keys.ring import KeyRing
from broker.services.keys.signing import KeyService, SealedKeys
from broker.store.sqlite.store import SqliteStore
from tests.services.bare_broker import ISSUER, MASTER, RULES, Clock, Notes

DAY = 86_400
ES, ED = Algorithm.ES256, Algorithm.EDDSA


def sealed_keys(masters: tuple[bytes, ...] = (MASTER,)) -> SealedKeys:
    """The service that keeps keys in the store."""
    return SealedKeys(Seal(masters, "signing key", randomness=os.urandom, clock=time.time))


@dataclass
class Rings:
    """Key rings over one store and one clock, as the nodes of one broker have them."""

    store: SqliteStore
    clock: Clock = field(default_factory=Clock)
    notes: Notes = field(default_factory=Notes)

    def open(
        self, *algorithms: Algorithm, masters: tuple[bytes, ...] = (MASTER,), service: KeyService | None = None
    ) -> KeyRing:
        """One more node; ES256 alone unless told otherwise."""
        context = Context(ISSUER, self.clock, os.urandom, self.notes)
        service = service or sealed_keys(masters)
        return KeyRing(context, self.store.durable.keys, service, algorithms=algorithms or (ES,), rules=RULES)

    async def stored(self) -> tuple[SigningKey, ...]:
        """What the store holds."""
        return await self.store.durable.keys.signing_keys()

    async def pass_days(self, days: float, *rings: KeyRing) -> None:
        """Later, with housekeeping."""
        self.clock.now += days * DAY
        for ring in rings:
            await ring.refresh()


def published(ring: KeyRing) -> set[str]:
    """The kids in the JWKS."""
    return {key["kid"] for key in orjson.loads(ring.current.jwks)["keys"]}
