"""Somebody signs out, in Chromium: from the app, and on the broker's own pages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import World
from tests.browser.test_logins import LANGUAGES, Picture, Profile, open_chooser, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
QUESTION = {"ru": "Выйти?", "en": "Sign out?"}
DONE = {"ru": "Вы вышли", "en": "You are signed out"}
TOLD = {"ru": "Демо-магазин уже знает", "en": "Demo shop has been told"}


@pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without-scripts"])
def test_signing_out_in_the_app_signs_out_of_the_broker(world: World, profile: Profile, scripts: bool) -> None:
    page = open_chooser(profile(scripts=scripts), world)
    sign_in(page, world, "google", "ada")
    page.click("#logout")
    page.wait_for_url(world.demo.sample)
    page.click("#login")
    expect(page.locator("#provider-google")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without-scripts"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_brokers_own_page_asks_and_says_who_was_told(
    world: World, profile: Profile, picture: Picture, language: str, scripts: bool
) -> None:
    page = open_chooser(profile(language, scripts=scripts), world)
    sign_in(page, world, "google", "ada")
    page.goto(f"{world.issuer}/logout")
    expect(page.locator("h1")).to_have_text(QUESTION[language])
    picture(page, f"logout-{language}")
    page.click("#logout")
    expect(page.locator("h1")).to_have_text(DONE[language])
    expect(page.locator("#logged-out")).to_contain_text(TOLD[language])
    picture(page, f"logged-out-{language}")
    page.goto(world.demo.sample)
    expect(page.locator("#login")).to_be_visible()


def test_whoever_stays_stays(world: World, profile: Callable[..., BrowserContext]) -> None:
    page: Page = open_chooser(profile(), world)
    sign_in(page, world, "google", "ada")
    page.goto(f"{world.issuer}/logout")
    page.click("#stay")
    page.goto(world.demo.sample)
    expect(page.locator("#signed-in")).to_be_visible()
