"""The pages in the middle of a login: have you an account already, and is that you, too? Without a script."""

from __future__ import annotations

from collections.abc import AsyncIterator
from html import unescape
from urllib.parse import urlsplit

import httpx2
import pytest

from broker.core.errors import UpstreamDenied
from broker.core.events import Event
from broker.core.people.identity import Identity
from tests.web.device_flow import read, ticket_in
from tests.web.public_app import CONFIG, PublicApp, answer_of, public_app

pytestmark = pytest.mark.anyio
ASKING = CONFIG.replace("client_id: a,", "client_id: a, linking: confirm,")
NAMING = CONFIG.replace("client_id: a,", "client_id: a, linking: verified_email, trusted_domains: [a.test],")
ANN = {"name": "Ann <b>", "email": "ann@a.test", "email_verified": True}


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app(ASKING) as app:
        yield app


def header(response: httpx2.Response, name: str) -> str:
    """A cookie that a response sets, "" for none."""
    kept = [cookie for cookie in response.headers.get_list("set-cookie") if cookie.startswith(f"{name}=")]
    return kept[0] if kept else ""


async def sign_in(site: PublicApp, name: str, subject: str, **changed: str) -> httpx2.Response:
    """Somebody comes by this provider; what the callback answers."""
    site.upstreams[name].identity = Identity(subject, ANN)
    left = await site.authorize(idp_hint=name, prompt="login", **changed)
    assert left.status_code == 303, left.text
    return await site.browser.get(site.callback(name))


async def asked(site: PublicApp) -> httpx2.Response:
    """Ann, whose account `beta` opens, came by `alpha`: the page she sees."""
    answer_of(await sign_in(site, "beta", "b-ann"))
    back = await sign_in(site, "alpha", "a-ann")
    assert urlsplit(back.headers["location"]).path == "/join"
    assert header(back, "__Host-session") == ""
    assert "Max-Age=600" in header(back, "__Host-browser")
    page = await site.browser.get(back.headers["location"])
    assert page.status_code == 200
    return page


async def chosen(site: PublicApp, page: httpx2.Response, name: str = "beta") -> httpx2.Response:
    """She takes one of the ways of the page; what its callback answers."""
    href = unescape(page.text.split(f'id="provider-{name}" href="')[1].split('"')[0])
    left = await site.browser.get(href)
    assert left.status_code == 303, left.text
    return await site.browser.get(site.callback(name))


async def press(site: PublicApp, page: httpx2.Response, path: str, answer: str, **headers: str) -> httpx2.Response:
    """A button of a page."""
    form = {"ticket": ticket_in(page), "answer": answer}
    return await site.browser.post(path, data=form, headers=headers)


def refreshed(page: httpx2.Response) -> str:
    """Where a page navigates by itself."""
    (meta,) = (tag["content"] for tag in read(page).found("meta") if tag.get("http-equiv") == "refresh")
    return meta.removeprefix("0;url=")


async def test_the_question_says_who_came_and_offers_the_other_ways(site: PublicApp) -> None:
    page = await asked(site)
    assert "Ann &lt;b&gt;" in page.text
    assert [tag["id"] for tag in read(page).found("a") if tag.get("id", "").startswith("provider-")] == [
        "provider-beta"
    ]
    assert "ann@a.test" not in page.text, "nobody is named"
    assert "script" not in page.headers["content-security-policy"].replace("script-src 'none'", "")


async def test_a_new_account_goes_on_to_the_app(site: PublicApp) -> None:
    page = await asked(site)
    done = await press(site, page, "/join", "new")
    assert done.status_code == 200
    assert refreshed(done).startswith("https://app.test/cb?code=")
    assert header(done, "__Host-session")
    assert header(done, "__Host-last").startswith("__Host-last=alpha;")
    again = await press(site, page, "/join", "new")
    assert (again.status_code, "E-DONE" in again.text) == (400, True)


async def test_the_account_that_is_there_is_joined_after_a_yes(site: PublicApp) -> None:
    back = await chosen(site, await asked(site))
    assert header(back, "__Host-session")
    page = await site.browser.get(back.headers["location"])
    assert page.status_code == 200
    assert "ann@a.test" in page.text, "the account there that is to be added"
    done = await press(site, page, "/account/link/confirm", "allow")
    assert refreshed(done).startswith("https://app.test/cb?code=")
    assert site.notes.count(Event.ACCOUNT_LINKED) == 1
    assert site.notes.count(Event.ACCOUNT_CREATED) == 1


async def test_a_no_goes_on_to_the_app_just_so(site: PublicApp) -> None:
    back = await chosen(site, await asked(site))
    page = await site.browser.get(back.headers["location"])
    done = await press(site, page, "/account/link/confirm", "deny")
    assert refreshed(done).startswith("https://app.test/cb?code=")
    assert site.notes.count(Event.ACCOUNT_LINKED) == 0


async def test_who_proved_an_address_in_a_trusted_domain_is_told_of_the_account() -> None:
    async with public_app(NAMING) as site:
        page = await asked(site)
        assert "ann@a.test" in page.text
        answer_of(await chosen(site, page))
        assert site.notes.count(Event.ACCOUNT_LINKED) == 1


async def test_who_looks_in_vain_is_told_so_and_keeps_their_way(site: PublicApp) -> None:
    page = await asked(site)
    site.upstreams["beta"].identity = Identity("b-nobody")
    back = await chosen(site, page)
    again = await site.browser.get(back.headers["location"])
    assert 'id="missed"' in again.text
    assert refreshed(await press(site, again, "/join", "new")).startswith("https://app.test/cb?code=")


