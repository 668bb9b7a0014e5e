"""A grant gives what its client may have today, wherever it is read, and nothing reads it by another way."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest

from broker.core.clients.client import RequestPolicy, TokenPolicy
from broker.core.errors import InvalidGrant, InvalidScope, InvalidTarget, InvalidToken
from broker.core.terms import AuthMethod, GrantType, TokenFormat
from tests.services.bare_broker import SCOPES, World, app

pytestmark = pytest.mark.anyio
BROKER = Path(__file__).parents[2] / "broker"
API, FILES = "https://api.test", "https://files.test"
EVERYTHING = "openid profile email offline_access"
DEAD = {"active": False}


@pytest.fixture(params=list(TokenFormat))
async def apps(world: World, request: pytest.FixtureRequest) -> World:
    """An app that may have everything for two APIs, and one that is an API."""
    asks = RequestPolicy(resources=(API, FILES))
    world.clients |= {
        "app": app(requests=asks, access_token_format=request.param, auth_method=AuthMethod.BASIC),
        "api": app("api", auth_method=AuthMethod.BASIC, tokens=TokenPolicy(serves=(API,))),
    }
    world.upstreams["alpha"].identity = replace(
        world.upstreams["alpha"].identity, claims={"name": "Ann", "email": "a@a.test", "email_verified": True}
    )
    await world.restart()
    return world


async def change(world: World, **changed: Any) -> None:
    """The client as the operator, or it itself, made it since."""
    world.clients["app"] = replace(world.clients["app"], **changed)
    await world.restart()


async def given(world: World, *resources: str, scope: str = EVERYTHING) -> dict[str, Any]:
    """Tokens of a login for all of it."""
    return await world.redeem(await code(world, *resources, scope=scope))


async def code(world: World, *resources: str, scope: str = EVERYTHING) -> str:
    """A code for all of it."""
    request = (await world.request(scope=scope)).replace(resource=resources)
    _, _, session = await world.log_in(request)
    return (await world.codes.issue(request, session, agreed_at=world.clock())).params["code"]


WITHOUT_EMAIL = SCOPES - {"email"}


async def test_f30_a_scope_taken_from_a_client_flows_to_it_no_more(apps: World) -> None:
    tokens = await given(apps)
    await change(apps, scopes=WITHOUT_EMAIL)
    held = "openid profile offline_access"
    opened, _ = await apps.tokens.verify_access(tokens["access_token"])
    assert opened.scope == tuple(held.split()), "what userinfo goes by"
    for name in ("access_token", "refresh_token"):
        assert (await apps.introspect(tokens[name]))["scope"] == held
    after = await apps.refresh(tokens["refresh_token"])
    assert after["scope"] == held
    assert "email" not in jwt.decode(after["id_token"], options={"verify_signature": False})
    assert (await apps.introspect(after["access_token"]))["scope"] == held
    again = await apps.refresh(after["refresh_token"], scope="openid email")
    assert again["scope"] == "openid", "it goes on with the rest, as at the login"
    await change(apps, scopes=SCOPES)
    assert (await apps.refresh(again["refresh_token"]))["scope"] == EVERYTHING, "what it may have again was granted"


async def test_f30_a_code_gives_what_the_client_may_have_when_it_is_spent(apps: World) -> None:
    waiting = await code(apps, API, FILES)
    asks = RequestPolicy(resources=(API,))
    await change(apps, scopes=WITHOUT_EMAIL - {"offline_access"}, requests=asks)
    answer = await apps.redeem(waiting)
    assert (answer["scope"], "refresh_token" in answer) == ("openid profile", False)
    assert (await apps.introspect(answer["access_token"]))["aud"] == [API, "https://id.test"]


async def test_f30_without_offline_access_a_refresh_token_is_worth_nothing(apps: World) -> None:
    tokens = await given(apps)
    await change(apps, scopes=SCOPES - {"offline_access"})
    with pytest.raises(InvalidGrant, match="offline_access"):
        await apps.refresh(tokens["refresh_token"])
    assert await apps.introspect(tokens["refresh_token"]) == DEAD


async def test_f30_an_api_taken_from_a_client_gets_nothing_by_its_tokens(apps: World) -> None:
    tokens = await given(apps, API, FILES)
    assert (await apps.introspect(tokens["access_token"], "api"))["active"]
    await change(apps, requests=RequestPolicy(resources=(FILES,)))
    assert await apps.introspect(tokens["access_token"], "api") == DEAD
    assert (await apps.introspect(tokens["access_token"]))["aud"] == [FILES, "https://id.test"]
    with pytest.raises(InvalidTarget):
        await apps.refresh(tokens["refresh_token"], resource=API)
    after = await apps.refresh(tokens["refresh_token"])
    assert await apps.introspect(after["access_token"], "api") == DEAD


async def test_f30_a_token_for_apis_alone_is_not_ours_when_all_of_them_are_gone(apps: World) -> None:
    tokens = await given(apps, API, scope="email offline_access")
    assert (await apps.introspect(tokens["access_token"]))["aud"] == API
    await change(apps, requests=RequestPolicy())
    assert await apps.introspect(tokens["access_token"]) == DEAD
    with pytest.raises(InvalidToken):
        await apps.tokens.verify_access(tokens["access_token"])


async def test_f30_a_clients_own_token_is_cut_like_every_other(apps: World) -> None:
    grants = frozenset({GrantType.CLIENT_CREDENTIALS})
    await change(apps, grants=grants, service_scopes=("read", "write"))
    own = (await apps.own_token("app", resource=API))["access_token"]
    assert (await apps.introspect(own, "api"))["scope"] == "read write"
    await change(apps, service_scopes=("read",))
    assert (await apps.introspect(own, "api"))["scope"] == "read"
    await change(apps, requests=RequestPolicy())
    assert await apps.introspect(own, "api") == await apps.introspect(own) == DEAD


async def test_what_was_never_granted_is_refused_by_name(apps: World) -> None:
    tokens = await given(apps, scope="openid offline_access")
    with pytest.raises(InvalidScope):
        await apps.refresh(tokens["refresh_token"], scope="openid profile")


def test_f30_a_grant_is_read_through_one_door() -> None:
    past = []
    for path, node in _nodes():
        if path.startswith("store/") or path == "services/tokens/held.py":
            continue
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if called.endswith(("grants.find", "Held")):
            past.append(f"{path}: {called}")
        # A refresh token comes with its grant, which is handed on unread.
        read = sum(isinstance(inner, ast.Attribute) and inner.attr == "live" for inner in ast.iter_child_nodes(node))
        if read and not called.endswith(("held.open_", "held.accepted")):
            past.append(f"{path}: {ast.unparse(node)}")
        if isinstance(node, ast.ImportFrom) and "LiveGrant" in {alias.name for alias in node.names}:
            past.append(path)
    # Who makes a grant hands it to the door; the gate stands inside it.
    assert sorted(past) == ["services/grants/giving.py"]


def _nodes() -> Iterator[tuple[str, ast.AST]]:
    for path in sorted(BROKER.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield str(path.relative_to(BROKER)), node
