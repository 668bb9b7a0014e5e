"""Every page in every language: whole HTML, the right headers, the ids that others rely on."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from sys import setprofile
from types import FrameType

import pytest
from jinja2.compiler import generate

from broker.web.pages.pages import Pages
from broker.web.pages.templates import BUILT_IN
from broker.web.pages.views import (
    AskedScope,
    EnterView,
    FormPostView,
    FragmentView,
    Look,
    ReturnView,
    WidgetView,
)
from tests.web.page_samples import (
    BACK,
    ERROR_PAGES,
    LOCALES,
    PLAIN_LOOK,
    every_page,
    make_client,
    make_consent,
    make_error,
    make_login,
    make_pages,
    make_person,
    read,
)

NONCE = "bm5ubm5ubm5ubm5ubm5ubg=="


def rules(policy: str) -> dict[str, str]:
    """The content security policy by directive."""
    return dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))


PROMPT, GSI, TELEGRAM = "login, prompt", "https://accounts.google.com/gsi/", "https://telegram.org/x"
RUN_ONE = {
    *("form_post", "fragment", "mini_app", "web_message", "widget", "widget, by bot", "by bot, waiting"),
    PROMPT,
}


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(
    "look", [PLAIN_LOOK, replace(PLAIN_LOOK, theme="dark", button_style="brand", emulated=True), Look({"en": "ID"})]
)
def test_every_page_is_whole_html_with_one_heading_and_a_language(locale: str, look: Look) -> None:
    for name, answer in every_page(make_pages(look), locale):
        page = read(answer)
        assert page.wrong == [], name
        assert [tag for tag, _ in page.tags].count("h1") == 1, name
        assert page.found("html")[0]["lang"] == locale, name
        assert page.found("html")[0]["dir"] == "ltr", name
        assert all("alt" in image for image in page.found("img")), name
        ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
        assert len(ids) == len(set(ids)), name
        assert bytes(answer.body).decode().startswith("<!doctype html>"), name
        assert answer.headers["content-language"] == locale, name


@pytest.mark.parametrize("locale", LOCALES)
def test_no_title_ends_with_a_full_stop(locale: str) -> None:
    for name, answer in every_page(make_pages(), locale):
        page = read(answer)
        title = re.search(r"<h1[^>]*>(.*?)</h1>", bytes(answer.body).decode(), re.DOTALL)
        assert title is not None, name
        assert not title[1].strip().endswith("."), (name, page.text[:80])


def test_a_language_without_translation_falls_back_to_the_default() -> None:
    answer = make_pages().show(make_login(), "kk")
    assert read(answer).found("html")[0]["lang"] == "en"


@pytest.mark.parametrize("locale", LOCALES)
def test_g4_no_page_can_be_framed(locale: str) -> None:
    for name, answer in every_page(make_pages(), locale):
        assert rules(answer.headers["content-security-policy"])["frame-ancestors"] == "'none'", name
        assert answer.headers["x-frame-options"] == "DENY", name


@pytest.mark.parametrize("locale", LOCALES)
def test_g15_no_page_is_kept_by_a_cache(locale: str) -> None:
    for name, answer in every_page(make_pages(), locale):
        assert answer.headers["cache-control"] == "no-store", name


@pytest.mark.parametrize("locale", LOCALES)
def test_every_page_has_the_same_strict_headers(locale: str) -> None:
    for name, answer in every_page(make_pages(), locale):
        policy = rules(answer.headers["content-security-policy"])
        assert policy["default-src"] == "'none'", name
        assert policy["base-uri"] == "'none'", name
        assert policy["style-src"] == f"'self'{' ' + GSI + 'style' if name == PROMPT else ''}", name
        assert "unsafe" not in answer.headers["content-security-policy"], name
        assert answer.headers["x-content-type-options"] == "nosniff", name
        assert "camera=()" in answer.headers["permissions-policy"], name
        openers = dict.fromkeys(("widget", "widget, by bot", PROMPT), "same-origin-allow-popups") | {
            "fragment": "unsafe-none"
        }
        opener = openers.get(name, "same-origin")
        assert answer.headers["cross-origin-opener-policy"] == opener, name


FOREIGN = {"widget": [TELEGRAM], "widget, by bot": [TELEGRAM], PROMPT: [f"{GSI}client"]}
"""What comes from elsewhere: an upstream's own widget, or prompt."""


