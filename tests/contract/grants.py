"""What every store must do with grants, codes and refresh tokens; see `tests.contract.accounts`."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from broker.core.people.identity import Person
from broker.store.base import Durable
from broker.store.grants import LiveGrant, Redeemed, Reused, Rotated, SpentBefore
from tests.contract.people import NOW, account, adopt, give, grant, kept_token, link, settle, token

CALLERS = 50


class GrantRules:
    """Inherit, and provide the fixture `durable`, a fresh store."""

    pytestmark = pytest.mark.anyio

    async def test_a_redeemed_code_leaves_a_grant_with_its_person(self, durable: Durable) -> None:
        await settle(durable)
        assert await durable.grants.find("g1", now=NOW) == LiveGrant(grant(), Person(account(), link()))
        assert await kept_token(durable, "t1") == token("t1")
        assert await durable.grants.spent("c1") == "g1"
        assert await durable.grants.spent("c2") is None
        assert await kept_token(durable, "t2") is None
        assert await durable.grants.find("g2", now=NOW) is None

    async def test_a_grant_needs_no_refresh_token(self, durable: Durable) -> None:
        await durable.people.adopt(account(), link())
        assert await durable.grants.redeem("c1", grant(), None, now=NOW) == Redeemed()
        assert await durable.grants.find("g1", now=NOW) is not None

    async def test_f2_of_a_hundred_who_redeem_a_code_at_once_one_succeeds(self, durable: Durable) -> None:
        await durable.people.adopt(account(), link())
        for turn in range(10):
            results = await asyncio.gather(
                *(durable.grants.redeem(f"c{turn}", grant(turn * 1000 + n), None, now=NOW) for n in range(100))
            )
            assert results.count(Redeemed()) == 1
            assert results.count(SpentBefore(f"g{turn * 1000 + results.index(Redeemed())}")) == 99

    async def test_a_code_spent_twice_revokes_what_it_gave(self, durable: Durable) -> None:
        await settle(durable)
        assert await durable.grants.redeem("c1", grant(2), token("t2", grant_id="g2"), now=NOW + 1) == SpentBefore("g1")
        assert await durable.grants.find("g1", now=NOW + 1) is await durable.grants.find("g2", now=NOW + 1) is None
        assert await durable.grants.rotate("t1", token("t3"), now=NOW + 1, grace=10) is None
        assert await kept_token(durable, "t2") is None

    async def test_both_or_neither_a_grant_whose_token_cannot_be_kept_leaves_the_code_unspent(
        self, durable: Durable
    ) -> None:
        await settle(durable)
        with pytest.raises(Exception, match="UNIQUE"):
            await durable.grants.redeem("c2", grant(2), token("t1", grant_id="g2"), now=NOW)
        assert await durable.grants.spent("c2") is None
        assert await durable.grants.find("g2", now=NOW) is None
        assert await durable.grants.redeem("c2", grant(2), token("t2", grant_id="g2"), now=NOW) == Redeemed()

    async def test_rotation_spends_the_token_and_makes_its_child(self, durable: Durable) -> None:
        await settle(durable)
        assert await durable.grants.rotate("t1", token("t2"), now=NOW, grace=10) == Rotated(again=False)
        assert await kept_token(durable, "t2") == token("t2")
        assert await durable.grants.rotate("t2", token("t3"), now=NOW, grace=10) == Rotated(again=False)

    async def test_a_token_spent_within_the_grace_yields_the_same_child(self, durable: Durable) -> None:
        await settle(durable)
        await durable.grants.rotate("t1", token("t2"), now=NOW, grace=10)
        assert await durable.grants.rotate("t1", token("t2"), now=NOW + 10, grace=10) == Rotated(again=True)
        assert await durable.grants.find("g1", now=NOW + 10) is not None

    @pytest.mark.parametrize("late", [1, 400])
    async def test_a_token_spent_before_the_grace_revokes_its_grant(self, durable: Durable, late: int) -> None:
        await settle(durable)
        await durable.grants.rotate("t1", token("t2"), now=NOW, grace=10)
        assert await durable.grants.rotate("t1", token("t2"), now=NOW + 10 + late, grace=10) == Reused("g1")
        assert await durable.grants.find("g1", now=NOW + 10 + late) is None
        assert await durable.grants.rotate("t2", token("t3"), now=NOW + 10 + late, grace=10) is None

    async def test_a_token_whose_child_was_used_revokes_its_grant_even_within_the_grace(self, durable: Durable) -> None:
        await settle(durable)
        await durable.grants.rotate("t1", token("t2"), now=NOW, grace=10)
        await durable.grants.rotate("t2", token("t3"), now=NOW, grace=10)
        assert await durable.grants.rotate("t1", token("t2"), now=NOW, grace=10) == Reused("g1")

    async def test_a_token_never_has_two_children(self, durable: Durable) -> None:
        await settle(durable)
        await durable.grants.rotate("t1", token("t2"), now=NOW, grace=10)
        assert await durable.grants.rotate("t1", token("other"), now=NOW, grace=10) == Reused("g1")
        assert await kept_token(durable, "other") is None

    async def test_f7_a_hundred_rotations_at_once_leave_one_child(self, durable: Durable) -> None:
        await settle(durable)
        results = await asyncio.gather(
            *(durable.grants.rotate("t1", token("t2"), now=NOW, grace=10) for _ in range(100))
        )
        assert results.count(Rotated(again=False)) == 1
        assert results.count(Rotated(again=True)) == 99

    async def test_f7_a_hundred_rotations_at_once_to_different_children_leave_none_alive(
        self, durable: Durable
    ) -> None:
        await settle(durable)
        results = await asyncio.gather(
            *(durable.grants.rotate("t1", token(f"child{n}"), now=NOW, grace=10) for n in range(100))
        )
        assert [type(result) for result in results].count(Rotated) == 1
        assert results.count(Reused("g1")) == 1
        assert results.count(None) == 98

    async def test_an_unknown_or_expired_token_is_not_rotated(self, durable: Durable) -> None:
        await settle(durable)
        assert await durable.grants.rotate("t9", token("t2"), now=NOW, grace=10) is None
        assert await durable.grants.rotate("t1", token("t2"), now=NOW + 500, grace=10) is None
        assert await kept_token(durable, "t2") is None

    async def test_a_grant_lives_until_it_expires(self, durable: Durable) -> None:
        await durable.people.adopt(account(), link())
        await durable.grants.redeem("c1", grant(expires_at=NOW + 10), token("t1"), now=NOW)
        assert await durable.grants.find("g1", now=NOW + 9) is not None
        assert await durable.grants.find("g1", now=NOW + 10) is None
        assert await durable.grants.rotate("t1", token("t2"), now=NOW + 10, grace=10) is None
        assert not await durable.grants.revoke("g1", now=NOW + 10)

    async def test_a_revoked_grant_is_dead_at_once(self, durable: Durable) -> None:
        await settle(durable)
        assert await durable.grants.revoke("g1", now=NOW)
        assert await durable.grants.find("g1", now=NOW) is None
        assert await durable.grants.rotate("t1", token("t2"), now=NOW, grace=10) is None
        assert not await durable.grants.revoke("g1", now=NOW)
        assert not await durable.grants.revoke("g9", now=NOW)

    async def test_j6_all_grants_of_everybody_end_in_one_step(self, durable: Durable) -> None:
        await settle(durable)
        await durable.grants.redeem("c2", grant(2), token("t2", grant_id="g2"), now=NOW)
        await durable.grants.redeem("c3", grant(3), None, now=NOW)
        await durable.grants.redeem("c4", grant(4, expires_at=NOW + 5), None, now=NOW)
        await durable.grants.revoke("g3", now=NOW)
        assert await durable.grants.revoke_all(now=NOW + 5) == 2
        assert [await durable.grants.find(f"g{number}", now=NOW + 5) for number in (1, 2)] == [None, None]
        assert await durable.grants.rotate("t1", token("t9"), now=NOW + 5, grace=10) is None
        assert await durable.grants.revoke_all(now=NOW + 5) == 0
        await durable.grants.redeem("c5", grant(5), None, now=NOW + 5)
        assert await durable.grants.find("g5", now=NOW + 5) is not None

    async def test_a_grant_is_revoked_by_the_client_it_was_given_to(self, durable: Durable) -> None:
        await settle(durable)
        for stranger in ("other", "", "App"):
            assert not await durable.grants.revoke("g1", now=NOW, client_id=stranger)
        assert not await durable.grants.revoke("g9", now=NOW, client_id="app")
        assert await durable.grants.find("g1", now=NOW) is not None
        assert await durable.grants.revoke("g1", now=NOW, client_id="app")
        assert await durable.grants.find("g1", now=NOW) is None

    async def test_what_was_revoked_while_an_account_was_blocked_stays_revoked(self, durable: Durable) -> None:
        await settle(durable)
        await durable.accounts.set_blocked("s1", True)
        assert await durable.grants.revoke("g1", now=NOW, client_id="app")
        await durable.accounts.set_blocked("s1", False)
        assert await durable.grants.find("g1", now=NOW) is None

    async def test_f20_all_that_one_client_has_of_one_person_ends(self, durable: Durable) -> None:
        await settle(durable)
        await adopt(durable, "x2", sub="s2")
        await give(durable, grant(2))
        await give(durable, grant(3).replace(client_id="other"))
        await give(durable, grant(4, sub="s2", subject="x2"))
        assert await durable.grants.revoke_given("s1", "app", now=NOW) == 2
        alive = [number for number in (1, 2, 3, 4) if await durable.grants.find(f"g{number}", now=NOW)]
        assert alive == [3, 4]
        assert await durable.grants.rotate("t1", token("t9"), now=NOW, grace=10) is None
        assert await durable.grants.revoke_given("s1", "app", now=NOW) == 0
        assert await durable.grants.spent("c1") == "g1", "and its code stays spent"

    async def test_f20_refresh_tokens_of_one_client_and_person_end_before_what_else_it_has(
        self, durable: Durable
    ) -> None:
        await settle(durable)
        await give(durable, grant(2, expires_at=NOW + 5))
        await give(durable, grant(3).replace(client_id="other"))
        assert await durable.grants.revoke_given("s1", "app", now=NOW, access_until=NOW + 20) == 2
        assert [await kept_token(durable, name) for name in ("t1", "t-g2")] == [None, None]
        assert await kept_token(durable, "t-g3")
        for number, until in ((1, NOW + 20), (2, NOW + 5)):
            assert await durable.grants.find(f"g{number}", now=until - 1)
            assert await durable.grants.find(f"g{number}", now=until) is None
        assert await durable.grants.find("g3", now=NOW + 20)

    async def test_f20_a_token_without_a_grant_is_taken_back_by_its_id(self, durable: Durable) -> None:
        assert not await durable.grants.is_revoked("j1")
        assert await durable.grants.revoke_token("j1", expires_at=NOW + 10)
        assert not await durable.grants.revoke_token("j1", expires_at=NOW + 10)
        assert await durable.grants.is_revoked("j1")
        assert not await durable.grants.is_revoked("J1")
        assert await durable.sweep(now=NOW + 10 + 86_399) == 0
        assert await durable.grants.is_revoked("j1"), "remembered a day longer than the token lives"
        assert await durable.sweep(now=NOW + 10 + 86_400) == 1
        assert not await durable.grants.is_revoked("j1")

    async def test_a_spent_token_says_when_it_was_spent(self, durable: Durable) -> None:
        await settle(durable)
        await durable.grants.rotate("t1", token("t2"), now=NOW + 3, grace=10)
        assert await kept_token(durable, "t1") == replace(token("t1"), spent_at=NOW + 3)
        assert await kept_token(durable, "t2") == token("t2")

    async def test_a_blocked_account_has_no_live_grants(self, durable: Durable) -> None:
        await settle(durable)
        await durable.accounts.set_blocked("s1", True)
        assert await durable.grants.find("g1", now=NOW) is None
        assert await durable.grants.rotate("t1", token("t2"), now=NOW, grace=10) is None
        await durable.accounts.set_blocked("s1", False)
        assert await durable.grants.find("g1", now=NOW) is not None

    async def test_sweeping_forgets_only_what_is_long_dead(self, durable: Durable) -> None:
        await settle(durable)
        for number in range(2, 1300):
            await durable.grants.redeem(
                f"c{number}",
                grant(number, expires_at=NOW + 10),
                token(f"t{number}", grant_id=f"g{number}") if number % 10 == 0 else None,
                now=NOW,
            )
        assert await durable.sweep(now=NOW + 10) == 0
        assert await durable.sweep(now=NOW + 10 + 86_400) == 1298
        assert await durable.grants.spent("c2") is None
        assert await kept_token(durable, "t10") is None
        assert await durable.grants.spent("c1") == "g1"
        assert await kept_token(durable, "t1") == token("t1")
        assert await durable.sweep(now=NOW + 500 + 86_400) == 1  # the token; its grant is to live longer
        assert await kept_token(durable, "t1") is None

    async def test_a_token_that_is_prolonged_lives_longer_and_is_not_spent(self, durable: Durable) -> None:
        await settle(durable)
        for _ in range(2):
            assert await durable.grants.prolong("t1", now=NOW, expires_at=NOW + 900)
        assert await kept_token(durable, "t1") == replace(token("t1"), expires_at=NOW + 900)

    async def test_nothing_dead_is_prolonged(self, durable: Durable) -> None:
        await settle(durable)
        expired = token("t1").expires_at
        assert not await durable.grants.prolong("t9", now=NOW, expires_at=NOW + 900)
        assert not await durable.grants.prolong("t1", now=expired, expires_at=expired + 900)
        await durable.grants.revoke("g1", now=NOW)
        assert not await durable.grants.prolong("t1", now=NOW, expires_at=NOW + 900)
        assert await kept_token(durable, "t1") == token("t1")

    async def test_f6_a_spent_token_is_not_prolonged(self, durable: Durable) -> None:
        await settle(durable)
        await durable.grants.rotate("t1", token("t2"), now=NOW, grace=10)
        assert not await durable.grants.prolong("t1", now=NOW, expires_at=NOW + 900)
        assert await durable.grants.prolong("t2", now=NOW, expires_at=NOW + 900)
