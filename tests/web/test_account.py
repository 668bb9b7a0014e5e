"""`/account` over HTTP: who gets in, what the forms do, and where everything leads back to."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from broker.core.events import Event
from broker.core.people.identity import Identity
from tests.web.page_samples import Outline
from tests.web.public_app import CONFIG, ISSUER, PublicApp, public_app

pytestmark = pytest.mark.anyio
FORM = re.compile(r'<form[^>]* action="([^"]+)">(.*?)</form>', re.DOTALL)
FIELD = re.compile(r'<(?:input|button)[^>]* name="([^"]+)" value="([^"]*)"')
FIREFOX = "Mozilla/5.0 (Android 14; Mobile; rv:128.0) Gecko/128.0 Firefox/128.0"


@dataclass(frozen=True)
class Form:
    """A form on a page, with what its one button sends."""

    action: str
    fields: dict[str, str]


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app() as app:
        app.browser.headers["user-agent"] = FIREFOX
        yield app


def forms(answer: httpx2.Response) -> list[Form]:
    """Every form of a page."""
    return [Form(unescape(action), dict(FIELD.findall(inside))) for action, inside in FORM.findall(answer.text)]


def form(answer: httpx2.Response, action: str) -> Form:
    """The only form of a page that goes to this place."""
    (found,) = (one for one in forms(answer) if one.action == action)
    return found


def outline(answer: httpx2.Response) -> Outline:
    """What a browser would see."""
    seen = Outline()
    seen.feed(answer.text)
    return seen


async def send(site: PublicApp, posted: Form, **headers: str) -> httpx2.Response:
    """A form as the browser posts it."""
    return await site.browser.post(posted.action, data=posted.fields, headers=headers)


async def sign_in(site: PublicApp, name: str = "alpha") -> None:
    """A login for the app that asks who they are, in a browser that nobody used before; a second passes."""
    site.browser.cookies.clear()
    await site.authorize(idp_hint=name, prompt="login")
    answer = await site.browser.get(site.callback(name))
    assert answer.status_code == 303, answer.text
    site.clock.now += 1


async def page(site: PublicApp, path: str = "/account") -> httpx2.Response:
    """A page of the account that is there."""
    answer = await site.browser.get(path)
    assert answer.status_code == 200, answer.text
    return answer


async def arrive(site: PublicApp, answer: httpx2.Response) -> httpx2.Response:
    """Where a form leads to."""
    assert answer.status_code == 303, answer.text
    return await page(site, answer.headers["location"])


async def come_home(site: PublicApp, then: str = "") -> httpx2.Response:
    """Sign in at the account page itself, by alpha."""
    query = f"&then={then}" if then else ""
    assert (await site.browser.get(f"/account/login?idp_hint=alpha{query}")).status_code == 303
    return await site.browser.get(site.callback())


async def test_who_is_not_signed_in_chooses_a_way_to_the_page_and_no_app_is_named(site: PublicApp) -> None:
    seen = outline(await page(site))
    assert seen.by_id("provider-alpha")["href"] == "/account/login?idp_hint=alpha"
    assert seen.by_id("provider-beta")["href"] == "/account/login?idp_hint=beta"
    assert "Sign in to Sign-in" in seen.text
    await sign_in(site)
    site.browser.cookies.clear()
    answer = await come_home(site)
    assert answer.headers["location"] == "/account"


async def test_a_stranger_gets_no_account_by_coming_to_the_page(site: PublicApp) -> None:
    answer = await come_home(site)
    assert (answer.status_code, "E-NOACCOUNT" in answer.text) == (400, True)
    assert site.notes.count(Event.ACCOUNT_CREATED) == 0


async def test_the_page_shows_ways_browsers_apps_and_what_happened(site: PublicApp) -> None:
    await sign_in(site)
    seen = outline(await page(site))
    assert "Ann" in seen.text
    assert "ann@a.test" in seen.text
    assert "Firefox, Android this browser" in seen.text
    assert "Signed in to App with Upstream" in seen.text
    assert seen.by_id("only-way")
    assert seen.by_id("account")["href"] == "/account"
    assert not [attrs for attrs in seen.found("a") if attrs.get("id", "").startswith("unlink")]


async def test_somebody_else_may_come_in_although_one_is_signed_in(site: PublicApp) -> None:
    await sign_in(site)
    another = outline(await page(site)).by_id("another")["href"]
    assert outline(await page(site, another)).by_id("provider-alpha")


async def test_a_way_in_is_removed_after_a_question_and_the_page_says_so(site: PublicApp) -> None:
    await sign_in(site)
    await link_beta(site)
    home = await page(site)
    href = next(attrs["href"] for attrs in outline(home).found("a") if attrs.get("id") == "unlink-2")
    question = await page(site, href)
    assert "Remove Upstream?" in outline(question).text
    back = await arrive(site, await send(site, form(question, href)))
    assert "Removed. You can no longer sign in that way." in outline(back).text
    assert "Removed." not in outline(await page(site)).text
    answer = await site.browser.get(href)
    assert "that was done already" in outline(await arrive(site, answer)).text


async def test_who_removes_the_way_they_came_in_by_is_told_and_led_on(site: PublicApp) -> None:
    await sign_in(site)
    await link_beta(site)
    href = next(attrs["href"] for attrs in outline(await page(site)).found("a") if attrs.get("id") == "unlink-1")
    answer = await send(site, form(await page(site, href), href))
    assert answer.status_code == 200
    assert outline(answer).by_id("account-page")["href"] == "/account"
    await check_forgotten(site)


@pytest.mark.parametrize("wait", ["0s", "14d"])
async def test_whose_account_is_deleted_is_not_offered_here_again(wait: str) -> None:
    async with public_app(CONFIG + f"accounts: {{deletion_wait: {wait}}}\n") as site:
        await sign_in(site)
        await send(site, form(await page(site, "/account/delete"), "/account/delete"))
        await check_forgotten(site)


async def check_forgotten(site: PublicApp) -> None:
    """The browser holds nothing of who was here, and no page offers them or marks their way in."""
    kept = set(site.browser.cookies)
    assert kept.isdisjoint({"__Host-session", "__Host-person", "__Host-last"}), kept
    offered = await site.authorize()
    assert "continue-as" not in offered.text
    assert "Last used" not in offered.text


async def link_beta(site: PublicApp) -> None:
    """Ann's other way in."""
    site.upstreams["beta"].identity = Identity("y1", {"name": "Anna"})
    answer = await send(site, form(await page(site), "/account/link/beta"))
    assert answer.status_code == 200
    question = await arrive(site, await site.browser.get(site.callback("beta")))
    (asked,) = forms(question)
    asked.fields["answer"] = "allow"
    assert (await send(site, asked)).headers["location"].startswith("/account")
    site.clock.now += 1