@pytest.mark.parametrize("locale", LOCALES)
def test_a21_no_external_resource_and_no_referrer(locale: str) -> None:
    for name, answer in every_page(make_pages(), locale):
        # Google asks whose page its prompt is on; it is told that, and nothing of the address.
        assert answer.headers["referrer-policy"] == ("strict-origin" if name == PROMPT else "no-referrer"), name
        page = read(answer)
        # The frames that tell apps of a logout are the exception, held to their origins in test_logout_pages.py.
        fetched = [attrs["src"] for tag, attrs in page.tags if "src" in attrs and tag != "iframe"]
        fetched += [attrs["href"] for attrs in page.found("link")]
        foreign = [href for href in fetched if not href.startswith(("/static/", "data:"))]
        assert foreign == FOREIGN.get(name, []), name


@pytest.mark.parametrize("locale", LOCALES)
def test_only_pages_that_need_a_script_may_run_one(locale: str) -> None:
    for name, answer in every_page(make_pages(), locale):
        allowed = rules(answer.headers["content-security-policy"])["script-src"]
        scripts = read(answer).found("script")
        if name in RUN_ONE:
            assert allowed.startswith(f"'nonce-{NONCE}'"), name
            assert [script["nonce"] for script in scripts] == [NONCE] * (2 if name == PROMPT else 1), name
        else:
            assert (allowed, scripts) == ("'none'", []), name


def test_a_nonce_is_never_used_twice() -> None:
    drawn = iter([b"a" * 16, b"b" * 16])
    pages = Pages(PLAIN_LOOK, randomness=lambda _: next(drawn))
    seen = {pages.show(FragmentView("/x"), "en").headers["content-security-policy"] for _ in range(2)}
    assert len(seen) == 2


def test_the_ways_to_sign_in_are_plain_links() -> None:
    page = read(make_pages().show(make_login(), "ru"))
    assert page.by_id("provider-vk")["href"] == "/authorize?a=1&b=2"
    assert [attrs["href"] for attrs in page.found("a") if attrs.get("id") == "provider-vk"]
    assert page.found("form") == []
    assert page.by_id("lang-ru")["aria-current"] == "true"
    assert "aria-current" not in page.by_id("lang-en")


def test_last_used_is_part_of_what_a_screen_reader_says() -> None:
    body = bytes(make_pages().show(make_login(), "en").body).decode()
    link = re.search(r'<a class="way last" id="provider-vk".*?</a>', body, re.DOTALL)
    assert link is not None
    assert "Sign in with VK ID" in link[0]
    assert "Last used" in link[0]


def test_a_provider_type_without_an_icon_gets_a_neutral_one() -> None:
    page = read(make_pages().show(make_login(), "en"))
    assert [image["src"].partition("?")[0] for image in page.found("img")][-3:-1] == [
        "/static/icons/vk.svg",
        "/static/icons/generic.svg",
    ]


def test_brand_buttons_are_coloured_by_a_style_with_a_nonce() -> None:
    answer = make_pages(replace(PLAIN_LOOK, button_style="brand")).show(make_login(), "en")
    assert rules(answer.headers["content-security-policy"])["style-src"] == f"'self' 'nonce-{NONCE}'"
    assert "#provider-other { background: #ff7700;" in bytes(answer.body).decode()


def test_an_emulated_broker_says_so_on_every_page() -> None:
    for name, answer in every_page(make_pages(replace(PLAIN_LOOK, emulated=True)), "en"):
        assert "EMULATED" in read(answer).text, name
    assert "EMULATED" not in read(make_pages().show(make_login(), "en")).text


def test_consent_is_a_form_with_two_answers_and_names_the_host() -> None:
    view = replace(make_consent(), scopes=(AskedScope("openid"), AskedScope("email")), ticket="the-ticket")
    answer = make_pages(replace(PLAIN_LOOK, base_path="/sso")).show(view, "ru")
    page = read(answer)
    assert page.found("form") == [{"class": "stack", "method": "post", "action": "/sso/consent"}]
    assert page.found("input") == [{"type": "hidden", "name": "ticket", "value": "the-ticket"}]
    assert (page.by_id("allow")["name"], page.by_id("allow")["value"]) == ("answer", "allow")
    assert (page.by_id("deny")["name"], page.by_id("deny")["value"]) == ("answer", "deny")
    assert "shop.example.com" in page.text
    assert "Номер телефона" not in page.text
    assert rules(answer.headers["content-security-policy"])["form-action"] == "'self'"


