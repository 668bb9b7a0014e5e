"""Threats M5, with B1, B2, B8 and F16: a window inside an app that waits for a login in another browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from html import unescape
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest

from broker.core.events import Event
from broker.store.transient import Kind
from tests.web.device_flow import GRANT, enter, read, say, ticket_in
from tests.web.public_app import CONFIG, REDIRECT, PublicApp, public_app
from tests.web.windows import IPHONE, ORDINARY, Window, allow, ask, press

pytestmark = pytest.mark.anyio
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app() as app:
        yield app


def came_back(page: str) -> dict[str, str]:
    """The authorization response on the page that takes the browser to the app."""
    href = unescape(page.split("url=")[1].split('"', maxsplit=1)[0])
    assert href.startswith(REDIRECT), href
    return dict(parse_qsl(urlsplit(href).query))


async def test_m5_a_known_view_is_shown_the_way_out_and_the_app_is_answered_where_it_asked(site: PublicApp) -> None:
    window = await Window.open_(site)
    assert (await window.type_("000000")).status_code == 400, "nobody has signed in yet"
    number = await allow(site, window.code)
    there = dict(site.browser.cookies)
    answer = came_back((await window.type_(number)).text)
    assert answer["state"] == "s-1"
    form = {"grant_type": "authorization_code", "code": answer["code"], "client_id": "app", "redirect_uri": REDIRECT}
    tokens = await site.browser.post("/token", data=form | {"code_verifier": VERIFIER})
    assert tokens.status_code == 200, tokens.text
    assert "__Host-session" not in window.jar, "the window is answered, and signed in to nothing else"
    assert "__Host-session" in there


async def test_m5_the_way_out_is_one_tap_on_a_phone_and_an_address_everywhere(site: PublicApp) -> None:
    window = await Window.open_(site)
    page = read(await window.show())
    assert window.code in page.text
    assert "https://id.test/device" in page.text
    assert "href" not in page.by_id("address")
    site.browser.headers["user-agent"] = IPHONE
    opened = read(await window.show()).by_id("open")["href"]
    assert opened == f"x-safari-https://id.test/device?user_code={window.code}"
    filled = await site.browser.get(f"/device?user_code={window.code}")
    assert read(filled).by_id("user-code")["value"] == window.code


async def test_m5_b1_another_browser_with_the_address_collects_nothing(site: PublicApp) -> None:
    """Who has the ticket of a window, code and number lacks its cookie; who has a cookie of their own, its ticket."""
    window = await Window.open_(site)
    number = await allow(site, window.code)
    thief = Window(site, httpx2.Cookies(), window.ticket, window.code)
    assert (await thief.show()).status_code == 403
    assert (await thief.type_(number)).status_code == 403
    other = await Window.open_(site)
    thief = Window(site, other.jar, window.ticket, window.code)
    assert (await thief.type_(number)).status_code == 403
    assert came_back((await window.type_(number)).text)["code"]


async def test_m5_f16_a_yes_without_the_number_lets_nobody_in_and_five_are_looked_at(site: PublicApp) -> None:
    window = await Window.open_(site)
    number = await allow(site, window.code)
    wrong = "".join(str((int(digit) + 1) % 10) for digit in number if digit.isdigit())
    for _ in range(4):
        assert "Please compare it" in (await window.type_(wrong)).text
    assert came_back((await window.type_(number)).text)["code"], "the fifth is the last"


async def test_m5_f16_after_five_wrong_numbers_the_right_one_is_worth_nothing(site: PublicApp) -> None:
    window = await Window.open_(site)
    number = await allow(site, window.code)
    wrong = "".join(str((int(digit) + 1) % 10) for digit in number if digit.isdigit())
    tried = [await window.type_(wrong) for _ in range(5)]
    assert {one.status_code for one in tried} == {400}
    over = await window.type_(number)
    assert (over.status_code, "url=" in over.text) == (400, False)


async def test_m5_b2_a_window_is_answered_once_however_many_come_at_once(site: PublicApp) -> None:
    window = await Window.open_(site)
    number = await allow(site, window.code)
    with window.here() as browser:
        form = {"ticket": window.ticket, "number": number}
        answers = await asyncio.gather(*(browser.post("/elsewhere/done", data=form) for _ in range(4)))
    assert sorted("url=https://app.test" in one.text for one in answers) == [False, False, False, True]
    assert site.notes.count(Event.CODE_ISSUED) == 1


async def test_m5_k22_a_number_typed_while_the_store_is_away_can_be_typed_again(site: PublicApp) -> None:
    window = await Window.open_(site)
    number = await allow(site, window.code)
    site.transient.fails = {"put code"}
    assert (await window.type_(number)).status_code == 503
    site.transient.fails = set()
    assert came_back((await window.type_(number)).text)["code"]


async def test_m5_a_window_waits_ten_minutes(site: PublicApp) -> None:
    window = await Window.open_(site)
    number = await allow(site, window.code)
    site.clock.now += 600
    assert (await window.show()).status_code == 400
    assert (await window.type_(number)).status_code == 400
    late = await Window.open_(site)
    site.clock.now += 600
    assert (await enter(site, late.code)).status_code == 400


async def test_m5_a_no_is_told_to_the_app_in_the_window(site: PublicApp) -> None:
    window = await Window.open_(site)
    denied = await say(site, await ask(site, window.code), "deny")
    assert 'id="number"' not in denied.text
    assert came_back((await window.type_("1")).text)["error"] == "access_denied"


async def test_m5_nothing_is_kept_before_somebody_asks_and_who_asks_is_counted() -> None:
    async with public_app(f"{CONFIG}limits: {{login_start: 3/min}}\n") as site:
        site.browser.headers["user-agent"] = IPHONE
        site.transient.fails = {f"put {kind}" for kind in Kind}
        page = read(await site.authorize(idp_hint="alpha"))
        (form,) = page.found("form")
        assert form["method"] == "post"
        site.transient.fails = set()
        codes = {(await press(site, form["action"])).status_code for _ in range(4)}
        assert codes == {303}, "the first as a stranger, three as a browser that was here"
        assert (await press(site, form["action"])).status_code == 429


async def test_m5_f16_somebody_signed_in_is_asked_and_sees_app_code_and_host(site: PublicApp) -> None:
    first = await Window.open_(site)
    await allow(site, first.code)
    signed_in = dict(site.browser.cookies)
    window = await Window.open_(site)
    site.browser.cookies.update(signed_in)
    chosen = await site.browser.get((await enter(site, window.code)).headers["location"])
    assert urlsplit(chosen.headers["location"]).path == "/device/confirm"
    page = read(await site.browser.get(chosen.headers["location"]))
    assert window.code in page.text
    assert "app.test" in page.text
    assert "in the other window" in page.text
    assert (await window.type_("123456")).status_code == 400, "no answer yet"


async def test_m5_g5_a_foreign_page_neither_begins_to_wait_nor_brings_a_number(site: PublicApp) -> None:
    window = await Window.open_(site)
    number = await allow(site, window.code)
    site.browser.headers["origin"] = "https://evil.test"
    assert (await window.type_(number)).status_code == 403
    assert (await press(site, "/elsewhere?client_id=app")).status_code == 403


async def test_m5_b8_no_ticket_or_code_of_a_window_is_good_for_anything_else(site: PublicApp) -> None:
    window = await Window.open_(site)
    location = await ask(site, window.code)
    question = ticket_in(await site.browser.get(location))
    for path in ("/device/login", "/device/confirm", "/consent"):
        assert (await site.browser.get(path, params={"ticket": window.ticket})).status_code == 403, path
    with window.here() as browser:
        assert (await browser.get("/elsewhere", params={"ticket": question})).status_code == 403
    for code in (window.ticket, window.code):
        form = {"grant_type": GRANT, "device_code": code, "client_id": "app"}
        assert (await site.browser.post("/token", data=form)).json()["error"] != "authorization_pending"


async def test_m5_a_silent_request_and_one_that_is_not_good_wait_for_nobody(site: PublicApp) -> None:
    site.browser.headers["user-agent"] = ORDINARY
    bad = await press(site, f"/elsewhere?{urlencode({'client_id': 'app', 'redirect_uri': 'https://evil.test'})}")
    assert (bad.status_code, "location" in bad.headers) == (400, False)
    window = await Window.open_(site)
    silent = (await window.show()).text
    assert window.code in silent
    asked = {"client_id": "app", "redirect_uri": REDIRECT, "response_type": "code", "scope": "openid", "prompt": "none"}
    asked |= {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}
    refused = await press(site, f"/elsewhere?{urlencode(asked)}")
    assert came_back(refused.text)["error"] == "invalid_request"


async def test_m5_a_pushed_request_is_resumed_whole_and_ends_with_its_answer(site: PublicApp) -> None:
    asked = {"client_id": "app", "redirect_uri": REDIRECT, "response_type": "code", "scope": "openid", "state": "p-1"}
    asked |= {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}
    name = (await site.browser.post("/par", data=asked)).json()["request_uri"]
    site.browser.headers["user-agent"] = IPHONE
    page = read(await site.browser.get(f"/authorize?{urlencode({'client_id': 'app', 'request_uri': name})}"))
    (form,) = page.found("form")
    started = await press(site, form["action"])
    ticket = dict(parse_qsl(urlsplit(started.headers["location"]).query))["ticket"]
    shown = read(await site.browser.get(started.headers["location"]))
    window = Window(site, httpx2.Cookies(site.browser.cookies), ticket, "")
    code = next(word for word in shown.text.split() if len(word) == 9 and word[4] == "-" and word.isupper())
    site.browser.cookies.clear()
    number = await allow(site, code)
    assert came_back((await window.type_(number)).text)["state"] == "p-1"
    again = await site.browser.get(f"/authorize?{urlencode({'client_id': 'app', 'request_uri': name})}")
    assert (again.status_code, "location" in again.headers) == (400, False)
