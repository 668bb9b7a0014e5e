"""An account of somebody that becomes part of another one of theirs."""

from __future__ import annotations

from collections.abc import Mapping

from broker.core.people.identity import Account, Link
from broker.store.accounts import Merged
from broker.store.base import Durable
from tests.contract.people import proof
from tests.services.bare_broker import NOW


async def absorb(
    durable: Durable, survivor: str, former: str, *, key: str = "old", seen_as: Mapping[str, str] | None = None
) -> Link:
    """An account of the name `former` is made and merged; `seen_as` as in the store. The way in that it brought."""
    link = Link(key, former, key, {}, {}, NOW)
    await durable.people.adopt(Account(former, NOW), link)
    done = await durable.accounts.merge(
        survivor,
        former,
        proof=proof(former, provider_key=key),
        now=NOW,
        expires_at=NOW + 86400,
        known=await durable.accounts.known_to(former),
        seen_as=seen_as or {},
    )
    assert done == Merged(again=False)
    return link
