"""What people see of an app that registered itself: its own words, and that nobody has verified them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.web.policy import image_origin
from broker.web.views import ConsentView
from tests.web.page_samples import make_error, make_login, make_pages, make_stranger, read
from tests.web.public_app import PublicApp, public_app
from tests.web.test_register import config_of, register

pytestmark = pytest.mark.anyio
PAGES = make_pages()
ASKED = ConsentView(make_stranger(), ("openid",), "Ada", "ticket", {})
SAYS = {
    "client_name": "Borrowed name",
    "logo_uri": "https://logo.dyn.test/logo.png",
    "policy_uri": "https://dyn.test/policy",
    "tos_uri": "https://dyn.test/terms",
}


async def login_page(site: PublicApp, **says: str) -> tuple[str, str]:
    """The chooser of a newly registered app, and its policy."""
    entry = (await register(site, **says)).json()
    page = await site.authorize(client_id=entry["client_id"], redirect_uri="https://dyn.test/cb")
    assert page.status_code == 200
    return page.text, page.headers["content-security-policy"]


async def test_a22_l5_an_app_that_registered_itself_is_marked_as_not_verified_with_the_host_it_leads_to() -> None:
    async with public_app(config_of()) as site:
        text, _ = await login_page(site, client_name="Example app")
        assert 'id="unverified"' in text
        assert "It takes you to dyn.test." in text
        own = await site.authorize()
        assert 'id="unverified"' not in own.text, "an app of the operator's has no such mark"


async def test_policy_and_terms_of_a_registered_app_are_links_that_tell_nobody_where_they_were_clicked() -> None:
    async with public_app(config_of()) as site:
        text, _ = await login_page(site, **SAYS)
    for identifier, href in (("app-policy", SAYS["policy_uri"]), ("app-terms", SAYS["tos_uri"])):
        link = f'<a id="{identifier}" href="{href}" rel="noopener noreferrer" referrerpolicy="no-referrer">'
        assert link in text


async def test_i5_the_logo_of_a_registered_app_is_loaded_by_the_browser_from_its_origin_and_no_other() -> None:
    async with public_app(config_of()) as site:
        text, policy = await login_page(site, **SAYS)
        assert "img-src 'self' data: https://logo.dyn.test;" in policy
        assert f'src="{SAYS["logo_uri"]}"' in text
        _, plain = await login_page(site)
        assert "img-src 'self' data:;" in plain


def test_only_the_pages_that_show_the_logo_let_it_in() -> None:
    error = replace(make_error("E-CLIENT"), client=make_stranger())
    allowed = {"login": True, "consent": True, "error": False}
    answers = {
        "login": PAGES.login(replace(make_login(), client=make_stranger()), "en"),
        "consent": PAGES.consent(ASKED, "en"),
        "error": PAGES.error(error, "en"),
    }
    for name, answer in answers.items():
        assert ("logo.example.com" in answer.headers["content-security-policy"]) is allowed[name], name
        assert ("logo.example.com" in bytes(answer.body).decode()) is allowed[name], name


@pytest.mark.parametrize(
    ("href", "origin"),
    [
        ("https://logo.test/a.png", "https://logo.test"),
        ("https://logo.test:8443/a.png", "https://logo.test:8443"),
        ("http://logo.test/a.png", ""),
        ("https://[::1]/a.png", ""),
        ("https://*.test/a.png", ""),
        ("https://logo.test;script-src/a.png", ""),
        ("data:image/png;base64,x", ""),
        ("", ""),
    ],
)
def test_a_logo_has_exactly_one_origin_or_is_not_shown(href: str, origin: str) -> None:
    assert image_origin(href) == origin


@pytest.mark.parametrize("locale", ["en", "ru"])
def test_the_mark_is_on_the_consent_page_in_the_language_of_the_person(locale: str) -> None:
    page = read(PAGES.consent(ASKED, locale))
    assert page.by_id("unverified")["class"] == "notice"
    assert "shop.example.com" in page.text