QUESTIONS = ("sign-out", "export", "delete", "link/beta", "unlink/HANDLE")


@pytest.mark.parametrize("path", QUESTIONS)
async def test_d7_an_old_login_is_led_to_a_fresh_one_and_back_to_the_question(site: PublicApp, path: str) -> None:
    await sign_in(site)
    await link_beta(site)
    href = next(attrs["href"] for attrs in outline(await page(site)).found("a") if attrs.get("id") == "unlink-2")
    path = path.replace("HANDLE", href.rpartition("/")[2])
    question = await page(site, f"/account/{path}")
    site.clock.now += 301
    for answer in (await send(site, form(question, f"/account/{path}")), await site.browser.get(f"/account/{path}")):
        assert answer.status_code == 403
        assert "E-AGAIN" in answer.text
        again = outline(answer).by_id("retry")["href"]
        assert again == httpx2.URL("/account/login", params={"idp_hint": "alpha", "then": path})
    assert (await site.browser.get(again)).status_code == 303
    assert "login" in site.upstreams["alpha"].flows[-1].wishes.prompt
    back = await site.browser.get(site.callback())
    assert back.headers["location"] == f"/account/{path}"
    assert form(await page(site, back.headers["location"]), f"/account/{path}")


@pytest.mark.parametrize("path", ["delete", "link/alpha"])
async def test_d7_a_fresh_login_is_one_at_the_provider_by_its_name_of_today(tmp_path: Path, path: str) -> None:
    database = str(tmp_path / "broker.db")
    async with public_app(database=database) as before:
        await sign_in(before)
        cookies = before.browser.cookies
    async with public_app(database=database, keys_of={"beta": "alpha", "alpha": "another"}) as site:
        site.browser.cookies = cookies
        site.clock.now += 400
        refused = await site.browser.get(f"/account/{path}")
        again = outline(refused).by_id("retry")["href"]
        assert again == httpx2.URL("/account/login", params={"idp_hint": "beta", "then": path})
        await site.browser.get(again)
        back = await site.browser.get(site.callback("beta"))
        assert back.headers["location"] == f"/account/{path}"
        assert form(await page(site, f"/account/{path}"), f"/account/{path}")


async def test_d7_a_way_in_whose_provider_asked_nobody_is_shown_once_more(site: PublicApp) -> None:
    await sign_in(site)
    now = int(site.clock.now)
    site.upstreams["beta"].identity = Identity("y1", {"name": "Anna"}, auth_time=now - 900)
    await send(site, form(await page(site, "/account/link/beta"), "/account/link/beta"))
    refused = await site.browser.get(site.callback("beta"))
    assert (refused.status_code, "E-AGAIN" in refused.text) == (403, True)
    again = outline(refused).by_id("retry")["href"]
    site.upstreams["beta"].identity = Identity("y1", {"name": "Anna"}, auth_time=now)
    await send(site, form(await page(site, again), "/account/link/beta"))
    landed = await site.browser.get(site.callback("beta"))
    assert landed.headers["location"].startswith("/account/link?ticket=")


