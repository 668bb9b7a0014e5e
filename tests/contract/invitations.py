"""What every durable store must do with invitations; see `tests.contract.accounts`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.core.invitations import Invitation, Named
from broker.core.people.identity import Person
from broker.store.base import Durable
from tests.contract.people import NOW, account, link
from tests.contract.store import at_once

ANN = Invitation("i1", Named.EMAIL, "", NOW, NOW + 60, "new here")
BOB = Invitation("i2", Named.IDENTITY, "google", NOW, NOW + 60, "new, too")


class InvitationRules:
    """Inherit, and provide the fixture `durable`, a fresh store."""

    pytestmark = pytest.mark.anyio

    async def test_an_invitation_is_listed_until_it_is_over(self, durable: Durable) -> None:
        await durable.invitations.add(BOB)
        await durable.invitations.add(ANN)
        assert await durable.invitations.page(after="", limit=9, now=NOW + 59) == (ANN, BOB)
        assert await durable.invitations.page(after="", limit=1, now=NOW) == (ANN,)
        assert await durable.invitations.page(after="i1", limit=9, now=NOW) == (BOB,)
        assert await durable.invitations.page(after="", limit=9, now=NOW + 60) == ()
        assert await durable.invitations.remove("i2")
        assert not await durable.invitations.remove("i2")

    async def test_who_is_invited_again_is_invited_as_said_last(self, durable: Durable) -> None:
        await durable.invitations.add(ANN)
        later = replace(ANN, made_at=NOW + 1, expires_at=NOW + 90, why="once more")
        await durable.invitations.add(later)
        assert await durable.invitations.page(after="", limit=9, now=NOW) == (later,)

    async def test_nobody_is_adopted_without_one_that_is_good(self, durable: Durable) -> None:
        await durable.invitations.add(ANN)
        assert await durable.people.adopt_invited(account(), link(), (), now=NOW) is None
        assert await durable.people.adopt_invited(account(), link(), ("i9",), now=NOW) is None
        assert await durable.people.adopt_invited(account(), link(), ("i1",), now=NOW + 60) is None
        assert await durable.people.person("p1", "x1") is None
        assert await durable.people.adopt_invited(account(), link(), ("i9", "i1"), now=NOW) == Person(account(), link())
        assert await durable.people.person("p1", "x1") == Person(account(), link())

    async def test_it_is_spent_with_the_account_and_counts_once(self, durable: Durable) -> None:
        await durable.invitations.add(ANN)
        await durable.invitations.add(BOB)
        assert await durable.people.adopt_invited(account(), link(), ("i1", "i2"), now=NOW) is not None
        assert await durable.invitations.page(after="", limit=9, now=NOW) == ()
        assert await durable.people.adopt_invited(account("s2"), link("x2"), ("i1", "i2"), now=NOW) is None

    async def test_who_is_known_needs_none_and_spends_none(self, durable: Durable) -> None:
        await durable.people.adopt(account(), link())
        await durable.invitations.add(ANN)
        known = await durable.people.adopt_invited(account("s2"), link(), ("i1",), now=NOW)
        assert known == Person(account(), link())
        assert await durable.invitations.page(after="", limit=9, now=NOW) == (ANN,)

    async def test_of_twenty_strangers_with_one_invitation_one_gets_an_account(self, durable: Durable) -> None:
        await durable.invitations.add(ANN)
        numbers = iter(range(20))

        async def come() -> Person | None:
            number = next(numbers)
            return await durable.people.adopt_invited(account(f"s{number}"), link(f"x{number}"), ("i1",), now=NOW)

        assert len([one for one in await at_once(20, come) if one is not None]) == 1

    async def test_what_is_over_for_a_day_is_swept(self, durable: Durable) -> None:
        await durable.invitations.add(ANN)
        assert await durable.invitations.sweep(now=NOW + 60) == 0
        assert await durable.invitations.sweep(now=NOW + 60 + 86_400) == 1
