"""What every durable store must do about sessions that end: grants, codes under way, deliveries."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from broker.core.deliveries import Delivery
from broker.core.logout import DELIVERED_WITHIN, SessionClient
from broker.store.base import Durable
from broker.store.grants import Redeemed, SessionOver
from tests.contract.histories import sign_in
from tests.contract.people import NOW, account, grant, is_ended, link, of_login

UNTIL = NOW + 86_400
A = SessionClient("sid", "a", "sub-of-a", True, UNTIL)
B = SessionClient("sid", "b", "sub-of-b", True, UNTIL)
FRAME = SessionClient("sid", "frame", "sub-of-frame", False, UNTIL)


async def redeem(durable: Durable, *hearers: SessionClient, number: int = 1) -> None:
    """A person whose session gave each of these apps a grant."""
    await durable.people.adopt(account(), link())
    for shift, hears in enumerate(hearers):
        given = of_login(grant(number + shift), sid=hears.sid).replace(client_id=hears.client_id, offline=False)
        assert await durable.grants.redeem(f"c{number + shift}", given, None, now=NOW, hears=hears) == Redeemed()


async def claim(
    durable: Durable, now: int, *, lease: int = 30, limit: int = 10, share: int = 10, **under_way: int
) -> tuple[Delivery, ...]:
    """What is due at `now`."""
    until = now + lease
    return await durable.deliveries.claim(now=now, until=until, limit=limit, share=share, under_way=under_way)


class LogoutRules:
    """Inherit, and provide the fixture `durable`, a fresh store."""

    pytestmark = pytest.mark.anyio

    async def test_g7_the_end_of_a_session_ends_its_grants_and_queues_a_delivery_for_each_back_channel(
        self, durable: Durable
    ) -> None:
        await redeem(durable, A, B, FRAME)
        assert await durable.sessions.end("sid", now=NOW + 5, expires_at=UNTIL) == (A, B, FRAME)
        assert await durable.grants.find("g1", now=NOW + 5) is None
        due = await claim(durable, NOW + 5)
        assert {(one.receiver, one.sid, one.sub) for one in due} == {
            ("a", "sid", "sub-of-a"),
            ("b", "sid", "sub-of-b"),
        }
        assert {(one.created_at, one.attempts, one.expires_at) for one in due} == {
            (NOW + 5, 1, NOW + 5 + DELIVERED_WITHIN)
        }
        assert len({one.id for one in due}) == sum(await durable.deliveries.waiting()) == 2

    async def test_a_session_ends_once(self, durable: Durable) -> None:
        await redeem(durable, A)
        assert await durable.sessions.end("sid", now=NOW, expires_at=UNTIL) == (A,)
        assert await durable.sessions.end("sid", now=NOW, expires_at=UNTIL) == ()
        assert sum(await durable.deliveries.waiting()) == 1

    async def test_other_sessions_go_on(self, durable: Durable) -> None:
        await redeem(durable, A)
        for other in ("Sid", ""):
            assert await durable.sessions.end(other, now=NOW, expires_at=UNTIL) == ()
        assert await durable.grants.find("g1", now=NOW) is not None

    async def test_what_outlives_a_session_does(self, durable: Durable) -> None:
        await durable.people.adopt(account(), link())
        await durable.grants.redeem("c1", grant(), None, now=NOW, hears=A)
        assert await durable.sessions.end("sid", now=NOW, expires_at=UNTIL) == (A,)
        assert await durable.grants.find("g1", now=NOW) is not None

    async def test_a_code_of_an_ended_session_gives_nothing(self, durable: Durable) -> None:
        await redeem(durable, A)
        await durable.sessions.end("sid", now=NOW, expires_at=NOW + 1)  # sessions may be shorter than codes
        late = grant(2)
        for now in (NOW, NOW + 599):
            assert await durable.grants.redeem("c2", late, None, now=now, hears=B) == SessionOver()
        assert await durable.grants.spent("c2") is None
        assert await durable.sessions.end("sid", now=NOW + 1, expires_at=UNTIL) == ()

    async def test_a_session_that_expired_is_told_to_nobody(self, durable: Durable) -> None:
        await redeem(durable, A)
        assert await durable.sessions.end("sid", now=UNTIL, expires_at=UNTIL) == ()
        assert sum(await durable.deliveries.waiting()) == 0

    async def test_the_newest_grant_of_a_session_says_how_its_app_is_told(self, durable: Durable) -> None:
        await redeem(durable, A, replace(A, backchannel=False))
        assert await durable.sessions.end("sid", now=NOW, expires_at=UNTIL) == (replace(A, backchannel=False),)
        assert sum(await durable.deliveries.waiting()) == 0

    async def test_of_fifty_who_ask_for_what_is_due_one_gets_it(self, durable: Durable) -> None:
        await redeem(durable, A)
        await durable.sessions.end("sid", now=NOW, expires_at=UNTIL)
        asked = await asyncio.gather(*(claim(durable, NOW) for _ in range(50)))
        assert sorted(len(due) for due in asked) == [0] * 49 + [1]

    async def test_an_attempt_that_was_never_finished_is_claimed_again(self, durable: Durable) -> None:
        await redeem(durable, A)
        await durable.sessions.end("sid", now=NOW, expires_at=UNTIL)
        (first,) = await claim(durable, NOW)
        assert await claim(durable, NOW + 29) == ()
        assert await claim(durable, NOW + 30) == (replace(first, attempts=2),)

    async def test_a_postponed_delivery_comes_back_in_its_time_and_a_finished_one_never(self, durable: Durable) -> None:
        await redeem(durable, A)
        await durable.sessions.end("sid", now=NOW, expires_at=UNTIL)
        (first,) = await claim(durable, NOW)
        await durable.deliveries.postpone(first.id, next_at=NOW + 100)
        assert await claim(durable, NOW + 99) == ()
        assert [one.id for one in await claim(durable, NOW + 100)] == [first.id]
        await durable.deliveries.finish(first.id)
        assert await claim(durable, NOW + 1000) == ()
        assert sum(await durable.deliveries.waiting()) == 0

    async def test_no_more_is_claimed_than_was_asked_for_the_longest_due_first(self, durable: Durable) -> None:
        await redeem(durable, A)
        await durable.sessions.end("sid", now=NOW, expires_at=UNTIL)
        await redeem(durable, replace(B, sid="later"), number=5)
        await durable.sessions.end("later", now=NOW + 10, expires_at=UNTIL)
        assert [one.receiver for one in await claim(durable, NOW + 10, limit=1)] == ["a"]
        assert [one.receiver for one in await claim(durable, NOW + 10, limit=1)] == ["b"]

    async def test_clients_take_turns_and_none_has_more_than_its_share(self, durable: Durable) -> None:
        for number in range(6):
            await redeem(durable, replace(A, sid=f"of-a-{number}"), number=10 + number)
            await durable.sessions.end(f"of-a-{number}", now=NOW + number, expires_at=UNTIL)
        for number in range(2):
            await redeem(durable, replace(B, sid=f"of-b-{number}"), number=20 + number)
            await durable.sessions.end(f"of-b-{number}", now=NOW + 10 + number, expires_at=UNTIL)
        later = NOW + 20
        assert [one.sid for one in await claim(durable, later, limit=2)] == ["of-a-0", "of-b-0"]
        assert [one.sid for one in await claim(durable, later, share=2, a=1)] == ["of-a-1", "of-b-1"]
        assert await claim(durable, later, share=3, a=3) == ()
        assert [one.sid for one in await claim(durable, later, share=3)] == ["of-a-2", "of-a-3", "of-a-4"]

    async def test_an_upstream_that_ends_a_session_has_apps_told_even_if_their_grants_are_over(
        self, durable: Durable
    ) -> None:
        await durable.people.adopt(account(), link())
        given = of_login(grant(expires_at=NOW + 10), upstream_sid="up")
        await durable.grants.redeem("c1", given, None, now=NOW, hears=A)
        ended = await durable.sessions.end_upstream("p1", sid="up", subject="", now=NOW + 11, expires_at=UNTIL)
        assert ended == ("sid",)
        assert sum(await durable.deliveries.waiting()) == 1

    async def test_sweeping_forgets_sessions_of_the_past_and_no_delivery(self, durable: Durable) -> None:
        await redeem(durable, A)
        await redeem(durable, replace(B, sid="other"), number=5)
        await durable.sessions.end("sid", now=NOW, expires_at=UNTIL - 1)
        # A day later than need be, for clocks that jump and come back.
        assert await durable.sweep(now=UNTIL + 86_398) == 2  # both grants
        assert await durable.sweep(now=UNTIL + 86_399) == 1  # the mark of the end
        assert await durable.sweep(now=UNTIL + 86_400) == 1  # the app of the other session
        assert sum(await durable.deliveries.waiting()) == 1

    async def test_k25_the_end_of_a_session_is_known_as_long_as_the_session_could_live(self, durable: Durable) -> None:
        assert not await is_ended(durable, "sid", "key", now=NOW)
        await durable.sessions.end("sid", now=NOW, expires_at=UNTIL)
        assert await is_ended(durable, "sid", "key", now=UNTIL - 1)
        assert not await is_ended(durable, "sid", "key", now=UNTIL)
        assert not await is_ended(durable, "Sid", "sid", now=NOW)
        await durable.sessions.end("sid", now=NOW, expires_at=NOW + 1)
        assert await is_ended(durable, "sid", "key", now=UNTIL - 1), "a later word makes no mark shorter"

    async def test_k25_a_retired_cookie_is_known_for_one_while_its_session_goes_on(self, durable: Durable) -> None:
        await durable.people.adopt(account(), link())
        for ends_at in (UNTIL, NOW + 1):
            goes_on = replace(sign_in("sid"), ends_at=ends_at)
            await durable.history.signed_in(goes_on, expires_at=UNTIL, retires="key")
        assert await is_ended(durable, "sid", "key", now=UNTIL - 1)
        assert not await is_ended(durable, "sid", "key", now=UNTIL)
        assert not await is_ended(durable, "sid", "other", now=NOW)
        assert not await is_ended(durable, "key", "", now=NOW)
        assert await durable.grants.redeem("c1", grant(), None, now=NOW) != SessionOver()

    async def test_k25_what_the_upstream_ended_is_known_as_long(self, durable: Durable) -> None:
        await redeem(durable, A)
        await durable.sessions.end_upstream("p1", sid="", subject="x1", now=NOW, expires_at=UNTIL)
        assert await is_ended(durable, "sid", "key", now=UNTIL - 1)
