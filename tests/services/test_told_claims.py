"""Groups and other claims: from an upstream and an operator to the apps whose scopes bring them, and no further."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jwt
import pytest

from broker.core.errors import InvalidRequest, NotFound
from broker.core.events import Event
from broker.core.people.extra_claims import COUNT_LIMIT, RESERVED
from broker.core.people.identity import Identity
from broker.core.terms import IdTokenClaims, TokenFormat
from broker.services.tokens.proofs import Shown
from tests.services.bare_broker import SCOPES, World, app
from tests.services.test_operators import ask

pytestmark = pytest.mark.anyio
ASKED = "openid groups offline_access"


def says(world: World, **told: object) -> None:
    """What the upstream says from now on."""
    world.upstreams["alpha"].identity = Identity("x1", {"name": "Ann", **told})


async def tokens(world: World, scope: str = ASKED, **changed: Any) -> dict[str, Any]:
    """What a client with the scope `groups` gets by a login."""
    policy = replace(app().tokens, access_token_claims=frozenset({"groups"}), **changed.pop("policy", {}))
    world.clients["app"] = app(scopes=SCOPES | {"groups"}, tokens=policy, **changed)
    await world.restart()
    return await world.redeem(await world.code(scope=scope))


def read(token: str) -> dict[str, Any]:
    """What a token says."""
    said: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return said


async def everywhere(world: World, answer: dict[str, Any]) -> list[Any]:
    """The groups in the ID token, the access token, at userinfo and by introspection; None where there are none."""
    token = answer["access_token"]
    told = await world.userinfo.tell(Shown(token, as_dpop=False, proof="", method="GET", endpoint="/userinfo"))
    assert isinstance(told, dict)
    seen = [read(answer["id_token"]), read(token), told, await world.introspect(token)]
    return [one.get("groups") for one in seen]


async def test_groups_are_in_every_place_that_the_scope_brings_them_to(world: World) -> None:
    says(world, groups=["staff"])
    answer = await tokens(world, access_token_format=TokenFormat.JWT)
    assert await everywhere(world, answer) == [["staff"]] * 4


async def test_a15_without_the_scope_they_are_nowhere(world: World) -> None:
    says(world, groups=["staff"])
    answer = await tokens(world, "openid profile", access_token_format=TokenFormat.JWT)
    assert await everywhere(world, answer) == [None] * 4
    narrow = (await tokens(world, access_token_format=TokenFormat.JWT))["refresh_token"]
    less = await world.refresh(narrow, scope="openid")
    assert await everywhere(world, less) == [None] * 4, "a refresh that asks for less gets less"


async def test_a15_a_client_that_lost_the_scope_is_told_nothing_more(world: World) -> None:
    says(world, groups=["staff"])
    answer = await tokens(world)
    world.clients["app"] = replace(world.clients["app"], scopes=SCOPES)
    await world.restart()
    later = await world.refresh(answer["refresh_token"])
    assert "groups" not in read(later["id_token"])
    assert "groups" not in await world.introspect(answer["access_token"])


async def test_id_tokens_leave_them_out_where_claims_are_requested_one_by_one(world: World) -> None:
    says(world, groups=["staff"])
    thin = {"id_token_claims": IdTokenClaims.REQUESTED}
    answer = await tokens(world, policy=thin)
    assert "groups" not in read(answer["id_token"])
    named = await world.redeem(await world.code(scope=ASKED, claims='{"id_token":{"groups":null}}'))
    assert read(named["id_token"])["groups"] == ["staff"]
    unasked = await world.redeem(await world.code(scope="openid", claims='{"id_token":{"groups":null}}'))
    assert "groups" not in read(unasked["id_token"]), "naming a claim brings no scope"


async def test_what_the_upstream_no_longer_says_goes_at_the_next_login_and_not_before(world: World) -> None:
    says(world, groups=["staff", "admins"])
    first = await tokens(world)
    says(world, groups=["staff"])
    again = await world.refresh(first["refresh_token"])
    assert read(again["id_token"])["groups"] == ["staff", "admins"], "a refresh says what was said last"
    second = await world.redeem(await world.code(scope=ASKED, prompt="login"))
    assert read(second["id_token"])["groups"] == ["staff"]
    assert read((await world.refresh(again["refresh_token"]))["id_token"])["groups"] == ["staff"]
    says(world)
    third = await world.redeem(await world.code(scope=ASKED, prompt="login"))
    assert "groups" not in read(third["id_token"])


async def test_a_claim_that_its_operator_reads_no_more_is_told_to_nobody(world: World) -> None:
    says(world, groups=["staff"])
    answer = await tokens(world, access_token_format=TokenFormat.JWT)
    world.wanted = frozenset()
    await world.restart()
    later = await world.refresh(answer["refresh_token"])
    assert await everywhere(world, later) == [None] * 4


async def test_what_an_operator_sets_is_told_at_once_beside_what_the_upstream_says(world: World) -> None:
    says(world, groups=["staff"])
    answer = await tokens(world)
    sub = read(answer["id_token"])["sub"]
    done = await ask(world, "claim.set", sub=sub, name="groups", value='["admins", "staff"]')
    assert done == {"sub": sub, "name": "groups", "value": ["admins", "staff"], "changed": True}
    later = await world.refresh(answer["refresh_token"])
    assert read(later["id_token"])["groups"] == ["admins", "staff"]
    assert (await world.introspect(later["access_token"]))["groups"] == ["admins", "staff"]
    (link,) = await world.store.durable.people.links(sub)
    known = await ask(world, "claim.list", sub=sub)
    assert [(one["name"], one["value"]) for one in known["claims"]] == [("groups", ["admins", "staff"])]
    assert known["told"] == [{"provider": "alpha", "way": link.handle, "name": "groups", "value": ["staff"]}]
    exported = await ask(world, "account.export", sub=sub)
    assert [one["value"] for one in exported["claims"]] == [["admins", "staff"]]
    assert exported["ways_in"][0]["claims"]["groups"] == ["staff"]
    await ask(world, "claim.remove", sub=sub, name="groups")
    assert read((await world.refresh(later["refresh_token"]))["id_token"])["groups"] == ["staff"]
    with pytest.raises(NotFound):
        await ask(world, "claim.remove", sub=sub, name="groups")
    states = [fields for event, fields in world.notes.heard if event is Event.ACCOUNT_CLAIM_CHANGED]
    assert states == [{"sub": sub, "claim": "groups", "state": state} for state in ("set", "removed")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, '"x"') for name in sorted(RESERVED)],
        ("SUB", '"x"'),
        ("email", '"eve@a.test"'),
        ("email_verified", "true"),
        ("groups", "staff"),
        ("groups", "true"),
        ("groups", '["a", ["b"]]'),
        ("level", "1.5"),
        ("level", "NaN"),
        ("level", "null"),
        ("level", '{"a": 1}'),
        ("level", '"a\\nb"'),
        ("level", '{"a": 1, "a": 2}'),
        ("le vel", "1"),
    ],
)
async def test_e22_an_operator_sets_no_claim_of_the_protocol_and_nothing_that_is_none(
    world: World, name: str, value: str
) -> None:
    sub = read((await tokens(world))["id_token"])["sub"]
    with pytest.raises(InvalidRequest):
        await ask(world, "claim.set", sub=sub, name=name, value=value)
    assert (await ask(world, "claim.list", sub=sub))["claims"] == []


async def test_an_account_has_so_many_and_nobody_none(world: World) -> None:
    sub = read((await tokens(world))["id_token"])["sub"]
    for number in range(COUNT_LIMIT):
        await ask(world, "claim.set", sub=sub, name=f"c{number}", value="1")
    with pytest.raises(InvalidRequest, match=str(COUNT_LIMIT)):
        await ask(world, "claim.set", sub=sub, name="more", value="1")
    for name in ("claim.list", "claim.set", "claim.remove"):
        more = {} if name == "claim.list" else {"name": "c0"} | ({"value": "1"} if name == "claim.set" else {})
        with pytest.raises(NotFound):
            await ask(world, name, sub="nobody", **more)
