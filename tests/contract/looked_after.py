"""What operators find and stop, as every database must do it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.core.people.history import AccountEvent, Happened
from broker.store.accounts import Decision, Found, OperatorsWord, Sought, Unused
from broker.store.base import Durable
from tests.contract.histories import sign_in
from tests.contract.people import NOW, account, adopt, give, grant, is_over, link, told

UNTIL = NOW + 86_400
LEFT = Decision("left the company", NOW + 5, UNTIL)


ALL = Sought()


async def found(durable: Durable, sought: Sought = ALL, *, after: str = "", limit: int = 9) -> list[str]:
    """The subs of those that fit."""
    return [one.account.sub for one in await durable.accounts.search(sought, after=after, limit=limit)]


async def close_unused(durable: Durable, since: int, now: int) -> Unused:
    """As housekeeping does; who is closed has seven seconds."""
    return await durable.accounts.close_unused(since=since, closes_at=now + 7, now=now, expires_at=now + 9)


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

    async def test_people_are_found_by_number_and_by_words_of_their_names(self, durable: Durable) -> None:
        ada = {"name": "Ada King-Lovelace", "phone_number": "+79991234542", "phone_number_verified": False}
        await durable.people.adopt(account("s1"), replace(link("x1"), claims=ada))
        await durable.people.adopt(
            account("s2"), replace(link("x2"), claims={"name": "АДА Ё", "family_name": "Байрон"})
        )
        await adopt(durable, "x3", sub="s3")
        assert await found(durable, Sought(phone="+79991234542")) == ["s1"]
        for name in (("love",), ("ada", "king"), ("ada", "lovelace")):
            assert await found(durable, Sought(name=name)) == ["s1"], name
        assert await found(durable, Sought(name=("ада", "байр"))) == ["s2"]
        for name in (("lovelace", "ada"), ("da",), ("ada", "x")):
            assert await found(durable, Sought(name=name)) == [], name
        assert await found(durable, Sought(name=("ada",), phone="+79991234543")) == []
        await durable.people.update_link(replace(link("x1"), claims={"name": "Augusta"}))
        assert await found(durable, Sought(name=("ada",))) == []
        assert await found(durable, Sought(phone="+79991234542")) == []
        assert await found(durable, Sought(name=("augusta",))) == ["s1"]
        assert await durable.people.sweep() == 0

    async def test_an_account_that_nobody_uses_is_to_be_deleted_and_one_in_use_is_not(self, durable: Durable) -> None:
        used = {"alone": NOW, "later": NOW + 1, "granted": NOW, "signed in": NOW, "blocked": NOW, "closing": NOW}
        for number, (sub, at) in enumerate(used.items()):
            await durable.people.adopt(account(sub), replace(link(f"x{number}"), seen_at=at))
        far = NOW + 1000 * 86_400
        await give(durable, grant(sub="granted", subject="x2").replace(expires_at=far + 1))
        await durable.history.signed_in(replace(sign_in("sid", sub="signed in"), ends_at=far + 1), expires_at=far + 1)
        await durable.accounts.set_blocked("blocked", True)
        await durable.accounts.close("closing", closes_at=far + 9, now=NOW, expires_at=UNTIL)
        done = await close_unused(durable, NOW, far)
        assert done == Unused(3, ("alone",))
        assert await close_unused(durable, NOW, far) == Unused(0, ()), "what is in use counts as used now"
        (event,) = await durable.history.events("alone", limit=9)
        assert event == AccountEvent(Happened.UNUSED, far)
        assert await found(durable, Sought(closing=True)) == ["alone", "closing"]
        assert await close_unused(durable, NOW + 1, far) == Unused(1, ("later",))
        assert await durable.accounts.delete_due(now=far + 7) == ("alone", "later")

    async def test_whoever_comes_back_or_is_kept_or_let_go_again_uses_their_account(self, durable: Durable) -> None:
        for number, sub in enumerate(("back", "kept", "unblocked", "linked", "joined", "part")):
            await adopt(durable, f"x{number}", sub=sub)
        later = NOW + 100
        await durable.people.update_link(replace(link("x0"), seen_at=later))
        await durable.accounts.close("kept", closes_at=UNTIL, now=NOW, expires_at=UNTIL)
        await durable.accounts.keep("kept", now=later)
        for blocked in (True, False):
            decision = Decision("why", later, UNTIL)
            await durable.accounts.set_blocked("unblocked", blocked, decision=decision)
        await durable.people.link("linked", link("y"), began_at=later, now=later)
        await durable.accounts.merge(
            "joined", "part", proof=OperatorsWord(), now=later, expires_at=UNTIL, known=set(), seen_as={}
        )
        assert await close_unused(durable, later - 1, later) == Unused(0, ())
        assert (await close_unused(durable, later, later)).looked_at == 5
        await durable.accounts.keep("joined", now=later)
        await durable.people.unlink("joined", "p1", "x5", usable={"p1"}, now=later + 5, expires_at=UNTIL)
        assert await close_unused(durable, later + 4, later) == Unused(1, ("joined",)), "and not the one that went home"

    async def test_what_happened_is_forgotten_the_oldest_first_and_not_too_soon(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        for at in (NOW, NOW + 1, NOW + 2):
            await durable.accounts.end_all("s1", now=at, expires_at=UNTIL)
        assert await durable.history.forget_events(until=NOW - 1, limit=9) == 0
        assert await durable.history.forget_events(until=NOW + 1, limit=1) == 1
        assert await durable.history.forget_events(until=NOW + 1, limit=9) == 1
        assert [one.at for one in await durable.history.events("s1", limit=9)] == [NOW + 2]

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
