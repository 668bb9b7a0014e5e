"""The sample single page in Chromium: a popup signs Ada in, and the tokens are renewed."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.axe import violations
from tests.browser.conftest import World
from tests.browser.test_logins import LANGUAGES, Picture, Profile

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
HELLO = {"en": "Signed in: Ada Lovelace", "ru": "Вход выполнен: Ada Lovelace"}
RENEWED = {
    "en": "The tokens are new, by the refresh token. A hidden frame was tried before, and told login_required.",
    "ru": "Токены новые, по refresh-токену. До этого был испытан скрытый фрейм, ответ ему: login_required.",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_ada_signs_in_on_a_single_page(world: World, profile: Profile, picture: Picture, language: str) -> None:
    page = profile(language).new_page()
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(world.demo.sample)
    page.click("#spa")
    assert violations(page) == []
    with page.expect_popup() as opened:
        page.click("#sign-in")
    expect(opened.value.locator("html")).to_have_attribute("lang", language)
    opened.value.click("#provider-google")
    opened.value.click("#person-ada", no_wait_after=True)
    expect(page.locator("#in [role=status]")).to_have_text(HELLO[language], use_inner_text=True)
    page.click("#renew")
    expect(page.locator("#refreshed")).to_have_text(RENEWED[language], use_inner_text=True)
    picture(page, f"single-page-{language}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert violations(page) == []
    assert page.url.endswith("/spa")


def test_without_scripts_the_single_page_says_so(world: World, profile: Profile) -> None:
    page = profile(scripts=False).new_page()
    page.goto(f"{world.demo.sample}spa")
    expect(page.locator("#no-script")).to_be_visible()
