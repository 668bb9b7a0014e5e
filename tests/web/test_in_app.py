"""Browsers inside other apps: which are known, what they are offered, and the links that lead out of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import pytest

from broker.web.http.policy import safe_href
from broker.web.login.in_app import System, build_way_out, find_system
from tests.web.device_flow import read
from tests.web.page_samples import Outline
from tests.web.public_app import CONFIG, PublicApp, answer_of, public_app
from tests.web.windows import ANDROID, IPHONE, ORDINARY

pytestmark = pytest.mark.anyio
KIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
VIEW = "AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0.6478.71 Mobile Safari/537.36"
INSIDE = {
    # Android Compatibility Definition 3.4.1, C-1-3
    f"Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP2A.240705.005; wv) {VIEW}": System.ANDROID,
    # ua-parser/uap-core, issue 38
    "Mozilla/5.0 (iPad; CPU OS 8_4 like Mac OS X) AppleWebKit/600.1.4 (KHTML, like Gecko) Mobile/12H143 "
    "[FBAN/FBIOS;FBAV/35.0.0.34.220;FBBV/12945441;FBDV/iPad2,5;FBMD/iPad;FBSN/iPhone OS]": System.IOS,
    "Mozilla/5.0 (Linux; Android 4.4.2; SCH-R970 Build/KOT49H) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
    "Chrome/30.0.0.0 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/38.0.0.47.240;]": System.ANDROID,
    # what a WKWebView says without help of its app: WebKit, `applicationNameForUserAgent`
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {KIT} Mobile/15E148": System.IOS,
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {KIT}": System.OTHER,
    # the rest as they stand in public logs and in tests of other sites, read 2026-11
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {KIT} Mobile/15E148 Instagram 339.0.3.12.91 "
    "(iPhone15,2; iOS 17_5; fr_CA; fr; scale=3.00; 1179x2556; 624498154)": System.IOS,
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {KIT} Mobile/15E148 Safari Line/14.10.0": System.IOS,
    "Mozilla/5.0 (Linux; Android 7.1.2; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.6045.193 Mobile "
    "Safari/537.36 Telegram-Android/11.4.3 (Samsung SM-G965N; Android 7.1.2; SDK 25; LOW)": System.ANDROID,
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 15_5 like Mac OS X) {KIT} Mobile/15E148 musical_ly_25.1.1 JsSdk/2.0 "
    "NetType/WIFI Channel/App Store WKWebView/1 BytedanceWebview/d8a21c6 FalconTag/": System.IOS,
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) {KIT} Mobile/15E148 Snapchat/12.80.0.40 "
    "(like Safari/8617.2.4.10.8)": System.IOS,
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 16_6 like Mac OS X) {KIT} Mobile/15E148 MicroMessenger/8.0.50": System.IOS,
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 16_6 like Mac OS X) {KIT} Mobile/15E148 [LinkedInApp]/9.30": System.IOS,
    "VKAndroidApp/6.54-9332 (Android 11; SDK 30; armeabi-v7a; samsung SM-G970F; ru; 2280x1080)": System.ANDROID,
}
OUTSIDE = (
    ORDINARY,
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {KIT} Version/17.5 Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {KIT} CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {KIT} Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (Linux; Android 14; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 "
    "Chrome/121.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0",
    "",
)


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app() as app:
        yield app


def ids(page: Outline) -> set[str]:
    """What is on a page."""
    return {attrs["id"] for _, attrs in page.tags if "id" in attrs}


@pytest.mark.parametrize(("agent", "system"), INSIDE.items())
def test_a_browser_inside_an_app_is_known_by_what_it_says_or_lacks(agent: str, system: System) -> None:
    assert find_system(agent) is system


@pytest.mark.parametrize("agent", OUTSIDE)
def test_a_browser_is_not_taken_for_one_inside_an_app(agent: str) -> None:
    assert find_system(agent) is None


def test_a_link_leads_out_of_an_app_where_its_system_has_one() -> None:
    href = "https://id.test:8443/sso/device?user_code=BCDF-GHJK"
    assert build_way_out(href, System.IOS) == "x-safari-https://id.test:8443/sso/device?user_code=BCDF-GHJK"
    intent = build_way_out(href, System.ANDROID)
    assert intent.startswith("intent://id.test:8443/sso/device?user_code=BCDF-GHJK#Intent;scheme=https;")
    assert intent.endswith(
        ";S.browser_fallback_url=https%3A%2F%2Fid.test%3A8443%2Fsso%2Fdevice%3Fuser_code%3DBCDF-GHJK;end"
    )
    assert [build_way_out(href, system) for system in (System.OTHER, None)] == ["", ""]
    assert safe_href(intent) == intent


@pytest.mark.parametrize(
    "href",
    [
        "intent://a.test/#Intent;scheme=tel;action=android.intent.action.CALL;end",
        "intent://a.test/#Intent;scheme=https;package=com.evil;end",
        "intent://a.test/#Intent;scheme=https;action=android.intent.action.VIEW;"
        "category=android.intent.category.BROWSABLE;S.browser_fallback_url=javascript:alert(1);end",
        "intent:#Intent;component=com.evil/.Main;end",
        "x-safari-https:evil",
        "x-safari-javascript://a.test/",
    ],
)
def test_a14_a_link_starts_no_app_of_anybodys_choice(href: str) -> None:
    assert safe_href(href) == ""


async def test_what_works_stands_above_what_is_refused_and_both_can_be_tried(site: PublicApp) -> None:
    site.browser.headers["user-agent"] = ANDROID
    page = read(await site.authorize())
    assert {"provider-beta", "in-app", "elsewhere", "anyway-alpha"} <= ids(page)
    assert "provider-alpha" not in ids(page)
    left = await site.browser.get(page.by_id("anyway-alpha")["href"])
    assert left.status_code == 303
    assert len(site.upstreams["alpha"].flows) == 1, "no hard block"
    left = await site.browser.get(page.by_id("provider-beta")["href"])
    assert (left.status_code, len(site.upstreams["beta"].flows)) == (303, 1)


async def test_a_hint_at_what_is_refused_shows_the_panel_instead_of_the_refusal(site: PublicApp) -> None:
    site.browser.headers["user-agent"] = IPHONE
    page = read(await site.authorize(idp_hint="alpha"))
    assert {"in-app", "anyway-alpha", "provider-beta"} <= ids(page)
    assert "notice" not in ids(page)
    assert (await site.authorize(idp_hint="beta")).status_code == 303


async def test_the_only_way_shows_the_panel_where_it_is_refused() -> None:
    async with public_app(CONFIG.replace("    first_party", "    providers: [alpha]\n    first_party")) as site:
        assert (await site.authorize()).status_code == 303
        site.browser.headers["user-agent"] = IPHONE
        page = read(await site.authorize())
        assert {"in-app", "elsewhere"} <= ids(page)
        assert not [one for one in ids(page) if one.startswith("provider-")]
        assert (await site.browser.get(page.by_id("anyway-alpha")["href"])).status_code == 303


async def test_an_ordinary_browser_and_a_silent_request_are_as_ever(site: PublicApp) -> None:
    site.browser.headers["user-agent"] = ORDINARY
    page = read(await site.authorize())
    assert {"provider-alpha", "provider-beta"} <= ids(page)
    assert "in-app" not in ids(page)
    assert (await site.authorize(idp_hint="alpha")).status_code == 303
    site.browser.headers["user-agent"] = IPHONE
    silent = await site.authorize(prompt="none", idp_hint="alpha")
    assert answer_of(silent)["error"] == "login_required"


async def test_an_operator_may_do_without_the_other_browser() -> None:
    async with public_app(f"{CONFIG}login: {{other_browser: false}}\n") as site:
        site.browser.headers["user-agent"] = IPHONE
        page = read(await site.authorize())
        assert {"in-app", "go-there", "anyway-alpha"} <= ids(page)
        assert "elsewhere" not in ids(page)
        assert (await site.browser.get("/elsewhere?ticket=x")).status_code == 404
        assert (await site.browser.post("/elsewhere")).status_code == 404


async def test_the_language_of_the_panel_is_kept_by_its_links(site: PublicApp) -> None:
    site.browser.headers["user-agent"] = IPHONE
    page = read(await site.authorize(idp_hint="alpha", ui_locales="ru"))
    assert "войти нельзя" in page.text
    (form,) = page.found("form")
    assert parse_qs(urlsplit(form["action"]).query)["ui_locales"] == ["ru"]