def test_consent_names_the_apis_an_app_will_reach() -> None:
    apis = ("https://api.shop.example", "https://b.example")
    view = replace(make_consent(), resources=apis)
    page = read(make_pages().show(view, "en"))
    assert page.text.count("Access in your name") == 2
    assert "https://api.shop.example" in page.text
    assert "Access in your name" not in read(make_pages().show(replace(view, resources=()), "en")).text


def test_somebody_who_is_to_be_new_is_told_so() -> None:
    page = read(make_pages().show(replace(make_login(), sign_up=True), "en"))
    assert "Create an account for Shop" in page.text
    assert "Choose a service to create it with" in page.text
    assert "Choose how you want to sign in" not in page.text
    assert "Create an account" not in read(make_pages().show(make_login(), "en")).text


def test_enter_asks_before_an_identity_nobody_asked_for_counts() -> None:
    view = EnterView(make_client(), make_person(), "", "t", "/enter/telegram/shop")
    page = read(make_pages().show(view, "en"))
    assert page.found("form")[0]["action"] == "/enter/telegram/shop"
    assert {page.by_id("allow")["value"], page.by_id("deny")["value"]} == {"allow", "deny"}
    assert "Continue as Анна" in page.text


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("code", ERROR_PAGES)
def test_an_error_page_says_what_happened_what_to_do_and_under_which_number(code: str, locale: str) -> None:
    page = read(make_pages().show(make_error(code), locale))
    assert page.by_id("reference") is not None
    assert "01JD3V7Q2M8K" in page.text
    assert "2026-11-20 12:50:25 UTC" in page.text
    assert code in page.text
    alert = next(attrs for _, attrs in page.tags if attrs.get("role") == "alert")
    assert (alert["tabindex"], alert["autofocus"]) == ("-1", "")
    assert [attrs["class"] for attrs in page.found("a") if "primary" in attrs.get("class", "")] in (
        [],
        ["button primary"],
    )
    assert "invalid_request redirect_uri is not registered" in page.text
    assert page.by_id("error")["lang"] == "en"


def test_an_error_page_offers_a_button_only_where_it_leads_somewhere() -> None:
    bare = replace(make_error("E-EXPIRED"), retry_href="", other_href="", home_href="", error="", hint="", client=None)
    bare = replace(bare, account_href="")
    page = read(make_pages().show(bare, "en"))
    buttons = [attrs for attrs in page.found("a") if "button" in attrs.get("class", "")]
    assert [(button["id"], button["href"]) for button in buttons] == [("start-page", "/")], "no page is a dead end"
    assert page.found("details") == []
    assert "Please go back to the app" in page.text


def test_every_error_page_is_in_the_reference() -> None:
    reference = (BUILT_IN.parent / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^## (E-[A-Z]+)", reference, re.MULTILINE)) == set(ERROR_PAGES)


def test_an_unknown_error_code_is_shown_as_our_fault() -> None:
    assert "Something broke on our side" in read(make_pages().show(make_error("../login"), "en")).text


def test_a_limit_tells_people_and_programs_how_long_to_wait() -> None:
    answer = make_pages().show(replace(make_error("E-LIMIT"), retry_after=21), "ru", status=429)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "21")
    assert "Подождите 21 секунду и попробуйте" in read(answer).text
    assert "retry-after" not in make_pages().show(replace(make_error("E-DONE"), retry_after=0), "ru").headers


def test_the_return_page_navigates_by_itself_and_by_a_link() -> None:
    href = f"{BACK}?code=a&state='%22;b&iss=c"
    page = read(make_pages().show(ReturnView(href, make_client()), "en"))
    (refresh,) = (attrs["content"] for attrs in page.found("meta") if attrs.get("http-equiv") == "refresh")
    assert refresh == f"0;url={href}"
    assert page.by_id("continue")["href"] == href


