"""Single-page apps in Chromium: oidc-client-ts and openid-client as public clients that call us from their origin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import orjson
import pytest
from playwright.sync_api import Browser, Page
from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from broker.demo.servers import take_port
from tests.interop.meddler import FORGERIES
from tests.interop.world import PROVIDERS, SPA, World, shown

pytestmark = pytest.mark.interop
HERE: Final = Path(__file__).parent
LIBRARIES: Final = ("oidc-client-ts", "openid-client")
CALLED: Final = ("/.well-known/openid-configuration", "/jwks", "/token", "/userinfo")
FETCH: Final = """([url, method]) => fetch(url, {method, headers: {authorization: 'Bearer x'}})
  .then((answer) => answer.text()).then((text) => text.length > 0, (error) => error.name)"""


@pytest.fixture(scope="session")
def spa(world: World) -> Iterator[str]:
    """The registered origin, where the app is."""
    with world.serving(take_port("spa", "127.0.0.1", world.ports.spa), _app()) as url:
        yield url


@pytest.fixture(scope="session")
def elsewhere(world: World) -> Iterator[str]:
    """The same app at an origin that nobody registered."""
    with world.serving(take_port("elsewhere", "127.0.0.1"), _app()) as url:
        yield url


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A fresh browser profile."""
    context = chromium.new_context(locale="en")
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


def _app() -> Starlette:
    async def index(_: object) -> FileResponse:
        return FileResponse(HERE / "spa" / "index.html")

    async def script(_: object) -> FileResponse:
        return FileResponse(HERE / "spa" / "app.js")

    modules = HERE / "node_modules"
    if not (modules / "oidc-client-ts").is_dir():
        pytest.fail("missing: npm ci --prefix tests/interop --ignore-scripts", pytrace=False)
    routes = [Route("/", index), Route("/callback", index), Route("/app.js", script)]
    return Starlette(routes=[*routes, Mount("/node_modules", StaticFiles(directory=modules))])


def begin(page: Page, world: World, origin: str, library: str) -> None:
    page.goto(f"{origin}/?{urlencode({'library': library, 'issuer': world.issuer, 'client_id': SPA})}")


def told(page: Page) -> dict[str, Any]:
    page.wait_for_selector("#told:not(:empty)")
    found: dict[str, Any] = orjson.loads(page.inner_text("#told"))
    return found


def sign_in(page: Page, world: World, origin: str, library: str, provider: str) -> dict[str, Any]:
    begin(page, world, origin, library)
    page.click(f"#provider-{provider}")
    page.click("#person-zoe")
    return told(page)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_single_page_app_signs_in_and_refreshes(
    page: Page, world: World, spa: str, library: str, provider: str
) -> None:
    found = sign_in(page, world, spa, library, provider)
    expected = shown("zoe", provider)
    assert page.url.startswith(f"{spa}/callback")
    for answer in (found["first"], found["fresh"]):
        assert (answer["claims"]["name"], answer["claims"].get("email")) == (expected.name, expected.email)
        assert answer["claims"]["sub"] == world.broker.login(provider, "zoe").claims["sub"]
    for token in ("access_token", "refresh_token"):
        assert found["first"][token] != found["fresh"][token]


def test_oidc_client_ts_signs_in_by_a_popup_though_our_pages_keep_no_opener(page: Page, world: World, spa: str) -> None:
    more = {"library": "oidc-client-ts", "issuer": world.issuer, "client_id": SPA, "popup": "1"}
    with page.expect_popup() as opened:
        page.goto(f"{spa}/?{urlencode(more)}")
    popup = opened.value
    popup.wait_for_selector("#provider-google")
    assert popup.evaluate("opener") is None
    popup.click("#provider-google")
    popup.click("#person-zoe", no_wait_after=True)
    found = told(page)
    assert found["first"]["claims"]["name"] == shown("zoe", "google").name
    assert found["first"]["access_token"] != found["fresh"]["access_token"]
    if not popup.is_closed():
        popup.wait_for_event("close")
    assert page.url.startswith(f"{spa}/?"), "the page stayed where it was"


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_app_at_another_origin_does_not_even_learn_the_metadata(
    page: Page, world: World, elsewhere: str, library: str
) -> None:
    begin(page, world, elsewhere, library)
    assert told(page) == {"refused": "Failed to fetch"}


@pytest.mark.parametrize("path", CALLED)
def test_a_browser_shows_answers_to_the_registered_origin_only(
    page: Page, world: World, spa: str, elsewhere: str, path: str
) -> None:
    request = [world.issuer + path, "POST" if path == "/token" else "GET"]
    page.goto(f"{spa}/node_modules/openid-client/package.json")
    assert page.evaluate(FETCH, request) is True
    page.goto(f"{elsewhere}/node_modules/openid-client/package.json")
    assert page.evaluate(FETCH, request) == "TypeError"


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_single_page_app_that_verifies_believes_no_forgery(page: Page, world: World, spa: str, forgery: str) -> None:
    """With openid-client; oidc-client-ts leaves the signature to TLS (OIDC Core 3.1.3.7, point 6)."""
    world.meddler.start(forgery)
    assert sign_in(page, world, spa, "openid-client", "google") == {"refused": "JWT signature verification failed"}
    assert world.meddler.forged == 1
