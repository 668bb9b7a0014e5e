"""Somebody sees to their own account, in Chromium: two languages, with and without scripts, on a small phone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import World
from tests.browser.test_logins import LANGUAGES, Picture, Profile, allow, open_chooser, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without-scripts"])
HEADING = {"ru": "Ваш аккаунт", "en": "Your account"}
REMOVED = {"ru": "Удалено.", "en": "Removed."}
CLOSING = {"ru": "будет удалён", "en": "will be deleted"}
KEPT = {"ru": "Аккаунт остаётся.", "en": "Your account stays."}
TAKEN_BACK = {"ru": "больше нет доступа", "en": "no access any more"}


def go_home(page: Page, world: World, language: str) -> None:
    """To the account page, which is whole on a small phone."""
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(f"{world.issuer}/account")
    expect(page.locator("h1")).to_have_text(HEADING[language])
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@SCRIPTS
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_way_in_is_added_and_removed(
    world: World, profile: Profile, picture: Picture, language: str, scripts: bool
) -> None:
    page = open_chooser(profile(language, scripts=scripts), world)
    sub = sign_in(page, world, "vk", "zoe")
    go_home(page, world, language)
    expect(page.locator("#only-way")).to_be_visible()
    page.click("#add-yandex")
    page.click("#person-zoe")
    page.click("#allow")
    expect(page.locator("h1")).to_have_text(HEADING[language])
    picture(page, f"account-{language}")
    if scripts:
        assert violations(page) == []
    other = open_chooser(profile(language, scripts=scripts), world)
    assert sign_in(other, world, "yandex", "zoe") == sub, "one person, whichever way they come"
    page.click("#unlink-2")
    page.click("#yes")
    expect(page.locator("#notice")).to_contain_text(REMOVED[language])
    expect(page.locator("#only-way")).to_be_visible()


@SCRIPTS
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_account_is_to_be_deleted_and_is_kept(
    world: World, profile: Profile, picture: Picture, language: str, scripts: bool
) -> None:
    page = open_chooser(profile(language, scripts=scripts), world)
    sign_in(page, world, "ok", "boris")
    go_home(page, world, language)
    page.click("#delete")
    picture(page, f"account-delete-{language}")
    page.click("#yes")
    expect(page.locator("h1")).to_contain_text(CLOSING[language])
    again = open_chooser(page.context, world)
    again.click("#provider-ok")
    again.click("#person-boris")
    expect(again.locator("#code")).to_have_text("E-CLOSING")
    again.click("#account-page")
    again.click("#provider-ok")
    again.click("#person-boris")
    again.click("#keep")
    expect(again.locator("#notice")).to_contain_text(KEPT[language])
    again.goto(world.demo.sample)
    again.click("#login")
    allow(again, world)


@SCRIPTS
def test_another_browser_is_signed_out_and_an_app_loses_its_access(
    world: World, profile: Profile, scripts: bool
) -> None:
    there = open_chooser(profile(scripts=scripts), world)
    sign_in(there, world, "yandex", "boris")
    page = open_chooser(profile(scripts=scripts), world)
    sign_in(page, world, "yandex", "boris")
    go_home(page, world, "en")
    page.locator("form[action$='/account/take-back'] button").first.click()
    expect(page.locator("#notice")).to_contain_text(TAKEN_BACK["en"])
    page.click("#sign-out-elsewhere")
    page.click("#yes")
    expect(page.locator("#notice")).to_be_visible()
    there.goto(f"{world.issuer}/account")
    expect(there.locator("#provider-yandex")).to_be_visible()


def test_all_that_is_kept_of_a_person_is_a_file(world: World, profile: Profile) -> None:
    page = open_chooser(profile(scripts=False), world)
    sign_in(page, world, "google", "zoe")
    go_home(page, world, "en")
    page.click("#export")
    with page.expect_download() as waiting:
        page.click("#yes")
    assert waiting.value.suggested_filename == "account.json"
    document = json.loads(Path(waiting.value.path()).read_text(encoding="utf-8"))
    assert document["ways_in"][0]["provider"] == "google"
