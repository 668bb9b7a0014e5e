"""The refresh token grant: rotated at every use, and a spent token that comes back ends the family."""

from __future__ import annotations

import asyncio
from typing import Any

import jwt
import pytest

from broker.core.clients.client import TokenPolicy
from broker.core.errors import InvalidGrant, InvalidRequest, InvalidScope, UnauthorizedClient
from broker.core.events import Event
from broker.core.terms import GrantType
from tests.services.bare_broker import LIFETIMES, NOW, World, app

pytestmark = pytest.mark.anyio
OFFLINE = "openid profile email offline_access"
DAY = 86_400


async def first(world: World, **changed: str | None) -> dict[str, Any]:
    """The answer a family begins with."""
    return await world.redeem(await world.code(**({"scope": OFFLINE} | changed)))


def claims_of(answer: dict[str, Any]) -> dict[str, Any]:
    """Of the ID token."""
    return jwt.decode(answer["id_token"], options={"verify_signature": False})


async def test_a_refresh_gives_new_tokens_about_the_same_login(world: World) -> None:
    before = await first(world)
    world.clock.now += 100
    after = await world.refresh(before["refresh_token"])
    assert set(after) == set(before)
    assert after["refresh_token"] != before["refresh_token"]
    assert await world.is_alive(after["access_token"])
    old, new = claims_of(before), claims_of(after)
    for name in ("iss", "sub", "aud", "auth_time", "amr"):  # OIDC Core 12.2
        assert old[name] == new[name]
    assert (new["iat"], "nonce" in new) == (NOW + 100, False)


@pytest.mark.parametrize("seconds", [11, 31, 3600, DAY])
async def test_f6_a_spent_token_that_comes_back_ends_the_family(world: World, seconds: int) -> None:
    before = await first(world)
    after = await world.refresh(before["refresh_token"])
    world.clock.now += seconds
    with pytest.raises(InvalidGrant):
        await world.refresh(before["refresh_token"])
    with pytest.raises(InvalidGrant):
        await world.refresh(after["refresh_token"])
    assert not await world.is_alive(after["access_token"])
    assert world.notes.count(Event.TOKEN_REUSE_DETECTED) == 1


async def test_an_access_token_never_promises_to_outlive_its_login(world: World) -> None:
    answer = await first(world)
    world.clock.now += LIFETIMES.refresh_idle - DAY
    for _ in range(6):
        answer = await world.refresh(answer["refresh_token"])
        world.clock.now += LIFETIMES.refresh_idle - DAY
    world.clock.now = NOW + LIFETIMES.refresh_absolute - 100
    answer = await world.refresh(answer["refresh_token"])
    assert answer["expires_in"] == 100
    world.clock.now += 99
    assert await world.is_alive(answer["access_token"])
    world.clock.now += 1
    assert not await world.is_alive(answer["access_token"])


async def test_f6_a_grandparent_ends_the_family_at_once(world: World) -> None:
    before = await first(world)
    after = await world.refresh(before["refresh_token"])
    last = await world.refresh(after["refresh_token"])
    with pytest.raises(InvalidGrant):
        await world.refresh(before["refresh_token"])
    with pytest.raises(InvalidGrant):
        await world.refresh(last["refresh_token"])


async def test_f7_parallel_refreshes_come_to_one_child(world: World) -> None:
    before = await first(world)
    answers = await asyncio.gather(*(world.refresh(before["refresh_token"]) for _ in range(50)))
    assert len({answer["refresh_token"] for answer in answers}) == 1
    assert await world.refresh(answers[0]["refresh_token"])


@pytest.mark.parametrize(("seconds", "again"), [(0, True), (5, True), (10, True), (11, False), (31, False)])
async def test_f8_a_lost_answer_is_given_again_within_the_grace(world: World, seconds: int, again: bool) -> None:
    before = await first(world)
    lost = await world.refresh(before["refresh_token"])
    world.clock.now += seconds
    if again:
        assert (await world.refresh(before["refresh_token"]))["refresh_token"] == lost["refresh_token"]
        assert await world.refresh(lost["refresh_token"])
        return
    with pytest.raises(InvalidGrant):
        await world.refresh(before["refresh_token"])


