"""What openid-client and oauth4webapi (npm) do beyond a plain login, told nothing but issuer, id and secret or key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Final
from urllib.parse import urlencode

import httpx2
import orjson
import pytest

from broker.demo.visitor import Page, Visitor
from tests.interop.node import learnt, node_client
from tests.interop.world import (
    AGENT,
    BANK,
    INITIAL_TOKEN,
    KEYED,
    METHODS,
    PUSHING,
    World,
    client_id,
    confirm,
    shown,
    walk,
)

pytestmark = pytest.mark.interop
SCRIPTS: Final[Mapping[str, str]] = {"openid-client": "openid_client.mjs", "oauth4webapi": "oauth4webapi.mjs"}
PUBLIC: Final = client_id("ES256", "none")
BOTH: Final = pytest.mark.parametrize("library", SCRIPTS)


@pytest.fixture(scope="module")
def apps(world: World) -> Iterator[Mapping[str, str]]:
    """The addresses of the apps, by library."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(node_client(script, world)) for name, script in SCRIPTS.items()}


@BOTH
@pytest.mark.parametrize("client", [*(client_id("RS256", method) for method in METHODS), PUSHING])
def test_an_app_pushes_its_request_and_the_browser_carries_a_reference(
    world: World, apps: Mapping[str, str], library: str, client: str
) -> None:
    async def pushed() -> tuple[Page, list[str], Page]:
        async with Visitor() as visitor:
            page = await walk(visitor, f"{apps[library]}/login/{client}?pushed", "google", "ada")
            carried = [step.url for step in visitor.history if step.url.startswith(f"{world.issuer}/authorize?")]
            return page, carried, await visitor.get(carried[0])

    page, carried, again = world.run(pushed())
    assert orjson.loads(page.text)["claims"]["aud"] == client
    assert [url for url in carried if "redirect_uri" in url or "request_uri" not in url] == []
    assert (again.status, again.text_of("code")) == (400, "E-EXPIRED")


@BOTH
def test_an_app_that_must_push_is_not_answered_otherwise(world: World, apps: Mapping[str, str], library: str) -> None:
    async def plain() -> Page:
        async with Visitor() as visitor:
            return await visitor.get(f"{apps[library]}/login/{PUSHING}")

    page = world.run(plain())
    assert (page.status, orjson.loads(page.text)["because"]) == (400, "invalid_request")


@BOTH
def test_an_app_proves_itself_with_a_key_and_shares_no_secret(
    world: World, apps: Mapping[str, str], library: str
) -> None:
    found = learnt(world, f"{apps[library]}/login/{KEYED}?pushed")
    assert found["claims"]["aud"] == KEYED
    assert found["fresh_introspected"]["client_id"] == KEYED
    assert found["revoked_introspected"] == {"active": False}
    assert (found["revoked_userinfo"], found["revoked_refresh"]) == (401, "invalid_grant")


@BOTH
def test_an_app_with_another_key_under_the_same_name_is_refused(
    world: World, apps: Mapping[str, str], library: str
) -> None:
    page = world.sign_in(f"{apps[library]}/login/{KEYED}?stranger")
    assert (page.status, orjson.loads(page.text)["refused"]) == (400, "OAUTH_WWW_AUTHENTICATE_CHALLENGE")


@BOTH
@pytest.mark.parametrize("client", [PUBLIC, client_id("EdDSA", "client_secret_basic"), KEYED])
def test_tokens_bound_to_a_key_of_the_app_are_good_for_nobody_else(
    world: World, apps: Mapping[str, str], library: str, client: str
) -> None:
    found = learnt(world, f"{apps[library]}/login/{client}?dpop&pushed")
    assert found["token"]["token_type"] == found["fresh_token"]["token_type"] == "dpop"
    assert found["fresh_userinfo"]["sub"] == found["claims"]["sub"]
    assert (found["without_key"], found["with_other_key"]) == (401, 401)
    if client == PUBLIC:  # others prove themselves anew for every refresh
        assert found["refresh_with_other_key"] == "invalid_grant"


@BOTH
def test_a_client_of_fapi_pushes_signs_and_proves_and_keeps_its_refresh_token(
    world: World, apps: Mapping[str, str], library: str
) -> None:
    found = learnt(world, f"{apps[library]}/login/{BANK}?dpop&pushed")
    assert found["claims"]["aud"] == BANK
    assert "refresh_token" in found["token"]
    assert "refresh_token" not in found["fresh_token"]
    assert found["fresh_userinfo"]["sub"] == found["claims"]["sub"]
    assert (found["without_key"], found["with_other_key"]) == (401, 401)
    assert (found["revoked_userinfo"], found["revoked_refresh"]) == (401, "invalid_grant")


@BOTH
def test_a_client_of_fapi_gets_no_tokens_without_a_proof(world: World, apps: Mapping[str, str], library: str) -> None:
    page = world.sign_in(f"{apps[library]}/login/{BANK}?pushed")
    assert (page.status, orjson.loads(page.text)["because"]) == (400, "invalid_dpop_proof")


@BOTH
def test_an_app_registers_itself_and_is_used_like_every_other(
    world: World, apps: Mapping[str, str], library: str
) -> None:
    def register(token: str) -> tuple[int, dict[str, Any]]:
        answer = httpx2.get(f"{apps[library]}/register?{urlencode({'token': token})}", timeout=30)
        return answer.status_code, answer.json()

    status, registered = register(INITIAL_TOKEN)
    assert status == 200, registered
    found = learnt(world, f"{apps[library]}/login/{registered['client_id']}")
    assert found["claims"]["aud"] == registered["client_id"]
    assert found["revoked_refresh"] == "invalid_grant"
    for nobodys in ("", INITIAL_TOKEN.upper()):
        assert register(nobodys)[0] == 400


def test_an_app_signs_people_out_of_everything_and_gets_them_back(world: World, leaving: str) -> None:
    async def left() -> tuple[Page, Page]:
        async with Visitor() as visitor:
            return await walk(visitor, leaving, "google", "ada"), await visitor.get(leaving)

    page, again = world.run(left())
    assert orjson.loads(page.text) == {"left": True}
    assert again.has("provider-google")  # it has to be chosen anew


def test_people_who_are_signed_out_are_not_sent_where_nobody_registered(world: World, apps: Mapping[str, str]) -> None:
    page = world.sign_in(f"{apps['openid-client']}/login/{PUBLIC}?leave")
    assert (page.status, page.url.startswith(f"{world.issuer}/logout?")) == (400, True)


def test_people_say_in_a_browser_elsewhere_whether_a_device_may_go_on(world: World, apps: Mapping[str, str]) -> None:
    """All four at once, as each waits five seconds between its questions."""
    begun = {
        (library, answer): httpx2.get(f"{apps[library]}/device/{AGENT}", timeout=30).json()
        for library in SCRIPTS
        for answer in ("allow", "deny")
    }
    for (_, answer), device in begun.items():
        assert world.run(confirm(device["verification_uri_complete"], answer)).has("done")
    subject = world.broker.login("google", "ada").claims["sub"]
    for (library, answer), device in begun.items():
        found = httpx2.get(f"{apps[library]}/polled/{device['device_code']}", timeout=60).json()
        if answer == "deny":
            assert found["because"] == "access_denied"
            continue
        assert (found["claims"]["sub"], found["claims"]["aud"]) == (subject, AGENT)
        assert found["userinfo"]["name"] == shown("ada", "google").name
