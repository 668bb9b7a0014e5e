"""What operators find and stop, as every database must do it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.core.people.history import AccountEvent, Happened
from broker.store.accounts import Decision, Found, Sought
from broker.store.base import Durable
from tests.contract.histories import sign_in
from tests.contract.people import NOW, account, adopt, give, grant, is_over, link, told

UNTIL = NOW + 86_400
LEFT = Decision("left the company", NOW + 5, UNTIL)


ALL = Sought()


async def found(durable: Durable, sought: Sought = ALL, *, after: str = "", limit: int = 9) -> list[str]:
    """The subs of those that fit."""
    return [one.account.sub for one in await durable.accounts.search(sought, after=after, limit=limit)]


class OperatorRules:
    """Inherit, and provide the fixture `durable`, a fresh store."""

    pytestmark = pytest.mark.anyio

    async def test_people_are_found_by_what_is_known_of_them_a_page_at_a_time(self, durable: Durable) -> None:
        key = await durable.people.namespace_key("vk", "vk:1")
        other = await durable.people.namespace_key("vk-two", "vk:2")
        mail = {"email": "Ann@Example.com", "email_verified": False}
        await durable.people.adopt(account("s1"), replace(link("x1", key), claims=mail))
        await durable.people.adopt(account("s2"), link("x1", other))
        await durable.people.adopt(account("s3"), link("x3", key))
        await durable.accounts.set_blocked("s3", True)
        await durable.accounts.close("s2", closes_at=NOW + 9, now=NOW, expires_at=UNTIL)
        assert await found(durable) == ["s1", "s2", "s3"]
        assert await found(durable, limit=2) == ["s1", "s2"]
        assert await found(durable, limit=2, after="s2") == ["s3"]
        assert await found(durable, Sought(sub="s2")) == ["s2"]
        assert await found(durable, Sought(provider="vk")) == ["s1", "s3"]
        assert await found(durable, Sought(provider="vk", subject="x1")) == ["s1"]
        assert await found(durable, Sought(provider="vk-two", subject="x3")) == []
        assert await found(durable, Sought(address="ann@example.com")) == ["s1"]
        assert await found(durable, Sought(blocked=True)) == ["s3"]
        assert await found(durable, Sought(closing=True)) == ["s2"]
        assert await found(durable, Sought(blocked=True, closing=True)) == []

    async def test_who_was_deleted_or_is_part_of_another_is_not_found(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await durable.accounts.close("s1", closes_at=NOW, now=NOW, expires_at=UNTIL)
        await durable.accounts.delete_due(now=NOW)
        assert await found(durable) == []
        assert not await durable.accounts.set_blocked("s1", True, decision=LEFT)
        assert not await durable.accounts.end_all("s1", now=NOW, expires_at=UNTIL)

    async def test_d11_a_decision_to_block_ends_everything_for_good_and_is_remembered(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        given = await give(durable, grant(), hears="s1-there")
        await durable.history.signed_in(sign_in("sid"), expires_at=UNTIL)
        assert await durable.accounts.set_blocked("s1", True, decision=LEFT)
        (seen,) = await durable.accounts.search(Sought(blocked=True), after="", limit=9)
        assert seen == Found(replace(account(), blocked=True), LEFT.at, LEFT.why)
        assert await told(durable) == [("app", "sid", "s1-there")]
        assert await durable.accounts.set_blocked("s1", False, decision=Decision("back", NOW + 7, UNTIL))
        assert await durable.grants.find(given.id, now=NOW + 8) is None
        assert await is_over(durable, given.login, now=NOW + 8)
        (seen,) = await durable.accounts.search(Sought(), after="", limit=9)
        assert seen == Found(account(), None, "")
        events = await durable.history.events("s1", limit=9)
        assert events == (AccountEvent(Happened.UNBLOCKED, NOW + 7), AccountEvent(Happened.BLOCKED, NOW + 5))

    async def test_everything_ends_also_what_outlives_its_session(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        given = await give(durable, grant(), hears="s1-there")
        assert given.offline
        assert await durable.accounts.end_all("s1", now=NOW + 1, expires_at=UNTIL)
        assert await durable.grants.find(given.id, now=NOW + 2) is None
        assert await told(durable) == [("app", "sid", "s1-there")]
        assert [one.what for one in await durable.history.events("s1", limit=9)] == [Happened.ENDED]
        assert await durable.people.person("p1", "x1") is not None, "they may come again"

    async def test_a_deletion_is_brought_forward_and_not_put_off(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        assert await durable.accounts.close("s1", closes_at=NOW + 9, now=NOW, expires_at=UNTIL)
        assert not await durable.accounts.close("s1", closes_at=NOW + 10, now=NOW, expires_at=UNTIL)
        assert await durable.accounts.close("s1", closes_at=NOW + 1, now=NOW, expires_at=UNTIL)
        assert await durable.accounts.delete_due(now=NOW + 1) == ("s1",)

    async def test_sign_ins_are_shown_page_by_page_also_those_of_one_second(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        for sid, at in (("a", NOW), ("b", NOW), ("c", NOW), ("d", NOW + 1)):
            await durable.history.signed_in(replace(sign_in(sid), at=at), expires_at=UNTIL)
        seen: list[str] = []
        after = None
        while page := await durable.history.sign_ins("s1", limit=2, after=after):
            seen += [one.sid for one in page]
            after = page[-1].at, page[-1].sid
        assert seen == ["d", "a", "b", "c"]
