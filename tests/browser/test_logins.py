"""Somebody signs in to the sample app through each upstream, in Chromium: two languages, with and without scripts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import World, update_readme_picture

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
Profile = Callable[..., BrowserContext]
Picture = Callable[[Page, str], None]

PROVIDERS = ("google", "vk", "ok", "yandex", "telegram")
LANGUAGES = ("ru", "en")
ALLOW = {"ru": "Продолжить в «Демо-магазин»", "en": "Continue to Demo shop"}
HEADING = {"ru": "Войти в «Демо-магазин»", "en": "Sign in to Demo shop"}


def open_chooser(context: BrowserContext, world: World) -> Page:
    """The provider chooser, reached from the sample app."""
    page = context.new_page()
    page.goto(world.demo.sample)
    page.click("#login")
    page.wait_for_selector("#provider-vk")
    return page


def allow(page: Page, world: World) -> None:
    """Answer the consent question, if it is asked, and arrive at the app."""
    page.wait_for_selector("#allow, #claim-sub")
    if page.locator("#allow").count():
        page.click("#allow")
    page.wait_for_url(f"{world.demo.sample}**")
    page.wait_for_selector("#claim-sub")


def sign_in(page: Page, world: World, provider: str, person: str) -> str:
    """From the chooser to the app; the `sub` the app got."""
    page.click(f"#provider-{provider}")
    page.click(f"#person-{person}")
    allow(page, world)
    return page.inner_text("#claim-sub").strip()


@pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without-scripts"])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_everybody_signs_in(
    world: World, profile: Profile, picture: Picture, provider: str, language: str, scripts: bool
) -> None:
    page = open_chooser(profile(language, scripts=scripts), world)
    expect(page.locator("h1")).to_have_text(HEADING[language])
    expect(page.locator("html")).to_have_attribute("lang", language)
    if provider == "vk" and scripts:
        picture(page, f"login-{language}")
        update_readme_picture(page, f"login-{language}")
    page.click(f"#provider-{provider}")
    picture(page, f"{provider}-{language}")
    page.click("#person-ada")
    page.wait_for_selector("#allow, #claim-sub")
    if page.locator("#allow").count():
        expect(page.locator("#allow")).to_have_text(ALLOW[language])
        picture(page, f"consent-{provider}-{language}")
    allow(page, world)
    assert page.inner_text("#claim-name").strip() == "Ada Lovelace"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_somebody_without_an_address_is_an_ordinary_user(
    world: World, profile: Profile, provider: str, language: str
) -> None:
    page = open_chooser(profile(language), world)
    assert sign_in(page, world, provider, "boris")
    assert page.locator("#claim-email").count() == 0


def test_the_widget_by_redirect_hands_its_fragment_over_by_script(
    world: World, profile: Profile, picture: Picture
) -> None:
    page = open_chooser(profile("ru"), world)
    page.click("#provider-telegram-widget")
    page.wait_for_selector("#continue")
    picture(page, "telegram-widget-ru")
    page.click("#continue")
    page.click("#person-ada")
    allow(page, world)
    by_widget = page.inner_text("#claim-sub").strip()
    again = open_chooser(profile("ru"), world)
    assert sign_in(again, world, "telegram", "ada") == by_widget, "one bot, one person, one account"


def test_the_embedded_widget_signs_in_from_its_frame(world: World, profile: Profile) -> None:
    page = open_chooser(profile("en"), world)
    page.click("#provider-telegram-widget")
    frame = page.frame_locator("#widget iframe")
    frame.locator("#person-zoe").click()
    allow(page, world)
    assert "Zoë" in page.inner_text("#claim-name")


def test_the_widget_needs_a_script_and_says_so_to_browsers_without(world: World, profile: Profile) -> None:
    page = open_chooser(profile("ru", scripts=False), world)
    page.click("#provider-telegram-widget")
    page.click("#continue")
    page.click("#person-ada")
    expect(page.locator("#no-script")).to_be_visible()
    expect(page.locator("#no-script")).to_contain_text("JavaScript")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_who_cancels_is_offered_another_way(
    world: World, profile: Profile, picture: Picture, provider: str, language: str
) -> None:
    page = open_chooser(profile(language), world)
    page.click(f"#provider-{provider}")
    page.click("#cancel")
    page.wait_for_selector("#reference")
    picture(page, f"cancel-{provider}-{language}")
    assert "E-CANCEL" in page.inner_text("main")
    page.click("#other-way")
    assert sign_in(page, world, "yandex", "ada")


def test_two_tabs_at_once_both_end_in_the_app(world: World, profile: Profile) -> None:
    context = profile("en")
    first, second = open_chooser(context, world), open_chooser(context, world)
    # One person: of two, the app would hear by the back channel, some time later, that the first has left.
    first.click("#provider-vk")
    second.click("#provider-vk")
    second.click("#person-ada")
    allow(second, world)
    first.click("#person-ada")
    # The app keeps one pending login per browser; the broker answers both tabs all the same.
    allow(first, world)
    assert first.url == world.demo.sample
    assert first.locator("#claim-sub").count() == 1
    first.go_back()
    first.go_forward()
    expect(first.locator("#claim-sub")).to_be_visible()
    assert first.locator("#error").count() == 0


def test_a_tab_overtaken_by_another_signs_in_all_the_same(world: World, profile: Profile) -> None:
    context = profile("en")
    first = open_chooser(context, world)
    open_chooser(context, world)  # and is left there
    first.click("#provider-vk")
    first.click("#person-ada")
    allow(first, world)
    assert (first.url, first.locator("#claim-sub").count()) == (world.demo.sample, 1)


def test_going_back_after_a_login_shows_that_it_is_complete(world: World, profile: Profile, picture: Picture) -> None:
    page = open_chooser(profile("ru"), world)
    page.click("#provider-vk")
    used: list[str] = []
    page.on("request", lambda request: used.append(request.url) if "/callback/vk" in request.url else None)
    page.click("#person-ada")
    allow(page, world)
    page.goto(used[0])
    page.wait_for_selector("#reference")
    picture(page, "done-ru")
    assert "E-DONE" in page.inner_text("main")
    assert page.locator(f"a[href='{world.demo.sample}']").count() == 1, "the way back to the app"


def test_a_stale_login_tab_still_logs_in(world: World, profile: Profile) -> None:
    context = profile("en")
    stale = open_chooser(context, world)
    other = open_chooser(context, world)
    sign_in(other, world, "vk", "ada")
    stale.click("#provider-yandex")
    stale.click("#person-ada")
    stale.wait_for_selector("#allow, #claim-sub, #error, #login")
    assert stale.locator("#reference").count() == 0, "no error page"


@pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without-scripts"])
def test_whoever_is_logged_in_is_offered_first_and_goes_on_by_one_press(
    world: World, profile: Profile, picture: Picture, scripts: bool
) -> None:
    context = profile("ru", scripts=scripts)
    sign_in(open_chooser(context, world), world, "ok", "ada")
    page = context.new_page()
    page.goto(f"{world.demo.sample}")
    # A second app of the same browser asks somebody to choose again.
    query = "client_id=demo-app&response_type=code&scope=openid&prompt=select_account"
    page.goto(
        f"{world.issuer}/authorize?{query}&redirect_uri={world.demo.sample}callback"
        f"&code_challenge={'a' * 43}&code_challenge_method=S256"
    )
    picture(page, "returning-ru")
    expect(page.locator("#continue-as")).to_contain_text("Продолжить как Ada Lovelace")
    expect(page.locator("#provider-ok")).not_to_contain_text("В прошлый раз")
    arrived: list[str] = []
    page.on("request", lambda request: arrived.append(request.url) if "/callback?" in request.url else None)
    page.click("#continue-as")
    page.wait_for_selector("#allow, #error, #claim-sub")
    if page.locator("#allow").count():
        page.click("#allow")
    page.wait_for_url(f"{world.demo.sample}**")
    assert any("code=" in url for url in arrived)


@pytest.mark.parametrize("language", LANGUAGES)
def test_whoever_comes_back_uses_another_account_and_is_forgotten(
    world: World, profile: Profile, picture: Picture, language: str
) -> None:
    context = profile(language)
    sign_in(open_chooser(context, world), world, "ok", "ada")
    context.clear_cookies(name="__Host-session")
    page = context.new_page()
    query = "client_id=demo-app&response_type=code&scope=openid"
    page.goto(
        f"{world.issuer}/authorize?{query}&redirect_uri={world.demo.sample}callback"
        f"&code_challenge={'a' * 43}&code_challenge_method=S256"
    )
    expect(page.locator("#continue-as")).to_contain_text("Ada Lovelace")
    picture(page, f"returning-{language}")
    page.click("#another")
    page.wait_for_selector("#provider-ok")
    assert page.locator("#continue-as").count() == 0
    expect(page.locator("#provider-ok")).to_contain_text({"ru": "В прошлый раз", "en": "Last used"}[language])
    assert "__Host-person" not in {cookie.get("name") for cookie in context.cookies()}


def test_the_session_is_shared_with_another_app_of_this_machine_after_one_press_of_a_button(
    world: World, profile: Profile
) -> None:
    context = profile("en")
    sign_in(open_chooser(context, world), world, "google", "ada")
    page = context.new_page()
    arrived: list[str] = []
    page.on("request", lambda request: arrived.append(request.url) if "/spa?" in request.url else None)
    page.goto(
        f"{world.issuer}/authorize?client_id=demo-spa&response_type=code&scope=openid"
        f"&redirect_uri={world.demo.sample}spa&code_challenge={'a' * 43}&code_challenge_method=S256"
    )
    page.click("#allow")  # no secret and a loopback address: never answered silently (RFC 8252 section 8.6)
    page.wait_for_url(f"{world.demo.sample}spa**")
    assert any("code=" in url for url in arrived)


def test_dark_pages_are_dark(world: World, profile: Profile, picture: Picture) -> None:
    page = open_chooser(profile("en", dark=True), world)
    picture(page, "login-dark-en")
    shade = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert max(shade[:3]) < 80


def test_c13_a_fragment_without_state_is_not_sent(world: World, profile: Profile) -> None:
    page = profile("en").new_page()
    posted: list[str] = []
    page.on("request", lambda request: posted.append(request.url) if request.method == "POST" else None)
    page.goto(f"{world.issuer}/callback/ok#access_token=stolen&session_secret_key=x")
    page.wait_for_load_state("networkidle")
    assert posted == []
    assert "stolen" not in page.url, "the fragment is cleared from the address bar"
