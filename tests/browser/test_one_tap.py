"""Google's own prompt and button on our login page, in Chromium; and what is left where its script does not come."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from broker.core.authorize.pkce import build_challenge
from broker.demo.background import PROVIDERS, TEST_APP, RunningBroker, running_in_background
from tests.browser.axe import violations
from tests.browser.conftest import World
from tests.browser.test_logins import LANGUAGES, Picture, Profile

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
PROMPT = "#credential_picker_iframe"
HELLO = {"en": "Signed in: Ada Lovelace", "ru": "Вход выполнен: Ada Lovelace"}


def complaints(context: BrowserContext) -> list[str]:
    """What the pages of this browser say about content security policies, from now on."""
    found: list[str] = []

    def hear(text: str) -> None:
        if "Content Security Policy" in text or "Cross-Origin-Opener-Policy" in text:
            found.append(text)

    context.on("console", lambda message: hear(message.text))
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_ada_taps_the_prompt_on_our_login_page(world: World, profile: Profile, picture: Picture, language: str) -> None:
    context = profile(language)
    said, page = complaints(context), context.new_page()
    page.goto(f"{world.demo.sample}spa")
    with page.expect_popup() as opened:
        page.click("#sign-in")
    login = opened.value
    expect(login.locator(PROMPT)).to_be_visible()
    expect(login.locator("#provider-google")).to_be_visible()
    picture(login, f"one-tap-{language}")
    assert violations(login) == []
    login.frame_locator(PROMPT).locator("#person-ada").click(no_wait_after=True)
    expect(page.locator("#in [role=status]")).to_have_text(HELLO[language], use_inner_text=True)
    assert said == []


def test_where_the_script_does_not_come_the_link_signs_in(world: World, profile: Profile) -> None:
    context = profile()
    context.route("**/gsi/**", lambda route: route.abort())
    page = context.new_page()
    page.goto(f"{world.demo.sample}spa")
    with page.expect_popup() as opened:
        page.click("#sign-in")
    assert opened.value.locator(PROMPT).count() == 0
    opened.value.click("#provider-google")
    opened.value.click("#person-ada", no_wait_after=True)
    expect(page.locator("#in [role=status]")).to_have_text(HELLO["en"], use_inner_text=True)


def test_whoever_puts_the_prompt_away_has_the_links(world: World, profile: Profile) -> None:
    page = profile().new_page()
    page.goto(f"{world.demo.sample}spa")
    with page.expect_popup() as opened:
        page.click("#sign-in")
    opened.value.frame_locator(PROMPT).locator("#cancel").click()
    expect(opened.value.locator(PROMPT)).to_have_count(0)
    expect(opened.value.locator("#provider-google")).to_be_visible()


@pytest.mark.parametrize("language", LANGUAGES)
def test_googles_button_on_a_page_of_an_app_is_exchanged_for_tokens(
    world: World, profile: Profile, picture: Picture, language: str
) -> None:
    context = profile(language)
    page = context.new_page()
    page.goto(f"{world.demo.sample}spa?lang={language}")
    for person, name in (("ada", "Ada Lovelace"), ("boris", "Борис")):
        with context.expect_page() as opened:
            page.frame_locator("#google iframe").locator("#go").click()
        opened.value.click(f"#person-{person}", no_wait_after=True)
        expect(page.locator("#name")).to_have_text(name)
        if person == "ada":
            picture(page, f"spa-google-{language}")
            assert violations(page) == []
            page.reload()
    page.click("#renew")
    expect(page.locator("#refreshed, #framed")).to_have_count(2)
    expect(page.locator("#problem")).to_be_hidden()


# --- with Google's button ---


@pytest.fixture(scope="module")
def broker() -> Iterator[RunningBroker]:
    """A broker whose Google draws its own button; `tapped` has it on its login page."""
    client = {"name": "Tapped", "redirect_uris": ["http://127.0.0.1/cb"], "auth_method": "none", "first_party": True}
    providers = {**PROVIDERS, "google": {**PROVIDERS["google"], "one_tap": "button"}}
    with running_in_background({"tapped": {**client, "one_tap": True}}, providers=providers) as running:
        yield running


def login_page(page: Page, broker: RunningBroker, client_id: str = "tapped", **more: str) -> Page:
    """The chooser of this client."""
    request = {"response_type": "code", "client_id": client_id, "redirect_uri": "http://127.0.0.1/cb"}
    request |= {"scope": "openid", "state": "s", "code_challenge": build_challenge("v" * 64)}
    request |= {"code_challenge_method": "S256", "nonce": secrets.token_urlsafe(8), **more}
    page.goto(f"{broker.issuer}/authorize?{urlencode(request)}")
    page.wait_for_selector("#provider-google")
    return page


def test_googles_button_opens_its_window_and_signs_in(broker: RunningBroker, profile: Profile) -> None:
    context = profile()
    context.route("http://127.0.0.1/cb**", lambda route: route.fulfill(body="the app"))
    said, page = complaints(context), login_page(context.new_page(), broker)
    with context.expect_page() as opened:
        page.frame_locator("#one-tap-button iframe").locator("#go").click()
    assert violations(page) == []
    opened.value.click("#person-zoe", no_wait_after=True)
    page.wait_for_url("http://127.0.0.1/cb**")
    assert "code" in parse_qs(urlsplit(page.url).query)
    assert said == []


def test_a_client_that_did_not_want_it_has_nothing_of_it(broker: RunningBroker, profile: Profile) -> None:
    page = login_page(profile().new_page(), broker, TEST_APP, redirect_uri="http://127.0.0.1/callback")
    assert "gsi" not in page.content()
