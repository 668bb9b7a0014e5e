"""What a token is, told to its client; everything else is not active, and says nothing more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from broker.core.errors import InvalidRequest
from broker.core.events import Event
from broker.core.seal import digest
from broker.core.terms import AuthMethod, GrantType, TokenFormat
from broker.core.wire.parameters import Parameters
from tests.services.bare_broker import ISSUER, NOW, World, app

pytestmark = pytest.mark.anyio
DEAD = {"active": False}
SECRET = "s" * 40


async def tokens_of(world: World, token_format: TokenFormat = TokenFormat.OPAQUE) -> dict[str, Any]:
    """Tokens of a login, in this format."""
    secret: dict[str, Any] = {"auth_method": AuthMethod.POST, "secret_digests": (digest(SECRET),)}
    world.clients |= {
        "app": app(access_token_format=token_format, **secret),
        "other": app("other", grants=frozenset(GrantType), **secret),
    }
    world.clients["robot"] = app(
        "robot",
        grants=frozenset({GrantType.CLIENT_CREDENTIALS}),
        service_scopes=("orders:read", "orders:write"),
        access_token_format=token_format,
        **secret,
    )
    await world.restart()
    return await world.redeem(await world.code(scope="openid profile offline_access"))


@pytest.mark.parametrize("token_format", list(TokenFormat))
async def test_a_living_access_token_is_told_to_its_client(world: World, token_format: TokenFormat) -> None:
    answer = await tokens_of(world, token_format)
    _, live = await world.tokens.verify_access(answer["access_token"])
    assert await world.introspect(answer["access_token"]) == {
        "active": True,
        "iss": ISSUER,
        "aud": ISSUER,
        "client_id": "app",
        "sub": live.grant.login.sub,
        "scope": "openid profile offline_access",
        "exp": NOW + 900,
        "token_type": "Bearer",
        "auth_time": NOW,
    }
    assert world.notes.heard[-1] == (Event.TOKEN_INTROSPECTED, {"client_id": "app", "active": True})


async def test_a_living_refresh_token_is_told_to_its_client_and_is_no_bearer_token(world: World) -> None:
    answer = await tokens_of(world)
    _, live = await world.tokens.verify_access(answer["access_token"])
    assert await world.introspect(answer["refresh_token"]) == {
        "active": True,
        "iss": ISSUER,
        "aud": ISSUER,
        "client_id": "app",
        "sub": live.grant.login.sub,
        "scope": "openid profile offline_access",
        "exp": NOW + 30 * 86400,
        "iat": NOW,
    }


@pytest.mark.parametrize("token_format", list(TokenFormat))
async def test_f29_a_clients_own_token_says_that_nobody_stands_behind_it(
    world: World, token_format: TokenFormat
) -> None:
    await tokens_of(world, token_format)
    told = await world.introspect((await world.own_token(scope="orders:write"))["access_token"], "robot")
    assert len(told.pop("jti")) >= 22
    assert told == {
        "active": True,
        "iss": ISSUER,
        "aud": ISSUER,
        "client_id": "robot",
        "sub": "client:robot",
        "scope": "orders:write",
        "exp": NOW + 900,
        "iat": NOW,
        "token_type": "Bearer",
    }


@pytest.mark.parametrize("token_format", list(TokenFormat))
async def test_f19_a_stranger_learns_nothing_about_a_token(world: World, token_format: TokenFormat) -> None:
    answer = await tokens_of(world, token_format)
    own = (await world.own_token())["access_token"]
    for token in (answer["access_token"], answer["refresh_token"], own):
        assert await world.introspect(token, "other") == DEAD
    assert world.notes.heard[-1] == (Event.TOKEN_INTROSPECTED, {"client_id": "other", "active": False})


@pytest.mark.parametrize("token_format", list(TokenFormat))
async def test_f19_what_has_ended_is_not_active(world: World, token_format: TokenFormat) -> None:
    answer = await tokens_of(world, token_format)
    own = (await world.own_token())["access_token"]
    world.clock.now += 900
    assert await world.introspect(answer["access_token"]) == await world.introspect(own, "robot") == DEAD
    second = await world.refresh(answer["refresh_token"])
    assert await world.introspect(answer["refresh_token"]) == DEAD, "spent"
    assert (await world.introspect(second["refresh_token"]))["active"]
    await world.revoke(second["access_token"])
    for name in ("access_token", "refresh_token"):
        assert await world.introspect(second[name]) == DEAD


async def test_f19_a_refresh_token_is_not_active_from_the_second_it_expires(world: World) -> None:
    token = (await tokens_of(world))["refresh_token"]
    world.clock.now += 30 * 86400 - 1
    assert (await world.introspect(token))["active"]
    world.clock.now += 1
    assert await world.introspect(token) == DEAD


async def test_f19_a_login_that_counts_no_more_makes_its_tokens_inactive(world: World) -> None:
    answer = await tokens_of(world)
    world.on.discard("alpha")
    await world.restart()
    for name in ("access_token", "refresh_token"):
        assert await world.introspect(answer[name]) == DEAD
    world.on.add("alpha")
    world.clients["app"] = replace(world.clients["app"], providers=("beta",))
    await world.restart()
    assert await world.introspect(answer["access_token"]) == DEAD


async def test_f19_a_client_that_lost_the_grant_has_no_own_tokens(world: World) -> None:
    await tokens_of(world)
    token = (await world.own_token())["access_token"]
    world.clients["robot"] = replace(world.clients["robot"], grants=frozenset({GrantType.AUTHORIZATION_CODE}))
    await world.restart()
    assert await world.introspect(token, "robot") == DEAD


async def test_e8_an_id_token_is_not_active(world: World) -> None:
    answer = await tokens_of(world)
    for token in (answer["id_token"], "x", "a.b.c", "rt_x", "at_" + answer["refresh_token"]):
        assert await world.introspect(token) == DEAD


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "x"])
async def test_a_hint_right_wrong_or_unknown_changes_nothing(world: World, hint: str) -> None:
    answer = await tokens_of(world)
    for name in ("access_token", "refresh_token"):
        assert (await world.introspect(answer[name], token_type_hint=hint))["active"]


async def test_one_token_is_sent_once(world: World) -> None:
    await tokens_of(world)
    for pairs in ([], [("token", "")], [("token", "a"), ("token", "b")]):
        with pytest.raises(InvalidRequest):
            await world.introspection.answer(world.clients["app"], Parameters(pairs))
