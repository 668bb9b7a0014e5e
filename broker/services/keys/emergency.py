"""What an operator does when a signing key has leaked."""

from __future__ import annotations

from collections.abc import Collection

from broker.core.events import Event
from broker.core.terms import Algorithm
from broker.services.context import Context
from broker.services.keys.ring import KeyRing
from broker.store.grants import GrantStore


class Emergency:
    """Takes back what was signed and, when asked, what was given."""

    def __init__(self, context: Context, keys: KeyRing, grants: GrantStore) -> None:
        """`keys` is this node's ring; the others follow it through the store."""
        self._context = context
        self._keys = keys
        self._grants = grants

    async def replace_keys(self, algorithms: Collection[Algorithm]) -> None:
        """New keys sign, and no old one of these algorithms is believed or published; none named: all keys."""
        await self._keys.replace(algorithms)

    async def end_grants(self) -> int:
        """End all that apps were given about people: access and refresh tokens of every form. How many grants ended.

        Browsers stay signed on, so an app gets new tokens without anybody typing. A login under way is finished.
        """
        ended = await self._grants.revoke_all(now=self._context.now())
        self._context.recorder.record(Event.GRANTS_ENDED, grants=ended)
        return ended
