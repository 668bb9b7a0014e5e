"""What openid-client and oauth4webapi (npm) do beyond a plain login, told nothing but issuer, id and secret or key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Final

import orjson
import pytest

from broker.demo.visitor import Page, Visitor
from tests.interop.node import node_client
from tests.interop.world import METHODS, PUSHING, World, client_id, walk

pytestmark = pytest.mark.interop
SCRIPTS: Final[Mapping[str, str]] = {"openid-client": "openid_client.mjs", "oauth4webapi": "oauth4webapi.mjs"}
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
