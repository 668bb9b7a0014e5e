"""Sealed records that a browser carries for us; one that is too large for it stays here, and it carries its name."""

from __future__ import annotations

from typing import TypeVar

from broker.core.errors import FlowGone
from broker.core.records import Record
from broker.core.seal import Seal, digest
from broker.services.context import Context
from broker.store.transient import Kind, Transient

MAX_TICKET = 4096  # characters; with the rest of a request line it passes every proxy
_BY_REFERENCE = "@"
R = TypeVar("R", bound=Record)


class Carried:
    """Records of one purpose. What they are bound to, a browser or a state, must be there again when they come back."""

    def __init__(self, context: Context, transient: Transient, seal: Seal, *, limit: int = MAX_TICKET) -> None:
        """`limit`: characters a browser carries at most."""
        self._context = context
        self._transient = transient
        self._seal = seal
        self._limit = limit

    async def seal(self, record: Record, *, bound_to: str, ttl: int) -> str:
        """What the browser carries; `ttl` in seconds is for what it does not."""
        sealed = self._seal.seal(record.to_bytes(), bound_to=bound_to.encode())
        if self._fits(sealed):
            return sealed
        reference = _BY_REFERENCE + self._context.mint()
        await self._transient.put(Kind.FLOW, digest(reference), sealed.encode(), ttl=ttl)
        return reference

    def seal_small(self, record: Record, *, bound_to: str) -> str:
        """As `seal`, but "" for what is too large: nothing is kept here for whoever merely looks at a page."""
        sealed = self._seal.seal(record.to_bytes(), bound_to=bound_to.encode())
        return sealed if self._fits(sealed) else ""

    def _fits(self, sealed: str) -> bool:
        return len(sealed) <= self._limit

    async def open_(self, kind: type[R], carried: str, *, bound_to: str) -> R:
        """The record; raises SealBroken for everything that is none of these, FlowGone where what is kept is gone."""
        if carried.startswith(_BY_REFERENCE):
            raw = await self._transient.get(Kind.FLOW, digest(carried))
            if raw is None:
                raise FlowGone("what was kept for this browser is gone")
            carried = raw.decode()
        return kind.from_bytes(self._seal.open_(carried, bound_to=bound_to.encode()))
