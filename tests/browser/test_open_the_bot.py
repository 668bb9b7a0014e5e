"""Sign-in by opening the bot in Chromium: a computer that waits, and somebody in the chat on their phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import World, opened_demo
from tests.browser.test_logins import LANGUAGES, Picture, Profile

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
OPEN = {"en": "Open the bot and press Start", "ru": "Открыть бота и нажать «Начать»"}
ASKED = {"en": "Sign in to", "ru": "Войти в"}
NOT_ME = {"en": "It was not me", "ru": "Это не я"}


@pytest.fixture(scope="module")
def started() -> Iterator[World]:
    """A demo of its own, whose Telegram has a bot to open."""
    with opened_demo("    bot_start: false #", "    bot_start: true #") as world:
        yield world


def wait_for_bot(page: Page, world: World, language: str) -> str:
    """At the app, to Telegram, and to the page that shows the number; where its link leads."""
    page.goto(world.demo.sample)
    page.click("#login")
    page.click("#provider-telegram")
    expect(page.locator("#by-bot")).to_have_text(OPEN[language], use_inner_text=True)
    assert violations(page) == []
    page.click("#by-bot")
    expect(page.locator("#number")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 412
    return str(page.get_attribute("#open-bot", "href"))


def press_start(phone: BrowserContext, link: str, person: str) -> Page:
    """The bot, opened in the Telegram that they have."""
    chat = phone.new_page()
    chat.goto(link)
    chat.click(f"#person-{person}")
    chat.click("#start")
    return chat


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("scripts", [True, False])
def test_the_computer_goes_on_when_the_number_was_pressed_on_the_phone(
    started: World, profile: Profile, picture: Picture, language: str, scripts: bool
) -> None:
    page = profile(language, scripts=scripts).new_page()
    if scripts:
        link = wait_for_bot(page, started, language)
        assert violations(page) == []
        picture(page, f"open-the-bot-{language}")
    else:
        page.goto(started.demo.sample)
        page.click("#login")
        page.click("#provider-telegram")
        page.click("#by-bot")
        link = str(page.get_attribute("#open-bot", "href"))
    number = page.inner_text("#number")
    person = {"en": "ada", "ru": "boris"}[language]
    chat = press_start(profile(language), link, person)
    expect(chat.locator(".message p").last).to_contain_text(ASKED[language])
    chat.get_by_role("button", name=number, exact=True).click()
    page.wait_for_selector("#scope-openid, #claim-sub")
    if page.locator("#scope-openid").count():
        page.click("#allow")
    expect(page.locator("#claim-sub")).to_be_visible()


def test_who_says_that_it_was_not_them_lets_nobody_in(started: World, profile: Profile) -> None:
    page = profile("en").new_page()
    wait_for_bot(page, started, "en")
    with page.expect_popup() as opened:
        page.click("#open-bot")
    chat = opened.value
    expect(page.locator("#number")).to_be_visible()
    chat.click("#person-zoe")
    chat.click("#start")
    chat.get_by_role("button", name=NOT_ME["en"], exact=True).click()
    expect(page.locator("#code")).to_have_text("E-CANCEL")
