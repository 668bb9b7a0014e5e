"""What every durable store must do with the ways into an account; see `tests.contract.accounts`."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from broker.core.people.history import AccountEvent, Happened
from broker.core.people.identity import Claims, Person
from broker.store.accounts import Merged
from broker.store.base import Durable
from broker.store.grants import Redeemed, SessionOver
from broker.store.people import LastLink, Linked, NotLinked, Taken, Unlinked
from tests.contract.histories import sign_in
from tests.contract.people import (
    EVERY_APP,
    NOW,
    USABLE,
    account,
    adopt,
    give,
    grant,
    is_over,
    link,
    of_login,
    proof,
    token,
    told,
)

CALLERS = 50
UNTIL = NOW + 86_400


async def unlink(durable: Durable, subject: str, sub: str = "s1") -> Unlinked | NotLinked | LastLink:
    """A moment after everything else happened."""
    return await durable.people.unlink(sub, "p1", subject, usable=USABLE, now=NOW + 1, expires_at=UNTIL)


async def subjects(durable: Durable, sub: str = "s1") -> list[str]:
    """The ways in, oldest first."""
    return [one.subject for one in await durable.people.links(sub)]


async def stop(durable: Durable, how: str) -> None:
    """Makes `s1` an account that does not live."""
    await adopt(durable, "x9", sub="s9")
    if how == "blocked":
        await durable.accounts.set_blocked("s1", True)
    elif how == "merged":
        outcome = await durable.accounts.merge(
            "s9", "s1", proof=proof(), now=NOW, expires_at=UNTIL, known=EVERY_APP, seen_as={}
        )
        assert outcome == Merged(again=False)
    else:
        await durable.accounts.close("s1", closes_at=NOW, now=NOW, expires_at=UNTIL)
    if how == "deleted":
        assert await durable.accounts.delete_due(now=NOW) == ("s1",)


class LinkRules:
    """Inherit, and provide the fixture `durable`, a fresh store."""

    pytestmark = pytest.mark.anyio

    async def test_a_second_way_in_leads_to_the_same_account(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        planted = replace(link("x2"), linked_at=5, home="s7")
        assert await durable.people.link("s1", planted, began_at=NOW + 6, now=NOW + 5) == Linked(again=False)
        kept = replace(link("x2"), linked_at=NOW + 5)
        assert await durable.people.person("p1", "x2") == Person(account(), kept)
        assert await durable.people.links("s1") == (link("x1"), kept)
        assert await durable.history.events("s1", limit=9) == (
            AccountEvent(Happened.LINKED, NOW + 5, provider="google"),
        )

    async def test_a_way_in_that_is_hers_already_stays_as_it_is(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        news = replace(link("x1"), claims={"name": "Eve"})
        assert await durable.people.link("s1", news, began_at=NOW + 6, now=NOW + 5) == Linked(again=True)
        assert await durable.people.links("s1") == (link("x1"),)
        assert await durable.history.events("s1", limit=9) == ()

    async def test_a_way_into_another_account_is_never_taken_from_it(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await adopt(durable, "x2", sub="s2")
        assert await durable.people.link("s1", link("x2"), began_at=NOW + 1, now=NOW) == Taken("s2")
        assert (await subjects(durable), await subjects(durable, "s2")) == (["x1"], ["x2"])

    @pytest.mark.parametrize("how", ["blocked", "closing", "merged", "deleted"])
    async def test_nothing_is_linked_to_an_account_that_does_not_live(self, durable: Durable, how: str) -> None:
        await adopt(durable, "x1")
        await stop(durable, how)
        for known in ("x1", "x2", "x9"):
            assert isinstance(await durable.people.link("s1", link(known), began_at=NOW + 1, now=NOW), NotLinked)
        assert await durable.people.person("p1", "x2") is None

    async def test_nothing_is_linked_to_nobody(self, durable: Durable) -> None:
        assert isinstance(await durable.people.link("s1", link(), began_at=NOW + 1, now=NOW), NotLinked)

    async def test_d12_of_two_accounts_that_want_one_way_in_at_once_one_has_it(self, durable: Durable) -> None:
        for turn in range(5):
            one, two, wanted = f"a{turn}", f"b{turn}", link(f"wanted{turn}")
            await adopt(durable, f"of-{one}", sub=one)
            await adopt(durable, f"of-{two}", sub=two)
            asked = [(one, two)[n % 2] for n in range(CALLERS)]
            outcomes = await asyncio.gather(
                *(durable.people.link(sub, wanted, began_at=NOW + 1, now=NOW) for sub in asked)
            )
            person = await durable.people.person("p1", wanted.subject)
            assert person is not None
            winner = person.account.sub
            assert outcomes.count(Linked(again=False)) == 1
            assert outcomes.count(Linked(again=True)) == CALLERS // 2 - 1
            assert outcomes.count(Taken(winner)) == CALLERS // 2

    async def test_d12_a_first_login_and_a_link_at_once_leave_one_account_with_the_way_in(
        self, durable: Durable
    ) -> None:
        await adopt(durable, "x1")
        adopted, linked = await asyncio.gather(
            durable.people.adopt(account("s2"), link("x2")),
            durable.people.link("s1", link("x2"), began_at=NOW + 1, now=NOW),
        )
        assert linked in {Taken("s2"), Linked(again=False)}
        assert adopted.account.sub == ("s2" if linked == Taken("s2") else "s1")

    # --- unlinking ---

    async def test_what_was_unlinked_is_free_and_makes_somebody_new(self, durable: Durable) -> None:
        await adopt(durable, "x1", "x2")
        assert await unlink(durable, "x2") == Unlinked(home="")
        assert await durable.people.person("p1", "x2") is None
        assert await subjects(durable) == ["x1"]
        assert (await durable.people.adopt(account("s2"), link("x2"))).account.sub == "s2"
        newest = (await durable.history.events("s1", limit=1))[0]
        assert newest == AccountEvent(Happened.UNLINKED, NOW + 1, provider="google")

    async def test_d6_what_was_shown_before_a_way_was_removed_does_not_bring_it_back(self, durable: Durable) -> None:
        await adopt(durable, "x1", "x2")
        assert await unlink(durable, "x2") == Unlinked(home="")
        for began_at in (NOW, NOW + 1):
            again = await durable.people.link("s1", link("x2"), began_at=began_at, now=NOW + 3)
            assert isinstance(again, NotLinked)
        assert await subjects(durable) == ["x1"]
        assert await durable.people.link("s1", link("x2"), began_at=NOW + 2, now=NOW + 3) == Linked(again=False)

    async def test_d16_the_last_way_in_stays(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        given = await give(durable, grant())
        assert isinstance(await unlink(durable, "x1"), LastLink)
        assert await subjects(durable) == ["x1"]
        assert await durable.grants.find("g1", now=NOW + 1) is not None
        assert not await is_over(durable, given.login)

    async def test_d16_the_last_that_works_stays_beside_one_that_is_switched_off(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await durable.people.link("s1", link("y1", "p2"), began_at=NOW + 1, now=NOW)
        assert isinstance(await unlink(durable, "x1"), LastLink)
        assert await subjects(durable) == ["x1", "y1"]
        gone = await durable.people.unlink("s1", "p2", "y1", usable=USABLE, now=NOW, expires_at=UNTIL)
        assert gone == Unlinked(home=""), "one works"

    async def test_d16_of_the_last_two_unlinked_at_once_one_stays(self, durable: Durable) -> None:
        for turn in range(20):
            sub = f"of-{turn}"
            await adopt(durable, f"a{turn}", f"b{turn}", sub=sub)
            wanted = [f"{'ab'[n % 2]}{turn}" for n in range(10)]
            outcomes = await asyncio.gather(*(unlink(durable, subject, sub) for subject in wanted))
            assert outcomes.count(Unlinked(home="")) == 1
            assert len(await subjects(durable, sub)) == 1

    async def test_only_what_is_hers_is_unlinked(self, durable: Durable) -> None:
        await adopt(durable, "x1", "x2")
        await adopt(durable, "y1", "y2", sub="s2")
        for subject, sub in (("y1", "s1"), ("x1", "s2"), ("x3", "s1"), ("X1", "s1"), ("x1", "s3")):
            assert isinstance(await unlink(durable, subject, sub), NotLinked)
        assert (await subjects(durable), await subjects(durable, "s2")) == (["x1", "x2"], ["y1", "y2"])

    @pytest.mark.parametrize("how", ["blocked", "closing"])
    async def test_d11_an_account_that_is_stopped_keeps_its_ways_in(self, durable: Durable, how: str) -> None:
        await adopt(durable, "x1", "x2")
        await stop(durable, how)
        assert isinstance(await unlink(durable, "x2"), NotLinked)
        assert await subjects(durable) == ["x1", "x2"]

    async def test_d16_unlinking_ends_what_came_from_it_and_nothing_else(self, durable: Durable) -> None:
        await adopt(durable, "x1", "x2")
        gone = of_login(grant(1, subject="x2"), sid="gone")
        await give(durable, gone, hears="pairwise")
        await give(durable, of_login(grant(2, subject="x2").replace(offline=False), sid="gone too"))
        stays = await give(durable, of_login(grant(3), sid="stays"), hears="stays")
        for sid in ("gone", "stays"):
            await durable.sessions.keep_login(sid, "sealed", asked_at=NOW, expires_at=UNTIL)
        assert await unlink(durable, "x2") == Unlinked(home="")
        assert [await durable.grants.find(f"g{n}", now=NOW + 1) for n in (1, 2)] == [None, None]
        assert await durable.grants.rotate("t-g1", token("next"), now=NOW + 1, grace=10) is None
        assert await durable.grants.find("g3", now=NOW + 1) is not None
        assert [await is_over(durable, one.login) for one in (gone, stays)] == [True, False]
        assert await told(durable) == [("app", "gone", "pairwise")]
        kept = [await durable.sessions.claim_login(sid, now=NOW + 60, every=1) for sid in ("gone", "stays")]
        assert kept == [None, "sealed"]

    async def test_d6_sessions_of_an_unlinked_way_stay_over_when_it_is_linked_again(self, durable: Durable) -> None:
        await adopt(durable, "x1", "x2")
        silent = grant(1, subject="x2").login.replace(sid="nothing hangs on it", began_at=NOW + 1)
        of_before = grant(1, subject="x2").login.replace(sid="of 0.1", began_at=0, auth_time=NOW)
        assert not await is_over(durable, silent)
        await unlink(durable, "x2")
        assert await durable.people.link("s1", link("x2"), began_at=NOW + 3, now=NOW + 2) == Linked(again=False)
        late = silent.replace(sid="late", began_at=NOW + 2)
        assert [await is_over(durable, one) for one in (silent, of_before, late)] == [True, True, False]
        assert not await is_over(durable, of_before.replace(auth_time=NOW + 2))
        elsewhere = silent.replace(sub="s2"), silent.replace(provider_key="p2"), silent.replace(subject="x1")
        assert [await is_over(durable, one) for one in elsewhere] == [False, False, False]

    async def test_d6_a_code_of_an_unlinked_way_gives_nothing_although_it_is_linked_again(
        self, durable: Durable
    ) -> None:
        await adopt(durable, "x1", "x2")
        await unlink(durable, "x2")
        await durable.people.link("s1", link("x2"), began_at=NOW + 3, now=NOW + 2)
        late = grant(1, subject="x2")
        assert await durable.grants.redeem("c1", late, None, now=NOW + 3) == SessionOver()
        fresh = late.replace(login=late.login.replace(began_at=NOW + 2))
        assert await durable.grants.redeem("c1", fresh, None, now=NOW + 3) == Redeemed()

    async def test_sessions_of_an_unlinked_way_are_seen_no_more(self, durable: Durable) -> None:
        await adopt(durable, "x1", "x2")
        for subject in ("x1", "x2"):
            seen = replace(sign_in(f"by {subject}"), subject=subject)
            await durable.history.signed_in(seen, expires_at=UNTIL)
        await unlink(durable, "x2")
        assert [one.sid for one in await durable.history.living("s1", now=NOW + 1)] == ["by x1"]

    async def test_the_memory_of_an_unlinked_way_is_swept_when_no_session_can_live(self, durable: Durable) -> None:
        await adopt(durable, "x1", "x2")
        await unlink(durable, "x2")
        assert await durable.sweep(now=UNTIL + 86_399) == 0
        assert await durable.sweep(now=UNTIL + 86_400) == 1

    # --- addresses ---

    async def test_an_address_finds_whoever_proved_it(self, durable: Durable) -> None:
        proven = {"email": "Ada@Example.com", "email_verified": True}
        vouched: tuple[Claims, ...] = (
            proven,
            {"email": "ada@example.com", "email_verified": True},
            {"email": "ada@example.com", "email_verified": False},
            {"email": "ada@example.com", "email_verified": "true"},
            {"email": "ada@example.com"},
            {"email": "ada@example.org", "email_verified": True},
            {"email": "\u0430da@example.com", "email_verified": True},
            {"email": "ada@example.com@example.com", "email_verified": True},
            {"email": 1, "email_verified": True},
        )
        for number, claims in enumerate(vouched):
            await durable.people.adopt(account(f"s{number}"), replace(link(f"x{number}"), claims=claims))
        found = await durable.people.sharing_address("ada@example.com")
        assert [person.account.sub for person in found] == ["s0", "s1"]
        assert found[0] == Person(account("s0"), replace(link("x0"), claims=proven))
        assert await durable.people.sharing_address("Ada@Example.com") == ()

    async def test_an_address_follows_what_the_upstream_says(self, durable: Durable) -> None:
        before = replace(link(), claims={"email": "a@x.test", "email_verified": True})
        await durable.people.adopt(account(), before)
        await durable.people.update_link(replace(before, claims={"email": "b@x.test", "email_verified": True}))
        assert await durable.people.sharing_address("a@x.test") == ()
        assert len(await durable.people.sharing_address("b@x.test")) == 1
        await durable.people.update_link(replace(before, claims={"email": "b@x.test", "email_verified": False}))
        assert await durable.people.sharing_address("b@x.test") == ()

    @pytest.mark.parametrize("how", ["blocked", "closing", "deleted"])
    async def test_an_address_never_leads_to_an_account_that_is_stopped(self, durable: Durable, how: str) -> None:
        await durable.people.adopt(account(), replace(link(), claims={"email": "a@x.test", "email_verified": True}))
        await stop(durable, how)
        assert await durable.people.sharing_address("a@x.test") == ()

    async def test_an_address_of_very_many_is_not_read_to_the_end(self, durable: Durable) -> None:
        shared = {"email": "info@x.test", "email_verified": True}
        for number in range(12):
            await durable.people.adopt(account(f"s{number}"), replace(link(f"x{number}"), claims=shared))
        found = await durable.people.sharing_address("info@x.test")
        assert [person.account.sub for person in found] == [f"s{number}" for number in range(10)]
