"""Somebody in a browser inside another app signs in with Google in their usual one, in Chromium, scripts or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import LOCALES, World
from tests.web.windows import ANDROID, ORDINARY

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
Opens = Callable[..., Page]


@pytest.fixture
def opens(chromium: Browser) -> Iterator[Opens]:
    """A page of a fresh profile that says it is this browser, as narrow as the smallest phone."""
    made: list[BrowserContext] = []

    def make(agent: str, language: str, *, scripts: bool = True) -> Page:
        context = chromium.new_context(
            user_agent=agent,
            locale=LOCALES[language],
            java_script_enabled=scripts,
            viewport={"width": 320, "height": 640},
        )
        context.set_default_timeout(15_000)
        made.append(context)
        return context.new_page()

    yield make
    for context in made:
        context.close()


def to_the_panel(page: Page, world: World) -> None:
    """From the sample app to the login page, in a browser that Google refuses."""
    page.goto(world.demo.sample)
    page.click("#login")
    page.wait_for_selector("#in-app")


@pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without-scripts"])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_m5_a_login_goes_out_of_an_app_and_comes_back_by_a_number(
    world: World, opens: Opens, language: str, scripts: bool
) -> None:
    inside, usual = opens(ANDROID, language, scripts=scripts), opens(ORDINARY, language, scripts=scripts)
    to_the_panel(inside, world)
    expect(inside.locator(".ways #provider-vk")).to_be_visible()
    expect(inside.locator("#provider-google")).to_have_count(0)
    inside.click("#elsewhere")
    inside.wait_for_selector("#address")
    assert (inside.get_attribute("#open", "href") or "").startswith("intent://")
    code = inside.inner_text("#code").strip()
    usual.goto(inside.inner_text("#address").strip())
    usual.fill("#user-code", code.lower())
    usual.click("#continue")
    usual.click("#provider-google")
    usual.click("#person-ada")
    usual.wait_for_selector("#allow")
    assert usual.inner_text("#code").strip() == code
    usual.click("#allow")
    number = usual.inner_text("#number").strip()
    inside.fill("#number", number.replace(" ", ""))
    inside.click("#continue")
    inside.wait_for_selector("#claim-sub")
    assert inside.inner_text("#claim-name").strip() == "Ada Lovelace"
    assert usual.url.startswith(world.issuer), "the app is in the first window alone"


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_panel_and_the_window_are_accessible_and_fit_a_small_phone(
    world: World, opens: Opens, language: str
) -> None:
    page = opens(ANDROID, language)
    to_the_panel(page, world)
    found = violations(page)
    wide = [page.evaluate("document.documentElement.scrollWidth")]
    page.click("#elsewhere")
    page.wait_for_selector("#address")
    found += violations(page)
    wide.append(page.evaluate("document.documentElement.scrollWidth"))
    assert (found, wide) == ([], [320, 320])
    page.click("#other")
    page.wait_for_selector("#in-app")
    page.click("#anyway-google")
    page.wait_for_selector("#person-ada")
