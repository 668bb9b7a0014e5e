"""What every durable store must do about sessions that end, here and at upstreams."""

from __future__ import annotations

import asyncio

import pytest

from broker.core.records import Grant
from broker.store.base import Durable
from broker.store.grants import Redeemed
from broker.store.upstream_tokens import KeptTokens
from tests.contract.people import NOW, account, ended_at, grant, link, of_login


def of_session(number: int, sid: str, upstream_sid: str = "", *, offline: bool = False, subject: str = "x1") -> Grant:
    """A grant that came from this session."""
    plain = grant(number, subject=subject, sub=f"s-{subject}")
    return of_login(plain, sid=sid, upstream_sid=upstream_sid).replace(offline=offline)


async def given(durable: Durable, *grants: Grant) -> None:
    """All of them, to the people they are about."""
    for one in grants:
        await durable.people.adopt(account(one.login.sub), link(one.login.subject))
        assert await durable.grants.redeem(f"c-{one.id}", one, None, now=NOW) == Redeemed()


async def living(durable: Durable, numbers: int) -> list[int]:
    """Which of the grants 1 to `numbers` are alive."""
    return [n for n in range(1, numbers + 1) if await durable.grants.find(f"g{n}", now=NOW) is not None]


class UpstreamSessionRules:
    """Inherit, and provide the fixture `durable`, a fresh store."""

    pytestmark = pytest.mark.anyio

    async def test_a_session_ends_with_its_own_grants_but_for_those_that_outlive_it(self, durable: Durable) -> None:
        await given(
            durable, of_session(1, "a"), of_session(2, "a"), of_session(3, "a", offline=True), of_session(4, "b")
        )
        assert await durable.sessions.end("a", now=NOW, expires_at=NOW + 9) == ()
        assert await living(durable, 4) == [3, 4]

    async def test_an_upstream_session_ends_every_session_of_ours_that_came_from_it(self, durable: Durable) -> None:
        grants = of_session(1, "a", "u"), of_session(2, "b", "u"), of_session(3, "c", "v"), of_session(4, "d")
        await given(durable, *grants)
        ended = await durable.sessions.end_upstream("p1", sid="u", subject="x1", now=NOW, expires_at=NOW + 9)
        assert ended == ("a", "b")
        assert await living(durable, 4) == [3, 4]

    async def test_without_a_session_the_word_is_about_all_of_a_person(self, durable: Durable) -> None:
        await given(durable, of_session(1, "a", "u"), of_session(2, "b"), of_session(3, "c", "u", subject="x2"))
        ended = await durable.sessions.end_upstream("p1", sid="", subject="x1", now=NOW, expires_at=NOW + 9)
        assert ended == ("a", "b")
        assert await living(durable, 3) == [3]

    async def test_the_word_of_one_provider_is_about_its_own_people(self, durable: Durable) -> None:
        await given(durable, of_session(1, "a", "u"))
        assert await durable.sessions.end_upstream("p2", sid="u", subject="x1", now=NOW, expires_at=NOW + 9) == ()
        assert await living(durable, 1) == [1]
        assert await ended_at(durable, "p1", sid="u", subject="x1") is None

    async def test_a_mark_says_when_it_ended_and_never_goes_back(self, durable: Durable) -> None:
        assert await ended_at(durable, "p1", sid="u", subject="x1") is None
        for now in (NOW, NOW + 5, NOW + 3):
            await durable.sessions.end_upstream("p1", sid="u", subject="", now=now, expires_at=now + 9)
        await durable.sessions.end_upstream("p1", sid="", subject="x2", now=NOW + 7, expires_at=NOW + 9)
        assert await ended_at(durable, "p1", sid="u", subject="x1") == NOW + 5
        assert await ended_at(durable, "p1", sid="u", subject="x2") == NOW + 7
        assert await ended_at(durable, "p1", sid="", subject="x1") is None
        assert await ended_at(durable, "p1", sid="U", subject="X2") is None

    async def test_what_was_withdrawn_leaves_nothing_that_came_from_there(self, durable: Durable) -> None:
        await given(
            durable,
            *(of_session(1, "a"), of_session(2, "b", offline=True), of_session(3, "c", offline=True, subject="x2")),
        )
        for subject in ("x1", "x2"):
            kept = KeptTokens("p1", subject, "sealed", "v1", NOW)
            assert await durable.upstream_tokens.keep(f"s-{subject}", kept, expires_at=NOW + 1000)
        for sid in ("b", "c"):
            await durable.sessions.keep_login(sid, "sealed", asked_at=NOW, expires_at=NOW + 1000)
        assert await durable.sessions.withdraw_upstream("p2", "x1", now=NOW, expires_at=NOW + 9) == ()
        assert await durable.sessions.withdraw_upstream("p1", "x1", now=NOW, expires_at=NOW + 9) == ("a", "b")
        assert await living(durable, 3) == [3]
        assert await durable.upstream_tokens.of_account("s-x1", now=NOW) == ()
        assert len(await durable.upstream_tokens.of_account("s-x2", now=NOW)) == 1
        found = [await durable.sessions.claim_login(sid, now=NOW + 60, every=60) for sid in ("b", "c")]
        assert found == [None, "sealed"]
        assert await ended_at(durable, "p1", sid="", subject="x1") == NOW
        assert await ended_at(durable, "p1", sid="", subject="x2") is None

    async def test_of_fifty_who_would_ask_one_may(self, durable: Durable) -> None:
        await durable.sessions.keep_login("a", "sealed", asked_at=NOW, expires_at=NOW + 1000)
        assert await durable.sessions.claim_login("a", now=NOW + 59, every=60) is None
        found = await asyncio.gather(*(durable.sessions.claim_login("a", now=NOW + 60, every=60) for _ in range(50)))
        assert sorted(one for one in found if one) == ["sealed"]
        assert await durable.sessions.claim_login("b", now=NOW + 60, every=60) is None

    async def test_what_is_kept_of_a_login_is_only_replaced_by_something_newer(self, durable: Durable) -> None:
        await durable.sessions.keep_login("a", "first", asked_at=NOW, expires_at=NOW + 10)
        await durable.sessions.renew_login("a", "second")
        await durable.sessions.keep_login("a", "first", asked_at=NOW + 9, expires_at=NOW + 10**6)
        assert await durable.sessions.claim_login("a", now=NOW + 1, every=1) == "second"
        await durable.sweep(now=NOW + 10**5)
        assert await durable.sessions.claim_login("a", now=NOW + 10**5, every=1) == "second"

    async def test_a_lost_login_ends_also_what_outlives_the_session(self, durable: Durable) -> None:
        await given(durable, of_session(1, "a", offline=True), of_session(2, "a"), of_session(3, "b", offline=True))
        await durable.sessions.keep_login("a", "sealed", asked_at=NOW, expires_at=NOW + 10)
        await durable.sessions.lose_login("a", now=NOW)
        assert await living(durable, 3) == [3]
        assert await durable.sessions.claim_login("a", now=NOW + 60, every=1) is None

    async def test_what_no_longer_matters_is_swept(self, durable: Durable) -> None:
        await durable.sessions.end_upstream("p1", sid="u", subject="", now=NOW, expires_at=NOW + 9)
        await durable.sessions.keep_login("a", "sealed", asked_at=NOW, expires_at=NOW + 9)
        assert await durable.sweep(now=NOW + 9) == 0
        assert await durable.sweep(now=NOW + 10 + 86_400) == 2
        assert await ended_at(durable, "p1", sid="u", subject="") is None
