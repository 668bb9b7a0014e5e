"""What counts once: a claim that one caller wins, given back where the store kept the winner from finishing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from broker.core.errors import BrokerError, StoreUnavailable
from broker.core.seal import digest
from broker.store.transient import Kind, Transient


@asynccontextmanager
async def once(
    transient: Transient,
    key: str,
    *,
    ttl: int,
    again: BrokerError,
    gives_back: tuple[type[BrokerError], ...] = (StoreUnavailable,),
) -> AsyncIterator[None]:
    """Do the body for the first caller with this key (a digest) in `ttl` seconds; raises `again` for every other.

    Where the body ends in one of `gives_back` the claim is given back: nothing was answered, so whoever it was tries
    again, a person by pressing the button when the store is back. The body must be such that doing it twice does no
    more than once: what cannot be taken back comes last. After any other failure the claim stands.
    """
    if not await transient.put(Kind.CLAIM, key, b"1", ttl=ttl):
        raise again
    try:
        yield
    except gives_back:
        await transient.take(Kind.CLAIM, key)
        raise


def reply_mark(provider_key: str, replay_key: str) -> str:
    """What a bearer string of this provider is known by for `once`, by whatever way it comes: page, chat or app."""
    return digest(f"reply {provider_key} {replay_key}")