async def test_two_accounts_of_one_person_are_joined_on_a_page_that_says_what_follows(site: PublicApp) -> None:
    page = await asked(site)
    href = unescape(page.text.split('id="provider-beta" href="')[1].split('"')[0])
    await press(site, page, "/join", "new")
    await site.browser.get(href)
    back = await site.browser.get(site.callback("beta"))
    merge = await site.browser.get(back.headers["location"])
    assert 'id="what-happens"' in merge.text
    done = await press(site, merge, "/account/link/confirm", "allow")
    assert (done.status_code, "E-DONE" in done.text) == (400, True), "what was shown was used for a new account"
    assert site.notes.count(Event.ACCOUNT_MERGED) == 0


@pytest.mark.parametrize("answer", ["allow", "", "old"])
async def test_an_answer_that_is_none_is_refused(site: PublicApp, answer: str) -> None:
    page = await asked(site)
    assert (await press(site, page, "/join", answer)).status_code == 403
    assert site.notes.count(Event.ACCOUNT_CREATED) == 1


async def test_d8_a_form_of_another_site_or_browser_is_refused(site: PublicApp) -> None:
    page = await asked(site)
    back = await chosen(site, page)
    link = await site.browser.get(back.headers["location"])
    for path, shown, word in (("/join", page, "new"), ("/account/link/confirm", link, "allow")):
        for headers in ({"origin": "https://evil.test"}, {"sec-fetch-site": "cross-site"}):
            assert (await press(site, shown, path, word, **headers)).status_code == 403
    assert (await site.browser.get(f"/account/link/confirm?ticket={ticket_in(link)}&answer=allow")).status_code == 405
    site.browser.cookies.clear()
    for path, shown, word in (("/join", page, "new"), ("/account/link/confirm", link, "allow")):
        assert (await press(site, shown, path, word)).status_code == 403
        assert (await site.browser.get(f"{path.removesuffix('/confirm')}?ticket={ticket_in(shown)}")).status_code == 403
    assert site.notes.count(Event.ACCOUNT_LINKED) == 0
    assert site.notes.count(Event.ACCOUNT_CREATED) == 1


async def test_d9_fields_of_the_form_change_nothing(site: PublicApp) -> None:
    back = await chosen(site, await asked(site))
    link = await site.browser.get(back.headers["location"])
    form = {"ticket": ticket_in(link), "answer": "allow", "subject": "victim", "sub": "x", "email": "v@v.test"}
    await site.browser.post("/account/link/confirm", data=form | {"provider": "beta", "other": "y"})
    people = site.durable.store.people
    person = await people.person("alpha", "a-ann")
    assert person is not None
    assert person == await people.person("alpha", "a-ann")
    assert await people.person("alpha", "victim") is None


async def test_a_login_there_that_is_cancelled_leads_back_to_the_app(site: PublicApp) -> None:
    page = await asked(site)
    site.upstreams["beta"].failure = UpstreamDenied("no")
    href = unescape(page.text.split('id="provider-beta" href="')[1].split('"')[0])
    site.upstreams["beta"].failure = None
    await site.browser.get(href)
    site.upstreams["beta"].failure = UpstreamDenied("no")
    cancelled = await site.browser.get(site.callback("beta"))
    assert cancelled.status_code == 403
    assert 'id="other-way"' in cancelled.text


async def test_a_store_that_is_away_takes_no_answer(site: PublicApp) -> None:
    page = await asked(site)
    for fails in ("people.adopt", "people.person"):
        site.durable.fails = {fails}
        assert (await press(site, page, "/join", "new")).status_code == 503
    site.durable.fails = set()
    back = await chosen(site, page)
    link = await site.browser.get(back.headers["location"])
    site.durable.fails = {"people.link"}
    assert (await press(site, link, "/account/link/confirm", "allow")).status_code == 503
    site.durable.fails = set()
    site.transient.fails = {"put code"}
    assert (await press(site, link, "/account/link/confirm", "allow")).status_code == 503
    site.transient.fails = set()
    done = await press(site, link, "/account/link/confirm", "allow")
    assert refreshed(done).startswith("https://app.test/cb?code=")
    assert site.notes.count(Event.ACCOUNT_LINKED) == 1, "doing it twice does no more than once"


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_the_question_speaks_the_persons_language(site: PublicApp, language: str) -> None:
    page = await asked(site)
    href = next(tag["href"] for tag in read(page).found("a") if tag.get("id") == f"lang-{language}")
    spoken = await site.browser.get(unescape(href))
    assert spoken.headers["content-language"] == language
    assert ticket_in(spoken)


@pytest.mark.parametrize(("mode", "policy"), [("query", "same-origin"), ("web_message", "unsafe-none")])
async def test_g12_questions_in_the_middle_keep_the_opener_that_waits(mode: str, policy: str) -> None:
    async with public_app(ASKING.replace("https://spa.test", "https://app.test")) as site:
        answer_of(await sign_in(site, "beta", "b-ann"))
        back = await sign_in(site, "alpha", "a-ann", response_mode=mode)
        join = await site.browser.get(back.headers["location"])
        site.upstreams["beta"].failure = UpstreamDenied("cancelled")
        failed = await site.browser.get(unescape(join.text.split('id="provider-beta" href="')[1].split('"')[0]))
        site.upstreams["beta"].failure = None
        link = await site.browser.get((await chosen(site, join)).headers["location"])
        done = await press(site, link, "/account/link/confirm", "deny")
        for page, words in ((join, "/join"), (failed, "E-CANCEL"), (link, "/account/link"), (done, "code=")):
            assert words in page.text
            assert page.headers["cross-origin-opener-policy"] == policy, words
