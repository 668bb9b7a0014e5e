"""All repositories over one driver."""

from __future__ import annotations

from collections.abc import Callable

from broker.store.base import Durable
from broker.store.sql import Driver
from broker.store.sql_clients import SqlClients
from broker.store.sql_deliveries import SqlDeliveries
from broker.store.sql_grants import SqlGrants
from broker.store.sql_keys import SqlKeys
from broker.store.sql_people import SqlPeople
from broker.store.sql_sessions import SqlSessions


def build_durable(driver: Driver, randomness: Callable[[int], bytes]) -> Durable:
    """The durable store of the driver's database; `randomness` makes ids."""
    return Durable(
        people=SqlPeople(driver, randomness),
        grants=SqlGrants(driver),
        sessions=SqlSessions(driver, randomness),
        deliveries=SqlDeliveries(driver),
        clients=SqlClients(driver),
        keys=SqlKeys(driver, randomness),
        ping=driver.ping,
        close=driver.close,
    )
