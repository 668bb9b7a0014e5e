"""No page is a dead end: each has a way on, without a script, in the visitor's language."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from broker.core.jose.compact import b64url
from broker.upstream.model import Channel
from broker.web.http.cookies import AGAIN
from broker.web.pages.pages import Pages
from broker.web.pages.samples import sample_views
from broker.web.pages.views import ErrorView, HomeView, View
from tests.services.upstreams import Upstream
from tests.web.page_samples import ERROR_PAGES, LOCALES, Outline, make_pages, read
from tests.web.public_app import CONFIG, PublicApp, public_app

pytestmark = pytest.mark.anyio
FOOT = {"help", "privacy", "terms", "lang-en", "lang-ru"}
HOME = "https://app.test/"
LIMITED = CONFIG + "limits: {login_start: 1/min}\n"


class Fragmenting(Upstream):
    """An upstream whose answers may come in any way, and so in a fragment."""

    channels = frozenset(Channel)


def ways_on(page: Outline) -> list[str]:
    """Links and buttons that work without a script, but those at the foot of every page."""
    links = [link["href"] for link in page.found("a") if link.get("id") not in FOOT and link.get("href")]
    buttons = [button.get("name", "") for button in page.found("button")]
    return links + buttons


def bare(view: View) -> View:
    """The view when nothing is known that could be linked to."""
    assert is_dataclass(view)
    empty: dict[str, Any] = {field.name: "" for field in fields(view) if field.name.endswith("_href")}
    return replace(view, **empty)


@pytest.mark.parametrize("locale", LOCALES)
def test_every_page_has_a_way_on_even_when_nothing_is_known(locale: str) -> None:
    pages: Pages = make_pages()
    for name, view in sample_views(ERROR_PAGES):
        if isinstance(view, HomeView):
            continue  # that is where the last way leads
        assert ways_on(read(pages.show(view, locale))), name
        assert ways_on(read(pages.show(bare(view), locale))), name


def test_what_only_a_script_can_finish_is_begun_anew_without_one() -> None:
    pages = make_pages()
    (fragment,) = (view for name, view in sample_views(()) if name == "fragment")
    assert read(pages.show(fragment, "en")).by_id("retry")["href"] == "/authorize?a=1"
    assert read(pages.show(bare(fragment), "en")).by_id("start-page")["href"] == "/"


def test_the_developers_line_is_open_where_there_is_one() -> None:
    view = ErrorView("E-EXPIRED", "r", "2026-11-20T12:50:25+00:00", error="invalid_request_uri", hint="push it again")
    assert "open" in read(make_pages().show(view, "en")).by_id("developer")
    assert "open" not in read(make_pages().show(replace(view, hint=""), "en")).by_id("developer")


def outline(text: str) -> Outline:
    """What a browser would see of an answer."""
    page = Outline()
    page.feed(text)
    page.close()
    return page


async def begin(site: PublicApp) -> str:
    """A login attempt at alpha; the state that went out."""
    await site.authorize(idp_hint="alpha")
    return site.upstreams["alpha"].flows[-1].state


async def test_a_login_that_comes_back_in_another_browser_leads_to_its_app() -> None:
    async with public_app() as site:
        state = await begin(site)
        site.browser.cookies.clear()
        answer = await site.browser.get(f"/callback/alpha?state={state}&code=c")
    page = outline(answer.text)
    assert page.by_id("code") is not None
    assert "E-COOKIE" in answer.text
    assert page.by_id("back-to-app")["href"] == HOME


async def test_a_callback_that_belongs_to_nothing_leads_to_the_start_page() -> None:
    async with public_app() as site:
        answer = await site.browser.get(f"/callback/alpha?state={'x' * 43}&code=c")
    assert outline(answer.text).by_id("start-page")["href"] == "/"
    assert answer.status_code == 400


async def test_an_unregistered_redirect_uri_leads_back_to_the_app_all_the_same() -> None:
    async with public_app() as site:
        answer = await site.authorize(redirect_uri="https://elsewhere.test/cb")
    assert answer.status_code == 400
    assert outline(answer.text).by_id("back-to-app")["href"] == HOME


async def test_whoever_is_refused_for_coming_too_often_reads_it_in_their_language_and_can_come_again() -> None:
    async with public_app(LIMITED) as site:
        answers = [await site.authorize(idp_hint="alpha", ui_locales="ru") for _ in range(3)]
        refused = answers[-1]
        page = outline(refused.text)
        assert refused.status_code == 429
        assert page.found("html")[0]["lang"] == "ru"
        again = page.by_id("retry")["href"]
        assert again.startswith("/authorize?")
        assert "ui_locales=ru" in again
        assert (await site.browser.get(again)).status_code == 429, "the same request again"


async def test_the_link_of_a_landing_page_is_only_ever_one_of_ours() -> None:
    async with public_app(kind=Fragmenting) as site:
        for kept, expected in (
            ("/authorize?client_id=shop", "retry"),
            ("https://elsewhere.test/authorize?x", "start-page"),
            ("//elsewhere.test/authorize?x", "start-page"),
            ("", "start-page"),
            ("/authorize?\n", "start-page"),
        ):
            answer = await site.browser.get("/callback/alpha", headers={"cookie": f"{AGAIN}={b64url(kept.encode())}"})
            assert outline(answer.text).by_id(expected), kept


async def test_whoever_leaves_for_an_answer_in_a_fragment_can_begin_anew() -> None:
    async with public_app(kind=Fragmenting) as site:
        await site.authorize(idp_hint="alpha", state="my-state")
        landing = await site.browser.get("/callback/alpha")
        again = outline(landing.text).by_id("retry")["href"]
        assert "state=my-state" in again
        assert "idp_hint" not in again, "it leads to the chooser"
        assert (await site.browser.get(again)).status_code == 200
