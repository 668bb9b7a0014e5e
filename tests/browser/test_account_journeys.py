"""One person, one account, in Chromium: ways in are added, removed and joined; the account page; the account ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import World
from tests.browser.person import Somebody

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
Meet = Callable[[str], Somebody]
BROWSERS = (("en", True), ("ru", False))
"""A language each, with scripts and without."""


@pytest.fixture(params=BROWSERS, ids=("en, with scripts", "ru, without scripts"))
def meet(world: World, profile: Callable[..., BrowserContext], request: pytest.FixtureRequest) -> Meet:
    """Opens a fresh browser for the person of this key."""
    language, scripts = request.param

    def open_browser(key: str) -> Somebody:
        context = profile(language, scripts=scripts)
        return Somebody.new(context, world, f"{key}-{language}", language, scripts=scripts)

    return open_browser


def test_a_way_in_is_added_and_opens_the_same_account_until_it_is_removed(meet: Meet) -> None:
    grace = meet("grace")
    sub = grace.sign_in("google")
    grace.go_home()
    assert grace.ways() == 1
    expect(grace.page.locator("#only-way")).to_be_visible()
    grace.add("yandex")
    grace.answer(yes=True)
    assert grace.ways() == 2
    grace.picture("account")
    grace.sign_out()
    assert grace.sign_in("yandex") == sub
    grace.go_home()
    grace.remove("google")
    assert grace.notice()
    assert grace.ways() == 1
    grace.sign_out()
    other = meet("grace")
    assert other.sign_in("google") != sub, "nobody's any more, and so somebody new"


def test_who_says_no_or_cancels_adds_nothing(meet: Meet) -> None:
    grace = meet("decliner")
    grace.sign_in("google")
    grace.go_home()
    grace.add("yandex")
    grace.answer(yes=False)
    assert grace.ways() == 1
    grace.page.click("#add-vk")
    grace.page.click("#cancel")
    grace.at("#reference")
    grace.page.click("#account-page")
    grace.at("#ways")
    assert grace.ways() == 1


def test_two_accounts_of_one_person_become_one_and_two_again(meet: Meet) -> None:
    grace = meet("merger")
    second = grace.sign_in("vk")
    grace.sign_out()
    first = meet("merger").sign_in("yandex")
    grace.sign_in("yandex")
    grace.go_home()
    grace.add("vk")
    grace.at("#moves")
    grace.answer(yes=False)
    assert grace.ways() == 1, "kept apart"
    grace.add("vk")
    grace.picture("merge")
    grace.answer(yes=True)
    assert grace.ways() == 2
    grace.sign_out()
    assert grace.sign_in("vk") == first != second
    grace.sign_out()
    assert grace.sign_in("yandex") == first
    grace.go_home()
    grace.remove("vk")
    grace.at("#notice")
    grace.sign_out()
    assert grace.sign_in("vk") == second, "it went home"


@pytest.mark.parametrize("has_one", [True, False], ids=["has an account", "has none"])
def test_somebody_new_is_asked_whether_they_have_an_account(meet: Meet, has_one: bool) -> None:
    """This browser signed in another way before; only a login there joins anything."""
    grace = meet(f"newcomer-{'known' if has_one else 'new'}")
    known = grace.sign_in("vk")
    grace.sign_out()
    grace.ask_to_sign_in("google")
    grace.at("#new")
    if not has_one:
        grace.page.click("#new")
        assert grace.arrive() != known
        return
    grace.choose("vk")
    grace.at("#allow")
    grace.page.click("#allow")
    assert grace.arrive() == known
    grace.sign_out()
    assert grace.sign_in("google") == known


def test_a_stranger_in_a_fresh_browser_is_not_asked(meet: Meet) -> None:
    grace = meet("stranger")
    grace.sign_in("vk")
    assert meet("stranger").sign_in("google"), "nothing tells that somebody has an account here"


def test_the_account_page_shows_everything_and_takes_it_back(meet: Meet) -> None:
    elsewhere, grace = meet("owner"), meet("owner")
    sub = elsewhere.sign_in("google")
    grace.sign_in("google")
    grace.go_home()
    page = grace.page
    assert page.inner_text("#sub") == sub
    assert page.locator("[id^=session-]").count() == 2
    grace.question("#sign-out-elsewhere")
    page.click("#yes")
    assert grace.notice()
    assert page.locator("[id^=session-]").count() == 1
    elsewhere.page.goto(f"{elsewhere.world.issuer}/account")
    elsewhere.at("#provider-google")
    assert page.locator("[id^=app-]").count() == 1
    page.click("#app-1 ~ form button")
    assert grace.notice()
    expect(page.locator("#no-apps")).to_be_visible()
    page.click("#activity summary")
    assert page.locator("#activity li").count() >= 4, "two sign-ins, sessions ended, an app without access"
    for language in ("ru", "en"):
        page.click(f"#lang-{language}")
        expect(page.locator("html")).to_have_attribute("lang", language)


def test_everything_that_is_kept_of_somebody_is_a_file(meet: Meet, tmp_path: Path) -> None:
    grace = meet("reader")
    sub = grace.sign_in("google")
    grace.go_home()
    grace.question("#export")
    with grace.page.expect_download() as download:
        grace.page.click("#yes")
    path = tmp_path / download.value.suggested_filename
    assert path.name == "account.json"
    download.value.save_as(path)
    told = json.loads(path.read_bytes())
    assert told["account"]["sub"] == sub
    assert [one["provider"] for one in told["ways_in"]] == ["google"]


def test_an_account_is_to_be_deleted_and_kept_after_all(meet: Meet) -> None:
    grace = meet("leaver")
    sub = grace.sign_in("google")
    grace.go_home()
    grace.question("#delete")
    grace.page.click("#yes")
    grace.at("#done")
    grace.page.goto(grace.world.demo.sample)
    if grace.page.locator("#logout").count():  # until it hears of it
        grace.page.click("#logout")
    grace.ask_to_sign_in("google")
    grace.at("#reference")
    assert "E-CLOSING" in grace.page.inner_text("main")
    grace.page.click("#account-page")
    grace.at("#provider-google")
    grace.choose("google")
    grace.at("#closing")
    grace.page.click("#keep")
    assert grace.notice()
    grace.page.goto(grace.world.demo.sample)
    grace.page.click("#login")
    assert grace.arrive() == sub


def test_who_does_not_want_to_join_what_they_found_goes_on_as_before(meet: Meet) -> None:
    grace = meet("keeper")
    known = grace.sign_in("vk")
    grace.sign_out()
    grace.ask_to_sign_in("google")
    grace.at("#new")
    grace.choose("vk")
    grace.at("#allow")
    grace.page.click("#deny")
    assert grace.arrive() == known
    grace.go_home()
    assert grace.ways() == 1


def test_a_way_in_that_opened_an_account_meanwhile_is_not_added_and_nothing_is_lost(meet: Meet) -> None:
    grace = meet("hesitant")
    first = grace.sign_in("google")
    grace.go_home()
    grace.add("yandex")
    second = meet("hesitant").sign_in("yandex")
    grace.page.click("#allow")
    grace.at("#reference")
    assert "E-LINKED" in grace.page.inner_text("main")
    grace.page.click("#account-page")
    grace.at("#ways")
    assert grace.ways() == 1
    grace.add("yandex")
    grace.at("#moves")
    grace.answer(yes=True)
    grace.sign_out()
    assert grace.sign_in("yandex") == first != second


def test_who_comes_back_goes_on_as_who_they_were_or_as_somebody_else(meet: Meet) -> None:
    grace = meet("returner")
    known = grace.sign_in("vk")
    for press in ("#continue-as", "#another"):
        for cookie in (context := grace.page.context).cookies():  # weeks later: the session is over
            if cookie["name"] not in {"__Host-last", "__Host-person"}:
                context.clear_cookies(name=cookie["name"])
        grace.page.goto(grace.world.demo.sample)
        grace.page.click("#login")
        grace.at("#continue-as")
        assert "Grace" in grace.page.inner_text("#continue-as")
        grace.page.click(press)
        if press == "#continue-as":
            grace.page.click(f"#person-{grace.key}")
            assert grace.arrive() == known
    grace.at("#provider-google")
    grace.choose("google")
    grace.at("#new")
    grace.page.click("#new")
    assert grace.arrive() != known
