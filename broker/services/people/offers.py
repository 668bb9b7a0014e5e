"""Account linking at a login: somebody unknown is asked whether they have an account here already.

Nothing is made before they answer, and what they showed waits sealed in their own browser.
"""

from __future__ import annotations

from broker.core.clients.client import Client
from broker.core.errors import ForeignPost, SealBroken
from broker.core.people.identity import Person
from broker.core.people.linking import Known, LinkingRule, Outcome
from broker.core.records import ForClient, HeldIdentity, JoinTicket
from broker.services.carried import Carried
from broker.services.people.held import PROOF_TTL, HeldIdentities, Shown
from broker.services.providers import Providers
from broker.store.people import PeopleStore


class Offers:
    """Decides by the table of `broker.core.people.linking` who is asked, and keeps the question."""

    def __init__(self, people: PeopleStore, providers: Providers, held: HeldIdentities, tickets: Carried) -> None:
        """`tickets` have the purpose "join"."""
        self._people = people
        self._providers = providers
        self._held = held
        self._tickets = tickets

    async def ask(
        self, shown: Shown, purpose: ForClient, client: Client, *, browser: str, last_used: str
    ) -> str | None:
        """The ticket of a question for this `browser` about somebody nobody knows; None where none is due.

        `last_used`: the provider that this browser used last, as it says. Who looked for their account, in vain, is
        asked again about whom they were before.
        """
        before, purpose = purpose.held, purpose.replace(held=None)
        if before is not None and self._held.is_good(before):
            return await self._seal(JoinTicket(before, purpose, missed=shown.instance.name), browser)
        held = self._held.hold(shown)
        ways, rule = self._ways(held, client), shown.instance.linking
        sharing = await self._sharing(rule, held)
        known = Known.VERIFIED if sharing else Known.BROWSER if last_used in ways else Known.NOBODY
        outcome = rule.decide(held.claims, known)
        if outcome is Outcome.NEW or not ways:
            return None
        prove = self._named(sharing, ways) if outcome is Outcome.PROVE else ""
        return await self._seal(JoinTicket(held, purpose, prove), browser)

    async def is_named(self, held: HeldIdentity, client: Client, sub: str) -> bool:
        """Whether the question about them named the ways into this account, so that taking one was the answer."""
        instance, ways = self._held.check(held), self._ways(held, client)
        rule = instance.linking
        sharing = await self._sharing(rule, held)
        outcome = rule.decide(held.claims, Known.VERIFIED if sharing else Known.NOBODY)
        return outcome is Outcome.PROVE and self._named(sharing, ways) == sub

    async def open_(self, sealed: str, *, browser: str) -> JoinTicket:
        """The question that was put to exactly this browser; raises ForeignPost, FlowGone or ProviderNotOffered."""
        try:
            ticket = await self._tickets.open_(JoinTicket, sealed, bound_to=browser)
        except SealBroken as error:
            raise ForeignPost(error.detail) from None
        self._held.check(ticket.held)
        return ticket

    async def ways_into(self, ticket: JoinTicket, client: Client) -> tuple[str, ...]:
        """The providers that the page leads to: those of the account that it names, or all that this client offers."""
        ways = self._ways(ticket.held, client)
        if not ticket.prove:
            return ways
        keys = {link.provider_key for link in await self._people.links(ticket.prove)}
        return tuple(name for name in ways if self._providers.find(name).key in keys)

    async def _seal(self, ticket: JoinTicket, browser: str) -> str:
        return await self._tickets.seal(ticket, bound_to=browser, ttl=PROOF_TTL)

    def _ways(self, held: HeldIdentity, client: Client) -> tuple[str, ...]:
        """The other ways that this client offers."""
        return tuple(name for name in self._providers.offered_to(client) if name != held.provider)

    async def _sharing(self, rule: LinkingRule, held: HeldIdentity) -> tuple[Person, ...]:
        address = rule.address(held.claims)
        return await self._people.sharing_address(address) if address is not None else ()

    def _named(self, sharing: tuple[Person, ...], ways: tuple[str, ...]) -> str:
        """The one account with the address, if a way into it is offered here; of several none is named."""
        subs = {person.account.sub for person in sharing}
        keys = {self._providers.find(name).key for name in ways}
        reachable = any(person.link.provider_key in keys for person in sharing)
        return subs.pop() if len(subs) == 1 and reachable else ""
