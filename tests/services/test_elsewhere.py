"""A window that waits for a login in another browser, where the answer comes late or was taken back."""

from __future__ import annotations

import pytest

from broker.core.authorize.target import VerifiedRedirect
from broker.core.errors import InvalidGrant
from broker.services.authorize.decide import Return
from broker.services.authorize.requests import Asked
from broker.services.people.forms import Action
from tests.services.bare_broker import World
from tests.services.test_account_page import arrive, ticket

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("taken_back", [False, True])
async def test_d6_a_window_that_comes_late_gets_nothing_of_what_was_taken_back(world: World, taken_back: bool) -> None:
    await world.redeem(await world.code())
    cookie, found = await arrive(world)
    request = await world.request()
    asked = Asked(request, VerifiedRedirect.of(request, world.clients["app"]))
    sealed, browser = await world.elsewhere.begin(asked, place="", browser="")
    window = await world.elsewhere.open_(sealed, browser=browser)
    known = (await world.devices.find(window.key)).request
    assert (known.redirect_uri, known.state) == ("", ""), "elsewhere nobody learns where the answer goes"
    yes = world.codes.build(known, found.session, ttl=600, agreed_at=world.clock())
    number = await world.devices.approve(window.key, yes)
    world.clock.now += 0.25
    if taken_back:
        assert await world.account_changes.take_back(cookie, ticket(world, found, Action.TAKE_BACK), "app")
    world.clock.now += 599
    async with world.elsewhere.finish(window, number) as step:
        assert isinstance(step, Return)
    world.clock.now += 59
    await world.store.durable.sessions.sweep(now=int(world.clock.now))
    if taken_back:
        with pytest.raises(InvalidGrant):
            await world.redeem(step.params["code"])
    else:
        assert (await world.redeem(step.params["code"]))["id_token"]
