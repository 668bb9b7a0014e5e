"""How somebody is called, for pages that speak to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker.core.records import Login
from broker.store.people import PeopleStore


class People:
    """Reads names; keeps none."""

    def __init__(self, people: PeopleStore) -> None:
        """`people` holds the links."""
        self._people = people

    async def name_of(self, login: Login) -> str:
        """The name the upstream gave last, or "" when it gave none."""
        person = await self._people.person(login.provider_key, login.subject)
        return pick_name(person.link.claims) if person else ""


def pick_name(claims: Mapping[str, Any]) -> str:
    """The most personal of the name claims, or ""."""
    for name in ("name", "given_name", "nickname", "preferred_username"):
        value = claims.get(name)
        if isinstance(value, str) and value:
            return value
    return ""
