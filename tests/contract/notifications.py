"""What every durable store must do about messages to people: claimed at a pace, settled once, forgotten in time."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from typing import Any

import pytest

from broker.core.authorize.consent import Said
from broker.core.notify import Letter, Pace, Status
from broker.core.people.identity import Link
from broker.store.base import Durable
from broker.store.notify import Accepted, OtherOrder, Queued, Silenced
from tests.contract.histories import sign_in
from tests.contract.people import EVERY_APP, NOW, account, adopt, give, grant, link, proof

PACE = Pace(gap=1.0, count=3, window=1.0)
FAR = NOW + 86_400
LEASE = 15.0


def message(number: int = 1, subject: str = "x1", *, sub: str = "s1", **changed: Any) -> Queued:
    """A message of the app to the person of `link`."""
    plain = Queued(f"n{number:04}", "app", sub, "p1", subject, f"sealed {number}", "", "", FAR, FAR + 100)
    return replace(plain, **changed)


async def queue(durable: Durable, *messages: Queued, now: int = NOW) -> None:
    """All of them are accepted."""
    for each in messages:
        assert await durable.notify.queue(each, now=now) == Accepted(each.id)


async def claim(durable: Durable, now: float = NOW, *, limit: int = 10, pace: Pace = PACE) -> tuple[Letter, ...]:
    """What may go now."""
    return (await durable.notify.claim("p1", now=now, until=now + LEASE, pace=pace, limit=limit)).letters


async def settle(durable: Durable, number: int, status: Status = Status.SENT, now: float = NOW) -> int:
    """This is what came of it."""
    return await durable.notify.settle(f"n{number:04}", status, "why", now=now, pace=PACE)


async def status(durable: Durable, number: int) -> Status:
    """What its app is told."""
    notice = await durable.notify.find(f"n{number:04}", "app")
    assert notice is not None
    return notice.status


async def wake(durable: Durable, now: float) -> float:
    """When there is more to be had."""
    return (await durable.notify.claim("p1", now=now, until=now + LEASE, pace=PACE, limit=0)).wake_at


class NotifyRules:
    """Inherit, and provide the fixture `durable`, a fresh store."""

    pytestmark = pytest.mark.anyio

    async def test_a_message_waits_is_claimed_once_and_ends(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await queue(durable, message())
        assert await durable.notify.waiting() == 1
        assert await claim(durable) == (Letter("n0001", "app", "p1", "x1", "sealed 1", 1, 1, True),)
        assert await claim(durable) == ()
        assert await settle(durable, 1) == 1
        assert await settle(durable, 1, Status.FAILED) == 0
        notice = await durable.notify.find("n0001", "app")
        assert notice is not None
        assert (notice.status, notice.reason, notice.attempts) == (Status.SENT, "why", 1)
        assert (notice.created_at, notice.settled_at) == (NOW, NOW)
        assert await durable.notify.waiting() == 0

    async def test_l6_a_message_is_no_business_of_another_client(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await queue(durable, message())
        assert await durable.notify.find("n0001", "other") is None
        assert await durable.notify.find("n0002", "app") is None

    async def test_k7_what_nobody_settled_is_claimed_again_and_that_is_known(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await queue(durable, message())
        await claim(durable)
        assert await claim(durable, NOW + LEASE - 0.1) == ()
        (again,) = await claim(durable, NOW + LEASE)
        assert (again.attempts, again.unanswered) == (2, 2)

    async def test_i11_a_person_gets_one_message_after_the_other_at_the_pace(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await queue(durable, message(2), message(1))
        assert [one.id for one in await claim(durable)] == ["n0001"]
        await settle(durable, 1, now=NOW + 0.5)
        assert await claim(durable, NOW + 1.4) == ()
        assert [one.id for one in await claim(durable, NOW + 1.5)] == ["n0002"]
        await settle(durable, 2, now=NOW + 1.6)
        await queue(durable, message(3), now=NOW + 2)
        assert await claim(durable, NOW + 2.5) == ()
        assert [one.id for one in await claim(durable, NOW + 2.6)] == ["n0003"]

    async def test_i11_a_bot_sends_no_more_than_its_share_in_a_window_that_begins_with_the_answer(
        self, durable: Durable
    ) -> None:
        await adopt(durable, *(f"x{number}" for number in range(5)))
        await queue(durable, *(message(number, f"x{number}") for number in range(5)))
        assert len(await claim(durable, limit=2)) == 2
        assert len(await claim(durable)) == 1
        assert await claim(durable) == ()
        assert await wake(durable, NOW) == NOW + LEASE
        await settle(durable, 0, now=NOW + 0.2)
        assert await claim(durable, NOW + 1.1) == ()
        assert len(await claim(durable, NOW + 1.2)) == 1

    async def test_fifty_who_claim_at_once_get_each_message_once(self, durable: Durable) -> None:
        await adopt(durable, *(f"x{number}" for number in range(9)))
        await queue(durable, *(message(number, f"x{number}") for number in range(9)))
        wide = Pace(1.0, 100, 1.0)
        claimed = await asyncio.gather(*(claim(durable, limit=1, pace=wide) for _ in range(50)))
        assert sorted(one.id for some in claimed for one in some) == [f"n{number:04}" for number in range(9)]

    async def test_a_pause_of_one_is_not_one_of_all(self, durable: Durable) -> None:
        await adopt(durable, "x1", "x2")
        await queue(durable, message(1), message(2, "x2"))
        await claim(durable, limit=1)
        await durable.notify.postpone("n0001", until=NOW + 5.0, now=NOW, pace=PACE, answered=True)
        assert [one.id for one in await claim(durable)] == ["n0002"]
        assert await wake(durable, NOW + 1) == NOW + LEASE
        (later,) = await claim(durable, NOW + 5)
        assert (later.id, later.attempts, later.unanswered) == ("n0001", 2, 1)

    async def test_who_is_told_to_wait_waits_with_everybody_and_the_longest_pause_counts(
        self, durable: Durable
    ) -> None:
        await adopt(durable, "x1", "x2")
        await queue(durable, message(1), message(2, "x2"))
        await claim(durable)
        for number, seconds in ((1, 9.0), (2, 3.0)):
            await durable.notify.postpone(
                f"n{number:04}", until=NOW + seconds, now=NOW, pace=PACE, answered=True, everybody=True
            )
        assert await claim(durable, NOW + 8.9) == ()
        assert await wake(durable, NOW + 4) == NOW + 9
        assert len(await claim(durable, NOW + 9)) == 2
        await durable.notify.postpone("n0009", until=NOW + 99, now=NOW, pace=PACE, answered=True, everybody=True)
        assert await wake(durable, NOW + 9) == NOW + 9 + LEASE

    async def test_a_pause_is_never_shorter_than_the_pace(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await queue(durable, message())
        await claim(durable)
        await durable.notify.postpone("n0001", until=NOW, now=NOW + 1, pace=PACE, answered=False)
        assert await claim(durable, NOW + 1.9) == ()
        (again,) = await claim(durable, NOW + 2)
        assert again.unanswered == 2

    async def test_an_unreachable_person_gets_no_more_of_what_waits_and_nothing_new(self, durable: Durable) -> None:
        await adopt(durable, "x1", "x2")
        await queue(durable, message(1), message(2), message(3, "x2"))
        await claim(durable)
        assert await settle(durable, 1, Status.UNREACHABLE) == 2
        assert [await status(durable, number) for number in (1, 2, 3)] == [
            *(Status.UNREACHABLE, Status.UNREACHABLE),
            Status.QUEUED,
        ]
        assert await durable.notify.queue(message(4), now=NOW + 9) == Silenced("why")
        assert await durable.notify.find("n0004", "app") is None
        assert await claim(durable, NOW + 9) == ()

    async def test_who_signs_in_by_that_way_again_is_tried_again(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await queue(durable, message())
        await claim(durable)
        await settle(durable, 1, Status.UNREACHABLE)
        await durable.history.signed_in(replace(sign_in("sid", at=NOW), sub="s1"), expires_at=FAR, ends="", retires="")
        assert await durable.notify.queue(message(2), now=NOW) == Silenced("why")
        await durable.history.signed_in(
            replace(sign_in("sid2", at=NOW + 1), sub="s1"), expires_at=FAR, ends="", retires=""
        )
        await queue(durable, message(2), now=NOW + 2)
        assert [one.id for one in await claim(durable, NOW + 2)] == ["n0002"]

    async def test_an_upstream_that_told_of_them_since_is_a_sign_in_as_well(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await queue(durable, message())
        await claim(durable)
        await settle(durable, 1, Status.UNREACHABLE)
        await durable.people.update_link(replace(link(), seen_at=NOW + 1))
        await queue(durable, message(2))

    async def test_the_same_order_again_is_the_same_message(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await queue(durable, message(1, key="k", print="p"))
        assert await durable.notify.queue(message(2, key="k", print="p"), now=NOW) == Accepted("n0001", again=True)
        assert isinstance(await durable.notify.queue(message(3, key="k", print="q"), now=NOW), OtherOrder)
        await queue(durable, message(4, key="k", print="p", client_id="other"))
        assert await durable.notify.waiting() == 2

    async def test_what_nobody_could_send_in_time_is_given_up_but_not_under_way(self, durable: Durable) -> None:
        await adopt(durable, "x1", "x2")
        await queue(durable, message(1, expires_at=NOW + 5), message(2, "x2", expires_at=NOW + 5))
        await claim(durable, limit=1)
        late = await durable.notify.claim("p1", now=NOW + 5, until=NOW + 9, pace=PACE, limit=10)
        assert (late.letters, late.expired) == ((), ("app",))
        assert (await status(durable, 1), await status(durable, 2)) == (Status.QUEUED, Status.FAILED)
        assert (await durable.notify.claim("p1", now=NOW + 99, until=NOW + 99, pace=PACE, limit=10)).expired == ("app",)
        assert await wake(durable, NOW + 200) == math.inf

    @pytest.mark.parametrize("change", ["blocked", "unlinked", "closing", "merged"])
    async def test_a_claim_says_whether_the_way_is_still_theirs(self, durable: Durable, change: str) -> None:
        await adopt(durable, "x1", "x9")
        await queue(durable, message())
        if change == "blocked":
            await durable.accounts.set_blocked("s1", True)
        elif change == "closing":
            await durable.accounts.close("s1", closes_at=FAR, now=NOW, expires_at=FAR)
        elif change == "unlinked":
            await durable.people.unlink("s1", "p1", "x1", usable={"p1"}, now=NOW, expires_at=FAR)
        else:
            await durable.people.adopt(account("s2"), Link("p2", "y", "vk", {}, {}, NOW))
            await durable.accounts.merge(
                "s2", "s1", proof=proof("x1"), now=NOW, expires_at=FAR, known=EVERY_APP, seen_as={}
            )
        (letter,) = await claim(durable)
        assert letter.welcome is (change == "merged")

    async def test_d17_with_the_account_goes_all_that_was_to_be_told_to_it(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await queue(durable, message())
        await claim(durable)
        await settle(durable, 1, Status.UNREACHABLE)
        await durable.accounts.close("s1", closes_at=NOW, now=NOW, expires_at=FAR)
        assert await durable.accounts.delete_due(now=NOW) == ("s1",)
        assert await durable.notify.find("n0001", "app") is None
        await adopt(durable, "x1", sub="s2")
        await queue(durable, message(2, sub="s2"))

    async def test_what_is_over_is_forgotten_in_time(self, durable: Durable) -> None:
        await adopt(durable, "x1", "x2")
        await queue(durable, message(1), message(2, "x2"))
        await claim(durable)
        await settle(durable, 1)
        await settle(durable, 2, Status.UNREACHABLE)
        assert await durable.notify.sweep(now=FAR + 100 + 86_399) == 1  # to whom one was written, and no pace is kept
        assert await durable.notify.sweep(now=FAR + 100 + 86_400) == 2
        assert await durable.notify.find("n0001", "app") is None
        assert await durable.notify.queue(message(3, "x2"), now=FAR) == Silenced("why")

    async def test_an_addressee_is_found_by_every_name_and_with_the_ways_asked_for(self, durable: Durable) -> None:
        await adopt(durable, "x1", "x2")
        await durable.people.update_link(replace(link("x2"), seen_at=NOW + 1))
        await durable.people.adopt(account("s2"), Link("p2", "y", "vk", {}, {}, NOW))
        await durable.accounts.merge(
            "s1", "s2", proof=proof("y", provider_key="p2"), now=NOW, expires_at=FAR, known=EVERY_APP, seen_as={}
        )
        for name in ("s1", "s2"):
            found = await durable.notify.addressee(name, "app", keys={"p1"}, first_party=False, now=NOW)
            assert found is not None
            assert (found.account.sub, found.ways) == ("s1", (("p1", "x2"), ("p1", "x1")))
        assert await durable.notify.addressee("s3", "app", keys={"p1"}, first_party=False, now=NOW) is None

    async def test_l6_an_app_knows_people_by_consent_by_grant_or_by_being_ours(self, durable: Durable) -> None:
        await adopt(durable, "x1")

        async def known(client_id: str, *, first_party: bool = False, now: int = NOW) -> bool:
            found = await durable.notify.addressee("s1", client_id, keys=(), first_party=first_party, now=now)
            return found is not None and found.known

        assert not await known("app")
        await durable.consents.save_consent("s1", "asked", "p", Said(frozenset({"openid"})), NOW)
        assert (await known("asked"), await known("other", first_party=True)) == (True, False)
        await give(durable, grant())
        assert (await known("app"), await known("app", now=NOW + 1000)) == (True, False)
        await durable.history.signed_in(replace(sign_in("sid"), client_id="ours"), expires_at=FAR, ends="", retires="")
        assert (await known("ours"), await known("ours", first_party=True)) == (False, True)

    async def test_names_of_a_sector_are_kept_once_and_lead_on(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await durable.consents.save_consent("s1", "app", "p", Said(frozenset({"openid"})), NOW)
        assert await durable.accounts.unnamed("app", "a.test", limit=9) == ("s1",)
        assert await durable.accounts.unnamed("other", "a.test", limit=9) == ()
        await durable.accounts.keep_names("a.test", {"w1": "s1"})
        await durable.accounts.keep_names("a.test", {"w1": "s1"})
        assert await durable.accounts.unnamed("app", "a.test", limit=9) == ()
        assert await durable.accounts.unnamed("app", "b.test", limit=9) == ("s1",)
        found = await durable.accounts.resolve("w1")
        assert found is not None
        assert found.sub == "s1"
