"""What is stored of people: accounts, the upstream identities linked to them, consents, and providers' namespaces."""

from __future__ import annotations

from typing import Protocol

from broker.core.people.identity import Account, Link, Person


class NamespaceChanged(Exception):
    """A provider's name now stands for another set of people although somebody is linked through the old one."""

    def __init__(self, alias: str, *, before: str, after: str, links: int) -> None:
        super().__init__(f"{alias}: {before} -> {after}, {links} links")
        self.alias, self.before, self.after, self.links = alias, before, after, links


class PeopleStore(Protocol):
    """A repository of `broker.store.base.Durable`, which says what all of them have in common."""

    async def person(self, provider_key: str, subject: str) -> Person | None:
        """Who is linked to exactly this subject, byte for byte, of this provider instance."""

    async def adopt(self, account: Account, link: Link) -> Person:
        """Make account and link in one transaction, or return who has the link already (then nothing changed)."""

    async def update_link(self, link: Link) -> None:
        """Store what the upstream says now: claims, raw ids, provider name and time of an existing link."""

    async def links(self, sub: str) -> tuple[Link, ...]:
        """All links of an account, oldest first."""

    async def set_blocked(self, sub: str, blocked: bool) -> bool:
        """Switch an account off or on; False when there is none. A blocked account's grants stop being live."""

    async def consent(self, sub: str, client_id: str, promise: str) -> frozenset[str]:
        """The scopes this account agreed to for this client under exactly this promise; empty when it never did."""

    async def save_consent(self, sub: str, client_id: str, promise: str, scope: frozenset[str], at: int) -> None:
        """Add to the scopes agreed to under this promise."""

    async def namespace_key(self, alias: str, namespace: str) -> str:
        """The internal id of a provider instance's set of people, made on first sight and never changed.

        Raises NamespaceChanged when `alias` stood for another namespace that has links and `namespace` was never seen.
        """
