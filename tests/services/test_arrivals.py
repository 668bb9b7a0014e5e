"""People of another system, as they come in: checked, brought or refused, and audited."""

from __future__ import annotations

from typing import Any

import pytest

from broker.core.errors import InvalidRequest
from broker.core.events import Event
from broker.core.people.identity import Identity
from tests.services.bare_broker import NOW, World, app

pytestmark = pytest.mark.anyio


def person(name: str = "7", *ways: tuple[str, str], **more: object) -> dict[str, object]:
    """As a batch has them; at alpha, if nothing else is said."""
    told = [{"provider": provider, "subject": subject} for provider, subject in ways or (("alpha", "x7"),)]
    return {"id": name, "ways": told, **more}


async def send(world: World, *people: dict[str, object], **more: object) -> list[dict[str, Any]]:
    """A batch that is applied with their ids as `sub`."""
    batch = {"source": "allauth", "people": people, "keep": True, "apply": True, "why": "moving in", **more}
    return await world.operators.arrivals.receive(batch, by="root")


async def test_people_come_in_and_sign_in_as_who_they_were(world: World) -> None:
    told = await send(world, person("7", ("alpha", "x7"), ("beta", "y7"), created_at=5))
    assert told == [{"id": "7", "outcome": "new", "sub": "7", "why": ""}]
    first, second = await world.store.durable.people.links("7")
    assert (first.provider, first.subject, first.seen_at, first.linked_at) == ("alpha", "x7", NOW, NOW)
    assert second.provider == "beta"
    account = await world.store.durable.accounts.resolve("7")
    assert account is not None
    assert account.created_at == 5
    found = await world.accounts.resolve(first.provider_key, "alpha", Identity("x7"), app())
    assert found.account.sub == "7"


async def test_a_look_changes_nothing_and_needs_no_reason(world: World) -> None:
    for keep, sub in ((True, "7"), (False, "")):
        told = await send(world, person(), apply=False, why="", keep=keep)
        assert told == [{"id": "7", "outcome": "new", "sub": sub, "why": ""}]
    assert await world.store.durable.accounts.resolve("7") is None
    heard = [fields for event, fields in world.notes.heard if event is Event.PEOPLE_IMPORTED]
    assert [one["applied"] for one in heard] == [False, False]


async def test_an_alias_gets_a_sub_of_ours(world: World) -> None:
    (told,) = await send(world, person(), keep=False)
    assert len(told["sub"]) == 26
    (again,) = await send(world, person(), keep=False)
    assert (again["outcome"], again["sub"]) == ("same", told["sub"])
    account = await world.store.durable.accounts.resolve("7")
    assert account is not None
    assert account.former == ("7",)


async def test_who_was_blocked_there_does_not_come_in_as_somebody_new(world: World) -> None:
    await send(world, person(blocked=True))
    (found,) = (await world.operators.answer("account.find", {"blocked": True}, by="root"))["accounts"]
    assert (found["sub"], found["blocked_why"]) == ("7", "was blocked where they come from")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (person("7 8"), "not visible ASCII"),
        (person("7", ("alpha", "None")), "placeholder"),
        (person("7", ("alpha", "a b")), "white space"),
        ({"id": "7", "ways": []}, "no way in"),
        ({"id": "7", "ways": [{"provider": "alpha", "subject": "x", "claims": {"sub": "1"}}]}, "does not choose"),
        (
            {"id": "7", "ways": [{"provider": "alpha", "subject": "x", "claims": {"email": "a@x.test"}}]},
            "email_verified",
        ),
    ],
)
async def test_nobody_comes_in_as_what_nobody_can_be(world: World, wrong: dict[str, object], why: str) -> None:
    refused, brought = await send(world, wrong, person("8", ("alpha", "x8")))
    assert (refused["outcome"], why in refused["why"], brought["outcome"]) == ("unfit", True, "new")
    assert await world.store.durable.accounts.resolve("7") is None


async def test_one_way_in_that_comes_by_two_names_is_one(world: World) -> None:
    (told,) = await send(world, person("7", ("alpha", "x7"), ("alpha", "x7")))
    assert told["outcome"] == "new"
    assert len(await world.store.durable.people.links("7")) == 1


async def test_nobody_is_called_like_a_client(world: World) -> None:
    for keep in (True, False):
        (told,) = await send(world, person("app"), keep=keep)
        assert (told["outcome"], told["why"]) == ("used", "it is the id of a client")


async def test_what_comes_is_cleaned_as_an_upstreams_word_is(world: World) -> None:
    claims = {"name": "Ada\x1b[2J\u202e", "email": "Ada@Näs.test", "email_verified": False, "picture": ""}
    told: dict[str, object] = {"id": "7", "ways": [{"provider": "alpha", "subject": "x7", "claims": claims}]}
    assert (await send(world, told))[0]["outcome"] == "new"
    (link,) = await world.store.durable.people.links("7")
    assert link.claims == {"name": "Ada[2J", "email": "Ada@xn--ns-via.test", "email_verified": False}


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"why": ""}, "why is empty"),
        ({"why": "two\nlines"}, "why is empty"),
        ({"people": [person("7", ("gamma", "x"))]}, "no provider 'gamma'"),
        ({"people": "7"}, "not a batch"),
        ({"keep": "yes"}, "not a batch"),
        ({"people": [{"id": 7, "ways": []}]}, "not a batch"),
    ],
)
async def test_what_is_no_batch_is_refused_whole(world: World, more: dict[str, object], problem: str) -> None:
    with pytest.raises(InvalidRequest, match=problem):
        await send(world, person(), **more)
    assert await world.store.durable.accounts.resolve("7") is None
    assert Event.PEOPLE_IMPORTED not in [event for event, _ in world.notes.heard]


async def test_the_audit_stream_has_who_why_and_what_came_of_it(world: World) -> None:
    await send(world, person())
    await send(world, person(), person("8", ("beta", "y8")), person("9"))
    *_, (_, fields) = [one for one in world.notes.heard if one[0] is Event.PEOPLE_IMPORTED]
    assert fields == {
        **{"source": "allauth", "by": "root", "why": "moving in", "applied": True},
        **{"new": 1, "same": 1, "refused": 1},
    }
