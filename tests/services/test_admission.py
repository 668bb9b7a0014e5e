"""What a person's access token opens at our own resources: by its scope, and by how long ago they were asked."""

from __future__ import annotations

import pytest

from broker.core.errors import InsufficientScope, InsufficientUserAuthentication, InvalidToken, NoToken
from broker.core.terms import Scope
from broker.services.tokens.proofs import Shown
from tests.services.bare_broker import World

pytestmark = pytest.mark.anyio


def shown(token: str) -> Shown:
    """A bearer token at some resource."""
    return Shown(token, as_dpop=False, proof="", method="GET", endpoint="/somewhere")


async def test_a_resource_is_opened_by_its_scope_alone(world: World) -> None:
    answer = await world.redeem(await world.code(scope="openid profile"))
    token, held = await world.admission.admit(shown(answer["access_token"]), Scope.PROFILE)
    assert (token.scope, held.client.id) == (("openid", "profile"), "app")
    with pytest.raises(InsufficientScope, match="scope email"):
        await world.admission.admit(shown(answer["access_token"]), Scope.EMAIL)
    for error, value in ((NoToken, ""), (InvalidToken, "made up")):
        with pytest.raises(error):
            await world.admission.admit(shown(value), Scope.PROFILE)


async def test_a_login_counts_as_fresh_to_the_second(world: World) -> None:
    token = shown((await world.redeem(await world.code(prompt="login")))["access_token"])
    world.clock.now += 300
    await world.admission.admit(token, Scope.OPENID, max_age=300)
    world.clock.now += 1
    with pytest.raises(InsufficientUserAuthentication) as refused:
        await world.admission.admit(token, Scope.OPENID, max_age=300)
    assert (refused.value.status, refused.value.max_age) == (401, 300)
    await world.admission.admit(token, Scope.OPENID)


async def test_d7_a_login_that_nobody_was_asked_for_is_none_to_go_by(world: World) -> None:
    token = shown((await world.redeem(await world.code()))["access_token"])
    with pytest.raises(InsufficientUserAuthentication):
        await world.admission.admit(token, Scope.OPENID, max_age=300)


async def test_a_refreshed_token_is_as_old_as_its_login(world: World) -> None:
    answer = await world.redeem(await world.code(scope="openid offline_access", prompt="login"))
    answer = await world.refresh(answer["refresh_token"])
    await world.admission.admit(shown(answer["access_token"]), Scope.OPENID, max_age=300)
    world.clock.now += 301
    fresh = shown((await world.refresh(answer["refresh_token"]))["access_token"])
    with pytest.raises(InsufficientUserAuthentication):
        await world.admission.admit(fresh, Scope.OPENID, max_age=300)