@pytest.mark.parametrize(
    ("down", "up", "again"), [(0, 10, True), (60, 0, True), (3600, 10, True), (60, 11, False), (3601, 0, False)]
)
async def test_f8_the_grace_of_a_lost_answer_counts_no_time_in_which_nobody_could_ask(
    world: World, down: int, up: int, again: bool
) -> None:
    before = await first(world)
    lost = await world.refresh(before["refresh_token"])
    world.clock.now += down
    await world.restart()
    world.clock.now += up
    if again:
        assert (await world.refresh(before["refresh_token"]))["refresh_token"] == lost["refresh_token"]
        return
    with pytest.raises(InvalidGrant):
        await world.refresh(before["refresh_token"])
    assert world.notes.count(Event.TOKEN_REUSE_DETECTED) == 1


async def test_f6_a_start_makes_no_second_child_of_a_token_whose_child_was_used(world: World) -> None:
    before = await first(world)
    after = await world.refresh(before["refresh_token"])
    last = await world.refresh(after["refresh_token"])
    await world.restart()
    with pytest.raises(InvalidGrant):
        await world.refresh(before["refresh_token"])
    with pytest.raises(InvalidGrant):
        await world.refresh(last["refresh_token"])


async def test_f9_a_blocked_account_refreshes_nothing(world: World) -> None:
    before = await first(world)
    await world.store.durable.accounts.set_blocked(claims_of(before)["sub"], True)
    with pytest.raises(InvalidGrant):
        await world.refresh(before["refresh_token"])
    assert not await world.is_alive(before["access_token"])


@pytest.mark.parametrize("how", ["switched off", "taken from the client"])
async def test_f9_b9_a_provider_no_longer_accepted_refreshes_nothing(world: World, how: str) -> None:
    before = await first(world)
    if how == "switched off":
        world.on = {"beta"}
    else:
        world.clients["app"] = app(providers=("beta",))
    await world.restart()
    with pytest.raises(InvalidGrant):
        await world.refresh(before["refresh_token"])
    world.on, world.clients["app"] = {"alpha", "beta"}, app()
    await world.restart()
    assert await world.refresh(before["refresh_token"])


async def test_f9_a_revoked_grant_refreshes_nothing(world: World) -> None:
    before = await first(world)
    token, _ = await world.tokens.verify_access(before["access_token"])
    assert await world.store.durable.grants.revoke(token.grant_id, now=NOW)
    with pytest.raises(InvalidGrant):
        await world.refresh(before["refresh_token"])


async def test_f9_a_client_that_lost_the_grant_refreshes_nothing(world: World) -> None:
    before = await first(world)
    world.clients["app"] = app(grants=frozenset({GrantType.AUTHORIZATION_CODE}))
    await world.restart()
    with pytest.raises(UnauthorizedClient):
        await world.refresh(before["refresh_token"])


async def test_f10_a_token_of_another_client_is_refused_and_stays_good(world: World) -> None:
    world.clients["other"] = app("other")
    await world.restart()
    before = await first(world)
    with pytest.raises(InvalidGrant):
        await world.refresh(before["refresh_token"], "other")
    assert await world.refresh(before["refresh_token"])


@pytest.mark.parametrize("scope", ["openid phone", "admin", OFFLINE + " admin", "OPENID"])
async def test_f10_scope_never_widens(world: World, scope: str) -> None:
    before = await first(world)
    with pytest.raises(InvalidScope):
        await world.refresh(before["refresh_token"], scope=scope)
    assert await world.refresh(before["refresh_token"])


