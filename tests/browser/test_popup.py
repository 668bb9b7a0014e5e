"""Single-page apps that sign people in by a popup, in Chromium: good openers, hostile ones, browsers in the way."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import orjson
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route as Path

from broker.demo.background import RunningBroker, running_in_background
from broker.demo.servers import take_port
from broker.web.popup import load_script
from tests.interop.meddler import Meddler
from tests.interop.world import Ports, World, free_ports

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
CHALLENGE: Final = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
VERIFIER: Final = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
APP: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>An app</title>
<script type="importmap">{"imports": {"broker-popup": "$url"}, "integrity": {"$url": "$integrity"}}</script>
<script>window.heard = []; addEventListener("message", (event) => heard.push(event.data))</script>
<script type="module">
import { connect } from "broker-popup"
const scope = "openid profile offline_access", redirect_uri = location.origin + "/spa"
const broker = connect({ issuer: "$issuer", client_id: "$client", redirect_uri, scope })
const show = (found) => { document.getElementById("told").textContent = JSON.stringify(found) }
const tell = (going) => going.then((tokens) => { window.tokens = tokens; if (tokens) show(tokens) },
  (problem) => show({ refused: problem.error ?? String(problem) }))
const does = (id, step) => { document.getElementById(id).onclick = () => { show(""); tell(step()) } }
does("sign-in", () => broker.signIn(window.more))
does("renew", () => broker.renew())
does("refresh", () => broker.renew(window.tokens.refresh_token))
tell(broker.finish())
document.body.id = "ready"
</script>
<button id="sign-in">Sign in</button><button id="renew">Renew</button><button id="refresh">Refresh</button>
<pre id="told"></pre>"""


@dataclass(frozen=True, slots=True)
class Scene:
    """A broker, and apps by client_id: `near` and `asking` are of its site, `far` of another; `evil` is nobody's."""

    broker: RunningBroker
    origins: Mapping[str, str]

    def authorize(self, client: str = "near", **more: str) -> str:
        """The address of a request for an answer by message."""
        asked = {"client_id": client, "redirect_uri": f"{self.origins[client]}/spa", "response_type": "code"}
        asked |= {"scope": "openid", "state": "s-1", "code_challenge": CHALLENGE, "code_challenge_method": "S256"}
        return f"{self.broker.issuer}/authorize?{urlencode({**asked, 'response_mode': 'web_message', **more})}"

    def redeem(self, answer: Mapping[str, str], verifier: str = VERIFIER) -> dict[str, Any]:
        """What a code of `near` is worth."""
        form = {"grant_type": "authorization_code", "code": answer["code"], "client_id": "near"}
        form |= {"redirect_uri": f"{self.origins['near']}/spa", "code_verifier": verifier}
        found: dict[str, Any] = httpx2.post(f"{self.broker.issuer}/token", data=form, trust_env=False).json()
        return found


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """One broker for all of them."""
    ports = free_ports(("near", "asking", "far", "evil"))
    hosts = {name: "localhost" if name == "far" else "127.0.0.1" for name in ports}
    origins = {name: f"http://{hosts[name]}:{port}" for name, port in ports.items()}
    clients = {name: client_at(origins[name], first_party=name != "asking") for name in ("near", "asking", "far")}
    with running_in_background(clients) as broker:
        world = World(broker, Meddler(), Ports(0, 0, 0, 0))
        with (
            world.serving(take_port("near", "127.0.0.1", ports["near"]), _app(broker.issuer, "near")),
            world.serving(take_port("asking", "127.0.0.1", ports["asking"]), _app(broker.issuer, "asking")),
            world.serving(take_port("far", "127.0.0.1", ports["far"]), _app(broker.issuer, "far")),
            world.serving(take_port("evil", "127.0.0.1", ports["evil"]), _app(broker.issuer, "near")),
        ):
            yield Scene(broker, origins)


