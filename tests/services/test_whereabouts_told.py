"""What the failures of a use case carry: the place they are told at, whether anybody was asked, the attempt."""

from __future__ import annotations

import pytest

from broker.core.authorize.whereabouts import Whereabouts, whereabouts_of
from broker.core.clients.client import Origin
from broker.core.errors import AccessDenied, InteractionRequired, LoginRequired, UpstreamDenied
from broker.core.people.identity import Identity
from broker.services.authorize.decide import Ask
from broker.services.authorize.questions import Choice
from broker.services.login.outcomes import LoginFailed
from tests.services.attempts import back
from tests.services.bare_broker import NOBODY, NOW, World, app

pytestmark = pytest.mark.anyio


async def test_a_login_that_failed_names_its_attempt(world: World) -> None:
    begun, flow = await world.begin(await world.request())
    world.upstreams["alpha"].failure = UpstreamDenied("no")
    with pytest.raises(LoginFailed) as caught:
        async with world.completion.complete(back(world, begun, flow), NOBODY):
            pass
    assert whereabouts_of(caught.value) == Whereabouts(flow=begun.tag)


async def test_a_login_its_request_does_not_accept_is_told_at_once_to_an_app_whose_person_was_asked(
    world: World,
) -> None:
    begun, flow = await world.begin(await world.request(prompt="login"))
    world.upstreams["alpha"].identity = Identity("x1", auth_time=NOW - 3600)
    with pytest.raises(LoginRequired) as caught:
        async with world.completion.complete(back(world, begun, flow), NOBODY):
            pass
    place = whereabouts_of(caught.value)
    assert place.target is not None
    assert (place.target.client.id, place.target.state, place.asked, place.flow) == ("app", "s-1", True, begun.tag)


async def test_what_fails_while_an_answer_is_shown_is_told_where_the_answer_goes(world: World) -> None:
    begun, flow = await world.begin(await world.request())
    with pytest.raises(ZeroDivisionError) as caught:
        async with world.completion.complete(back(world, begun, flow), NOBODY):
            raise ZeroDivisionError
    place = whereabouts_of(caught.value)
    assert place.target is not None
    assert (place.target.client.id, place.asked, place.flow) == ("app", True, begun.tag)


async def test_a_no_is_told_at_once_to_the_app_it_was_said_to(world: World) -> None:
    world.clients["app"] = app(first_party=False)
    await world.restart()
    request = await world.request()
    finished, cookie, session = await world.log_in(request)
    step = await world.authorization.after_login(
        request, world.clients["app"], session, fresh_since=finished.started_at
    )
    assert isinstance(step, Ask)
    with pytest.raises(AccessDenied) as caught:
        async with world.questions.answer_consent(step.ticket, cookie, Choice(allowed=False)):
            pass
    place = whereabouts_of(caught.value)
    assert place.target is not None
    assert (place.target.state, place.asked) == ("s-1", True)


async def test_what_fails_while_a_yes_is_shown_is_told_where_the_answer_goes(world: World) -> None:
    _, cookie, session = await world.log_in()
    ticket = world.consents.build_ticket(await world.request(), world.clients["app"], session)
    with pytest.raises(ZeroDivisionError) as caught:
        async with world.questions.answer_consent(ticket, cookie, Choice(allowed=True)):
            raise ZeroDivisionError
    place = whereabouts_of(caught.value)
    assert place.target is not None
    assert (place.target.state, place.asked) == ("s-1", True)


@pytest.mark.parametrize(
    ("registered", "agreed", "asked"), [(False, False, True), (True, False, False), (True, True, True)]
)
async def test_a_silent_failure_is_no_lure_where_the_operator_or_the_person_agreed(
    world: World, registered: bool, agreed: bool, asked: bool
) -> None:
    native = app(first_party=False, redirect_uris=("com.example.app:/cb",), origin=Origin(registered=registered))
    world.clients["app"] = native
    await world.restart()
    _, cookie, session = await world.log_in()
    if agreed:
        ticket = world.consents.build_ticket(await world.request(), native, session)
        async with world.questions.answer_consent(ticket, cookie, Choice(allowed=True)):
            pass
    with pytest.raises(InteractionRequired) as caught:
        await world.authorization.next_step(await world.request(prompt="none"), native, session)
    assert whereabouts_of(caught.value).asked is asked
