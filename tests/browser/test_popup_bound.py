"""Tokens of a single-page app that are bound to a key of its browser: `broker-dpop.js`, in Chromium, and thieves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import Any, Final

import orjson
import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route as Path

from broker.demo.background import RunningBroker, running_in_background
from broker.demo.servers import take_port
from broker.web.popup import BOUND, FOLDER, load_script
from tests.browser.test_popup import client_at, log_in
from tests.interop.meddler import Meddler
from tests.interop.world import Ports, World, free_ports

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
HOW_TO: Final = FilePath(__file__).parents[2] / "docs/how-to/single-page-app.md"
EXAMPLES: Final = re.findall(r"^```html\n(.*?)^```", HOW_TO.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
APP: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>An app</title>
<script type="importmap">$map</script>
<script type="module">
import { connect } from "broker-popup"
import { bound } from "broker-popup/dpop"
const redirect_uri = location.origin + "/spa", scope = "openid profile offline_access"
const app = { issuer: "$issuer", client_id: "spa", redirect_uri, scope }
window.bound = bound
window.send = bound()
window.broker = connect({ ...app, fetch: send })
window.without = connect(app)
window.tell = (going) => going.catch((problem) => ({ refused: problem.error ?? String(problem) }))
document.getElementById("sign-in").onclick = async () => { window.tokens = await tell(broker.signIn()) }
document.body.id = "ready"
</script>
<button id="sign-in">Sign in</button>"""


@pytest.fixture(scope="module", params=["optional", "required"])
def scene(request: pytest.FixtureRequest) -> Iterator[tuple[RunningBroker, str]]:
    """A broker, with and without nonces of its own in proofs, and where an app of it is."""
    origin = f"http://127.0.0.1:{free_ports(('spa',))['spa']}"
    nonces = {"tokens": {"dpop_nonce": request.param}}
    with running_in_background({"spa": client_at(origin, first_party=True)}, sections=nonces) as broker:
        world, port = World(broker, Meddler(), Ports(0, 0, 0, 0)), int(origin.rpartition(":")[2])
        with world.serving(take_port("spa", "127.0.0.1", port), _app(broker.issuer)):
            yield broker, origin


def _app(issuer: str) -> Starlette:
    scripts = {"broker-popup": load_script(), "broker-popup/dpop": load_script(FOLDER / BOUND)}
    at = {name: f"{issuer}/popup/{script.name}" for name, script in scripts.items()}
    integrity = {at[name]: script.integrity for name, script in scripts.items()}
    html = APP.replace("$issuer", issuer)
    html = html.replace("$map", orjson.dumps({"imports": at, "integrity": integrity}).decode())

    async def page(_: Request) -> HTMLResponse:
        return HTMLResponse(html)

    async def shown(request: Request) -> HTMLResponse:
        """The first or the second example of the how-to, with what an app has around it."""
        example = EXAMPLES[int(request.path_params["number"])].replace("https://id.example.com", issuer)
        around = "<script>window.show = (found) => { window.tokens = found }; window.tell = show</script>"
        kept = "window.id = id; window.ask = typeof ask === 'undefined' ? null : ask; document.body.id = 'ready'"
        button = "<button id='sign-in'>Sign in</button>"
        body = example.rpartition("</script>")[0] + kept + "</script>"
        return HTMLResponse(f"<!doctype html><meta charset='utf-8'><body>{button}{around}{body}")

    return Starlette(routes=[Path("/spa", page), Path("/example/{number}", shown)])


