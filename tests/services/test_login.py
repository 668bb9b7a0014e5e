"""One login attempt: begun with nothing stored, finished once, in the browser that began it, at its provider."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from broker.core.authorize.pkce import build_challenge, is_challenge
from broker.core.authorize.pushed import PushedRequest
from broker.core.errors import (
    FlowFinished,
    FlowGone,
    FlowNotHere,
    NothingAsked,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from broker.core.events import Event
from broker.core.people.identity import Identity
from broker.core.records import AuthorizationRequest, FlowRecord, Wishes
from broker.core.seal import digest
from broker.services.login.attempts import MAX_COOKIE
from broker.services.login.outcomes import LoginFailed
from broker.store.transient import Kind
from broker.upstream.model import Channel, Redirect, Reply
from tests.services.attempts import asked, back, refused
from tests.services.bare_broker import NOW, World, app, seal
from tests.services.upstreams import SigningUpstream, Upstream

pytestmark = pytest.mark.anyio


async def test_an_attempt_has_fresh_secrets_and_costs_the_store_nothing(world: World) -> None:
    attempts = [
        await world.begin(await world.request(login_hint="ann", prompt="login", max_age="5")) for _ in range(20)
    ]
    flows = [flow for _, flow in attempts]
    assert len({flow.state for flow in flows} | {flow.nonce for flow in flows}) == 40
    for begun, flow in attempts:
        assert begun.step == Redirect(f"https://up.test/authorize?state={flow.state}", {})
        assert (begun.tag, begun.ttl) == (world.states.tag(flow.state), 600)
        assert flow.state not in begun.sealed
        assert len(flow.code_verifier) == 64
        assert is_challenge(flow.code_challenge)
        assert flow.code_challenge == build_challenge(flow.code_verifier)
        assert flow.redirect_uri == "https://id.test/callback/alpha"
        assert flow.callback_with_state == f"https://id.test/callback/alpha/{flow.state}"
        assert flow.started_at == NOW
        assert flow.wishes == Wishes(login_hint="ann", prompt=("login",), max_age=5), "and nothing else of the request"
        assert await world.store.transient.get(Kind.FLOW, digest(begun.sealed)) is None


async def test_a_login_ends_with_person_request_and_memo(world: World) -> None:
    world.upstreams["alpha"].memo = {"device_id": "d1"}
    request = await world.request()
    begun, flow = await world.begin(request)
    world.clock.now += 20
    finished = await world.finish(back(world, begun, flow))
    assert (finished.request, finished.provider, finished.started_at) == (request, "alpha", NOW)
    assert finished.identity == world.upstreams["alpha"].identity
    assert finished.person.link.claims["name"] == "Ann"
    ((at_finish, reply),) = world.upstreams["alpha"].asked
    assert reply == Reply(Channel.QUERY, {"state": flow.state, "code": "u"})
    assert at_finish.memo == {"device_id": "d1"}
    assert replace(at_finish, memo={}, ui_locale="en") == flow
    assert world.notes.count(Event.LOGIN_STARTED) == world.notes.count(Event.LOGIN_SUCCEEDED) == 1


async def test_b1_an_answer_in_another_browser_is_refused_and_the_state_is_burnt(world: World) -> None:
    begun, flow = await world.begin(await world.request())
    await refused(world, back(world, begun, flow, sealed=""), FlowNotHere)
    await refused(world, back(world, begun, flow), FlowFinished)


async def test_b1_an_answer_with_a_record_of_another_attempt_is_refused_and_the_state_is_burnt(world: World) -> None:
    mine, _ = await world.begin(await world.request())
    begun, flow = await world.begin(await world.request())
    await refused(world, back(world, begun, flow, sealed=mine.sealed), NothingAsked)
    await refused(world, back(world, begun, flow), FlowFinished)


async def test_b2_a_state_is_good_once(world: World) -> None:
    begun, flow = await world.begin(await world.request())
    await world.finish(back(world, begun, flow))
    with pytest.raises(FlowFinished) as caught:
        await world.finish(back(world, begun, flow))
    assert caught.value.client == world.clients["app"]
    assert asked(world) == 1


@pytest.mark.parametrize("size", ["small", "too large for a cookie"])
async def test_b2_of_fifty_parallel_answers_one_reaches_the_upstream(world: World, size: str) -> None:
    request = await world.request(
        state="s" * (2000 if size != "small" else 5), nonce="n" * (1000 if size != "small" else 5)
    )
    begun, flow = await world.begin(request)
    assert begun.sealed.startswith("@") == (size != "small")
    answers = (world.finish(back(world, begun, flow)) for _ in range(50))
    outcomes = await asyncio.gather(*answers, return_exceptions=True)
    assert asked(world) == 1
    assert sum(isinstance(outcome, FlowFinished) for outcome in outcomes) == 49


async def test_b2_a_failed_attempt_is_not_good_again(world: World) -> None:
    begun, flow = await world.begin(await world.request())
    world.upstreams["alpha"].failure = UpstreamUnavailable("down")
    with pytest.raises(LoginFailed):
        await world.finish(back(world, begun, flow))
    world.upstreams["alpha"].failure = None
    with pytest.raises(FlowFinished):
        await world.finish(back(world, begun, flow))


async def test_b3_provider_confusion(world: World) -> None:
    begun, flow = await world.begin(await world.request())
    await refused(world, back(world, begun, flow, name="beta"), NothingAsked)
    await refused(world, back(world, begun, flow), FlowFinished)


async def test_b5_two_instances_of_one_type_do_not_take_each_others_answers(world: World) -> None:
    world.upstreams["alpha2"] = Upstream(None, None)
    world.on.add("alpha2")
    await world.restart()
    for began, ended in (("alpha", "alpha2"), ("alpha2", "alpha")):
        begun, flow = await world.begin(await world.request(), began)
        await refused(world, back(world, begun, flow, name=ended), NothingAsked)


@pytest.mark.parametrize("state", ["", "x", "A" * 43, "é" * 43])
@pytest.mark.parametrize("kept", ["", "x", "the real one"])
async def test_b10_an_answer_nobody_asked_for_is_not_processed(world: World, state: str, kept: str) -> None:
    begun, flow = await world.begin(await world.request())
    callback = replace(back(world, begun, flow), state=state, sealed=begun.sealed if kept == "the real one" else kept)
    await refused(world, callback, NothingAsked)
    assert await world.finish(back(world, begun, flow))


async def test_b8_no_other_value_of_ours_is_a_login_attempt(world: World) -> None:
    begun, flow = await world.begin(await world.request())
    record = FlowRecord.from_bytes(seal("flow").open_(begun.sealed, bound_to=flow.state.encode()))
    other = record.replace(state="x").to_bytes()
    for sealed in (
        seal("consent").seal(record.to_bytes(), bound_to=flow.state.encode()),
        seal("flow").seal(record.to_bytes()),
        seal("flow").seal(PushedRequest(AuthorizationRequest("app", "x", ())).to_bytes(), bound_to=flow.state.encode()),
        seal("flow").seal(other, bound_to=flow.state.encode()),
    ):
        begun, flow = await world.begin(await world.request())
        await refused(world, back(world, begun, flow, sealed=sealed), NothingAsked)


async def test_a_record_of_another_state_is_refused_even_when_its_seal_opens(world: World) -> None:
    begun, flow = await world.begin(await world.request())
    bound = flow.state.encode()
    record = FlowRecord.from_bytes(seal("flow").open_(begun.sealed, bound_to=bound))
    forged = seal("flow").seal(record.replace(state=world.states.mint(NOW, "shop")).to_bytes(), bound_to=bound)
    await refused(world, back(world, begun, flow, sealed=forged), NothingAsked)


async def test_a_request_too_large_for_a_cookie_is_kept_by_reference(world: World) -> None:
    request = await world.request(state="s" * 2000, nonce="n" * 1000)
    begun, flow = await world.begin(request)
    assert begun.sealed.startswith("@")
    assert len(begun.sealed) < 60 < MAX_COOKIE
    assert (await world.finish(back(world, begun, flow))).request == request


async def test_a_reference_that_is_gone_or_made_up_ends_the_attempt(world: World) -> None:
    begun, flow = await world.begin(await world.request(state="s" * 2000, nonce="n" * 1000))
    await refused(world, back(world, begun, flow, sealed="@made-up"), FlowGone)


async def test_b19_three_tabs_end_in_any_order_at_their_own_client(world: World) -> None:
    world.clients |= {name: app(name) for name in ("one", "two", "three")}
    await world.restart()
    begun = [
        (name, *await world.begin(await world.request(name, state=f"s-{name}"))) for name in ("one", "two", "three")
    ]
    for index in (2, 0, 1):
        name, attempt, flow = begun[index]
        finished = await world.finish(back(world, attempt, flow))
        assert (finished.request.client_id, finished.request.state) == (name, f"s-{name}")


@pytest.mark.parametrize("seconds", [0, 299, 3599])
async def test_c8_a_signed_reply_counts_once_whatever_attempt_it_comes_to(world: World, seconds: int) -> None:
    async def arrive(signature: str) -> None:
        begun, flow = await world.begin(await world.request(), "beta")
        params = {"state": flow.state, "hash": signature}
        await world.finish(world.callback("beta", params, begun.sealed))

    assert isinstance(world.upstreams["beta"], SigningUpstream)
    await arrive("h1")
    world.clock.now += seconds
    with pytest.raises(LoginFailed) as caught:
        await arrive("h1")
    assert isinstance(caught.value.cause, FlowFinished)
    await arrive("h2")
    await arrive("")
    await arrive("")


async def test_b12_nobody_is_logged_in_without_a_subject(world: World) -> None:
    with pytest.raises(UpstreamInvalid):
        world.upstreams["alpha"].identity = Identity("None")


async def test_the_time_a_login_took_is_told_in_milliseconds(world: World) -> None:
    world.clock.now += 0.9
    begun, flow = await world.begin(await world.request())
    world.clock.now += 0.35
    await world.finish(back(world, begun, flow))
    (told,) = [fields for event, fields in world.notes.heard if event is Event.LOGIN_SUCCEEDED]
    assert told["ms"] == 350
