"""What every durable store must do with people who come from elsewhere; see `tests.contract.accounts`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.core.arrivals.newcomer import Arrival, Outcome, Settled
from broker.core.people.identity import Account, Link
from broker.core.records import HeldIdentity
from broker.store.accounts import Decision, Merged, Sought
from broker.store.base import Durable
from broker.store.people import Unlinked
from tests.contract.people import NOW, USABLE, adopt, link, proof
from tests.contract.store import at_once

UNTIL = NOW + 86_400


def arrival(name: str = "7", *subjects: str, former: tuple[str, ...] = ()) -> Arrival:
    """Somebody with these ways in, or one."""
    return Arrival(Account(name, NOW - 9, former=former), tuple(map(link, subjects or ("x7",))))


async def outcomes(durable: Durable, *arrivals: Arrival) -> list[tuple[Outcome, str]]:
    """What would become of them, and, after a look that changed nothing, what did."""
    looked = await durable.arrivals.look(arrivals)
    assert await durable.arrivals.look(arrivals) == looked
    assert await durable.arrivals.bring(arrivals, now=NOW) == looked
    return [(one.outcome, one.sub) for one in looked]


class ArrivalRules:
    """Inherit, and provide the fixture `durable`, a fresh store."""

    pytestmark = pytest.mark.anyio

    async def test_who_is_new_is_kept_whole_and_the_second_time_nothing_changes(self, durable: Durable) -> None:
        ada = arrival("7", "x7", "y7")
        assert await durable.arrivals.look([ada]) == (Settled("7", Outcome.NEW, "7"),)
        assert await durable.people.person("p1", "x7") is None, "looking changes nothing"
        assert await outcomes(durable, ada, arrival("8", "x8")) == [(Outcome.NEW, "7"), (Outcome.NEW, "8")]
        assert await durable.people.links("7") == ada.links
        assert (await durable.accounts.resolve("7")) == Account("7", NOW - 9)
        assert await outcomes(durable, ada) == [(Outcome.SAME, "7")]
        assert await durable.people.links("7") == ada.links

    async def test_an_alias_leads_to_them_and_is_one_of_their_former_names(self, durable: Durable) -> None:
        ada = arrival("new", former=("7",))
        assert ada.id == "7"
        assert await outcomes(durable, ada) == [(Outcome.NEW, "new")]
        known = await durable.accounts.resolve("7")
        assert known == Account("new", NOW - 9, former=("7",))
        assert await outcomes(durable, arrival("other", former=("7",))) == [(Outcome.SAME, "new")]
        assert await durable.accounts.resolve("other") is None
        (found,) = await durable.accounts.search(Sought(), after="", limit=9)
        assert found.account.sub == "new"

    async def test_who_was_blocked_there_is_blocked_here(self, durable: Durable) -> None:
        bob = replace(arrival(), account=Account("7", NOW, blocked=True), why="was blocked there")
        assert await outcomes(durable, bob, arrival("8", "x8")) == [(Outcome.NEW, "7"), (Outcome.NEW, "8")]
        found = await durable.accounts.search(Sought(), after="", limit=9)
        assert [(one.account.blocked, one.blocked_at, one.blocked_why) for one in found] == [
            (True, NOW, "was blocked there"),
            (False, None, ""),
        ]

    async def test_whatever_is_here_already_stays_as_it_is(self, durable: Durable) -> None:
        await adopt(durable, "x1", "x2")
        before = await durable.people.links("s1")
        assert await outcomes(
            durable, arrival("7", "x1", "new"), arrival("s1", "x1", "new"), arrival("s1", "new"), arrival("s1", "x1")
        ) == [(Outcome.TAKEN, "s1"), (Outcome.LACKS, "s1"), (Outcome.USED, "s1"), (Outcome.SAME, "s1")]
        assert await durable.people.links("s1") == before
        assert await durable.people.person("p1", "new") is None
        assert await durable.accounts.resolve("7") is None

    async def test_who_was_merged_since_is_the_same(self, durable: Durable) -> None:
        assert await outcomes(durable, arrival("7", "x7"), arrival("8", "x8")) == [
            (Outcome.NEW, "7"),
            (Outcome.NEW, "8"),
        ]
        shown: HeldIdentity = proof("x8")
        done = await durable.accounts.merge("7", "8", proof=shown, now=NOW + 2, expires_at=UNTIL, known=(), seen_as={})
        assert done == Merged(again=False)
        assert await outcomes(durable, arrival("8", "x8")) == [(Outcome.SAME, "7")]

    @pytest.mark.parametrize("former", [(), ("7",)])
    async def test_who_was_deleted_does_not_come_back(self, durable: Durable, former: tuple[str, ...]) -> None:
        ada = arrival("new" if former else "7", former=former)
        assert (await outcomes(durable, ada))[0][0] is Outcome.NEW
        assert await durable.accounts.close(ada.account.sub, closes_at=NOW, now=NOW, expires_at=UNTIL)
        assert await durable.accounts.delete_due(now=NOW) == (ada.account.sub,)
        again = arrival("newer" if former else "7", former=former)
        assert await outcomes(durable, again) == [(Outcome.GONE, "")]
        assert await durable.people.person("p1", "x7") is None

    async def test_a_way_in_that_was_taken_away_does_not_come_back(self, durable: Durable) -> None:
        ada = arrival("7", "x7", "y7")
        assert await outcomes(durable, ada) == [(Outcome.NEW, "7")]
        gone = await durable.people.unlink("7", "p1", "y7", usable=USABLE, now=NOW, expires_at=UNTIL)
        assert gone == Unlinked("")
        assert await outcomes(durable, ada) == [(Outcome.LACKS, "7")]
        assert len(await durable.people.links("7")) == 1

    async def test_a_blocked_one_who_comes_again_stays_blocked(self, durable: Durable) -> None:
        assert await outcomes(durable, arrival()) == [(Outcome.NEW, "7")]
        assert await durable.accounts.set_blocked("7", True, decision=Decision("spam", NOW, UNTIL))
        assert await outcomes(durable, arrival()) == [(Outcome.SAME, "7")]
        known = await durable.accounts.resolve("7")
        assert known is not None
        assert known.blocked

    async def test_of_twenty_who_bring_the_same_person_at_once_one_did(self, durable: Durable) -> None:
        done = await at_once(20, lambda: durable.arrivals.bring([arrival("7", "x7", "y7")], now=NOW))
        assert sorted(one.outcome for (one,) in done) == [Outcome.NEW, *[Outcome.SAME] * 19]
        assert len(await durable.people.links("7")) == 2

    async def test_a_batch_is_kept_whole_or_not_at_all(self, durable: Durable) -> None:
        broken = replace(arrival("8", "x8"), links=(link("x8"), Link("p1", "x8", "google", {}, {}, NOW)))
        with pytest.raises(Exception, match=r"(?i)unique"):  # whatever the database's driver says
            await durable.arrivals.bring([arrival("7", "x7"), broken], now=NOW)
        assert await durable.accounts.resolve("7") is None