@contextmanager
def profile(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser that nobody used before."""
    made = chromium.new_context(locale="en-US")
    made.set_default_timeout(20_000)
    yield made
    made.close()


@pytest.fixture
def page(chromium: Browser, scene: tuple[RunningBroker, str]) -> Iterator[Page]:
    """The app, with Ada signed in."""
    with profile(chromium) as context:
        page = at(context, scene[1])
        with page.expect_popup() as opened:
            page.click("#sign-in")
        log_in(opened.value)
        page.wait_for_function("window.tokens")
        yield page


def at(context: BrowserContext, origin: str) -> Page:
    """The app there, ready."""
    page = context.new_page()
    page.goto(f"{origin}/spa")
    page.wait_for_selector("#ready")
    return page


def run(page: Page, script: str, *given: object) -> Any:
    """What a script of the app comes to."""
    return page.evaluate(f"async (given) => {{ const [first, second] = given; return {script} }}", list(given))


ASK: Final = "(async () => { const answer = await {how}; return [answer.status, await answer.json()] })()"


def ask(page: Page, how: str, issuer: str, token: str) -> tuple[int, dict[str, Any]]:
    """Who it is, by this call."""
    status, said = run(page, ASK.replace("{how}", how), f"{issuer}/userinfo", token)
    return status, said


WITH_KEY: Final = "send(first, { headers: { authorization: `DPoP ${second}` } })"
BARE: Final = "fetch(first, { headers: { authorization: `Bearer ${second}` } })"


def test_f15_tokens_are_bound_to_a_key_and_good_with_it_alone(page: Page, scene: tuple[RunningBroker, str]) -> None:
    tokens = run(page, "window.tokens")
    assert tokens["token_type"] == "DPoP"
    status, said = ask(page, WITH_KEY, scene[0].issuer, tokens["access_token"])
    assert (status, said["name"]) == (200, "Ada Lovelace")
    status, said = ask(page, BARE, scene[0].issuer, tokens["access_token"])
    assert (status, said["error"]) == (401, "invalid_token")


def test_the_key_outlives_a_reload_and_is_shown_to_no_script(page: Page) -> None:
    tokens = run(page, "window.tokens")
    page.reload()
    page.wait_for_selector("#ready")
    fresh = run(page, "tell(broker.renew(first))", tokens["refresh_token"])
    assert fresh["token_type"] == "DPoP"
    assert fresh["access_token"] != tokens["access_token"]
    export = """new Promise((resolve) => { const opening = indexedDB.open("broker-dpop")
      opening.onsuccess = () => { const asked = opening.result.transaction("keys").objectStore("keys").get(0)
        asked.onsuccess = () => crypto.subtle.exportKey("jwk", asked.result.privateKey)
          .then(resolve, (problem) => resolve(problem.name))
      } })"""
    assert run(page, export) == "InvalidAccessError"


def test_f6_f15_a_refresh_token_that_was_carried_off_is_worth_nothing(
    page: Page, chromium: Browser, scene: tuple[RunningBroker, str]
) -> None:
    token = run(page, "window.tokens.refresh_token")
    with profile(chromium) as elsewhere:
        thief = at(elsewhere, scene[1])
        assert run(thief, "tell(broker.renew(first))", token) == {"refused": "invalid_grant"}
        assert "refused" in run(thief, "tell(without.renew(first))", token)
    assert run(page, "tell(broker.renew(first))", token)["token_type"] == "DPoP", "the owner's is good still"


def test_two_tabs_that_start_at_once_have_one_key(chromium: Browser, scene: tuple[RunningBroker, str]) -> None:
    with profile(chromium) as context:
        page, keys = at(context, scene[1]), []
        context.on("request", lambda request: keys.append(request.headers.get("dpop", "")))
        run(
            page,
            "Promise.all([bound('both'), bound('both')].map((send) => send(first)))",
            f"{scene[0].issuer}/userinfo",
        )
        run(page, "bound('another')(first)", f"{scene[0].issuer}/userinfo")
    headers = [proof.partition(".")[0] for proof in keys if proof]
    assert len(headers) >= 3
    assert headers[0] == headers[1] != headers[-1]


def test_a_machine_whose_clock_is_wrong_is_told_a_nonce(chromium: Browser, scene: tuple[RunningBroker, str]) -> None:
    with profile(chromium) as context:
        context.add_init_script("const real = Date.now; Date.now = () => real() - 3_600_000")
        page = at(context, scene[1])
        with page.expect_popup() as opened:
            page.click("#sign-in")
        log_in(opened.value)
        page.wait_for_function("window.tokens")
        assert run(page, "window.tokens.token_type") == "DPoP"


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_how_to_works_word_by_word(chromium: Browser, scene: tuple[RunningBroker, str], number: int) -> None:
    assert len(EXAMPLES) == 2
    with profile(chromium) as context:
        page = context.new_page()
        page.goto(f"{scene[1]}/example/{number}")
        page.wait_for_selector("#ready")
        with page.expect_popup() as opened:
            page.evaluate("() => { id.signIn().then(show, tell) }")
        log_in(opened.value)
        page.wait_for_function("window.tokens")
        tokens = run(page, "window.tokens")
        assert tokens["token_type"] == ("Bearer", "DPoP")[number], tokens
        if number:
            assert run(page, "ask(window.tokens)")["name"] == "Ada Lovelace"
