"""(provider instance, subject) is who somebody is, byte for byte, and nothing else is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import permutations

import pytest

from broker.core.events import Event
from broker.core.people.identity import Identity, Person
from broker.services.people.accounts import pick_name
from tests.services.bare_broker import NOW, World, app

pytestmark = pytest.mark.anyio


async def resolve(world: World, identity: Identity, provider: str = "alpha") -> Person:
    """Whoever this identity is."""
    return await world.accounts.resolve(f"key of {provider}", provider, identity, app())


async def test_a_first_login_makes_an_account_and_the_next_finds_it(world: World) -> None:
    person = await resolve(world, Identity("x1", {"name": "Ann"}, {"psuid": "7"}))
    assert person.link.claims == {"name": "Ann"}
    assert person.link.raw_ids == {"psuid": "7"}
    assert await resolve(world, Identity("x1", {"name": "Ann"}, {"psuid": "7"})) == person
    assert world.notes.count(Event.ACCOUNT_CREATED) == 1


async def test_a_sub_is_130_random_bits_and_tells_nothing(world: World) -> None:
    subs = {(await resolve(world, Identity(f"x{n}"))).account.sub for n in range(50)}
    assert len(subs) == 50
    assert all(len(sub) == 26 and sub.islower() and sub.isalnum() for sub in subs)


async def test_d12_of_fifty_parallel_first_logins_one_makes_the_account(world: World) -> None:
    people = await asyncio.gather(*(resolve(world, Identity("x1")) for _ in range(50)))
    assert len({person.account.sub for person in people}) == 1
    assert world.notes.count(Event.ACCOUNT_CREATED) == 1


async def test_d13_subjects_that_only_look_alike_are_different_people(world: World) -> None:
    subjects = (
        "Abc",
        "abc",
        "ABC",
        "ａbc",
        "abc\u3000",
        "e\u0301",
        "\u00e9",
        "ß",
        "ss",
        "ſ",
        "s",
        "1",
        "01",
        "１",
    )
    people = [await resolve(world, Identity(subject)) for subject in subjects]
    assert len({person.account.sub for person in people}) == len(subjects)


async def test_d20_no_composite_key_collides(world: World) -> None:
    pairs = [("a", "b:c"), ("a:b", "c"), ("a", "b"), ("b", "a"), ("x:google", "y"), ("x", "google:y"), ("a", '{"a":1}')]
    people = [await world.accounts.resolve(key, "alpha", Identity(subject), app()) for key, subject in pairs]
    assert len({person.account.sub for person in people}) == len(pairs)


async def test_the_same_subject_at_two_providers_is_two_people(world: World) -> None:
    one, two = await resolve(world, Identity("x1"), "alpha"), await resolve(world, Identity("x1"), "beta")
    assert one.account.sub != two.account.sub


@pytest.mark.parametrize("verified", [True, False])
async def test_d1_c1_an_address_never_links(world: World, verified: bool) -> None:
    claims = {"email": "ann@a.test", "email_verified": verified}
    people = [
        await resolve(world, Identity("x1", claims), "alpha"),
        await resolve(world, Identity("x2", claims), "alpha"),
        await resolve(world, Identity("x1", claims), "beta"),
    ]
    assert len({person.account.sub for person in people}) == 3


_TOLD_ONCE = (frozenset({"name", "given_name"}), frozenset({"email", "email_verified", "relay"}))


async def test_what_an_upstream_tells_once_stands_until_it_tells_another(world: World) -> None:
    told = {"name": "Ann Lee", "given_name": "Ann", "email": "a@a.test", "email_verified": True, "locale": "en"}
    first = await resolve(world, Identity("x1", told, {"id": "7", "relay": "true"}, lasting=_TOLD_ONCE))
    assert first.link.claims == told
    for _ in range(2):
        again = await resolve(world, Identity("x1", {}, {"id": "7"}, lasting=_TOLD_ONCE))
        assert again.link.claims == {name: told[name] for name in told if name != "locale"}
        assert again.link.raw_ids == {"id": "7", "relay": "true"}
    married = await resolve(world, Identity("x1", {"name": "Bo"}, {"id": "8"}, lasting=_TOLD_ONCE))
    assert married.link.claims == {"name": "Bo", "email": "a@a.test", "email_verified": True}, "one name is a whole one"
    moved = {"email": "b@b.test", "email_verified": False}
    other = await resolve(world, Identity("x1", moved, {"id": "8"}, lasting=_TOLD_ONCE))
    assert (other.link.claims, other.link.raw_ids) == ({"name": "Bo", **moved}, {"id": "8"})
    assert (await resolve(world, Identity("x1"))).link.claims == {}, "of an upstream that tells all each time"


async def test_what_the_upstream_says_last_is_what_counts(world: World) -> None:
    before = await resolve(world, Identity("x1", {"name": "Ann", "email": "a@a.test", "email_verified": True}))
    after = await resolve(world, Identity("x1", {"name": "Anna"}))
    assert after.account == before.account
    assert after.link.claims == {"name": "Anna"}
    assert await world.store.durable.people.person("key of alpha", "x1") == after


@pytest.mark.parametrize(("seconds", "seen_at"), [(0, NOW), (86_399, NOW), (86_400, NOW + 86_400)])
async def test_an_unchanged_link_is_written_once_a_day(world: World, seconds: int, seen_at: int) -> None:
    await resolve(world, Identity("x1"))
    world.clock.now += seconds
    assert (await resolve(world, Identity("x1"))).link.seen_at == seen_at


async def test_d19_a_renamed_provider_keeps_its_people(world: World) -> None:
    person = await resolve(world, Identity("x1"))
    renamed = await world.accounts.resolve("key of alpha", "gamma", Identity("x1"), app())
    assert renamed.account == person.account
    assert renamed.link == replace(person.link, provider="gamma")


async def test_people_are_called_by_the_most_personal_name(world: World) -> None:
    names = ("name", "given_name", "nickname", "preferred_username")
    for order in permutations(names):
        assert pick_name({name: name for name in order}) == "name"
    assert pick_name({"name": "", "given_name": 7, "nickname": "Nick"}) == "Nick"
    assert pick_name({"email": "a@a.test"}) == ""


async def test_a_page_knows_whom_it_speaks_to(world: World) -> None:
    _, _, session = await world.log_in()
    person = await world.people.find(session.login)
    assert person is not None
    assert person.link.claims["name"] == "Ann"
    assert await world.people.find(session.login.replace(subject="x9")) is None
    assert await world.people.find(session.login.replace(sub="somebody-else")) is None
