"""Somebody opens a Mini App whose page is ours, in Chromium: in two languages, twice, and by a link of an attacker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import quote

import httpx2
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from broker.demo.background import PROVIDERS, RunningBroker, running_in_background
from tests.browser.axe import violations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
Profile = Callable[..., BrowserContext]
Picture = Callable[[Page, str], None]
APP = "https://shop.example.com"
CLIENT = {
    "name": {"en": "Shop", "ru": "Магазин"},
    "redirect_uris": [f"{APP}/cb"],
    "secret": "shop-secret-of-at-least-32-characters",
    "first_party": True,
    "initiate_login_uri": f"{APP}/login",
    "mini_apps": ["telegram"],
}
ASKS = {
    "en": "Telegram says that you are Zoë",
    "ru": "Сервис «Telegram» сообщает, что вы",
}


@pytest.fixture(scope="module")
def broker() -> Iterator[RunningBroker]:
    telegram = {**PROVIDERS["telegram"], "accept_posted": ["init_data"]}
    with running_in_background({"shop": CLIENT}, providers={**PROVIDERS, "telegram": telegram}) as found:
        yield found


@pytest.fixture
def opened(broker: RunningBroker) -> Callable[..., str]:
    """The address that Telegram opens for this person."""

    def make(person: str, **more: str) -> str:
        order = {"app": str(PROVIDERS["telegram"]["client_id"]), "kind": "init_data", "person": person, **more}
        told = httpx2.post(f"{broker.emulators['telegram'].url}/_emulator/kit", json=order, trust_env=False).json()
        data = quote(told["init_data"], safe="")
        return f"{broker.issuer}/miniapp/telegram/shop#tgWebAppData={data}&tgWebAppVersion=9.1&tgWebAppPlatform=ios"

    return make


def webview(profile: Profile, language: str = "en", *, scripts: bool = True) -> Page:
    """A page for which the app is an address that answers."""
    context = profile(language, scripts=scripts)
    context.route(f"{APP}/**", lambda route: route.fulfill(body="<h1>Shop</h1>", content_type="text/html"))
    return context.new_page()


def sign_in(page: Page, url: str) -> None:
    page.goto(url)
    page.click("#allow")
    page.wait_for_url(f"{APP}/login**")


@pytest.mark.parametrize("language", ["ru", "en"])
def test_who_opens_the_mini_app_is_asked_once_and_signed_on(
    broker: RunningBroker, opened: Callable[..., str], profile: Profile, picture: Picture, language: str
) -> None:
    page = webview(profile, language)
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(opened("zoe", start_param="ref-42"))
    expect(page.locator("#asks")).to_contain_text(ASKS[language])
    assert "#" not in page.url, "what Telegram said is off the address"
    picture(page, f"mini-app-{language}")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.click("#allow")
    page.wait_for_url(f"{APP}/login**")
    assert page.url == f"{APP}/login?iss={quote(broker.issuer, safe='')}&start_param=ref-42"
    asked = {"client_id": "shop", "response_type": "code", "scope": "openid", "prompt": "none", "nonce": "n" * 16}
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    url = f"{broker.issuer}/authorize?{query}&state=s&redirect_uri={quote(f'{APP}/cb', safe='')}"
    silent = page.context.request.get(url, max_redirects=0)  # with the cookies of the webview
    assert silent.headers["location"].startswith(f"{APP}/cb?code=")
    page.goto(opened("zoe", start_param="again"))
    page.wait_for_url(f"{APP}/login?**start_param=again")


def test_c11_a_link_with_an_attackers_data_signs_no_victim_in(
    opened: Callable[..., str], profile: Profile, broker: RunningBroker
) -> None:
    page = webview(profile)
    sign_in(page, opened("ada"))

    def session() -> str:
        kept = page.context.cookies(broker.issuer)
        return next(cookie["value"] for cookie in kept if cookie["name"] == "__Host-session")

    before = session()
    page.goto(opened("boris"))
    expect(page.locator("#asks")).to_contain_text("Борис")
    assert session() == before
    page.click("#deny")
    page.wait_for_url(f"{broker.issuer}/")
    assert session() == before


@pytest.mark.parametrize("language", ["ru", "en"])
def test_outside_telegram_the_page_says_so_and_sends_nothing(
    broker: RunningBroker, profile: Profile, picture: Picture, language: str
) -> None:
    page = webview(profile, language)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    page.goto(f"{broker.issuer}/miniapp/telegram/shop#tgWebAppVersion=9.1&state=s&tgAuthResult=e30")
    expect(page.locator("#nothing")).to_be_visible()
    expect(page.locator("#nothing")).to_contain_text("Telegram")
    picture(page, f"mini-app-outside-{language}")
    assert violations(page) == []
    assert "POST" not in sent
    assert "#" not in page.url
    page.click("#retry")
    page.wait_for_url(f"{APP}/login?iss=**")


@pytest.mark.parametrize("language", ["ru", "en"])
def test_without_a_script_the_page_says_what_it_needs(
    opened: Callable[..., str], profile: Profile, language: str
) -> None:
    page = webview(profile, language, scripts=False)
    page.goto(opened("ada"))
    expect(page.locator("#no-script")).to_contain_text("JavaScript")
    page.click("#retry")
    page.wait_for_url(f"{APP}/login?iss=**")
