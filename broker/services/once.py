"""What counts once: a claim that one caller wins, given back where the store kept the winner from finishing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from broker.core.errors import PageError, StoreUnavailable
from broker.store.transient import Kind, Transient


@asynccontextmanager
async def once(transient: Transient, key: str, *, ttl: int, again: PageError) -> AsyncIterator[None]:
    """Do the body for the first caller with this key (a digest) in `ttl` seconds; raises `again` for every other.

    Where the body ends in StoreUnavailable the claim is given back: nothing was answered, so the person presses the
    button again when the store is back. The body must be such that doing it twice does no more than once: what
    cannot be taken back comes last. After any other failure the claim stands.
    """
    if not await transient.put(Kind.CLAIM, key, b"1", ttl=ttl):
        raise again
    try:
        yield
    except StoreUnavailable:
        await transient.take(Kind.CLAIM, key)
        raise
