"""What is stored of people: the upstream identities linked to their accounts, and providers' namespaces."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from broker.core.people.identity import Account, Link, Person


class NamespaceChanged(Exception):
    """A provider's name now stands for another set of people although somebody is linked through the old one."""

    def __init__(self, alias: str, *, before: str, after: str, links: int) -> None:
        super().__init__(f"{alias}: {before} -> {after}, {links} links")
        self.alias, self.before, self.after, self.links = alias, before, after, links


@dataclass(frozen=True, slots=True)
class Linked:
    """The way in is the account's. `again`: it was before, and nothing changed."""

    again: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """It is the way into another account."""

    sub: str


@dataclass(frozen=True, slots=True)
class Unlinked:
    """The way in is gone, with what came from it. `home`: the account that it went back to, or ""."""

    home: str


class NotLinked:
    """It is none of this account's, or the account is not there, blocked or closing."""


class LastLink:
    """No other one can be used to sign in; nothing changed."""


class PeopleStore(Protocol):
    """A repository of `broker.store.base.Durable`, which says what all of them have in common."""

    async def person(self, provider_key: str, subject: str) -> Person | None:
        """Who is linked to exactly this subject, byte for byte, of this provider instance."""

    async def adopt(self, account: Account, link: Link) -> Person:
        """Make account and link in one transaction, or return who has the link already (then nothing changed).

        Both are kept as they are given.
        """

    async def adopt_invited(
        self, account: Account, link: Link, invitations: Collection[str], *, now: int
    ) -> Person | None:
        """As `adopt`, but only where one of these invitations is good `now`; all of them are spent by it, or none is.

        None: nobody has the link, and nobody with it was invited.
        """

    async def update_link(self, link: Link) -> None:
        """Store what the upstream says now: claims, raw ids, provider name and time of an existing link."""

    async def links(self, sub: str) -> tuple[Link, ...]:
        """All links of an account, oldest first."""

    async def link(self, sub: str, link: Link, *, began_at: int, now: int) -> Linked | Taken | NotLinked:
        """Add a way in to a living account, in one transaction; of two accounts that want it at once one has it.

        `began_at`: when the login set out by which it was proved (epoch seconds). Its `linked_at` is `now` and it has
        no home, whatever `link` says. NotLinked: there is no such account, or it is blocked, closing, merged or
        deleted; or the way in was taken from it since (threats D6).
        """

    async def unlink(
        self, sub: str, provider_key: str, subject: str, *, usable: Collection[str], now: int, expires_at: int
    ) -> Unlinked | NotLinked | LastLink:
        """Take a way in from an account, and end what came from it; marks of ended sessions stay until `expires_at`.

        `usable`: keys of the providers that are switched on; by one of them another way in must be left.

        All in one transaction. One that has a home goes back there, and the home is alive again: unless it was deleted,
        or is part of a third account by now. Then the way in is nobody's.
        """

    async def sweep(self) -> int:
        """Work out by which names links are found that an older version wrote; how many."""

    async def sharing_address(self, address: str) -> tuple[Person, ...]:
        """Who may sign in with a link whose proven address this is, folded; at most ten links, oldest first."""

    async def namespace_key(self, alias: str, namespace: str) -> str:
        """The internal id of a provider instance's set of people, made on first sight and never changed.

        Raises NamespaceChanged when `alias` stood for another namespace that has links and `namespace` was never seen.
        """

    async def namespace_keys(self, namespaces: Mapping[str, str]) -> Mapping[str, str]:
        """As `namespace_key`, of several by their alias: all of them, or none is changed."""
