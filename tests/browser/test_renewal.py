"""Renewal without asking, in Chromium, with hosts as they are in life: https, and the app of the broker's site or not.

The page is the demo's, at `/spa`. Whoever signs in does so in a popup, and presses "Renew the tokens".
"""

from __future__ import annotations

import asyncio
import re
import shutil
import ssl
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from broker.cli.dev_tls import make_certificate
from broker.config.model import Config
from broker.demo.sample_spa import SinglePage
from broker.demo.servers import serving, take_port
from tests.browser.conftest import World, running_world
from tests.demo.test_demo_run import moved_config
from tests.interop.world import free_ports

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
ISSUER, NEAR, FAR = "id.shop.test", "app.shop.test", "app.elsewhere.test"


class Site:
    """The demo, with the broker at `id.shop.test` and its single page at two hosts, all by https."""

    def __init__(self, world: World, ports: dict[str, int]) -> None:
        self.world = world
        self.ports = ports

    def page_at(self, host: str) -> str:
        """The single page there."""
        return f"https://{host}:{self.ports['app']}/spa"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all of them."""
    ports = free_ports(("broker", "app"))
    issuer, apps = f"https://{ISSUER}:{ports['broker']}", [f"https://{host}:{ports['app']}" for host in (NEAR, FAR)]
    text = moved_config().replace("linking: confirm", "linking: explicit")  # nobody is asked for another account
    listens = re.search(r"BROKER_LISTEN:-127.0.0.1:(\d+)", text)
    assert listens is not None
    tls = _tls(tmp_path_factory.mktemp("tls"), issuer)
    with running_world(text.replace("\nclients:\n", _client(apps)), issuer) as world, ExitStack() as stack:
        behind = stack.enter_context(closing(take_port("page", "127.0.0.1")))
        stack.enter_context(_on_its_loop(world, serving([(behind, _page(issuer))])))
        for front, plain in ((ports["broker"], int(listens[1])), (ports["app"], behind.number)):
            stack.enter_context(_on_its_loop(world, _in_front(tls, front, plain)))
        yield Site(world, ports)


def _client(origins: list[str]) -> str:
    """A client that is in the Internet alone: one at an address of this machine is never answered in silence."""
    lines = ["shop-spa:", "  name: Shop", "  auth_method: none", "  first_party: true"]
    lines += [f"  redirect_uris: [{', '.join(f'{origin}/spa' for origin in origins)}]"]
    lines += [f"  origins: [{', '.join(origins)}]", "  scopes: [openid, profile, email, offline_access]"]
    return "\nclients:\n" + "".join(f"  {line}\n" for line in lines)


def _page(issuer: str) -> Starlette:
    """The demo's single page, as that client."""

    async def show(_: Request) -> Response:
        return SinglePage(issuer, "shop-spa").show("en")

    return Starlette(routes=[Route("/spa", show)])


@contextmanager
def _on_its_loop(world: World, opened: AbstractAsyncContextManager[object]) -> Iterator[None]:
    """Something asynchronous, open beside the demo."""

    def run(going: Coroutine[Any, Any, object]) -> None:
        asyncio.run_coroutine_threadsafe(going, world.loop).result(timeout=30)

    async def enter() -> None:
        await opened.__aenter__()

    async def leave() -> None:
        await opened.__aexit__(None, None, None)

    run(enter())
    try:
        yield
    finally:
        run(leave())


def _tls(folder: Path, issuer: str) -> ssl.SSLContext:
    client = {"name": "Any", "auth_method": "none", "redirect_uris": ["http://127.0.0.1/callback"]}
    needed = {"version": 1, "issuer": issuer, "providers": {"any": None}, "clients": {"any": client}}
    made = make_certificate(
        Config.model_validate({**needed, "storage": {"sqlite": {"path": str(folder / "broker.db")}}})
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    return context


@asynccontextmanager
async def _in_front(tls: ssl.SSLContext, port: int, behind: int) -> AsyncIterator[None]:
    """What ends TLS there, as a proxy does, and passes all on to a port of this machine."""

    async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ssl.SSLError):  # the browser went away
            while some := await source.read(65536):
                target.write(some)
                await target.drain()
        target.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", behind)
        await asyncio.gather(pass_on(reader, outer), pass_on(inner, writer))

    async with await asyncio.start_server(serve, "127.0.0.1", port, ssl=tls) as server:
        yield
        server.close()


@pytest.fixture(params=[False, True], ids=["as-delivered", "third-party-cookies-off"])
def context(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[BrowserContext]:
    """A browser that finds the hosts here."""
    args = ["--host-resolver-rules=MAP *.test 127.0.0.1"]
    args += ["--test-third-party-cookie-phaseout"] if request.param else []
    own = chromium.browser_type.launch(executable_path=shutil.which("chromium"), args=args)
    made = own.new_context(locale="en-US", ignore_https_errors=True)
    made.set_default_timeout(20_000)
    yield made
    own.close()


def shown(page: Page, selector: str, text: str = "") -> None:
    """It is there in the end, with this text."""
    page.wait_for_selector(f"{selector}:visible" + (f":text-is('{text}')" if text else ""))


def sign_in(context: BrowserContext, site: Site, host: str, person: str = "ada", name: str = "Ada Lovelace") -> Page:
    """Somebody, at the page of this host; whoever is signed in."""
    page = context.new_page()
    page.goto(site.page_at(host))
    with page.expect_popup() as opened:
        page.evaluate("document.getElementById('again').click()")
    popup = opened.value
    popup.click("#provider-google")
    popup.click(f"#person-{person}", no_wait_after=True)
    shown(page, "#name", name)
    return page


def test_an_app_of_the_brokers_site_renews_in_a_frame(context: BrowserContext, site: Site) -> None:
    page = sign_in(context, site, NEAR)
    page.click("#renew")
    shown(page, "#framed")
    assert page.inner_text("#name") == "Ada Lovelace"


def test_an_app_of_another_site_renews_by_its_refresh_token(context: BrowserContext, site: Site) -> None:
    page = sign_in(context, site, FAR)
    for _ in range(2):  # the second time with the refresh token of the first
        page.click("#renew")
        shown(page, "#why", "login_required")
        page.evaluate("document.getElementById('refreshed').hidden = true")


def test_a_frame_renews_for_the_person_who_is_there_or_for_nobody(context: BrowserContext, site: Site) -> None:
    page = sign_in(context, site, NEAR)
    sign_in(context, site, NEAR, "boris", "Борис")
    page.click("#renew")
    shown(page, "#why", "login_required")
    assert page.inner_text("#name") == "Ada Lovelace"


def test_who_signed_out_at_the_broker_is_seen_by_no_frame(context: BrowserContext, site: Site) -> None:
    page = sign_in(context, site, NEAR)
    away = context.new_page()
    away.goto(f"https://{ISSUER}:{site.ports['broker']}/logout")
    away.click("#logout")
    away.wait_for_selector("#logged-out")
    page.click("#renew")
    shown(page, "#why", "login_required")  # what was asked for with offline_access goes on
