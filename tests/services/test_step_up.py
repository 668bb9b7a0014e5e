"""Step-up: a level that is asked for is asked of the upstream, and what the upstream showed is what is said."""

from __future__ import annotations

import json
from dataclasses import replace

import jwt
import pytest

from broker.core.clients.client import RequestPolicy
from broker.core.errors import InvalidRequest, LoginRequired, UnmetAuthenticationRequirements
from broker.services.authorize.codes import Answer
from broker.services.authorize.decide import Choose, Step
from broker.services.sessions.single_sign_on import Session
from tests.services.bare_broker import World, app

pytestmark = pytest.mark.anyio
GOLD, SILVER = "urn:gold", "urn:silver"


def essential(*values: str) -> str:
    """A `claims` parameter that needs one of these levels."""
    return json.dumps({"id_token": {"acr": {"essential": True, "values": list(values)}}})


@pytest.fixture
async def levels(world: World) -> World:
    """`alpha` can show both levels and shows none by itself; `beta` knows of no levels."""
    world.upstreams["alpha"].levels = (GOLD, SILVER)
    await world.restart()
    return world


async def signed_on(world: World, acr: str = "", name: str = "alpha") -> Session:
    """A session in which the upstream showed this level."""
    world.upstreams[name].identity = replace(world.upstreams[name].identity, acr=acr)
    return (await world.log_in(name=name))[2]


async def decide(world: World, session: Session | None, **changed: str) -> Step:
    """What comes first for a request with these parameters."""
    return await world.authorization.next_step(await world.request(**changed), world.clients["app"], session)


async def test_a_wished_level_leads_to_a_login_where_it_can_be_reached(levels: World) -> None:
    weak, strong = await signed_on(levels), await signed_on(levels, GOLD)
    assert isinstance(await decide(levels, weak, acr_values=f"{GOLD} urn:unknown"), Choose)
    assert isinstance(await decide(levels, strong, acr_values=f"{SILVER} {GOLD}"), Answer)
    assert isinstance(await decide(levels, weak, acr_values="urn:unknown"), Answer), "no login would reach it"
    other = await signed_on(levels, name="beta")
    assert isinstance(await decide(levels, other, acr_values=GOLD), Answer), "nor here"


async def test_a_wish_is_no_reason_to_fail_silently(levels: World) -> None:
    weak = await signed_on(levels)
    assert isinstance(await decide(levels, weak, acr_values=GOLD, prompt="none"), Answer)


async def test_an_essential_level_is_reached_or_the_client_is_told(levels: World) -> None:
    weak, strong = await signed_on(levels), await signed_on(levels, GOLD)
    step = await decide(levels, weak, claims=essential(GOLD))
    assert isinstance(step, Choose)
    assert (step.providers, step.known, step.ticket) == (("alpha",), weak, ""), "only who can show it, by a new login"
    assert isinstance(await decide(levels, strong, claims=essential(SILVER, GOLD)), Answer)
    with pytest.raises(LoginRequired):
        await decide(levels, weak, claims=essential(GOLD), prompt="none")
    with pytest.raises(UnmetAuthenticationRequirements):
        await decide(levels, weak, claims=essential("urn:unknown"))


async def test_a17_a_login_that_did_not_reach_an_essential_level_gives_nothing(levels: World) -> None:
    request, client = await levels.request(claims=essential(GOLD)), levels.clients["app"]
    for shown in ("", SILVER):
        weak = await signed_on(levels, shown)
        with pytest.raises(UnmetAuthenticationRequirements):
            await levels.authorization.after_login(request, client, weak, fresh_since=weak.login.auth_time)
    strong = await signed_on(levels, GOLD)
    step = await levels.authorization.after_login(request, client, strong, fresh_since=strong.login.auth_time)
    assert isinstance(step, Answer)


async def test_the_upstream_is_asked_for_the_levels_it_has(levels: World) -> None:
    _, flow = await levels.begin(await levels.request(acr_values=f"urn:unknown {SILVER}"))
    assert flow.wishes.acr_values == (SILVER,)
    _, flow = await levels.begin(await levels.request(acr_values=SILVER, claims=essential(GOLD)))
    assert flow.wishes.acr_values == (GOLD,), "what is essential comes first"
    _, flow = await levels.begin(await levels.request(acr_values=GOLD), "beta")
    assert flow.wishes.acr_values == ()


async def test_tokens_say_the_level_that_was_shown_and_none_that_was_only_asked_for(levels: World) -> None:
    for shown, said in ((SILVER, SILVER), ("", None)):
        levels.upstreams["alpha"].identity = replace(levels.upstreams["alpha"].identity, acr=shown)
        answer = await levels.redeem(await levels.code(acr_values=GOLD, scope="openid offline_access"))
        claims = jwt.decode(answer["id_token"], options={"verify_signature": False})
        assert claims.get("acr") == said
        again = await levels.refresh(answer["refresh_token"])
        assert jwt.decode(again["id_token"], options={"verify_signature": False}).get("acr") == said


async def test_a_client_may_be_registered_with_levels_and_an_age_of_its_own(levels: World) -> None:
    levels.clients["app"] = app(requests=RequestPolicy(acr_values=(GOLD,), max_age=60))
    await levels.restart()
    request = await levels.request()
    assert (request.acr_values, request.max_age) == ((GOLD,), 60)
    request = await levels.request(acr_values=SILVER, max_age="5")
    assert (request.acr_values, request.max_age) == ((SILVER,), 5)