def client_at(origin: str, *, first_party: bool) -> Mapping[str, object]:
    """A single-page app there."""
    scopes = ["openid", "profile", "offline_access"]
    common = {"name": "Single page", "auth_method": "none", "scopes": scopes, "first_party": first_party}
    return {**common, "redirect_uris": [f"{origin}/spa"], "origins": [origin]}


def _app(issuer: str, client: str) -> Starlette:
    script = load_script()
    told = {"url": f"{issuer}/popup/{script.name}", "integrity": script.integrity, "issuer": issuer, "client": client}
    html = APP
    for name, value in told.items():
        html = html.replace(f"${name}", value)

    async def page(_: Request) -> HTMLResponse:
        return HTMLResponse(html)

    async def policy(request: Request) -> HTMLResponse:
        return HTMLResponse("<p>", headers={"cross-origin-opener-policy": request.path_params["policy"]})

    return Starlette(routes=[Path("/spa", page), Path("/", page), Path("/policy/{policy}", policy)])


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh browser profile."""
    made = chromium.new_context(locale="en-US")
    made.set_default_timeout(15_000)
    yield made
    made.close()


def at(context: BrowserContext, origin: str) -> Page:
    """The app there, ready."""
    page = context.new_page()
    page.goto(f"{origin}/spa")
    page.wait_for_selector("#ready")
    return page


def told(page: Page) -> dict[str, Any]:
    """What the app shows in the end."""
    page.wait_for_selector("#told:not(:empty)")
    page.wait_for_function("document.getElementById('told').textContent !== '\"\"'")
    found: dict[str, Any] = orjson.loads(page.inner_text("#told"))
    return found


def press(page: Page, button: str = "sign-in") -> Page:
    """The popup that opens."""
    with page.expect_popup() as opened:
        page.click(f"#{button}")
    return opened.value


def log_in(popup: Page, provider: str = "google") -> None:
    """From the login page through an upstream, without waiting for what comes."""
    popup.click(f"#provider-{provider}")
    popup.click("#person-ada", no_wait_after=True)


def gone(popup: Page) -> None:
    """The popup closes itself."""
    if not popup.is_closed():
        popup.wait_for_event("close")


@pytest.mark.parametrize("provider", ["google", "vk", "ok", "telegram"])
def test_a_popup_signs_somebody_in_and_closes_itself(context: BrowserContext, scene: Scene, provider: str) -> None:
    page = at(context, scene.origins["near"])
    popup = press(page)
    log_in(popup, provider)
    tokens = told(page)
    assert {"access_token", "refresh_token", "id_token"} <= tokens.keys(), tokens
    gone(popup)
    assert page.url == f"{scene.origins['near']}/spa"
    (message,) = page.evaluate("heard")
    assert message["type"] == "authorization_response"
    assert message["response"].keys() == {"code", "state", "iss"}, "a code, and no token"


def test_g12_every_page_on_the_way_keeps_hold_of_who_waits(context: BrowserContext, scene: Scene) -> None:
    page = at(context, scene.origins["asking"])
    popup = press(page)
    popup.wait_for_selector("#provider-google")
    popup.click("a[hreflang=ru], a[lang=ru]")
    log_in(popup)
    popup.wait_for_selector("#allow")
    assert popup.evaluate("opener !== null")
    popup.click("#allow", no_wait_after=True)
    assert "access_token" in told(page)
    gone(popup)


def test_g12_a_no_reaches_the_app_too(context: BrowserContext, scene: Scene) -> None:
    page = at(context, scene.origins["asking"])
    popup = press(page)
    log_in(popup, "yandex")
    popup.click("#deny", no_wait_after=True)
    assert told(page) == {"refused": "access_denied"}
    gone(popup)


def test_g12_who_gives_up_upstream_goes_back_by_a_link(context: BrowserContext, scene: Scene) -> None:
    page = at(context, scene.origins["near"])
    popup = press(page)
    popup.click("#provider-google")
    popup.click("#cancel")
    popup.click("#back-to-app", no_wait_after=True)
    assert told(page) == {"refused": "access_denied"}
    gone(popup)


def test_g12_a_page_on_the_way_that_cuts_off_the_opener_is_no_end(context: BrowserContext, scene: Scene) -> None:
    page = at(context, scene.origins["near"])
    page.evaluate("Document.prototype.hasFocus = () => false")  # the person looks at the popup
    popup = press(page)
    popup.wait_for_selector("#provider-google")
    login = popup.url
    popup.goto(scene.broker.issuer)  # not one of this login, as an upstream's may be: it keeps nobody's opener
    popup.goto(login)
    assert popup.evaluate("opener") is None
    log_in(popup)
    assert "access_token" in told(page)
    assert page.evaluate("heard") == [], "passed on by the page at the redirect URI"
    gone(popup)


@pytest.mark.parametrize(
    ("policy", "kept"), [("unsafe-none", True), ("same-origin-allow-popups", False), ("same-origin", False)]
)
def test_g12_browsers_keep_an_opener_by_one_policy_alone(
    context: BrowserContext, scene: Scene, policy: str, kept: bool
) -> None:
    page = at(context, scene.origins["near"])
    with page.expect_popup() as opened:
        page.evaluate("(url) => { window.opened = open(url) }", f"{scene.origins['far']}/policy/{policy}")
    opened.value.wait_for_selector("p", state="attached")
    assert opened.value.evaluate("opener !== null") is kept
    assert page.evaluate("!opened.closed") is kept


@pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without-scripts"])
def test_g12_without_an_opener_the_answer_goes_to_the_redirect_uri(
    chromium: Browser, scene: Scene, scripts: bool
) -> None:
    context = chromium.new_context(locale="en-US", java_script_enabled=scripts)
    context.set_default_timeout(15_000)
    page = context.new_page()
    arrived: list[str] = []
    page.on("request", lambda request: arrived.append(request.url) if "/spa?" in request.url else None)
    page.goto(scene.authorize())
    log_in(page)
    page.wait_for_url(f"{scene.origins['near']}/spa**")
    answer = dict(parse_qsl(urlsplit(arrived[0]).query))
    assert answer.keys() == {"code", "state", "iss"}
    assert scene.redeem(answer).keys() >= {"access_token"}
    context.close()


def test_g12_a_blocked_popup_becomes_a_redirect(context: BrowserContext, scene: Scene) -> None:
    context.add_init_script("window.open = () => null")
    page = at(context, scene.origins["near"])
    page.click("#sign-in")
    log_in(page)
    page.wait_for_url(f"{scene.origins['near']}/spa")
    tokens = told(page)
    assert "access_token" in tokens
    assert page.url == f"{scene.origins['near']}/spa", "neither a code nor a token stays in the address"
    assert page.evaluate("sessionStorage.length") == 0


def test_who_closes_the_popup_has_not_signed_in(context: BrowserContext, scene: Scene) -> None:
    page = at(context, scene.origins["near"])
    popup = press(page)
    popup.wait_for_selector("#provider-google")
    popup.close()
    assert told(page) == {"refused": "no_answer"}


def test_an_answer_that_arrives_as_the_popup_closes_is_heard(context: BrowserContext, scene: Scene) -> None:
    page = at(context, scene.origins["near"])
    popup = press(page)
    popup.wait_for_selector("#provider-google")
    state = dict(parse_qsl(urlsplit(popup.url).query))["state"]
    said = {"state": state, "iss": scene.broker.issuer, "error": "access_denied"}
    page.evaluate(  # told right after the page saw for the first time that the popup is closed
        """(said) => { const channel = new BroadcastChannel("broker-popup")
           Document.prototype.hasFocus = () => { channel.postMessage(said); return true } }""",
        said,
    )
    popup.close()
    assert told(page) == {"refused": "access_denied"}


def test_g9_a_hostile_opener_hears_nothing_and_sees_nothing(context: BrowserContext, scene: Scene) -> None:
    page = at(context, scene.origins["evil"])
    with page.expect_popup() as opened:
        page.evaluate("(url) => { window.victim = open(url) }", scene.authorize())
    popup = opened.value
    popup.wait_for_selector("#provider-google")
    blind = (
        "() => { try { return [victim.length, victim.location.href, victim.document] } catch (e) { return e.name } }"
    )
    assert page.evaluate(blind) == "SecurityError"
    page.evaluate("victim.postMessage({ type: 'authorization_request', origin: location.origin }, '*')")
    log_in(popup)
    gone(popup)
    assert page.evaluate("heard") == []
    assert page.evaluate("victim.closed")


def test_g11_an_opener_that_was_swapped_hears_nothing(context: BrowserContext, scene: Scene) -> None:
    page = at(context, scene.origins["near"])
    popup = press(page)
    popup.wait_for_selector("#provider-google")
    page.goto(f"{scene.origins['evil']}/spa")
    page.wait_for_selector("#ready")
    log_in(popup)
    gone(popup)
    assert page.evaluate("heard") == []


def test_g11_a_code_from_a_message_is_nothing_without_its_verifier(context: BrowserContext, scene: Scene) -> None:
    page = at(context, scene.origins["near"])
    with page.expect_popup() as opened:
        page.evaluate("(url) => { open(url) }", scene.authorize())
    log_in(opened.value)
    page.wait_for_function("heard.length === 1")
    (message,) = page.evaluate("heard")
    assert scene.redeem(message["response"], "x" * 43)["error"] == "invalid_grant"


def test_g4_only_an_answer_without_questions_shows_in_a_frame_of_its_app(context: BrowserContext, scene: Scene) -> None:
    silent, asking = scene.authorize(prompt="none"), scene.authorize()
    frame = """(url) => new Promise((resolve) => { const frame = document.createElement("iframe"); frame.src = url
      frame.onload = () => setTimeout(() => resolve(heard.length), 300); document.body.append(frame) })"""
    near, evil = at(context, scene.origins["near"]), at(context, scene.origins["evil"])
    assert near.evaluate(frame, silent) == 1
    assert near.evaluate("heard[0].response.error") == "login_required"
    assert near.evaluate(frame, asking) == 1, "the login page shows in no frame"
    assert evil.evaluate(frame, silent) == 0
    assert evil.evaluate(frame, asking) == 0


@pytest.mark.parametrize("blocked", [False, True], ids=["as-delivered", "third-party-cookies-off"])
def test_a_session_is_renewed_where_browsers_let_it(chromium: Browser, scene: Scene, blocked: bool) -> None:
    off = ["--test-third-party-cookie-phaseout"] if blocked else []
    own = chromium.browser_type.launch(executable_path=shutil.which("chromium"), args=off)
    context = own.new_context(locale="en-US")
    context.set_default_timeout(15_000)
    # Of one site: the session is seen, but whoever is at a port of this machine is asked about (RFC 8252 section 8.6).
    for client, framed in (("near", "interaction_required"), ("far", "login_required")):
        page = at(context, scene.origins[client])
        popup = press(page)
        if client == "near":  # at the second app somebody is known
            log_in(popup)
        else:
            popup.click("#allow", no_wait_after=True)
        first = told(page)
        page.click("#renew")
        assert told(page) == {"refused": framed}
        page.evaluate("(tokens) => { window.tokens = tokens }", first)
        page.click("#refresh")
        assert told(page)["access_token"] != first["access_token"]
    own.close()


def test_a_browser_runs_no_other_script_than_the_one_that_was_named(context: BrowserContext, scene: Scene) -> None:
    def spoil(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.body() + b"\n")

    context.route("**/popup/*.js", spoil)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{scene.origins['near']}/spa")
    page.wait_for_timeout(500)  # nothing marks the end of what must not happen
    assert page.locator("#ready").count() == 0
    assert "integrity" in "".join(said)