async def test_d7_another_person_does_not_go_on_in_the_place_of_who_was_asked(site: PublicApp) -> None:
    ann, boris = site.upstreams["alpha"].identity, Identity("x2", {"name": "Boris"})
    for site.upstreams["alpha"].identity in (boris, ann):
        await sign_in(site)
    await site.browser.get("/account/login?idp_hint=alpha&then=delete")
    site.upstreams["alpha"].identity = boris
    answer = await site.browser.get(site.callback())
    assert (answer.status_code, "E-OTHER" in answer.text) == (403, True)
    assert "Ann" in outline(await page(site)).text, "nobody was signed out by it"


@pytest.mark.parametrize("then", ["https://evil.test", "//evil.test", "delete/../x", "unlink/", "x", "delete?a=b"])
async def test_a_login_leads_back_to_pages_of_the_account_and_nowhere_else(site: PublicApp, then: str) -> None:
    answer = await site.browser.get("/account/login", params={"idp_hint": "alpha", "then": then})
    assert answer.status_code == 400
    assert outline(answer).by_id("account-page")["href"] == "/account"


async def test_g5_d8_a_form_counts_from_our_own_page_in_its_own_session(site: PublicApp) -> None:
    await sign_in(site)
    question = form(await page(site, "/account/delete"), "/account/delete")
    for headers in ({"origin": "https://evil.test"}, {"sec-fetch-site": "cross-site"}):
        assert (await send(site, question, **headers)).status_code == 403
    other = form(await page(site, "/account/sign-out"), "/account/sign-out")
    for fields in ({"answer": "yes"}, {"ticket": "x"}, other.fields):
        answer = await send(site, Form("/account/delete", fields))
        assert answer.status_code == 403
        assert outline(answer).by_id("account-page")["href"] == "/account"
    site.upstreams["alpha"].identity = Identity("x2", {"name": "Boris"})
    await sign_in(site)
    assert (await send(site, question)).status_code == 403
    assert (await site.browser.get("/account")).status_code == 200


@pytest.mark.parametrize("path", ["end", "take-back", "keep"])
async def test_d8_what_changes_something_is_never_a_link(site: PublicApp, path: str) -> None:
    await sign_in(site)
    assert (await site.browser.get(f"/account/{path}")).status_code == 405


async def test_another_browser_is_signed_out_from_here(site: PublicApp) -> None:
    await sign_in(site)
    elsewhere = site.browser.cookies["__Host-session"]
    await sign_in(site)
    back = await arrive(site, await send(site, form(await page(site), "/account/end")))
    assert "That browser is signed out." in outline(back).text
    assert not [one for one in forms(back) if one.action == "/account/end"]
    site.browser.cookies.clear()
    site.browser.cookies.set("__Host-session", elsewhere, "id.test")
    assert outline(await page(site)).by_id("provider-alpha"), "a choice of ways in"


async def test_signed_out_everywhere_else_this_browser_stays(site: PublicApp) -> None:
    await sign_in(site)
    await sign_in(site)
    home = await page(site)
    question = await page(site, outline(home).by_id("sign-out-elsewhere")["href"])
    back = await arrive(site, await send(site, form(question, "/account/sign-out")))
    assert "You are signed out everywhere else." in outline(back).text
    assert "Signed out everywhere else" in outline(back).text
    again = await send(site, form(question, "/account/sign-out"))
    assert again.status_code == 400
    assert "That is done already" in again.text
    assert outline(again).by_id("account-page")["href"] == "/account"


async def test_the_access_of_an_app_is_taken_back() -> None:
    async with public_app(CONFIG.replace("first_party: true", "first_party: false")) as site:
        await site.authorize(idp_hint="alpha")
        answer = await site.browser.get(site.callback())
        (asked,) = forms(await arrive(site, answer))
        asked.fields["answer"] = "allow"
        assert (await send(site, asked)).status_code == 200
        home = await page(site)
        back = await arrive(site, await send(site, form(home, "/account/take-back")))
        assert outline(back).by_id("no-apps")
        assert "The access of App was taken back" in outline(back).text


async def test_all_that_is_kept_of_a_person_comes_as_a_file(site: PublicApp) -> None:
    await sign_in(site)
    answer = await send(site, form(await page(site, "/account/export"), "/account/export"))
    assert answer.headers["content-disposition"] == 'attachment; filename="account.json"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["ways_in"][0]["claims"]["name"] == "Ann"


