"""The page that tells an answer to the window that opened it, in Chromium: who hears, and who hears nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Route

from broker.web.pages.views import WebMessageView
from tests.web.page_samples import make_client, make_pages

pytestmark = pytest.mark.browser
BROKER, APP = "https://id.example.com", "https://shop.example.com"
PAGES = make_pages()
FIELDS = {"code": "c-1", "state": '"><script>alert(1)</script>&amp;\u2028', "iss": BROKER}
STRANGERS = (
    "http://shop.example.com",
    "https://shop.example.com:8443",
    "https://shop.example.com:444",
    "https://shop.example.com.evil.test",
    "https://evil-shop.example.com",
    "https://www.shop.example.com",
    "https://shop.example.co",
    "https://example.com",
    "https://sh0p.example.com",
    "https://evil.test",
    BROKER,
    "null",
)
LISTENS = """<!doctype html><title>opener</title><script>
window.heard = []; addEventListener("message", (event) => heard.push([event.origin, event.data]))</script>"""
FRAME = """(url) => new Promise((resolve) => { const frame = document.createElement("iframe"); frame.src = url
  frame.onload = () => setTimeout(() => resolve(window.heard.map(([, data]) => data.response)), 200)
  document.body.append(frame) })"""
Open = Callable[..., Page]


@pytest.fixture
def opener(chromium: Browser) -> Iterator[Open]:
    """A page at an origin of the test's choice; the broker's `/answer` is this view."""
    contexts = []

    def open_page(origin: str, *, framed: bool = False) -> Page:
        href = f"{APP}/cb?code=c-1"
        view = WebMessageView(APP, FIELDS, href, make_client(), framed=framed)
        answer = PAGES.show(view, "en")
        answer.headers["cross-origin-opener-policy"] = "unsafe-none"  # as every page of such a login

        def fulfil(route: Route) -> None:
            url = route.request.url
            static = PAGES.static(url.partition("/static/")[2].partition("?")[0])
            if static:
                route.fulfill(body=static.body, content_type=static.content_type)
            elif url == f"{BROKER}/answer":
                route.fulfill(body=bytes(answer.body), headers=dict(answer.headers))
            else:
                sandbox = {"content-security-policy": "sandbox allow-scripts allow-popups"} if origin == "null" else {}
                route.fulfill(body=LISTENS, headers={"content-type": "text/html", **sandbox})

        context = chromium.new_context()
        contexts.append(context)
        context.set_default_timeout(10_000)
        context.route("**/*", fulfil)
        page = context.new_page()
        page.goto("https://evil.test/" if origin == "null" else f"{origin}/spa")
        return page

    yield open_page
    for context in contexts:
        context.close()


def told(page: Page) -> object:
    """What the page heard by the time the popup has closed itself, or stays."""
    with page.expect_popup() as opened:
        page.evaluate("(url) => { open(url) }", f"{BROKER}/answer")
    if not opened.value.is_closed():
        opened.value.wait_for_event("close")
    return page.evaluate("heard")


def test_g9_the_app_hears_the_answer_as_it_is(opener: Open) -> None:
    message = {"type": "authorization_response", "response": FIELDS}
    assert told(opener(APP)) == [[BROKER, message]]


def test_g9_there_are_twelve_strangers() -> None:
    assert len(set(STRANGERS)) == 12


@pytest.mark.parametrize("origin", STRANGERS)
def test_g9_an_opener_at_any_other_origin_hears_nothing(opener: Open, origin: str) -> None:
    page = opener(origin)
    assert page.evaluate("self.origin") == origin
    assert told(page) == []


def test_g4_g9_a_silent_answer_shows_in_a_frame_of_the_app_alone(opener: Open) -> None:
    assert opener(APP, framed=True).evaluate(FRAME, f"{BROKER}/answer") == [FIELDS]
    assert opener(APP).evaluate(FRAME, f"{BROKER}/answer") == []
    for origin in STRANGERS[:-1]:
        assert opener(origin, framed=True).evaluate(FRAME, f"{BROKER}/answer") == [], origin


def test_g12_nobody_waits_so_the_answer_goes_to_the_redirect_uri(opener: Open) -> None:
    page = opener(APP)
    page.goto(f"{BROKER}/answer", wait_until="commit")
    page.wait_for_url(f"{APP}/cb?code=c-1")
