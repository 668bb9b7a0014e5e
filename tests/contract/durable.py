"""What every store for accounts and grants must do. A backend's tests inherit the rules and give them a `durable`."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from broker.core.people.identity import Link, Person
from broker.store.base import Durable
from broker.store.grants import LiveGrant, Redeemed, Reused, Rotated, SpentBefore
from broker.store.people import NamespaceChanged
from tests.contract.people import NOW, account, grant, kept_token, link, settle, token

CALLERS = 50


class AccountRules:
    """Inherit, and provide the fixture `durable`, a fresh store."""

    pytestmark = pytest.mark.anyio

    async def test_a_first_login_makes_account_and_link(self, durable: Durable) -> None:
        made = await durable.people.adopt(account(), link())
        assert made == Person(account(), link()) == await durable.people.person("p1", "x1")
        assert await durable.people.links("s1") == (link(),)

    async def test_a_stranger_has_no_account(self, durable: Durable) -> None:
        assert await durable.people.person("p1", "x1") is None
        assert await durable.people.links("s1") == ()
        assert not await durable.people.set_blocked("s1", True)

    async def test_d12_of_fifty_first_logins_of_one_person_one_makes_the_account(self, durable: Durable) -> None:
        people = await asyncio.gather(*(durable.people.adopt(account(f"s{n}"), link()) for n in range(CALLERS)))
        assert len({person.account.sub for person in people}) == 1
        winner = people[0].account.sub
        orphans = [n for n in range(CALLERS) if f"s{n}" != winner and await durable.people.set_blocked(f"s{n}", False)]
        assert orphans == []

    async def test_a_login_of_somebody_known_changes_nothing(self, durable: Durable) -> None:
        await durable.people.adopt(account(), link())
        known = await durable.people.adopt(account("s2"), replace(link(), claims={"name": "Eve"}))
        assert known == Person(account(), link())

    async def test_a_sub_is_never_given_twice(self, durable: Durable) -> None:
        await durable.people.adopt(account(), link())
        with pytest.raises(Exception, match="UNIQUE"):
            await durable.people.adopt(account(), link("x2"))
        assert await durable.people.person("p1", "x2") is None

    @pytest.mark.parametrize(
        "other", ["abc", "Abc ", " Abc", "ABC", "\uff21bc", "Ab\u0441", "p1:Abc", "Abc\u200b", "Abc\u0301", "Ab\u0107"]
    )
    async def test_d13_subjects_are_compared_byte_for_byte(self, durable: Durable, other: str) -> None:
        await durable.people.adopt(account("s1"), link("Abc"))
        made = await durable.people.adopt(account("s2"), link(other))
        assert made.account.sub == "s2"

    async def test_d13_composed_and_decomposed_letters_are_two_subjects(self, durable: Durable) -> None:
        await durable.people.adopt(account("s1"), link("\u00e9"))
        assert (await durable.people.adopt(account("s2"), link("e\u0301"))).account.sub == "s2"

    async def test_d20_no_two_pairs_of_provider_and_subject_read_alike(self, durable: Durable) -> None:
        pairs = [("a", "b:c"), ("a:b", "c"), ("a", "b\x1fc"), ("a\x1fb", "c"), ("", "abc"), ('["a"', '"b"]')]
        for number, (key, subject) in enumerate(pairs):
            made = await durable.people.adopt(account(f"s{number}"), link(subject, key))
            assert made.account.sub == f"s{number}"

    async def test_a_later_login_replaces_what_the_upstream_said(self, durable: Durable) -> None:
        await durable.people.adopt(account(), link())
        news = Link("p1", "x1", "google-new", {"name": "Анна", "n": 1}, {"id": "2"}, NOW + 9)
        await durable.people.update_link(news)
        assert await durable.people.person("p1", "x1") == Person(account(), news)

    async def test_consent_is_remembered_per_client_and_promise_and_only_grows(self, durable: Durable) -> None:
        await durable.people.adopt(account(), link())
        assert await durable.people.consent("s1", "app", "p1") == frozenset()
        await durable.people.save_consent("s1", "app", "p1", frozenset({"openid", "email"}), NOW)
        await durable.people.save_consent("s1", "app", "p1", frozenset({"openid", "phone"}), NOW)
        await durable.people.save_consent("s1", "app", "p2", frozenset({"address"}), NOW)
        assert await durable.people.consent("s1", "app", "p1") == {"openid", "email", "phone"}
        assert await durable.people.consent("s1", "app", "p2") == {"address"}
        for sub, client_id, promise in (("s1", "other", "p1"), ("s2", "app", "p1"), ("s1", "app", "")):
            assert await durable.people.consent(sub, client_id, promise) == frozenset()

    async def test_a_blocked_account_can_be_unblocked(self, durable: Durable) -> None:
        await durable.people.adopt(account(), link())
        assert await durable.people.set_blocked("s1", True)
        assert await durable.people.person("p1", "x1") == Person(replace(account(), blocked=True), link())
        assert await durable.people.set_blocked("s1", False)
        assert await durable.people.person("p1", "x1") == Person(account(), link())

    async def test_a_namespace_keeps_its_id_under_every_alias(self, durable: Durable) -> None:
        key = await durable.people.namespace_key("google", "https://accounts.google.com")
        assert key == await durable.people.namespace_key("google", "https://accounts.google.com")
        assert key == await durable.people.namespace_key("google-staff", "https://accounts.google.com")
        assert key != await durable.people.namespace_key("vk", "vk:1")

    async def test_an_alias_that_turns_to_strangers_is_refused_while_people_are_linked(self, durable: Durable) -> None:
        key = await durable.people.namespace_key("vk", "vk:1")
        await durable.people.adopt(account(), link("x1", key))
        await durable.people.adopt(account("s2"), link("x2", key))
        with pytest.raises(NamespaceChanged) as refused:
            await durable.people.namespace_key("vk", "vk:2")
        assert (refused.value.before, refused.value.after, refused.value.links) == ("vk:1", "vk:2", 2)
        assert await durable.people.namespace_key("vk", "vk:1") == key

    async def test_an_alias_nobody_is_linked_through_may_turn(self, durable: Durable) -> None:
        assert await durable.people.namespace_key("vk", "vk:1") != await durable.people.namespace_key("vk", "vk:2")

    async def test_an_operator_begins_anew_by_a_new_alias_and_may_take_the_old_one_back(self, durable: Durable) -> None:
        old = await durable.people.namespace_key("vk", "vk:1")
        await durable.people.adopt(account(), link("x1", old))
        new = await durable.people.namespace_key("vk-new", "vk:2")
        assert new == await durable.people.namespace_key("vk", "vk:2") != old

    async def test_a_secret_is_made_once_and_replaced_only_by_who_knows_it(self, durable: Durable) -> None:
        assert await durable.keys.secret("salt") is None
        made = await asyncio.gather(
            *(durable.keys.save_secret("salt", f"s{n}", replacing=None) for n in range(CALLERS))
        )
        (kept,) = set(made)
        assert await durable.keys.secret("salt") == kept
        assert await durable.keys.save_secret("salt", "new", replacing="other") == kept
        assert (
            await durable.keys.save_secret("salt", "new", replacing=kept) == "new" == await durable.keys.secret("salt")
        )
        assert await durable.keys.secret("Salt") is None

    async def test_it_says_that_it_can_be_written_to(self, durable: Durable) -> None:
        await durable.ping()
        await durable.ping()


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
        await durable.people.set_blocked("s1", True)
        assert await durable.grants.revoke("g1", now=NOW, client_id="app")
        await durable.people.set_blocked("s1", False)
        assert await durable.grants.find("g1", now=NOW) is None

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
        await durable.people.set_blocked("s1", True)
        assert await durable.grants.find("g1", now=NOW) is None
        assert await durable.grants.rotate("t1", token("t2"), now=NOW, grace=10) is None
        await durable.people.set_blocked("s1", False)
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
