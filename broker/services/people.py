"""How somebody is called, for pages that speak to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker.core.records import SessionRecord
from broker.store.base import Durable


class People:
    """Reads names; keeps none."""

    def __init__(self, durable: Durable) -> None:
        """`durable` holds the links."""
        self._durable = durable

    async def name_of(self, record: SessionRecord) -> str:
        """The name the upstream gave last, or "" when it gave none."""
        person = await self._durable.person(record.provider_key, record.subject)
        return pick_name(person.link.claims) if person else ""


def pick_name(claims: Mapping[str, Any]) -> str:
    """The most personal of the name claims, or ""."""
    for name in ("name", "given_name", "nickname", "preferred_username"):
        value = claims.get(name)
        if isinstance(value, str) and value:
            return value
    return ""