@pytest.mark.parametrize(
    "acr", [{"essential": True, "values": GOLD}, {"essential": True, "values": [1]}, {"essential": True, "value": 1}]
)
async def test_levels_that_are_no_texts_are_refused(levels: World, acr: object) -> None:
    with pytest.raises(InvalidRequest, match="acr"):
        await levels.request(claims=json.dumps({"id_token": {"acr": acr}}))
    assert (await levels.request(claims='{"id_token":{"acr":{"essential":true}}}')).essential_acr == ()


async def test_b23_a_level_counts_only_from_a_provider_whose_operator_listed_it(levels: World) -> None:
    foreign = await signed_on(levels, GOLD, name="beta")
    assert foreign.login.acr == ""
    assert await decide(levels, foreign, claims=essential(GOLD)) == Choose(("alpha",)), "who may say it is asked"
    with pytest.raises(LoginRequired):
        await decide(levels, foreign, claims=essential(GOLD), prompt="none")
    request, client = await levels.request(claims=essential(GOLD)), levels.clients["app"]
    with pytest.raises(UnmetAuthenticationRequirements):
        await levels.authorization.after_login(request, client, foreign, fresh_since=foreign.login.auth_time)
    with pytest.raises(UnmetAuthenticationRequirements):
        await levels.codes.issue(request, foreign, agreed_at=levels.clock())


async def test_b23_a_wished_level_of_a_provider_that_may_not_say_it_is_not_told(levels: World) -> None:
    levels.upstreams["beta"].identity = replace(levels.upstreams["beta"].identity, acr=GOLD)
    answer = await levels.redeem(await levels.code("app", "beta", acr_values=GOLD))
    assert "acr" not in jwt.decode(answer["id_token"], options={"verify_signature": False})
    assert "acr" not in await levels.introspect(answer["access_token"])


async def test_b23_a_level_that_was_taken_off_the_list_counts_no_more_in_sessions_that_live(levels: World) -> None:
    levels.upstreams["alpha"].identity = replace(levels.upstreams["alpha"].identity, acr=GOLD)
    _, cookie, _ = await levels.log_in()
    asked = await levels.request(claims=essential(GOLD))
    levels.upstreams["alpha"].levels, levels.upstreams["beta"].levels = (SILVER,), (GOLD,)
    await levels.restart()
    strong = await levels.sessions.find(cookie)
    assert strong is not None
    assert await decide(levels, strong, claims=essential(GOLD)) == Choose(("beta",))
    assert isinstance(await decide(levels, strong, acr_values=SILVER), Choose), "it is below what it can show"
    with pytest.raises(UnmetAuthenticationRequirements):
        await levels.codes.issue(asked, strong, agreed_at=levels.clock())
    step = await decide(levels, strong)
    assert isinstance(step, Answer)
    answer = await levels.redeem(step.params["code"])
    assert "acr" not in jwt.decode(answer["id_token"], options={"verify_signature": False})


async def test_b23_a_method_counts_only_from_a_provider_whose_operator_listed_it(levels: World) -> None:
    said = ("fed", "pwd", "mfa", "upstream-app", "telegram-widget")
    for name, listed, told in (
        ("alpha", ("mfa", "hwk"), ["fed", "mfa", "upstream-app"]),
        ("beta", (), ["fed", "upstream-app"]),
    ):
        levels.upstreams[name].methods = listed
        levels.upstreams[name].identity = replace(levels.upstreams[name].identity, amr=said)
        await levels.restart()
        answer = await levels.redeem(await levels.code("app", name))
        assert jwt.decode(answer["id_token"], options={"verify_signature": False})["amr"] == told


async def test_b23_a_method_that_was_taken_off_the_list_is_told_no_more(levels: World) -> None:
    levels.upstreams["alpha"].methods = ("mfa",)
    levels.upstreams["alpha"].identity = replace(levels.upstreams["alpha"].identity, amr=("fed", "mfa"))
    await levels.restart()
    _, cookie, _ = await levels.log_in()
    levels.upstreams["alpha"].methods = ()
    await levels.restart()
    step = await decide(levels, await levels.sessions.find(cookie))
    assert isinstance(step, Answer)
    answer = await levels.redeem(step.params["code"])
    assert jwt.decode(answer["id_token"], options={"verify_signature": False})["amr"] == ["fed"]


async def test_b23_what_was_taken_off_the_list_is_told_no_more_by_grants_that_live(levels: World) -> None:
    alpha = levels.upstreams["alpha"]
    alpha.methods, alpha.identity = ("mfa",), replace(alpha.identity, acr=GOLD, amr=("fed", "mfa"))
    await levels.restart()
    answer = await levels.redeem(await levels.code(acr_values=GOLD, scope="openid offline_access"))
    for listed, acr, amr in (((GOLD,), GOLD, ["fed", "mfa"]), ((), None, ["fed"])):
        alpha.levels, alpha.methods = listed, ("mfa",) if listed else ()
        await levels.restart()
        answer = await levels.refresh(answer["refresh_token"])
        told = jwt.decode(answer["id_token"], options={"verify_signature": False})
        assert (told.get("acr"), told["amr"]) == (acr, amr)
        assert (await levels.introspect(answer["access_token"])).get("acr") == acr
