"""Identity to account: a first login makes both, an e-mail address makes nothing. And how somebody is called."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from broker.core.access import SignUp
from broker.core.clients.client import Client
from broker.core.errors import SignUpClosed
from broker.core.events import Event
from broker.core.people.identity import Account, Identity, Link, Person
from broker.core.records import Login
from broker.services.context import Context
from broker.services.people.held import build_link
from broker.services.people.invitations import Invitations
from broker.services.people.standing import Standing
from broker.store.people import PeopleStore

_RENEW_AFTER = 86400  # seconds; an unchanged link is written at most this often


class Accounts:
    """Turns (provider instance, subject) into a person, and nothing else into one."""

    def __init__(self, context: Context, people: PeopleStore, standing: Standing, invitations: Invitations) -> None:
        """`standing` says who may come in, `invitations` who may get an account where not everybody does."""
        self._context = context
        self._people = people
        self._standing = standing
        self._invitations = invitations

    async def resolve(self, provider_key: str, provider: str, identity: Identity, client: Client) -> Person:
        """The person behind an identity; unknown ones are made. Raises as `find` and `make`."""
        known = await self.find(provider_key, provider, identity, client)
        return known or await self.make(provider_key, provider, identity, client)

    async def find(self, provider_key: str, provider: str, identity: Identity, client: Client | None) -> Person | None:
        """Whose identity it is now, None for nobody's. What was shown is kept. Without a client: at the account page.

        Raises as `Standing.check_person`; AccessBarred also for nobody: they are asked no question, and shown no way.
        """
        person = await self._people.person(provider_key, identity.subject)
        told = identity if person is None else identity.after(person.link)
        link = build_link(provider_key, provider, told, now=self._context.now())
        if person is not None:
            return await self._welcome(person, link, client)
        self._standing.check_admitted(link, client)
        return None

    async def make(self, provider_key: str, provider: str, identity: Identity, client: Client) -> Person:
        """An account for an identity that is nobody's, both or neither; whose it is, if somebody was quicker.

        Raises SignUpClosed where nobody new gets one at this client, or only who was invited; the rest as `find`.
        """
        now = self._context.now()
        link, account = build_link(provider_key, provider, identity, now=now), Account(mint_sub(self._context), now)
        self._standing.check_admitted(link, client)
        sign_up = self._standing.sign_up(client)
        if sign_up is SignUp.OPEN:
            person = await self._people.adopt(account, link)
        else:
            person = await self._adopt_known(account, link, client, sign_up)
        if person.account.sub == account.sub:
            invited = sign_up is SignUp.INVITED
            self._context.recorder.record(Event.ACCOUNT_CREATED, sub=account.sub, provider=provider, invited=invited)
        return await self._welcome(person, link, client)

    async def _adopt_known(self, account: Account, link: Link, client: Client, sign_up: SignUp) -> Person:
        invitations = self._invitations.fitting(link) if sign_up is SignUp.INVITED else ()
        person = await self._people.adopt_invited(account, link, invitations, now=account.created_at)
        if person is None:
            self._standing.tell_refused(link, client, f"sign_up: {sign_up}")
            needs = " without an invitation" if sign_up is SignUp.INVITED else ""
            public = f"this person has no account here, and the operator lets nobody sign up{needs}"
            raise SignUpClosed(f"nobody new gets an account{needs}", public=public)
        return person

    async def _welcome(self, person: Person, link: Link, client: Client | None) -> Person:
        """Them, with what the upstream said in `link`, which is kept also of who may not come in any more."""
        if _is_stale(person.link, link):
            await self._people.update_link(link)
            person = Person(person.account, replace(link, linked_at=person.link.linked_at, home=person.link.home))
        self._standing.check_person(person, client)
        return person


class People:
    """Reads who somebody is; keeps nothing."""

    def __init__(self, people: PeopleStore) -> None:
        self._people = people

    async def find(self, login: Login) -> Person | None:
        """The person of a login, with what the upstream said last; None where the way in is another's by now."""
        person = await self._people.person(login.provider_key, login.subject)
        return person if person is not None and person.account.sub == login.sub else None


def mint_sub(context: Context) -> str:
    """130 random bits in lower-case letters and digits: nothing in it tells who, when or through whom."""
    return b32encode(context.randomness(20)).decode("ascii").lower()[:26]


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