@pytest.mark.parametrize("href", ["com.example.app:/back?code=1", "http://127.0.0.1:5000/cb?code=1"])
def test_the_return_page_leads_to_native_apps(href: str) -> None:
    assert read(make_pages().show(ReturnView(href, make_client()), "en")).by_id("continue")["href"] == href


def test_the_form_post_page_works_without_a_script() -> None:
    view = FormPostView(BACK, {"code": "c", "state": "s", "iss": "i"}, make_client())
    page = read(make_pages().show(view, "en"))
    assert page.found("form") == [{"id": "answer", "method": "post", "action": BACK}]
    assert [(field["name"], field["value"]) for field in page.found("input")] == list(view.fields.items())
    assert page.by_id("continue")["class"] == "button primary"


def test_the_fragment_page_posts_one_field_to_the_callback_itself() -> None:
    page = read(make_pages().show(FragmentView("/callback/ok", "/authorize?a=1"), "en"))
    assert page.found("form") == [
        {"id": "fragment-form", "method": "post", "action": "/callback/ok", "data-wants": "state tgAuthResult"}
    ]
    assert [field["name"] for field in page.found("input")] == ["fragment"]
    assert page.by_id("retry")["href"] == "/authorize?a=1"
    assert "needs JavaScript" in page.text


def test_the_page_of_a_mini_app_posts_one_field_and_leads_on_without_it() -> None:
    login = "https://shop.example.com/login?iss=x"
    view = FragmentView("/miniapp/telegram/shop", login, make_client(), {"en": "Telegram"})
    page = read(make_pages().show(view, "en"))
    (form,) = page.found("form")
    assert (form["action"], form["data-wants"]) == ("/miniapp/telegram/shop", "tgWebAppData")
    assert [field["name"] for field in page.found("input")] == ["fragment"]
    assert page.by_id("retry")["href"] == login
    assert "JavaScript" in page.text


def test_a_widget_page_names_the_origins_of_its_upstream_and_a_way_without_it() -> None:
    view = WidgetView(
        "telegram.html",
        {"script": "https://telegram.org/js/telegram-widget.js?22", "bot": "shop_bot", "auth_url": "https://id/cb"},
        "https://oauth.telegram.org/auth?bot_id=1",
        ("https://telegram.org",),
        ("https://oauth.telegram.org",),
        make_client(),
        "/authorize?b=1",
    )
    answer = make_pages().show(view, "en")
    policy = rules(answer.headers["content-security-policy"])
    assert policy["script-src"] == f"'nonce-{NONCE}' https://telegram.org"
    assert policy["frame-src"] == "https://oauth.telegram.org"
    page = read(answer)
    assert page.found("script")[0]["data-telegram-login"] == "shop_bot"
    assert page.by_id("continue")["href"] == view.href
    assert page.by_id("other-way")["href"] == "/authorize?b=1"


def test_a_widget_cannot_widen_the_policy_or_leave_its_directory() -> None:
    view = WidgetView("telegram.html", {}, "/", ("https://a; script-src *",), (), make_client())
    with pytest.raises(ValueError, match="origin"):
        make_pages().show(replace(view, context={"script": "", "bot": "", "auth_url": ""}), "en")
    with pytest.raises(ValueError, match="template"):
        make_pages().show(replace(view, template="../login.html"), "en")


def compiled_by(make: Callable[[], object]) -> list[str]:
    """The templates that are compiled meanwhile."""
    found: list[str] = []

    def note(frame: FrameType, event: str, _arg: object) -> None:
        if event == "call" and frame.f_code is generate.__code__:
            found.append(frame.f_locals["name"])

    setprofile(note)
    try:
        make()
    finally:
        setprofile(None)
    return found


def test_a_page_is_compiled_once_for_all_brokers_of_a_process(tmp_path: Path) -> None:
    """Compiling is nine tenths of what starting one costs beside another; and every test starts one."""
    home = tmp_path / "home.html"
    home.write_text("of the operator")
    make_pages()
    assert compiled_by(make_pages) == []
    assert compiled_by(lambda: make_pages(override=tmp_path)) == ["home.html"]
    assert compiled_by(lambda: make_pages(override=tmp_path)) == []
    home.write_text("another")
    assert compiled_by(lambda: make_pages(override=tmp_path)) == ["home.html"]
