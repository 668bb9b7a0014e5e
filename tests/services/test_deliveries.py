"""Logout tokens reach apps at least once (OIDC Back-Channel Logout 1.0; threats G7 and I4)."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import jwt
import orjson
import pytest

from broker.core.clients.client import LogoutPolicy
from broker.core.events import Event
from broker.core.terms import Algorithm
from broker.services.deliveries import AT_ONCE, LEASE, LOOK_EVERY, SHARE, Deliveries
from broker.services.logout.telling import LogoutTokens
from broker.services.sessions.single_sign_on import Session
from broker.upstream.outbound import Outbound
from tests.services.apps import delivering
from tests.services.bare_broker import ISSUER, NOW, World, app

pytestmark = pytest.mark.anyio
TELL = "https://app.test/backchannel"
OTHER = "https://other.test/backchannel"


@pytest.fixture
async def world(world: World) -> World:
    """Two apps that want to hear of logouts; the second wants EdDSA."""
    second = app("other", logout=LogoutPolicy(backchannel_logout_uri=OTHER), id_token_alg=Algorithm.EDDSA)
    world.clients |= {"app": app(logout=LogoutPolicy(backchannel_logout_uri=TELL)), "other": second}
    await world.restart()
    return world


async def log_out(world: World, *client_ids: str) -> Session:
    """A session in which these apps got tokens, ended."""
    _, _, session = await world.log_in()
    for client_id in client_ids or ("app",):
        answer = await world.codes.issue(await world.request(client_id), session, agreed_at=world.clock())
        await world.redeem(answer.params["code"], client_id)
    await world.endings.end_session(session, reason="logout")
    return session


async def attempt(world: World) -> None:
    """Everything that is due, once."""
    await world.deliveries.look()
    await world.deliveries.settle()
    assert world.notes.crashes == []


def verified(world: World, token: str, audience: str = "app", algorithm: str = "ES256") -> dict[str, Any]:
    """The claims of a logout token, as an app verifies them."""
    keys = jwt.PyJWKSet.from_dict(orjson.loads(world.keys.current.jwks))
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=[algorithm],
        audience=audience,
        issuer=ISSUER,
        options={"verify_exp": False, "verify_iat": False},
    )
    return claims


async def test_a_logout_token_says_what_the_specification_wants_and_no_more(world: World) -> None:
    world.apps.status[TELL] = 200
    session = await log_out(world)
    await attempt(world)
    (token,) = world.apps.tokens(TELL)
    header, claims = jwt.get_unverified_header(token), verified(world, token)
    assert (header["typ"], header["alg"]) == ("logout+jwt", "ES256")
    assert len(claims.pop("jti")) == 32
    assert claims == {
        "iss": ISSUER,
        "aud": "app",
        "sub": session.login.sub,
        "sid": world.tokens.subjects.sid_of(session.login.sid, world.clients["app"]),
        "iat": NOW,
        "exp": NOW + 120,
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    }


async def test_each_app_gets_a_token_of_its_own_in_its_algorithm(world: World) -> None:
    world.apps.status = {TELL: 204, OTHER: 200}
    await log_out(world, "app", "other")
    await attempt(world)
    (first,), (second,) = world.apps.tokens(TELL), world.apps.tokens(OTHER)
    told = verified(world, first), verified(world, second, "other", "EdDSA")
    assert told[0]["jti"] != told[1]["jti"]
    assert told[0]["sid"] == told[1]["sid"]
    assert world.notes.count(Event.LOGOUT_TOLD) == 2
    assert sum(await world.store.durable.deliveries.waiting()) == 0


async def test_g7_an_app_that_was_down_is_told_when_it_is_back_by_a_fresh_token_with_the_same_jti(world: World) -> None:
    await log_out(world)
    for later in (0, 10, 60, 210):
        world.clock.now = NOW + later
        await attempt(world)
    assert sum(await world.store.durable.deliveries.waiting()) == 1
    world.apps.status[TELL] = 200
    world.clock.now = NOW + 1200
    await attempt(world)
    assert sum(await world.store.durable.deliveries.waiting()) == 0
    told = [verified(world, token) for token in world.apps.tokens(TELL)]
    assert len(told) == 5
    assert len({claims["jti"] for claims in told}) == 1
    assert told[-1]["iat"] == NOW + 1200
    assert world.notes.count(Event.LOGOUT_FAILED) == 4
    assert world.notes.count(Event.LOGOUT_TOLD) == 1


@pytest.mark.parametrize("status", [301, 401, 404, 429, 500, 503])
async def test_whatever_is_not_a_confirmation_is_tried_again(world: World, status: int) -> None:
    world.apps.status[TELL] = status
    await log_out(world)
    await attempt(world)
    assert sum(await world.store.durable.deliveries.waiting()) == 1
    await attempt(world)
    assert len(world.apps.heard) == 1, "not before its time"
    world.clock.now += 6
    await attempt(world)
    assert len(world.apps.heard) == 2


async def test_attempts_become_seldom(world: World) -> None:
    await log_out(world)
    for _ in range(86_400 // 60):
        world.clock.now += 60
        await attempt(world)
    assert 20 < len(world.apps.heard) < 32


async def test_a_refusal_is_final(world: World) -> None:
    world.apps.status[TELL] = 400
    await log_out(world)
    await attempt(world)
    assert sum(await world.store.durable.deliveries.waiting()) == 0
    assert _outcomes(world) == [("failed", "status 400")]


async def test_an_app_that_never_answers_is_given_up_after_a_day(world: World) -> None:
    await log_out(world)
    world.clock.now = NOW + 86_399
    await attempt(world)
    assert sum(await world.store.durable.deliveries.waiting()) == 1
    world.clock.now = NOW + 86_400 + 3600 * 2
    await attempt(world)
    assert len(world.apps.heard) == 1
    assert _outcomes(world)[-1] == ("failed", "no success in a day")
    assert sum(await world.store.durable.deliveries.waiting()) == 0


async def test_an_app_without_an_address_is_not_waited_for(world: World) -> None:
    await log_out(world)
    world.clients["app"] = app()
    await world.restart()
    await attempt(world)
    assert _outcomes(world) == [("failed", "no address")]
    assert sum(await world.store.durable.deliveries.waiting()) == 0


async def test_an_app_that_hangs_keeps_no_other_waiting(world: World) -> None:
    world.apps.hangs.add(TELL)
    world.apps.status[OTHER] = 200
    for _ in range(3 * AT_ONCE):
        await log_out(world, "app")
    await log_out(world, "other")
    async with delivering(world.deliveries):
        async with asyncio.timeout(30):
            while not world.apps.tokens(OTHER):
                await asyncio.sleep(0.01)
    assert sum(await world.store.durable.deliveries.waiting()) == 3 * AT_ONCE
    assert len(world.apps.heard) <= SHARE + 1


async def test_an_app_with_more_logouts_than_its_share_is_told_all_of_them_without_a_pause(world: World) -> None:
    world.apps.status[TELL] = 200
    for _ in range(5 * SHARE):
        await log_out(world, "app")
    async with delivering(world.deliveries), asyncio.timeout(LOOK_EVERY * 4):
        while sum(await world.store.durable.deliveries.waiting()):
            await asyncio.sleep(0.01)
    assert len(world.apps.heard) == 5 * SHARE


async def test_what_is_under_way_is_nobody_elses_until_the_lease_is_over(world: World) -> None:
    world.apps.hangs.add(TELL)
    await log_out(world)
    async with delivering(world.deliveries):
        async with asyncio.timeout(5):
            while not world.apps.heard:
                await asyncio.sleep(0.01)
        claim = partial(world.store.durable.deliveries.claim, limit=9, share=9, under_way={})
        assert await claim(now=NOW + LEASE - 1, until=NOW + 2 * LEASE) == ()
        (again,) = await claim(now=NOW + LEASE, until=NOW + 2 * LEASE)
    assert again.attempts == 2


async def test_a_logout_is_told_without_waiting_for_the_next_look(world: World) -> None:
    world.apps.status[TELL] = 200
    async with delivering(world.deliveries):
        await asyncio.sleep(0.01)  # it has looked, and waits
        await log_out(world)
        async with asyncio.timeout(2):
            while not world.apps.heard:
                await asyncio.sleep(0.01)


async def test_the_operator_sees_how_much_is_on_its_way(world: World) -> None:
    await log_out(world, "app", "other")
    await attempt(world)
    world.apps.status = {TELL: 200, OTHER: 200}
    world.clock.now += 10
    await attempt(world)
    await attempt(world)
    told = [fields["waiting"] for event, fields in world.notes.heard if event is Event.LOGOUT_BACKLOG]
    assert told == [2, 0]


async def test_i4_a_logout_token_goes_to_no_private_address(world: World) -> None:
    outbound = await Outbound.open(recorder=world.notes)
    for place in ("https://10.0.0.1/bc", "https://169.254.169.254/bc", "http://127.0.0.1:1/bc"):
        world.clients["app"] = app(logout=LogoutPolicy(backchannel_logout_uri=place))
        await world.restart()
        guarded = Deliveries(
            world.context,
            world.store.durable.deliveries,
            logouts=LogoutTokens(world.context, world.directory, world.keys, outbound, subjects=world.tokens.subjects),
            events=world.webhooks,
            on_crash=world.notes.crashes.append,
        )
        await log_out(world)
        await guarded.look()
        await guarded.settle()
        assert "forbidden" in str(_outcomes(world)[-1][1])
    await outbound.close()
    assert world.notes.crashes == []


async def test_an_app_without_an_address_costs_nothing(world: World) -> None:
    world.clients["app"] = app()
    await world.restart()
    _, _, session = await world.log_in()
    answer = await world.codes.issue(await world.request(), session, agreed_at=world.clock())
    await world.redeem(answer.params["code"])
    assert await world.endings.end_session(session, reason="logout") == ()


def _outcomes(world: World) -> list[tuple[Any, Any]]:
    return [(f["outcome"], f["reason"]) for event, f in world.notes.heard if event is Event.LOGOUT_FAILED]