@pytest.mark.parametrize(
    ("asked", "given", "with_id_token"),
    [
        ("", OFFLINE, True),
        ("openid", "openid", True),
        ("email  openid", "openid email", True),
        ("profile", "profile", False),
    ],
)
async def test_scope_may_narrow_and_all_tokens_follow(
    world: World, asked: str, given: str, with_id_token: bool
) -> None:
    answer = await world.refresh((await first(world))["refresh_token"], scope=asked)
    token, _ = await world.tokens.verify_access(answer["access_token"])
    assert (answer["scope"], " ".join(token.scope), "id_token" in answer) == (given, given, with_id_token)
    if with_id_token:
        assert ("email" in claims_of(answer)) == ("email" in given.split())
    assert (await world.refresh(answer["refresh_token"]))["scope"] == OFFLINE


@pytest.mark.parametrize("token", ["x", "rt_x", "é"])
async def test_a_token_made_up_is_refused(world: World, token: str) -> None:
    with pytest.raises(InvalidGrant):
        await world.refresh(token)


async def test_a_missing_token_is_an_invalid_request(world: World) -> None:
    with pytest.raises(InvalidRequest):
        await world.refresh("")


async def test_b8_a_code_and_an_access_token_refresh_nothing(world: World) -> None:
    code = await world.code(scope=OFFLINE)
    with pytest.raises(InvalidGrant):
        await world.refresh(code)
    answer = await world.redeem(code)
    with pytest.raises(InvalidGrant):
        await world.refresh(answer["access_token"])
    with pytest.raises(InvalidGrant):
        await world.redeem(answer["refresh_token"])
    assert not await world.is_alive(answer["refresh_token"])
    assert not await world.is_alive(code)


async def test_an_unused_token_dies_of_idleness(world: World) -> None:
    before = await first(world)
    world.clock.now += LIFETIMES.refresh_idle
    with pytest.raises(InvalidGrant):
        await world.refresh(before["refresh_token"])


async def test_a_used_family_dies_of_age(world: World) -> None:
    token = (await first(world))["refresh_token"]
    for _ in range(8):
        world.clock.now += LIFETIMES.refresh_idle - DAY
        if world.clock.now >= NOW + LIFETIMES.refresh_absolute:
            break
        token = (await world.refresh(token))["refresh_token"]
    with pytest.raises(InvalidGrant):
        await world.refresh(token)


async def test_a_grant_without_offline_access_ends_with_its_access_token(world: World) -> None:
    answer = await world.redeem(await world.code())
    token, live = await world.tokens.verify_access(answer["access_token"])
    assert live.grant.expires_at == token.expires_at == NOW + LIFETIMES.access_token


KEPT = TokenPolicy(refresh_rotated=False)


async def keep(world: World) -> None:
    """From now on the app's refresh tokens are not rotated."""
    world.clients["app"] = app(tokens=KEPT)
    await world.restart()


async def test_a_token_that_is_not_rotated_counts_again_and_lives_on_while_it_is_used(world: World) -> None:
    await keep(world)
    before = await first(world)
    for _ in range(6):
        world.clock.now += LIFETIMES.refresh_idle - DAY
        after = await world.refresh(before["refresh_token"])
        assert "refresh_token" not in after
        assert await world.is_alive(after["access_token"])
    world.clock.now += LIFETIMES.refresh_idle
    with pytest.raises(InvalidGrant):
        await world.refresh(before["refresh_token"])


async def test_a_token_that_is_not_rotated_does_not_outlive_its_login(world: World) -> None:
    await keep(world)
    token = (await first(world))["refresh_token"]
    for now in range(NOW, NOW + LIFETIMES.refresh_absolute, LIFETIMES.refresh_idle - DAY):
        world.clock.now = now
        await world.refresh(token)
    world.clock.now = NOW + LIFETIMES.refresh_absolute
    with pytest.raises(InvalidGrant):
        await world.refresh(token)


async def test_f6_what_was_spent_before_stays_spent_when_rotation_ends(world: World) -> None:
    before = await first(world)
    after = await world.refresh(before["refresh_token"])
    await keep(world)
    world.clock.now += 3600
    with pytest.raises(InvalidGrant):
        await world.refresh(before["refresh_token"])
    assert world.notes.count(Event.TOKEN_REUSE_DETECTED) == 1
    with pytest.raises(InvalidGrant):
        await world.refresh(after["refresh_token"])
