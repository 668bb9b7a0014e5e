"""All repositories over one driver."""

from __future__ import annotations

from collections.abc import Callable

from broker.store.base import Durable
from broker.store.sql.accounts import SqlAccounts
from broker.store.sql.arrivals import SqlArrivals
from broker.store.sql.clients import SqlClients
from broker.store.sql.consents import SqlConsents
from broker.store.sql.deliveries import Outbox, SqlDeliveries
from broker.store.sql.extra_claims import SqlExtraClaims
from broker.store.sql.grants import SqlGrants
from broker.store.sql.history import SqlHistory
from broker.store.sql.invitations import SqlInvitations
from broker.store.sql.keys import SqlKeys
from broker.store.sql.notify import SqlNotify
from broker.store.sql.operators import SqlAdminTokens
from broker.store.sql.people import SqlPeople
from broker.store.sql.sessions import SqlSessions
from broker.store.sql.steps import Driver
from broker.store.sql.switches import SqlSwitches
from broker.store.sql.upstream_tokens import SqlUpstreamTokens


def build_durable(driver: Driver, randomness: Callable[[int], bytes]) -> Durable:
    """The durable store of the driver's database; `randomness` makes ids."""
    outbox = Outbox(randomness)
    return Durable(
        people=SqlPeople(driver, outbox),
        accounts=SqlAccounts(driver, outbox),
        arrivals=SqlArrivals(driver),
        consents=SqlConsents(driver, outbox),
        extra_claims=SqlExtraClaims(driver),
        history=SqlHistory(driver, outbox),
        grants=SqlGrants(driver),
        sessions=SqlSessions(driver, outbox),
        upstream_tokens=SqlUpstreamTokens(driver, outbox),
        deliveries=SqlDeliveries(driver),
        notify=SqlNotify(driver),
        clients=SqlClients(driver),
        invitations=SqlInvitations(driver),
        switches=SqlSwitches(driver),
        admin_tokens=SqlAdminTokens(driver),
        keys=SqlKeys(driver, randomness),
        subscribe=outbox.subscribe,
        ping=driver.ping,
        close=driver.close,
    )
