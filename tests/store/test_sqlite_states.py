"""States of the database that no method makes yet, but later ones and operators will: the rules hold there already."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator

import pytest

from broker.core.authorize.consent import Said
from broker.store.outage import Outage
from broker.store.sql.durable import build_durable
from broker.store.sqlite.engine import Engine, SqliteDriver
from broker.store.sqlite.file import open_database
from tests.contract.people import NOW, account, grant, link, settle, token

pytestmark = pytest.mark.anyio


class Place:
    """A store and a way to change its rows behind its back."""

    def __init__(self) -> None:
        """In memory."""
        self.engine = Engine(open_database(":memory:"), Outage("sqlite", None))
        self.durable = build_durable(SqliteDriver(self.engine), bytes)

    async def sql(self, statement: str) -> list[tuple[object, ...]]:
        """Its rows."""
        return await self.engine.write(lambda db: db.execute(statement).fetchall())


@pytest.fixture
async def place(anyio_backend: str) -> AsyncIterator[Place]:
    """With the person of `settle`."""
    found = Place()
    await settle(found.durable)
    yield found
    await found.engine.close()


async def test_a_deleted_account_leaves_a_stone_that_keeps_its_sub_for_ever(place: Place) -> None:
    await place.sql("DELETE FROM links WHERE sub = 's1'")
    await place.sql(f"UPDATE accounts SET deleted_at = {NOW} WHERE sub = 's1'")
    assert await place.durable.people.person("p1", "x1") is None
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        await place.durable.people.adopt(account("s1"), link())
    assert (await place.durable.people.adopt(account("s2"), link())).account.sub == "s2"
    assert await place.durable.grants.find("g1", now=NOW) is None


async def test_a_deleted_account_can_neither_be_switched_on_nor_use_its_grants(place: Place) -> None:
    await place.sql(f"UPDATE accounts SET deleted_at = {NOW} WHERE sub = 's1'")
    assert not await place.durable.accounts.set_blocked("s1", False)
    assert await place.durable.grants.find("g1", now=NOW) is None
    assert await place.durable.grants.rotate("t1", token("t2"), now=NOW, grace=10) is None


async def test_a_grant_ends_when_its_link_goes_to_somebody_else(place: Place) -> None:
    await place.durable.people.adopt(account("s2"), link("x2"))
    await place.sql("UPDATE links SET sub = 's2' WHERE subject = 'x1'")
    assert await place.durable.grants.find("g1", now=NOW) is None
    assert [found.subject for found in await place.durable.people.links("s2")] == ["x1", "x2"]


async def test_links_come_in_the_order_they_were_made(place: Place) -> None:
    await place.durable.people.adopt(account("s2"), link("a"))
    await place.sql("UPDATE links SET sub = 's1' WHERE subject = 'a'")
    assert [found.subject for found in await place.durable.people.links("s1")] == ["x1", "a"]


async def test_an_account_with_links_is_not_removed_by_mistake(place: Place) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        await place.sql("DELETE FROM accounts WHERE sub = 's1'")


async def test_the_time_of_the_first_agreement_is_kept(place: Place) -> None:
    await place.durable.consents.save_consent("s1", "app", "p", Said(frozenset({"openid"})), NOW)
    await place.durable.consents.save_consent("s1", "app", "p", Said(frozenset({"openid", "email"})), NOW + 9)
    rows = await place.sql("SELECT scope, agreed_at FROM consents ORDER BY scope")
    assert rows == [("email", NOW + 9), ("openid", NOW)]


async def test_a_child_of_another_token_is_no_child_of_this_one(place: Place) -> None:
    await place.durable.grants.redeem("c2", grant(2), token("foreign", grant_id="g2"), now=NOW)
    await place.durable.grants.rotate("t1", token("t2"), now=NOW, grace=10)
    await place.durable.grants.rotate("t1", token("foreign", grant_id="g2"), now=NOW, grace=10)
    assert await place.durable.grants.find("g1", now=NOW) is None
    assert await place.durable.grants.find("g2", now=NOW) is not None


async def test_strict_tables_refuse_values_of_another_type(place: Place) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="cannot store TEXT"):
        await place.sql("UPDATE accounts SET created_at = 'yesterday'")
