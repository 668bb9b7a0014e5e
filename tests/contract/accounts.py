"""What every store must do with people. A backend's tests inherit the rules and give them a `durable`."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from broker.core.authorize.consent import Said
from broker.core.people.identity import Link, Person
from broker.store.base import Durable
from broker.store.people import NamespaceChanged
from tests.contract.people import NOW, account, link

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
        assert not await durable.accounts.set_blocked("s1", True)

    async def test_d12_of_fifty_first_logins_of_one_person_one_makes_the_account(self, durable: Durable) -> None:
        people = await asyncio.gather(*(durable.people.adopt(account(f"s{n}"), link()) for n in range(CALLERS)))
        assert len({person.account.sub for person in people}) == 1
        winner = people[0].account.sub
        orphans = [
            n for n in range(CALLERS) if f"s{n}" != winner and await durable.accounts.set_blocked(f"s{n}", False)
        ]
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

    async def test_an_answer_takes_the_place_of_the_one_before(self, durable: Durable) -> None:
        await durable.people.adopt(account(), link())
        both = Said(frozenset({"openid", "email"}))
        await durable.consents.save_consent("s1", "app", "p1", both, NOW)
        await durable.consents.save_consent("s1", "app", "p2", both, NOW)
        without = Said(frozenset({"openid"}), frozenset({"email"}))
        for answer in (without, both, without):
            await durable.consents.save_consent("s1", "app", "p1", answer, NOW)
            assert await durable.consents.consent("s1", "app", "p1") == answer

    async def test_a14_a_no_ends_the_yes_to_every_promise_and_a_yes_counts_for_its_own(self, durable: Durable) -> None:
        await durable.people.adopt(account(), link())
        both = Said(frozenset({"openid", "email"}))
        without = Said(frozenset({"openid"}), frozenset({"email"}))
        for client_id, promise in (("app", "p1"), ("app", "p2"), ("other", "p2")):
            await durable.consents.save_consent("s1", client_id, promise, both, NOW)
        await durable.consents.save_consent("s1", "app", "p1", without, NOW)
        assert await durable.consents.consent("s1", "app", "p2") == Said(frozenset({"openid"})), "to be asked again"
        assert await durable.consents.consent("s1", "other", "p2") == both
        assert {one.client_id: one.scope for one in await durable.consents.accesses("s1", now=NOW)} == {
            "app": {"openid"},
            "other": {"openid", "email"},
        }
        await durable.consents.save_consent("s1", "app", "p2", both, NOW)
        assert await durable.consents.consent("s1", "app", "p1") == without

    async def test_consent_is_remembered_per_client_and_promise_and_only_grows(self, durable: Durable) -> None:
        await durable.people.adopt(account(), link())
        assert await durable.consents.consent("s1", "app", "p1") == Said()
        await durable.consents.save_consent("s1", "app", "p1", Said(frozenset({"openid", "email"})), NOW)
        await durable.consents.save_consent("s1", "app", "p1", Said(frozenset({"openid", "phone"})), NOW)
        await durable.consents.save_consent("s1", "app", "p2", Said(frozenset({"address"})), NOW)
        assert await durable.consents.consent("s1", "app", "p1") == Said(frozenset({"openid", "email", "phone"}))
        assert await durable.consents.consent("s1", "app", "p2") == Said(frozenset({"address"}))
        for sub, client_id, promise in (("s1", "other", "p1"), ("s2", "app", "p1"), ("s1", "app", "")):
            assert await durable.consents.consent(sub, client_id, promise) == Said()

    async def test_a_blocked_account_can_be_unblocked(self, durable: Durable) -> None:
        await durable.people.adopt(account(), link())
        assert await durable.accounts.set_blocked("s1", True)
        assert await durable.people.person("p1", "x1") == Person(replace(account(), blocked=True), link())
        assert await durable.accounts.set_blocked("s1", False)
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

    async def test_of_several_aliases_all_are_written_down_or_none(self, durable: Durable) -> None:
        people = durable.people
        keys = await people.namespace_keys({"vk": "vk:1", "google": "g:1"})
        assert keys == {
            "vk": await people.namespace_key("vk", "vk:1"),
            "google": await people.namespace_key("x", "g:1"),
        }
        await people.adopt(account(), link("x1", keys["vk"]))
        with pytest.raises(NamespaceChanged) as refused:
            await people.namespace_keys({"google": "g:2", "vk": "vk:2"})
        assert (refused.value.alias, refused.value.links) == ("vk", 1)
        await people.adopt(account("s2"), link("x2", keys["google"]))
        with pytest.raises(NamespaceChanged) as refused:  # `g:2` was never seen, so it was not written down above
            await people.namespace_key("google", "g:2")
        assert refused.value.before == "g:1"

    async def test_an_alias_nobody_is_linked_through_may_turn(self, durable: Durable) -> None:
        assert await durable.people.namespace_key("vk", "vk:1") != await durable.people.namespace_key("vk", "vk:2")

    async def test_an_operator_begins_anew_by_a_new_alias_and_may_take_the_old_one_back(self, durable: Durable) -> None:
        old = await durable.people.namespace_key("vk", "vk:1")
        await durable.people.adopt(account(), link("x1", old))
        new = await durable.people.namespace_key("vk-new", "vk:2")
        assert new == await durable.people.namespace_key("vk", "vk:2") != old

    async def test_it_says_that_it_can_be_written_to(self, durable: Durable) -> None:
        await durable.ping()
        await durable.ping()
