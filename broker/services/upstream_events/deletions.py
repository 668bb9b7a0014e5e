"""An upstream says that somebody wants to be deleted, and shows them a page of ours: what came of it (ADR 70).

Nothing is kept for that page: what it needs to know is sealed into its address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from broker.core.errors import SealBroken
from broker.core.records import Record
from broker.core.seal import Seal
from broker.services.context import Context
from broker.services.providers import Providers
from broker.services.upstream_events.hearing import UpstreamEvents
from broker.store.accounts import AccountStore
from broker.store.people import PeopleStore

READABLE = 366 * 86400  # seconds: whoever has an address learns how things are, and is not to do so for ever


class DeletionTicket(Record, frozen=True, tag="deletion"):
    """Who asked at which provider to be deleted, and when (epoch seconds); `sub` is whose account it was, or ""."""

    provider: str
    provider_key: str
    subject: str
    sub: str
    asked_at: int
    confirmation: str


class Outcome(StrEnum):
    """How things are today."""

    GONE = "gone"  # the account is deleted
    CLOSING = "closing"  # it will be
    PARTED = "parted"  # the way in is gone, and the account stays, for another one leads into it
    NOBODY = "nobody"  # the way in leads nowhere, and whose account it was, if anybody's, is not known
    BLOCKED = "blocked"  # an operator has blocked the account, which keeps it
    IN_USE = "in_use"  # somebody signed in again, or called the deletion off


@dataclass(frozen=True, slots=True)
class Promise:
    """What the upstream is answered: with `status`, the sealed part of the page's address, and a name for the case."""

    status: int
    sealed: str
    confirmation: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the page says. Times in epoch seconds; `closes_at` is that of an account which is to be deleted."""

    outcome: Outcome
    provider_title: Mapping[str, str]
    confirmation: str
    asked_at: int
    closes_at: int | None


class Deletions:
    """What is done is done by `UpstreamEvents`, as by every event; here is what its upstream and its person hear."""

    def __init__(
        self,
        context: Context,
        events: UpstreamEvents,
        people: PeopleStore,
        accounts: AccountStore,
        providers: Providers,
        *,
        seal: Seal,
    ) -> None:
        self._context = context
        self._events = events
        self._people = people
        self._accounts = accounts
        self._providers = providers
        self._seal = seal

    async def receive(self, name: str, body: bytes) -> Promise:
        """Do what the message to `Abilities.deletes` demands, once; raises as `UpstreamEvents.take`."""
        taken = await self._events.take(name, body, lambda abilities: abilities.deletes)
        ticket = DeletionTicket(
            taken.instance.name,
            taken.instance.key,
            taken.subject,
            taken.sub,
            self._context.now(),
            taken.confirmation,
        )
        return Promise(taken.status, self._seal.seal(ticket.to_bytes()), taken.confirmation)

    async def look(self, sealed: str) -> Told | None:
        """How things are today; None for what is not sealed by us for this, and for what is older than a year."""
        try:
            ticket = DeletionTicket.from_bytes(self._seal.open_(sealed))
        except SealBroken:
            return None
        if self._context.now() - ticket.asked_at > READABLE:
            return None
        outcome, closes_at = await self._find(ticket)
        title = self._providers.name_of(ticket.provider) or {"": ticket.provider}
        return Told(outcome, title, ticket.confirmation, ticket.asked_at, closes_at)

    async def _find(self, ticket: DeletionTicket) -> tuple[Outcome, int | None]:
        person = await self._people.person(ticket.provider_key, ticket.subject)
        if person is None:
            if not ticket.sub:
                return Outcome.NOBODY, None
            # What becomes of the account by its other ways in is nobody's business who holds the address of a page.
            stays = await self._accounts.resolve(ticket.sub) is not None
            return Outcome.PARTED if stays else Outcome.GONE, None
        if person.account.blocked:
            return Outcome.BLOCKED, None
        closes_at = person.account.closes_at
        return (Outcome.IN_USE if closes_at is None else Outcome.CLOSING), closes_at
