"""Login attempts that end otherwise: the upstream fails, time runs out, somebody was switched off meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from broker.core.errors import (
    AccountBlocked,
    BrokerError,
    FlowFinished,
    FlowGone,
    ProviderNotOffered,
    UpstreamDenied,
    UpstreamInvalid,
    UpstreamRejected,
    UpstreamUnavailable,
)
from broker.core.events import Event
from broker.core.people.identity import Identity
from broker.core.records import Authorize
from broker.services.login.outcomes import LoginFailed
from broker.upstream.model import Channel, Flow, Redirect, Reply, Widget
from tests.services.attempts import asked, back, refused
from tests.services.bare_broker import World, app
from tests.services.upstreams import Upstream

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "failure", [UpstreamDenied("no"), UpstreamRejected("no"), UpstreamInvalid("no"), UpstreamUnavailable("")]
)
async def test_b16_a_failure_of_the_upstream_names_the_attempt_it_ends(world: World, failure: BrokerError) -> None:
    begun, flow = await world.begin(await world.request())
    world.upstreams["alpha"].failure = failure
    with pytest.raises(LoginFailed) as caught:
        await world.finish(back(world, begun, flow))
    assert caught.value.cause is failure
    assert (caught.value.purpose, caught.value.client) == (Authorize(await world.request()), world.clients["app"])
    assert (caught.value.provider.name, caught.value.only) == ("alpha", False)
    assert world.notes.count(Event.LOGIN_FAILED) == 1
    assert world.notes.count(Event.ACCOUNT_CREATED) == 0


async def test_a_failure_to_begin_names_the_attempt_too(world: World) -> None:
    world.upstreams["alpha"].failure = UpstreamUnavailable("down")
    with pytest.raises(LoginFailed):
        await world.begin(await world.request())


class Hanging(Upstream):
    """One that never answers."""

    async def finish(self, flow: Flow, reply: Reply) -> Identity:
        """Not in this life."""
        await asyncio.Event().wait()
        return self.identity


async def test_i6_an_upstream_that_hangs_is_given_up(world: World) -> None:
    world.upstreams["alpha"], world.deadline = Hanging(None, None), 0.01
    await world.restart()
    begun, flow = await world.begin(await world.request())
    with pytest.raises(LoginFailed) as caught:
        await world.finish(back(world, begun, flow))
    assert isinstance(caught.value.cause, UpstreamUnavailable)


class HangingAtOnce(Upstream):
    """One that must be asked something before the browser can leave, and never answers."""

    async def begin(self, flow: Flow) -> Redirect | Widget:
        """Not in this life."""
        await asyncio.Event().wait()
        return Redirect("https://up.test/")


async def test_i6_an_upstream_that_hangs_before_the_browser_leaves_is_given_up(world: World) -> None:
    world.upstreams["alpha"], world.deadline = HangingAtOnce(None, None), 0.01
    await world.restart()
    with pytest.raises(LoginFailed) as caught:
        await asyncio.wait_for(world.begin(await world.request()), 5)
    assert isinstance(caught.value.cause, UpstreamUnavailable)
    assert world.notes.count(Event.LOGIN_FAILED) == 1


@pytest.mark.parametrize("channel", [Channel.FORM_POST, Channel.FRAGMENT])
async def test_b10_a_provider_is_heard_on_its_own_channels_only(world: World, channel: Channel) -> None:
    begun, flow = await world.begin(await world.request())
    callback = back(world, begun, flow)
    with pytest.raises(LoginFailed) as caught:
        await world.finish(replace(callback, reply=replace(callback.reply, via=channel)))
    assert isinstance(caught.value.cause, UpstreamInvalid)
    assert asked(world) == 0


@pytest.mark.parametrize(("seconds", "alive"), [(0, True), (599, True), (600, False), (10**6, False)])
async def test_an_attempt_is_good_for_ten_minutes(world: World, seconds: int, alive: bool) -> None:
    begun, flow = await world.begin(await world.request())
    world.clock.now += seconds
    if alive:
        assert await world.finish(back(world, begun, flow))
        return
    await refused(world, back(world, begun, flow), FlowGone)
    await refused(world, back(world, begun, flow, sealed=""), FlowGone)


async def test_k11_a_clock_that_jumps_does_not_bring_a_used_state_back(world: World) -> None:
    begun, flow = await world.begin(await world.request())
    await world.finish(back(world, begun, flow))
    for jump in (599, -1200, 600):
        world.clock.now += jump
        with pytest.raises((FlowFinished, FlowGone)):
            await world.finish(back(world, begun, flow))
    assert asked(world) == 1


async def test_b9_a_provider_switched_off_is_neither_begun_nor_finished(world: World) -> None:
    begun, flow = await world.begin(await world.request())
    world.on = {"beta"}
    await world.restart()
    with pytest.raises(ProviderNotOffered):
        back(world, begun, flow)
    with pytest.raises(ProviderNotOffered):
        await world.logins.begin(Authorize(await world.request()), world.clients["app"], "alpha", locale="en")


async def test_b9_a_provider_the_client_does_not_offer_is_not_begun(world: World) -> None:
    world.clients["app"] = app(providers=("beta",))
    await world.restart()
    with pytest.raises(ProviderNotOffered):
        await world.logins.begin(Authorize(await world.request()), world.clients["app"], "alpha", locale="en")


async def test_d11_a_blocked_person_does_not_log_in(world: World) -> None:
    finished, _, _ = await world.log_in()
    await world.store.durable.accounts.set_blocked(finished.person.account.sub, True)
    with pytest.raises(LoginFailed) as caught:
        await world.log_in()
    assert isinstance(caught.value.cause, AccountBlocked)
