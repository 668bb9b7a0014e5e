"""What people see of an app that registered itself: its own words, and that nobody has verified them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.testing.raw_server import answer_of, raw_server
from tests.web.page_samples import make_consent, make_pages, make_stranger, read
from tests.web.public_app import PublicApp, public_app
from tests.web.test_register import config_of, register

pytestmark = pytest.mark.anyio
PAGES = make_pages()
ASKED = replace(make_consent(), client=make_stranger())
SAYS = {
    "client_name": "Borrowed name",
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


PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
SHOWN = "data:image/png;base64,iVBORw0KGgpwaWN0dXJl"


async def test_i5_nobody_who_looks_at_a_registered_app_is_told_to_the_host_of_its_logo() -> None:
    async with raw_server({"/logo.png": answer_of(PNG)}) as served, public_app(config_of()) as site:
        text, policy = await login_page(site, **SAYS | {"logo_uri": f"{served.url}/logo.png"})
        assert [request.path for request in served.received] == ["/logo.png"], "once, when it registered"
        _, plain = await login_page(site)
    assert f'id="own-logo" src="{SHOWN}"' in text
    assert served.url not in text
    assert policy == plain
    assert "img-src 'self' data:;" in policy


@pytest.mark.parametrize(
    "body", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html>", b"", b"\x89PN", PNG + bytes(33 * 1024)]
)
async def test_i5_what_is_no_picture_or_too_large_is_not_shown_and_keeps_nobody_from_registering(body: bytes) -> None:
    async with raw_server({"/logo.png": answer_of(body)}) as served, public_app(config_of()) as site:
        text, _ = await login_page(site, logo_uri=f"{served.url}/logo.png")
    assert "own-logo" not in text


async def test_i5_a_logo_at_a_forbidden_address_is_not_fetched() -> None:
    async with raw_server() as trap, public_app(config_of()) as site:
        port = trap.url.rpartition(":")[2]
        text, _ = await login_page(site, logo_uri=f"https://10.0.0.1:{port}/logo.png")
    assert "own-logo" not in text


@pytest.mark.parametrize(
    "href",
    ["https://logo.test/a.png", "data:image/svg+xml;base64,PHN2Zz4=", "data:text/html;base64,eA==", SHOWN + '"', ""],
)
def test_a_page_shows_only_pictures_that_are_in_it(href: str) -> None:
    asked = replace(ASKED, client=replace(make_stranger(), own_logo_href=href))
    assert "own-logo" not in bytes(PAGES.show(asked, "en").body).decode()


@pytest.mark.parametrize("locale", ["en", "ru"])
def test_the_mark_is_on_the_consent_page_in_the_language_of_the_person(locale: str) -> None:
    page = read(PAGES.show(ASKED, locale))
    assert page.by_id("unverified")["class"] == "notice"
    assert "shop.example.com" in page.text
