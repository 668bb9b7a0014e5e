"""Messages to people: who may order them and to whom, and what becomes of them (threats D18, I11, K7, L6)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

import pytest

from broker.core.authorize.consent import Said
from broker.core.clients.client import Client
from broker.core.errors import (
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    MessagesNotConfigured,
    NotFound,
    NoToken,
    NoWayToWrite,
    Unreachable,
)
from broker.core.events import Event
from broker.core.notify import Button, Fate, Message, Outcome
from broker.core.people.identity import Account, Link
from broker.core.terms import AuthMethod, GrantType, SubjectType
from broker.services.notify.sending import DELAYS, LEASE, LOOK_EVERY, MOST_UNANSWERED, TICK
from broker.services.tokens.proofs import Shown
from broker.store.sql.notify import SqlNotify
from broker.store.sql.steps import Row, every
from tests.services.bare_broker import NOW, World, app
from tests.services.merged_accounts import absorb
from tests.services.messengers import Messenger

pytestmark = pytest.mark.anyio
HELLO = {"text": "hello", "buttons": [{"text": "Go", "url": "https://a.test/"}]}


def robot(client_id: str, **changed: Any) -> Client:
    """A client with a secret that may write to people."""
    may: dict[str, Any] = {"auth_method": AuthMethod.POST, "service_scopes": ("notify", "orders:read")}
    grants = frozenset({GrantType.AUTHORIZATION_CODE, GrantType.CLIENT_CREDENTIALS})
    return app(client_id, grants=grants, **may | changed)


async def consent(world: World, sub: str, client_id: str) -> None:
    """They allowed the app."""
    await world.store.durable.consents.save_consent(sub, client_id, "", Said(frozenset({"openid"})), NOW)


async def raw(world: World, statement: str) -> list[Row]:
    """What an investigator finds in the database, or does to it."""
    return await cast(SqlNotify, world.store.durable.notify).driver.write(lambda: every(statement))


@pytest.fixture
async def messenger(world: World) -> Messenger:
    """Of alpha; Ann came to every app by it, and to some of them by subs of their own."""
    world.upstreams["alpha"].bot = messenger = Messenger()
    apart = replace(app().tokens, subject_type=SubjectType.PAIRWISE, sector="apart.test")
    world.clients |= {
        "robot": robot("robot"),
        "stranger": robot("stranger"),
        "apart": robot("apart", tokens=apart),
        "elsewhere": robot("elsewhere", tokens=replace(apart, sector="elsewhere.test")),
        "beta-alone": robot("beta-alone", providers=("beta",)),
    }
    await world.restart()
    people = world.store.durable.people
    await people.adopt(Account("ann", NOW), Link(world.providers.find("alpha").key, "x1", "alpha", {}, {}, NOW))
    for client_id in ("robot", "apart", "beta-alone"):
        await consent(world, "ann", client_id)
    return messenger


async def order(world: World, client_id: str = "robot", /, sub: str = "ann", **changed: Any) -> str:
    """The id of a message that was accepted."""
    return await world.notify.orders.accept(world.clients[client_id], {"sub": sub} | HELLO | changed)


async def told(world: World, message_id: str, client_id: str = "robot") -> tuple[str, str]:
    """Status and reason."""
    said = await world.notify.orders.tell(world.clients[client_id], message_id)
    return said["status"], said.get("reason", "")


async def send(world: World) -> float:
    """Everything that may go now, once; in how many seconds to look again."""
    wait = await world.notify.sending.look()
    await world.notify.sending.settle()
    assert world.notes.crashes == []
    return wait


async def test_a_message_reaches_the_person_and_its_app_is_told(world: World, messenger: Messenger) -> None:
    message_id = await order(world)
    assert await told(world, message_id) == ("queued", "")
    await send(world)
    assert messenger.heard == [("x1", Message("hello", (Button("Go", "https://a.test/"),)))]
    assert await told(world, message_id) == ("sent", "")
    assert world.notes.heard[-1] == (
        Event.NOTIFY_SENT,
        {"client_id": "robot", "provider": "alpha", "attempts": 1},
    )


async def test_j2_a_text_is_sealed_in_the_store_and_gone_when_it_was_sent(world: World, messenger: Messenger) -> None:
    await order(world, text="a secret of theirs", idempotency_key="our-key")
    rows = await raw(world, "SELECT body, key, print FROM notifications")
    assert rows[0][0]
    assert "secret" not in str(rows)
    assert "our-key" not in str(rows)
    await send(world)
    assert (await raw(world, "SELECT body FROM notifications"))[0][0] is None


@pytest.mark.parametrize("client_id", ["robot", "apart"])
async def test_people_are_known_by_the_sub_of_the_client(world: World, messenger: Messenger, client_id: str) -> None:
    sub = world.tokens.subjects.of("ann", world.clients[client_id])
    assert (sub == "ann") is (client_id == "robot")
    for _ in range(2):
        message_id = await order(world, client_id, sub)
        assert await told(world, message_id, client_id) == ("queued", "")


async def test_a_sub_of_before_a_merge_still_leads_to_them(world: World, messenger: Messenger) -> None:
    await absorb(world.store.durable, "ann", "who")
    assert await told(world, await order(world, sub="who")) == ("queued", "")
    apart = world.tokens.subjects.of("who", world.clients["apart"])
    await world.store.durable.accounts.keep_names("apart.test", {apart: "who"})
    assert await told(world, await order(world, "apart", apart), "apart") == ("queued", "")


async def test_d18_l6_nobody_and_who_is_none_of_the_clients_are_one_answer(world: World, messenger: Messenger) -> None:
    apart = world.tokens.subjects.of("ann", world.clients["apart"])
    texts = set()
    for client_id, sub in (
        *(("robot", "nobody"), ("stranger", "ann"), ("apart", "ann"), ("apart", "nobody")),
        *(("elsewhere", apart), ("robot", apart)),
    ):
        with pytest.raises(NotFound) as refused:
            await order(world, client_id, sub)
        texts.add(refused.value.public)
    await world.store.durable.accounts.set_blocked("ann", True)
    with pytest.raises(NotFound) as refused:
        await order(world)
    assert texts == {refused.value.public}


async def test_every_refusal_has_its_own_name(world: World, messenger: Messenger) -> None:
    with pytest.raises(MessagesNotConfigured):
        await order(world, "beta-alone")
    with pytest.raises(MessagesNotConfigured):
        await order(world, "beta-alone", "nobody")
    people = world.store.durable.people
    await people.adopt(Account("bob", NOW), Link(world.providers.find("beta").key, "y1", "beta", {}, {}, NOW))
    await consent(world, "bob", "robot")
    with pytest.raises(NoWayToWrite):
        await order(world, sub="bob")
    with pytest.raises(InvalidRequest):
        await order(world, text="")


async def test_an_order_that_comes_again_is_the_same_and_another_one_is_refused(
    world: World, messenger: Messenger
) -> None:
    first = await order(world, idempotency_key="k")
    assert await order(world, idempotency_key="k") == first
    with pytest.raises(InvalidRequest):
        await order(world, idempotency_key="k", text="something else")
    assert await order(world) != await order(world)
    assert world.notes.count(Event.NOTIFY_QUEUED) == 3


async def test_l6_what_became_of_a_message_is_told_to_its_client_alone(world: World, messenger: Messenger) -> None:
    message_id = await order(world)
    with pytest.raises(NotFound):
        await told(world, message_id, "stranger")


def shown(token: str) -> Shown:
    """As a bearer token."""
    return Shown(token, False, "", "POST", "/notify")


async def test_only_a_token_of_the_client_itself_with_the_scope_opens_this(world: World, messenger: Messenger) -> None:
    admit = world.notify.orders.admit
    good = (await world.own_token("robot"))["access_token"]
    assert (await admit(shown(good))).id == "robot"
    with pytest.raises(NoToken):
        await admit(shown(""))
    with pytest.raises(InvalidToken):
        await admit(shown("ct_made-up"))
    with pytest.raises(InsufficientScope):
        await admit(shown((await world.own_token("robot", scope="orders:read"))["access_token"]))
    persons = (await world.redeem(await world.code()))["access_token"]
    with pytest.raises(InsufficientScope):
        await admit(shown(persons))
    await world.revoke(good, "robot")
    with pytest.raises(InvalidToken):
        await admit(shown(good))


async def test_a_token_for_an_api_alone_opens_nothing_here(world: World, messenger: Messenger) -> None:
    requests = replace(app().requests, resources=("https://api.test",))
    world.clients["robot"] = robot("robot", requests=requests)
    await world.restart()
    token = (await world.own_token("robot", resource="https://api.test"))["access_token"]
    with pytest.raises(InvalidToken):
        await world.notify.orders.admit(shown(token))


async def test_what_the_operator_took_away_is_gone_at_once(world: World, messenger: Messenger) -> None:
    token = (await world.own_token("robot"))["access_token"]
    world.clients["robot"] = robot("robot", service_scopes=("orders:read",))
    await world.restart()
    with pytest.raises(InsufficientScope):
        await world.notify.orders.admit(shown(token))


async def test_a_person_who_blocked_the_bot_is_unreachable_from_then_on(world: World, messenger: Messenger) -> None:
    first, second = await order(world), await order(world)
    messenger.said.append(Outcome(Fate.UNREACHABLE, "they blocked it"))
    await send(world)
    assert {await told(world, one) for one in (first, second)} == {("unreachable", "they blocked it")}
    with pytest.raises(Unreachable, match="they blocked it"):
        await order(world)
    assert world.notes.count(Event.NOTIFY_FAILED) == 2


async def test_what_is_refused_is_not_tried_again(world: World, messenger: Messenger) -> None:
    message_id = await order(world)
    messenger.said.append(Outcome(Fate.REFUSED, "too long"))
    await send(world)
    world.clock.now += 99
    await send(world)
    assert (await told(world, message_id), len(messenger.heard)) == (("failed", "too long"), 1)
    fields = {"client_id": "robot", "provider": "alpha", "attempts": 1, "outcome": "failed", "reason": "too long"}
    assert (Event.NOTIFY_FAILED, fields) in world.notes.heard


async def test_i11_a_bot_that_is_told_to_wait_waits_with_all_its_messages(world: World, messenger: Messenger) -> None:
    await order(world)
    messenger.said.append(Outcome(Fate.BUSY, "wait", 7))
    await send(world)
    people = world.store.durable.people
    await people.adopt(Account("bob", NOW), Link(world.providers.find("alpha").key, "x2", "alpha", {}, {}, NOW))
    await consent(world, "bob", "robot")
    await order(world, sub="bob")
    world.clock.now += 6.9
    assert await send(world) == pytest.approx(TICK)
    assert len(messenger.heard) == 1
    world.clock.now += 0.1
    await send(world)
    assert sorted(subject for subject, _ in messenger.heard) == ["x1", "x1", "x2"]
    assert (Event.NOTIFY_PAUSED, {"provider": "alpha", "seconds": 7}) in world.notes.heard


async def test_i11_what_was_claimed_before_the_bot_was_told_to_wait_waits_as_well(
    world: World, messenger: Messenger
) -> None:
    people = world.store.durable.people
    await people.adopt(Account("bob", NOW), Link(world.providers.find("alpha").key, "x2", "alpha", {}, {}, NOW))
    await consent(world, "bob", "robot")
    await order(world)
    await order(world, sub="bob")
    messenger.said.append(Outcome(Fate.BUSY, "wait", 7))
    await send(world)
    assert len(messenger.heard) == 1
    world.clock.now += 7
    await send(world)
    assert len(messenger.heard) == 3
    assert world.notes.count(Event.NOTIFY_REPEATED) == 0


@pytest.mark.parametrize(("fate", "repeats"), [(Fate.SILENT, 1), (Fate.UNSENT, 0)])
async def test_k7_what_may_have_arrived_is_tried_again_and_counted(
    world: World, messenger: Messenger, fate: Fate, repeats: int
) -> None:
    message_id = await order(world)
    messenger.said.append(Outcome(fate, "status 502"))
    await send(world)
    assert (Event.NOTIFY_POSTPONED, "status 502") in [(event, it.get("reason")) for event, it in world.notes.heard]
    world.clock.now += DELAYS[0] - 1
    assert (await send(world), len(messenger.heard)) == (1.0, 1)
    world.clock.now += 3
    await send(world)
    assert (await told(world, message_id), len(messenger.heard)) == (("sent", ""), 2)
    assert world.notes.count(Event.NOTIFY_REPEATED) == repeats


async def test_k7_a_message_without_answers_is_given_up_after_some_so_that_it_arrives_so_often_at_most(
    world: World, messenger: Messenger
) -> None:
    message_id = await order(world)
    messenger.said.extend([Outcome(Fate.SILENT, "nothing")] * 20)
    for _ in range(9):
        await send(world)
        world.clock.now += DELAYS[-1] * 1.3
    assert len(messenger.heard) == MOST_UNANSWERED
    assert (await told(world, message_id))[0] == "failed"


async def test_k7_a_worker_that_dies_leaves_its_messages_to_the_next_one(world: World, messenger: Messenger) -> None:
    await order(world)
    messenger.silent = True
    await world.notify.sending.look()
    await asyncio.sleep(0)
    messenger.silent = False
    await world.restart()
    await send(world)
    assert len(messenger.heard) == 1
    world.clock.now += LEASE
    await send(world)
    assert len(messenger.heard) == 2
    assert world.notes.count(Event.NOTIFY_REPEATED) == 1


async def test_a_revoked_token_stops_the_bot_and_alarms_once(world: World, messenger: Messenger) -> None:
    message_id = await order(world)
    messenger.said.append(Outcome(Fate.REVOKED, "no such token"))
    for _ in range(3):
        assert await send(world) in {TICK, LOOK_EVERY}
        world.clock.now += 4000
    assert (len(messenger.heard), await told(world, message_id)) == (1, ("queued", ""))
    stopped = [fields for event, fields in world.notes.heard if event is Event.NOTIFY_STOPPED]
    assert stopped == [{"provider": "alpha", "reason": "no such token"}]
    await world.restart()
    await send(world)
    assert await told(world, message_id) == ("sent", "")


async def test_a_message_that_came_too_late_is_given_up_also_where_the_bot_is_stopped(
    world: World, messenger: Messenger
) -> None:
    message_id = await order(world)
    messenger.said.append(Outcome(Fate.REVOKED, "no such token"))
    await send(world)
    world.clock.now += 86400
    await send(world)
    assert (await told(world, message_id))[0] == "failed"
    assert world.notes.heard[-1][1]["reason"] == "expired"


async def test_a_way_that_is_theirs_no_more_is_not_written_to(world: World, messenger: Messenger) -> None:
    message_id = await order(world)
    await world.store.durable.accounts.close("ann", closes_at=NOW + 99, now=NOW, expires_at=NOW + 99)
    await send(world)
    assert ((await told(world, message_id))[0], messenger.heard) == ("failed", [])


async def test_a_text_sealed_with_a_key_that_is_gone_is_given_up(world: World, messenger: Messenger) -> None:
    message_id = await order(world)
    await raw(world, "UPDATE notifications SET body = 'AgAA'")
    await send(world)
    assert ((await told(world, message_id))[0], messenger.heard) == ("failed", [])


async def test_an_idle_broker_looks_seldom_and_says_nothing(world: World, messenger: Messenger) -> None:
    before = len(world.notes.heard)
    assert await send(world) == LOOK_EVERY
    assert world.notes.heard[before:] == []


async def test_an_order_is_sent_at_once_by_a_running_worker(world: World, messenger: Messenger) -> None:
    task = asyncio.create_task(world.notify.sending.run())
    await asyncio.sleep(0.05)
    message_id = await order(world)
    async with asyncio.timeout(20):
        while await told(world, message_id) != ("sent", ""):
            await asyncio.sleep(0.01)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_k12_who_is_stopped_waits_for_answers_that_are_under_way(world: World, messenger: Messenger) -> None:
    messenger.silent = True
    message_id = await order(world)
    task = asyncio.create_task(world.notify.sending.run())
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.sleep(0)
    messenger.answers.set()
    with suppress(asyncio.CancelledError):
        await task
    assert await told(world, message_id) == ("sent", "")


async def test_without_an_app_that_may_there_is_nothing(world: World) -> None:
    assert not world.notify.on
    assert world.notify.worker is None


async def test_nothing_looks_at_the_queue_where_no_provider_has_a_bot(messenger: Messenger, world: World) -> None:
    assert world.notify.worker is world.notify.sending
    world.upstreams["alpha"].bot = None
    await world.restart()
    assert world.notify.on
    assert world.notify.worker is None
