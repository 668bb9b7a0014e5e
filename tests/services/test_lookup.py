"""Whose an upstream's subject is, or a `sub` of before a merge: told to clients that may ask, and never to others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar, cast

import pytest

from broker.core.clients.client import IdentityPolicy
from broker.core.errors import InvalidRequest, NotFound, ProviderNotAllowed, UnauthorizedClient
from broker.core.events import Event
from broker.core.people.identity import Account, Link
from broker.core.terms import AuthMethod, SubjectType
from broker.core.wire.parameters import Parameters
from broker.store.sql.deliveries import Outbox
from broker.store.sql.people import SqlPeople
from broker.store.sql.steps import Driver, Steps
from tests.services.bare_broker import NOW, World, app
from tests.services.merged_accounts import absorb

pytestmark = pytest.mark.anyio
T = TypeVar("T")
MAY = IdentityPolicy(lookup_identities=True)


@pytest.fixture
async def known(world: World) -> World:
    """Ann, who comes by alpha; apps that may ask, one of them with subs of its own, and one that may not."""
    secret: dict[str, Any] = {"auth_method": AuthMethod.POST, "identities": MAY}
    apart = replace(app().tokens, subject_type=SubjectType.PAIRWISE, sector="apart.test")
    elsewhere = replace(apart, sector="elsewhere.test")
    world.clients |= {
        "bot": app("bot", **secret),
        "apart": app("apart", tokens=apart, **secret),
        "elsewhere": app("elsewhere", tokens=elsewhere, **secret),
        "vk-alone": app("vk-alone", providers=("beta",), **secret),
    }
    await world.restart()
    people = world.store.durable.people
    await people.adopt(Account("ann", NOW), Link(world.providers.find("alpha").key, "x1", "alpha", {}, {}, NOW))
    return world


async def ask(world: World, client_id: str = "bot", /, **sent: str) -> str:
    """The `sub` that this client is told."""
    answer = await world.lookup.answer(world.clients[client_id], Parameters(sent.items()))
    assert answer.keys() == {"sub"}
    return answer["sub"]


async def test_an_upstreams_subject_leads_to_the_sub_that_this_client_knows(known: World) -> None:
    assert await ask(known, provider="alpha", subject="x1") == "ann"
    apart = await ask(known, "apart", provider="alpha", subject="x1")
    assert apart == known.tokens.subjects.of("ann", known.clients["apart"]) != "ann"
    event, fields = known.notes.heard[-1]
    assert (event, fields) == (Event.IDENTITY_LOOKED_UP, {"client_id": "apart", "kind": "provider", "found": True})


async def test_a_look_up_makes_nobody(known: World) -> None:
    with pytest.raises(NotFound):
        await ask(known, provider="alpha", subject="x2")
    assert await known.store.durable.people.person(known.providers.find("alpha").key, "x2") is None
    assert known.notes.heard[-1][1]["found"] is False


async def test_d18_who_may_not_ask_is_answered_before_anybody_is_looked_for(known: World) -> None:
    before = len(known.notes.heard)
    for subject in ("x1", "x2"):
        with pytest.raises(UnauthorizedClient):
            await ask(known, "app", provider="alpha", subject=subject)
        with pytest.raises(ProviderNotAllowed):
            await ask(known, "vk-alone", provider="alpha", subject=subject)
        with pytest.raises(ProviderNotAllowed):
            await ask(known, provider="gamma", subject=subject)
    assert known.notes.heard[before:] == []


async def block(world: World) -> None:
    """Ann's account is switched off."""
    await world.store.durable.accounts.set_blocked("ann", True)


async def close(world: World) -> None:
    """She asked for it to be deleted."""
    await world.store.durable.accounts.close("ann", closes_at=NOW + 99, now=NOW, expires_at=NOW + 99)


@pytest.mark.parametrize("shut", [block, close])
@pytest.mark.parametrize(
    ("hers", "nobodys"),
    [
        ({"provider": "alpha", "subject": "x1"}, {"provider": "alpha", "subject": "x2"}),
        ({"former_sub": "who"}, {"former_sub": "nobody"}),
    ],
)
async def test_d18_who_could_not_sign_in_is_nobody(
    known: World, shut: Callable[[World], Awaitable[None]], hers: dict[str, str], nobodys: dict[str, str]
) -> None:
    await absorb(known.store.durable, "ann", "who")
    assert await ask(known, **hers) == "ann"
    await shut(known)
    texts = set()
    for sent in (hers, nobodys):
        with pytest.raises(NotFound) as refused:
            await ask(known, **sent)
        texts.add(refused.value.public)
        assert known.notes.heard[-1][1]["found"] is False
    assert len(texts) == 1


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"provider": "alpha"},
        {"subject": "x1"},
        {"former_sub": "old", "subject": "x1"},
        {"provider": "alpha", "subject": "x1", "former_sub": "old"},
    ],
)
async def test_one_question_is_asked_at_a_time(known: World, sent: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        await ask(known, **sent)


async def test_a_parameter_is_sent_once(known: World) -> None:
    twice = Parameters([("provider", "alpha"), ("subject", "x1"), ("subject", "x2")])
    with pytest.raises(InvalidRequest):
        await known.lookup.answer(known.clients["bot"], twice)


async def test_a_former_sub_leads_to_the_one_of_today(known: World) -> None:
    await absorb(known.store.durable, "ann", "who")
    assert await ask(known, former_sub="who") == "ann"
    assert known.notes.heard[-1][1] == {"client_id": "bot", "kind": "former_sub", "found": True}


@pytest.mark.parametrize("sub", ["ann", "nobody"])
async def test_a_sub_that_stands_or_never_was_is_no_former_one(known: World, sub: str) -> None:
    await absorb(known.store.durable, "ann", "who")
    with pytest.raises(NotFound):
        await ask(known, former_sub=sub)


async def test_l6_a_former_sub_of_another_sector_says_nothing(known: World) -> None:
    of = known.tokens.subjects.of
    apart, elsewhere = known.clients["apart"], known.clients["elsewhere"]
    seen = {of("who", client): "who" for client in (apart, elsewhere)}
    await absorb(known.store.durable, "ann", "who", seen_as=seen)
    assert await ask(known, "apart", former_sub=of("who", apart)) == of("ann", apart)
    for client_id, sub in (("apart", of("who", elsewhere)), ("apart", "who"), ("bot", of("who", apart))):
        with pytest.raises(NotFound):
            await ask(known, client_id, former_sub=sub)


class Counting:
    """Counts the statements that reading takes."""

    def __init__(self, driver: Driver) -> None:
        """`driver` runs them."""
        self.driver, self.statements = driver, 0

    async def read(self, operation: Callable[[], Steps[T]]) -> T:
        """Driver.read."""
        return await self.driver.read(partial(self._count, operation))

    def _count(self, operation: Callable[[], Steps[T]]) -> Steps[T]:
        steps = operation()
        try:
            statement = next(steps)
            while True:
                self.statements += 1
                statement = steps.send((yield statement))
        except StopIteration as done:
            found: T = done.value
            return found


async def test_d18_a_hit_and_a_miss_take_the_same_statements(known: World) -> None:
    driver = cast("SqlPeople", known.store.durable.people).driver
    took = []
    for subject in ("x1", "x2"):
        counting = Counting(driver)
        await SqlPeople(cast("Driver", counting), Outbox(bytes)).person(known.providers.find("alpha").key, subject)
        took.append(counting.statements)
    assert took == [1, 1]
