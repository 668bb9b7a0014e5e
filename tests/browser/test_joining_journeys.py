"""Somebody comes another way than before, in Chromium: asked, joined or not, and one person to the app from then on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from broker.demo.people import make_person
from tests.browser.conftest import World
from tests.browser.test_logins import allow, open_chooser, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
Profile = Callable[..., BrowserContext]
Picture = Callable[[Page, str], None]
QUESTION = {"en": "Do you already have an account?", "ru": "У вас уже есть аккаунт?"}
ADD = {"en": "Add Google to your account?", "ru": "Добавить сервис «Google» к вашему аккаунту?"}


def newcomer(world: World, key: str) -> None:
    """Somebody who is nobody's yet here, and has an account at VK and at Google."""
    for kind in ("vk", "google"):
        people = world.emulator(kind).people
        world.tell(partial(people.update, {key: make_person(key)}))


def come_back(context: BrowserContext, world: World) -> Page:
    """The chooser, some weeks later: the session is over, and the browser knows which way was used last."""
    for cookie in context.cookies():
        if cookie["name"] != "__Host-last":
            context.clear_cookies(name=cookie["name"])
    return open_chooser(context, world)


@pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without-scripts"])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_two_ways_in_become_one_person(
    world: World, profile: Profile, picture: Picture, language: str, scripts: bool
) -> None:
    key = f"kim-{language}-{'with' if scripts else 'without'}"
    newcomer(world, key)
    context = profile(language, scripts=scripts)
    sub = sign_in(open_chooser(context, world), world, "vk", key)
    page = come_back(context, world)
    page.click("#provider-google")
    page.click(f"#person-{key}")
    expect(page.locator("h1")).to_have_text(QUESTION[language])
    picture(page, f"join-{language}")
    page.click("#provider-vk")
    page.click(f"#person-{key}")
    expect(page.locator("h1")).to_have_text(ADD[language])
    picture(page, f"link-{language}")
    allow(page, world)
    assert page.inner_text("#claim-sub").strip() == sub
    again = come_back(context, world)
    assert sign_in(again, world, "google", key) == sub, "known from now on, and not asked again"


def test_who_wants_a_new_account_gets_one(world: World, profile: Profile) -> None:
    newcomer(world, "lee")
    context = profile("en")
    sub = sign_in(open_chooser(context, world), world, "vk", "lee")
    page = come_back(context, world)
    page.click("#provider-google")
    page.click("#person-lee")
    page.click("#new")
    allow(page, world)
    assert page.inner_text("#claim-sub").strip() != sub


def test_who_does_not_want_to_add_it_goes_on_as_before(world: World, profile: Profile) -> None:
    newcomer(world, "max")
    context = profile("en")
    sub = sign_in(open_chooser(context, world), world, "vk", "max")
    page = come_back(context, world)
    page.click("#provider-google")
    page.click("#person-max")
    page.click("#provider-vk")
    page.click("#person-max")
    page.click("#deny")
    page.wait_for_selector("#claim-sub")
    assert page.inner_text("#claim-sub").strip() == sub


@pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without-scripts"])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_two_accounts_are_joined_at_the_account_page(
    world: World, profile: Profile, picture: Picture, language: str, scripts: bool
) -> None:
    key = f"noa-{language}-{'with' if scripts else 'without'}"
    newcomer(world, key)
    other = sign_in(open_chooser(profile(language), world), world, "google", key)
    context = profile(language, scripts=scripts)
    sub = sign_in(open_chooser(context, world), world, "vk", key)
    assert sub != other
    page = context.new_page()
    page.goto(f"{world.issuer}/account")
    page.click("#add-google")
    page.click("#retry")
    with page.expect_navigation(url=f"{world.issuer}/account/link/google"):
        page.click(f"#person-{key}")
    page.click("#yes")
    page.click(f"#person-{key}")
    picture(page, f"merge-{language}")
    page.click("#allow")
    expect(page.locator("#notice")).to_be_visible()
    picture(page, f"merged-{language}")
    again = open_chooser(profile(language), world)
    assert sign_in(again, world, "google", key) == sub
