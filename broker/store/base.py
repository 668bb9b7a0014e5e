"""Durable: what was acknowledged survives `kill -9`. What expires by itself is in `broker.store.transient`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from broker.core.webhooks import Subscriptions
from broker.store.accounts import AccountStore
from broker.store.arrivals import ArrivalStore
from broker.store.clients import ClientStore
from broker.store.consents import ConsentStore
from broker.store.deliveries import DeliveryStore
from broker.store.extra_claims import ExtraClaimStore
from broker.store.grants import GrantStore
from broker.store.history import HistoryStore
from broker.store.invitations import InvitationStore
from broker.store.keys import KeyStore
from broker.store.notify import NotifyStore
from broker.store.operators import AdminTokenStore
from broker.store.people import PeopleStore
from broker.store.sessions import SessionStore
from broker.store.switches import SwitchStore
from broker.store.upstream_tokens import UpstreamTokenStore


@dataclass(frozen=True, slots=True)
class Durable:
    """The repositories of one database.

    Every method of theirs is one step, acknowledged only after commit, and raises StoreUnavailable when it cannot
    answer; nothing was acknowledged then. Times are epoch seconds. Keys of secret things are digests, so a dump holds
    nothing usable. `ping` returns when the database can be written to; `close` finishes what was accepted. `subscribe`:
    from now on every operation of this process queues events for these webhooks; before, for none.
    """

    people: PeopleStore
    accounts: AccountStore
    arrivals: ArrivalStore
    consents: ConsentStore
    extra_claims: ExtraClaimStore
    history: HistoryStore
    grants: GrantStore
    sessions: SessionStore
    upstream_tokens: UpstreamTokenStore
    deliveries: DeliveryStore
    notify: NotifyStore
    clients: ClientStore
    invitations: InvitationStore
    switches: SwitchStore
    admin_tokens: AdminTokenStore
    keys: KeyStore
    subscribe: Callable[[Subscriptions], None]
    ping: Callable[[], Awaitable[None]]
    close: Callable[[], Awaitable[None]]

    async def sweep(self, *, now: int) -> int:
        """Delete what can never matter again; the number of rows. Housekeeping only: reads check times themselves."""
        kept = (self.grants, self.sessions, self.upstream_tokens, self.history, self.notify, self.invitations)
        return sum([await store.sweep(now=now) for store in kept]) + await self.people.sweep()
