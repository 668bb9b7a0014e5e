"""The sample app sends Ada to add a way in, in Chromium: two languages, with and without scripts."""

from __future__ import annotations

from functools import partial

import pytest
from playwright.sync_api import expect

from broker.demo.upstreams.control import PersonOrder
from tests.browser.conftest import World
from tests.browser.test_logins import LANGUAGES, Picture, Profile, open_chooser, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
LINKED = {"ru": "Теперь к этому аккаунту ведут оба способа.", "en": "From now on both ways lead to this account."}
NOTHING = {"ru": "Ничего не добавлено.", "en": "Nothing was added."}


@pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without-scripts"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_app_lets_somebody_add_a_way_in_and_hears_how_it_ended(
    world: World, profile: Profile, picture: Picture, language: str, scripts: bool
) -> None:
    person = PersonOrder.model_validate({"key": f"kim-{language}-{scripts}".lower(), "given_name": "Kim"})
    for kind in ("google", "yandex"):
        world.tell(partial(world.emulator(kind).control.add, person))
    page = open_chooser(profile(language, scripts=scripts), world)
    page.set_viewport_size({"width": 320, "height": 640})
    sub = sign_in(page, world, "google", person.key)
    page.click("#link-yandex")
    with page.expect_navigation():
        page.click(f"#person-{person.key}")  # at Google, which asks who they are: the login for the app may not have
    page.click(f"#person-{person.key}")
    page.wait_for_selector("#asked-by")
    picture(page, f"link-{language}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.click("#deny")
    expect(page.locator("#told")).to_have_text(NOTHING[language])
    page.click("#link-yandex")
    page.click(f"#person-{person.key}")
    page.click("#allow")
    page.wait_for_selector("#told")
    assert page.locator("#told").inner_text() == LINKED[language]
    again = open_chooser(profile(language, scripts=scripts), world)
    assert sign_in(again, world, "yandex", person.key) == sub
