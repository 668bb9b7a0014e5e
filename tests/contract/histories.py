"""What every durable store must do with what a person sees: what apps may, where they are signed in, what happened."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.core.authorize.consent import Said
from broker.core.people.history import AccountEvent, Happened, SignIn
from broker.store.base import Durable
from broker.store.consents import Access
from broker.store.grants import Redeemed, SessionOver
from tests.contract.people import NOW, USABLE, adopt, give, grant, is_ended, link, of_login, told

UNTIL = NOW + 86_400


def sign_in(sid: str, *, at: int = NOW, client_id: str = "app", sub: str = "s1") -> SignIn:
    """A session that could live for a day."""
    return SignIn(
        sid, sub, at, "google", "p1", "x1", client_id, "192.0.2.0/24", "Firefox", at + 86_400, f"cookie of {sid}"
    )


class ConsentRules:
    """Inherit, and provide the fixture `durable`, a fresh store."""

    pytestmark = pytest.mark.anyio

    async def test_a_person_sees_every_app_that_may_do_something(self, durable: Durable) -> None:
        await adopt(durable, "x1", "x2")
        await adopt(durable, "y1", sub="s2")
        await durable.consents.save_consent("s1", "agreed", "p", Said(frozenset({"openid"})), NOW)
        partly = Said(frozenset({"email"}), frozenset({"phone"}))
        await durable.consents.save_consent("s1", "agreed", "q", partly, NOW + 3)
        await durable.consents.save_consent("s1", "both", "p", Said(frozenset({"openid"})), NOW)
        for number, client_id, subject in ((1, "both", "x1"), (2, "first", "x2"), (3, "over", "x1")):
            given = grant(number, subject=subject).replace(
                client_id=client_id, scope=("email",), resource=("https://a",)
            )
            await give(durable, given.replace(offline=number == 1))
        await give(durable, grant(4).replace(client_id="both", scope=("openid",), offline=False, created_at=NOW + 7))
        await give(durable, grant(5, sub="s2", subject="y1").replace(client_id="of somebody else"))
        await durable.grants.revoke("g3", now=NOW)
        assert await durable.consents.accesses("s1", now=NOW) == (
            Access(
                "agreed", frozenset({"openid", "email"}), NOW + 3, None, offline=False, refused=frozenset({"phone"})
            ),
            Access("both", frozenset({"openid", *given.scope, *given.resource}), NOW, NOW + 7, offline=True),
            Access("first", frozenset({*given.scope, *given.resource}), None, NOW, offline=False),
        )
        later = await durable.consents.accesses("s1", now=NOW + 1000)
        assert [(one.client_id, one.granted_at) for one in later] == [("agreed", None), ("both", None)]

    async def test_of_very_many_apps_and_grants_some_are_seen_each_with_all_that_was_said(
        self, durable: Durable
    ) -> None:
        await adopt(durable, "x1")
        said = Said(frozenset({"openid"}), frozenset({"email"}))
        for number in range(202):
            await durable.consents.save_consent("s1", f"app {number:03}", "p", said, NOW)
            await give(durable, grant(number, expires_at=NOW + 1000 + number).replace(client_id=f"by {number:03}"))
        seen = await durable.consents.accesses("s1", now=NOW)
        agreed = [one for one in seen if one.agreed_at is not None]
        assert [one.client_id for one in agreed] == [f"app {number:03}" for number in range(200)]
        assert {one.scope for one in agreed} == {frozenset({"openid"})}
        assert [one.client_id for one in seen[200:]] == [f"by {number:03}" for number in range(2, 202)]

    async def test_what_is_taken_back_is_over_for_this_app_alone(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await adopt(durable, "y1", sub="s2")
        for client_id in ("app", "other"):
            await durable.consents.save_consent("s1", client_id, "p", Said(frozenset({"openid"})), NOW)
        await give(durable, grant(1))
        await give(durable, grant(2).replace(client_id="other"))
        await give(durable, grant(3, sub="s2", subject="y1"))
        assert await durable.consents.take_back("s1", "app", now=NOW + 1, expires_at=NOW + 60)
        assert await durable.consents.consent("s1", "app", "p") == Said()
        assert await durable.consents.consent("s1", "other", "p") == Said(frozenset({"openid"}))
        assert [await durable.grants.find(f"g{n}", now=NOW + 1) is not None for n in (1, 2, 3)] == [False, True, True]
        assert not await is_ended(durable, "sid", "", now=NOW + 1), "the session goes on"
        ended = AccountEvent(Happened.ACCESS_ENDED, NOW + 1, client_id="app")
        assert await durable.history.events("s1", limit=9) == (ended,)

    async def test_d6_a_yes_taken_back_gives_nothing_and_a_later_one_revives_none(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        agreed = Said(frozenset({"openid"}))
        await durable.consents.save_consent("s1", "app", "p", agreed, NOW)
        await durable.consents.take_back("s1", "app", now=NOW + 1.5, expires_at=NOW + 600)
        await durable.consents.take_back("s1", "app", now=NOW + 1, expires_at=NOW + 60)
        await durable.consents.save_consent("s1", "app", "p", agreed, NOW + 1)
        assert await durable.sessions.sweep(now=NOW + 599 + 86_400) == 0
        for agreed_at in (0, NOW, NOW + 1.25, NOW + 1.5):
            outcome = await durable.grants.redeem("c1", grant(), None, now=NOW + 599, agreed_at=agreed_at)
            assert outcome == SessionOver(), agreed_at
        assert await durable.grants.redeem("c1", grant(), None, now=NOW + 1, agreed_at=NOW + 1.75) == Redeemed()
        other = grant(2).replace(client_id="other")
        assert await durable.grants.redeem("c2", other, None, now=NOW + 1) == Redeemed()
        assert await durable.sessions.sweep(now=NOW + 600 + 86_400) == 1

    async def test_nothing_is_taken_back_from_an_app_that_has_nothing(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        assert not await durable.consents.take_back("s1", "app", now=NOW, expires_at=NOW + 60)
        assert await durable.history.events("s1", limit=9) == ()


class HistoryRules:
    """Inherit, and provide the fixture `durable`, a fresh store."""

    pytestmark = pytest.mark.anyio

    async def test_a_person_sees_their_sign_ins_the_newest_first(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await adopt(durable, "y1", sub="s2")
        made = [sign_in("a"), sign_in("b", at=NOW + 2), sign_in("c", at=NOW + 1)]
        for one in (*made, sign_in("d", sub="s2")):
            await durable.history.signed_in(one, expires_at=UNTIL)
        assert await durable.history.sign_ins("s1", limit=9) == (made[1], made[2], made[0])
        assert await durable.history.sign_ins("s1", limit=1) == (made[1],)

    async def test_a_session_that_goes_on_with_another_login_is_one(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await durable.history.signed_in(sign_in("a"), expires_at=UNTIL)
        again = replace(sign_in("a", at=NOW + 5, client_id="other"), key="new key")
        await durable.history.signed_in(again, expires_at=UNTIL, retires="key")
        assert await durable.history.sign_ins("s1", limit=9) == (again,)
        assert await is_ended(durable, "x", "key", now=UNTIL + 4)
        assert not await is_ended(durable, "a", "new key", now=NOW + 5)

    async def test_a_login_for_no_app_leaves_the_one_that_the_session_was_for(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await durable.history.signed_in(sign_in("a"), expires_at=UNTIL)
        await durable.history.signed_in(sign_in("a", at=NOW + 5, client_id=""), expires_at=UNTIL, retires="key")
        assert await durable.history.sign_ins("s1", limit=9) == (sign_in("a", at=NOW + 5),)

    async def test_a_sign_in_ends_the_session_before_it(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await give(durable, of_login(grant().replace(offline=False), sid="before"), hears="s1")
        await durable.history.signed_in(sign_in("after"), expires_at=UNTIL, ends="before")
        assert await is_ended(durable, "before", "", now=UNTIL - 1)
        assert await durable.grants.find("g1", now=NOW) is None
        assert await told(durable) == [("app", "before", "s1")]

    async def test_living_are_those_that_did_not_end_and_are_not_too_old(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        for number, sid in enumerate(("a", "b", "c")):
            await durable.history.signed_in(sign_in(sid, at=NOW + number), expires_at=UNTIL + 900)
        await durable.sessions.end("b", now=NOW, expires_at=UNTIL + 900)
        assert [one.sid for one in await durable.history.living("s1", now=NOW + 3)] == ["c", "a"]
        assert [one.sid for one in await durable.history.living("s1", now=UNTIL)] == ["c"]
        assert len(await durable.history.sign_ins("s1", limit=9)) == 3

    async def test_events_come_the_newest_first_and_no_more_than_asked_for(self, durable: Durable) -> None:
        await adopt(durable, "x1", "x2", "x3")
        for number, subject in enumerate(("x2", "x3")):
            await durable.people.unlink("s1", "p1", subject, usable=USABLE, now=NOW + number, expires_at=UNTIL)
        newest = await durable.history.events("s1", limit=2)
        assert [(one.what, one.at) for one in newest] == [(Happened.UNLINKED, NOW + 1), (Happened.UNLINKED, NOW)]

    async def test_of_very_many_sessions_the_newest_are_seen(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        for number in range(52):
            await durable.history.signed_in(sign_in(f"{number:02}", at=NOW + number), expires_at=UNTIL)
        living = await durable.history.living("s1", now=NOW)
        assert [one.sid for one in living] == [f"{number:02}" for number in range(51, 1, -1)]

    async def test_of_very_many_events_an_account_keeps_the_newest(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await adopt(durable, "y1", "y2", sub="s2")
        for number in range(202):
            await durable.people.link("s1", link("x2"), began_at=NOW + number + 1, now=NOW + number)
            await durable.people.unlink("s1", "p1", "x2", usable=USABLE, now=NOW + number, expires_at=UNTIL)
        kept = await durable.history.events("s1", limit=999)
        assert [(one.what, one.at) for one in (kept[0], kept[-1])] == [
            (Happened.UNLINKED, NOW + 201),
            (Happened.LINKED, NOW + 102),
        ]
        assert len(kept) == 200
        assert len(await durable.history.events("s2", limit=9)) == 1, "another's stay"

    async def test_sign_ins_are_swept_in_their_time(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await durable.history.signed_in(sign_in("a"), expires_at=NOW + 9)
        await durable.history.signed_in(sign_in("b"), expires_at=UNTIL)
        assert await durable.sweep(now=NOW + 9 + 86_399) == 0
        assert await durable.sweep(now=NOW + 9 + 86_400) == 1
        assert [one.sid for one in await durable.history.sign_ins("s1", limit=9)] == ["b"]
