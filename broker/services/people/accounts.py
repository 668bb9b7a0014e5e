"""Identity to account: a first login makes both, an e-mail address makes nothing. And how somebody is called."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from broker.core.events import Event
from broker.core.people.identity import Account, Identity, Link, Person
from broker.core.records import Login
from broker.services.context import Context
from broker.services.people.held import build_link
from broker.services.people.standing import Standing
from broker.store.people import PeopleStore

_RENEW_AFTER = 86400  # seconds; an unchanged link is written at most this often


class Accounts:
    """Turns (provider instance, subject) into a person, and nothing else into one."""

    def __init__(self, context: Context, people: PeopleStore, standing: Standing) -> None:
        self._context = context
        self._people = people
        self._standing = standing

    async def resolve(self, provider_key: str, provider: str, identity: Identity) -> Person:
        """The person behind an identity; unknown ones are made. Raises as `Standing.check_account`."""
        known = await self.find(provider_key, provider, identity)
        return known or await self.make(provider_key, provider, identity)

    async def find(
        self, provider_key: str, provider: str, identity: Identity, *, at_home: bool = False
    ) -> Person | None:
        """Whose identity it is now, None for nobody's; raises as `Standing.check_account`. What was shown is kept."""
        person = await self._people.person(provider_key, identity.subject)
        if person is None:
            return None
        link = build_link(provider_key, provider, identity.after(person.link), now=self._context.now())
        return await self._welcome(person, link, at_home=at_home)

    async def make(self, provider_key: str, provider: str, identity: Identity) -> Person:
        """An account for an identity that is nobody's, both or neither; whose it is, if somebody was quicker."""
        now = self._context.now()
        link, account = build_link(provider_key, provider, identity, now=now), Account(self._mint_sub(), now)
        person = await self._people.adopt(account, link)
        if person.account.sub == account.sub:
            self._context.recorder.record(Event.ACCOUNT_CREATED, sub=account.sub, provider=provider)
        return await self._welcome(person, link)

    async def _welcome(self, person: Person, link: Link, *, at_home: bool = False) -> Person:
        """Them, with what the upstream said in `link`."""
        if _is_stale(person.link, link):
            await self._people.update_link(link)
            person = Person(person.account, replace(link, linked_at=person.link.linked_at, home=person.link.home))
        self._standing.check_account(person.account, at_home=at_home)
        return person

    def _mint_sub(self) -> str:
        """130 random bits in lower-case letters and digits: nothing in it tells who, when or through whom."""
        return b32encode(self._context.randomness(20)).decode("ascii").lower()[:26]


class People:
    """Reads who somebody is; keeps nothing."""

    def __init__(self, people: PeopleStore) -> None:
        self._people = people

    async def find(self, login: Login) -> Person | None:
        """The person of a login, with what the upstream said last; None where the way in is another's by now."""
        person = await self._people.person(login.provider_key, login.subject)
        return person if person is not None and person.account.sub == login.sub else None


def pick_name(claims: Mapping[str, Any]) -> str:
    """The most personal of the name claims, or ""."""
    for name in ("name", "given_name", "nickname", "preferred_username"):
        value = claims.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def _is_stale(kept: Link, fresh: Link) -> bool:
    same = (kept.provider, kept.claims, kept.raw_ids) == (fresh.provider, fresh.claims, fresh.raw_ids)
    return not same or fresh.seen_at - kept.seen_at >= _RENEW_AFTER
