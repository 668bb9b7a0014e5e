"""Somebody asked an upstream that we delete them: what it is answered, and what their page says, then and later."""

from __future__ import annotations

import pytest

from broker.core.errors import InvalidRequest
from broker.core.events import Event
from broker.core.people.identity import Link
from broker.services.people.changes import AccountRules
from broker.services.upstream_events.deletions import READABLE, DeletionTicket, Outcome, Promise
from broker.upstream.abilities import Abilities, Meaning
from tests.services.bare_broker import HERE, NOW, World, seal
from tests.services.two_ways import set_up, ways
from tests.services.upstreams import TellingUpstream

pytestmark = pytest.mark.anyio

WAIT = 14 * 86400


class DeletingUpstream(TellingUpstream):
    """One that tells who wants to be deleted, and nothing else."""

    def abilities(self) -> Abilities:
        """It hears itself."""
        return Abilities(deletes=self)


@pytest.fixture
async def upstream(world: World) -> TellingUpstream:
    """The provider `alpha` tells who wants to be deleted."""
    found = DeletingUpstream(None, None)
    world.upstreams["alpha"] = found
    await world.restart()
    return found


async def ask(world: World, subject: str = "x1", key: str = "k1") -> Promise:
    """Somebody asks there; a second goes by on both sides of it."""
    world.clock.now += 1
    promise = await world.deletions.receive("alpha", f"{Meaning.GONE}/{subject}/{key}".encode())
    world.clock.now += 1
    return promise


async def outcome(world: World, promise: Promise) -> Outcome | None:
    """What the page says today."""
    told = await world.deletions.look(promise.sealed)
    return told.outcome if told else None


async def test_an_account_with_its_last_way_in_closes_and_the_page_says_when_and_later_that_it_is_gone(
    world: World, upstream: TellingUpstream
) -> None:
    _, value, _ = await world.log_in()
    promise = await ask(world)
    assert await world.sessions.find(value) is None
    told = await world.deletions.look(promise.sealed)
    assert told is not None
    assert (told.outcome, told.closes_at, told.asked_at) == (Outcome.CLOSING, NOW + 1 + WAIT, NOW + 1)
    assert (told.confirmation, told.provider_title) == (promise.confirmation, upstream.title)
    world.clock.now += WAIT
    await world.deeds.delete_due()
    assert await outcome(world, promise) is Outcome.GONE


async def test_without_a_waiting_time_it_is_gone_at_once(world: World, upstream: TellingUpstream) -> None:
    world.account_rules = AccountRules(deletion_wait=0, history_kept=86400)
    await world.restart()
    await world.log_in()
    assert await outcome(world, await ask(world)) is Outcome.GONE


async def test_another_way_in_keeps_the_account_and_nothing_more_is_told_of_it(
    world: World, upstream: TellingUpstream
) -> None:
    session = await set_up(world)
    sub, key = session.login.sub, world.providers.find("alpha").key
    await world.store.durable.people.link(sub, Link(key, "a-ann", "alpha", {}, {}, NOW), began_at=NOW, now=NOW)
    promise = await ask(world, "a-ann")
    assert await ways(world, sub) == [("beta", "b-ann")]
    assert await outcome(world, promise) is Outcome.PARTED
    await world.deeds.close(sub, closes_at=NOW + WAIT)
    told = await world.deletions.look(promise.sealed)
    assert told is not None
    assert (told.outcome, told.closes_at) == (Outcome.PARTED, None)


async def test_a_deletion_that_was_called_off_and_a_login_after_it_are_told(
    world: World, upstream: TellingUpstream
) -> None:
    _, _, session = await world.log_in()
    promise = await ask(world)
    await world.deeds.keep(session.login.sub)
    assert await outcome(world, promise) is Outcome.IN_USE
    await world.deeds.close(session.login.sub, closes_at=None)
    assert await outcome(world, promise) is Outcome.GONE
    await world.log_in()
    assert await outcome(world, promise) is Outcome.IN_USE


async def test_a_blocked_account_stays_and_the_page_says_so(world: World, upstream: TellingUpstream) -> None:
    _, _, session = await world.log_in()
    await world.deeds.block(session.login.sub, "fraud")
    assert await outcome(world, await ask(world)) is Outcome.BLOCKED


async def test_nobody_who_is_here_is_told_that(world: World, upstream: TellingUpstream) -> None:
    assert await outcome(world, await ask(world, "stranger")) is Outcome.NOBODY


async def test_g21_a_deletion_that_comes_again_has_the_same_code_and_deletes_nobody_anew(
    world: World, upstream: TellingUpstream
) -> None:
    _, _, session = await world.log_in()
    first = await ask(world)
    await world.deeds.keep(session.login.sub)
    again = await ask(world)
    assert (again.status, again.confirmation) == (first.status, first.confirmation)
    assert await outcome(world, again) is Outcome.IN_USE
    await world.deeds.close(session.login.sub, closes_at=None)
    assert await outcome(world, await ask(world)) is Outcome.GONE, "it still knows whose account it was"
    noted = [fields for event, fields in world.notes.heard if event is Event.UPSTREAM_EVENT]
    assert [fields["outcome"] for fields in noted] == ["closed", "repeated", "repeated"]
    assert {fields["confirmation"] for fields in noted} == {first.confirmation}
    assert first.confirmation.isalnum()
    assert (await ask(world, key="k2")).confirmation != first.confirmation


async def test_an_address_that_we_did_not_make_for_this_or_long_ago_tells_nothing(
    world: World, upstream: TellingUpstream
) -> None:
    promise = await ask(world)
    turned = "B" if promise.sealed[-3] != "B" else "C"
    for bad in ("", "x", promise.sealed[:-3] + turned + promise.sealed[-2:], promise.sealed[:-4]):
        assert await world.deletions.look(bad) is None, bad
    ticket = DeletionTicket("alpha", world.providers.find("alpha").key, "x1", "", NOW, "c").to_bytes()
    assert await world.deletions.look(seal("deletion").seal(ticket)) is not None
    assert await world.deletions.look(seal("form").seal(ticket)) is None
    assert await world.deletions.look(seal("deletion").seal(b'{"k":"form"}')) is None
    world.clock.now += READABLE + 1
    assert await outcome(world, promise) is None


async def test_a_provider_that_is_gone_by_then_is_called_what_it_was(world: World, upstream: TellingUpstream) -> None:
    promise = await ask(world)
    world.on.discard("alpha")
    await world.restart()
    told = await world.deletions.look(promise.sealed)
    assert told is not None
    assert told.provider_title == {"": "alpha"}


async def test_a_login_that_was_under_way_is_over_as_well(world: World, upstream: TellingUpstream) -> None:
    begun, flow = await world.begin(await world.request())
    await ask(world)
    finished = await world.finish(world.callback("alpha", {"state": flow.state, "code": "u"}, begun.sealed))
    shown = finished.who.shown
    value, session = world.sessions.build(finished.person, finished.identity, shown.instance, began_at=shown.started_at)
    await world.sessions.keep(session, replacing=None, client_id="app", whence=HERE)
    assert await world.sessions.find(value) is None


async def test_a_place_hears_what_is_sent_to_it_and_nothing_else(world: World, upstream: TellingUpstream) -> None:
    with pytest.raises(InvalidRequest):
        await world.deletions.receive("beta", b"gone/x1/k1")
    with pytest.raises(InvalidRequest):
        await world.upstream_events.receive("alpha", b"gone/x1/k1")