async def test_d11_a_closing_account_opens_no_app_says_when_it_goes_and_can_be_kept(site: PublicApp) -> None:
    await sign_in(site)
    answer = await send(site, form(await page(site, "/account/delete"), "/account/delete"))
    day = "2027-01-29"
    assert f"Your account will be deleted on {day}" in outline(answer).text
    site.clock.now += 1
    await site.authorize(idp_hint="alpha")
    refused = await site.browser.get(site.callback())
    assert refused.status_code == 403
    assert f"It is deleted on {day}" in outline(refused).text
    assert outline(refused).by_id("account-page")["href"] == "/account"
    home = await arrive(site, await come_home(site))
    assert f"This account will be deleted on {day}." in outline(home).text
    assert {one.action for one in forms(home)} == {"/account/keep"}
    for path in ("delete", "sign-out", "link/beta"):
        assert "E-CLOSING" in (await site.browser.get(f"/account/{path}")).text
    kept = await arrive(site, await send(site, form(home, "/account/keep")))
    assert "Your account stays." in outline(kept).text
    await sign_in(site)


async def test_without_a_waiting_time_it_is_gone_at_once() -> None:
    async with public_app(CONFIG + "accounts: {deletion_wait: 0s}\n") as site:
        await sign_in(site)
        question = await page(site, "/account/delete")
        assert "deleted at once and for good" in outline(question).text
        answer = await send(site, form(question, "/account/delete"))
        assert "Your account is deleted" in outline(answer).text
        assert outline(answer).by_id("start-page")
        assert site.notes.count(Event.ACCOUNT_DELETED) == 1


async def test_a_blocked_person_sees_that_and_nothing_else(site: PublicApp) -> None:
    await sign_in(site)
    sub = re.search(r'<code id="sub">(\w+)</code>', (await page(site)).text)
    assert sub is not None
    await site.durable.accounts.set_blocked(sub[1], True)
    answer = await site.browser.get("/account")
    assert (answer.status_code, "E-BLOCKED" in answer.text) == (403, True)


async def test_nobody_is_told_something_by_a_link_of_a_stranger(site: PublicApp) -> None:
    await sign_in(site)
    for notice in ("kept", "x" * 60, site.services.forms.notice("kept", "another")):
        assert 'id="notice"' not in (await page(site, f"/account?notice={notice}")).text


async def test_who_came_to_a_question_signed_out_comes_back_to_it(site: PublicApp) -> None:
    seen = outline(await page(site, "/account/delete"))
    href = seen.by_id("provider-alpha")["href"]
    assert parse_qs(urlsplit(href).query) == {"idp_hint": ["alpha"], "then": ["delete"]}


async def test_the_language_of_a_page_is_remembered(site: PublicApp) -> None:
    await sign_in(site)
    assert "Способы входа" in (await page(site, "/account?ui_locales=ru")).text
    assert "Удалить ваш аккаунт?" in (await page(site, "/account/delete")).text


@pytest.mark.parametrize("path", ["/account", "/account/delete", "/account/link/beta"])
async def test_g4_g15_no_page_of_an_account_is_framed_or_kept(site: PublicApp, path: str) -> None:
    await sign_in(site)
    answer = await page(site, path)
    assert answer.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "form-action 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert ISSUER not in answer.text


# --- how often ---

COUNTED = [
    *(("GET", f"/account{rest}") for rest in ("", "/login?idp_hint=alpha", "/sign-out", "/export", "/delete")),
    *(("GET", f"/account/{rest}") for rest in ("link/alpha", "unlink/x", "link?ticket=x")),
    *(("POST", f"/account/{rest}") for rest in ("link/alpha", "unlink/x", "sign-out", "export", "delete", "end")),
    *(("POST", path) for path in ("/account/take-back", "/account/keep", "/account/link/confirm", "/join")),
    ("GET", "/link?client_id=app&provider=beta"),
]


@pytest.mark.parametrize(("method", "path"), COUNTED)
async def test_k21_what_is_asked_about_accounts_is_counted_and_what_is_made_up_is_not_stored(
    method: str, path: str
) -> None:
    async with public_app(f"{CONFIG}limits:\n  account: 3/min\n") as site:
        await sign_in(site)
        site.transient.fails = {"put claim", "put flow"}
        made_up = {"ticket": "made-up", "answer": "new" if path == "/join" else "allow"}
        data = made_up if method == "POST" else None
        for _ in range(3):
            assert (await site.browser.request(method, path, data=data)).status_code in {200, 303, 400, 403}
        refused = await site.browser.request(method, path, data=data)
        assert (refused.status_code, int(refused.headers["retry-after"]) >= 1) == (429, True)
        assert "E-LIMIT" in refused.text
        assert (f'href="{path}"' in unescape(refused.text)) == (method == "GET"), "later is worth a try"
        site.clock.now += 120
        assert (await site.browser.request(method, path, data=data)).status_code in {200, 303, 400, 403}
