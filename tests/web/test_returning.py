"""Whoever comes back is offered first, goes on by a press of their own alone, and is forgotten when they say so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from broker.core.errors import UpstreamUnavailable
from broker.core.people.identity import Identity
from tests.web.device_flow import WITH_DEVICES, enter, read, start
from tests.web.page_samples import Outline
from tests.web.public_app import CONFIG, REDIRECT, PublicApp, answer_of, public_app

pytestmark = pytest.mark.anyio
MORE = f"""\
{WITH_DEVICES}  narrow:
    name: Narrow
    redirect_uris: [{REDIRECT}]
    auth_method: none
    first_party: true
    providers: [alpha]
    id_token_alg: ES256
  asks:
    name: Asks
    redirect_uris: [{REDIRECT}]
    auth_method: none
    id_token_alg: ES256
"""


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app(MORE) as app:
        yield app


async def log_in(site: PublicApp, **changed: str) -> dict[str, str]:
    """A login at alpha, for our own app."""
    await site.authorize(idp_hint="alpha", **changed)
    return answer_of(await site.browser.get(site.callback()))


def ids(page: Outline) -> set[str]:
    """Every id on the page."""
    return {attrs["id"] for _, attrs in page.tags if "id" in attrs}


def ticket_of(page: Outline) -> str:
    """The ticket of the card, "" where it is a link or there is none."""
    return next((one["value"] for one in page.found("input") if one.get("name") == "ticket"), "")


async def go_on(site: PublicApp, page: Outline, **headers: str) -> httpx2.Response:
    """The press of the card."""
    return await site.browser.post("/continue", data={"ticket": ticket_of(page)}, headers=headers)


def sent_to_app(answer: httpx2.Response) -> dict[str, list[str]]:
    """What the page after a POST takes to the app."""
    assert answer.status_code == 200, answer.text
    (refresh,) = (meta["content"] for meta in read(answer).found("meta") if meta.get("http-equiv"))
    href = refresh.partition("url=")[2]
    assert href.startswith(REDIRECT)
    return parse_qs(urlsplit(href).query)


# --- somebody who is logged in ---


async def test_whoever_is_logged_in_goes_on_by_one_press_where_the_app_has_them_choose(site: PublicApp) -> None:
    await log_in(site)
    page = read(await site.authorize(prompt="select_account", state="kept"))
    assert "A Continue as Ann Upstream Use another account or" in page.text
    assert {"provider-alpha", "provider-beta"} <= ids(page), "the other ways stand below"
    sent = sent_to_app(await go_on(site, page))
    assert sent["state"] == ["kept"]
    assert sent["code"]
    assert len(site.upstreams["alpha"].flows) == 1, "nobody was sent to an upstream again"


async def test_going_on_asks_for_consent_as_any_login_does(site: PublicApp) -> None:
    await log_in(site)
    page = read(await site.authorize(client_id="asks", prompt="select_account"))
    answer = await go_on(site, page)
    assert (answer.status_code, urlsplit(answer.headers["location"]).path) == (303, "/consent")


async def test_g5_no_stranger_and_no_link_goes_on_for_somebody(site: PublicApp) -> None:
    await log_in(site)
    page = read(await site.authorize(prompt="select_account"))
    assert (await go_on(site, page, origin="https://evil.test")).status_code == 403
    assert (await go_on(site, page, **{"sec-fetch-site": "cross-site"})).status_code == 403
    link = await site.browser.get("/continue", params={"ticket": ticket_of(page)})
    assert link.status_code == 405
    mine = site.browser.cookies.get("__Host-session")
    site.browser.cookies.clear()
    assert (await go_on(site, page)).status_code == 403, "a browser without a session"
    site.upstreams["alpha"].identity = Identity("x2", {"name": "Boris"})
    await log_in(site)
    assert site.browser.cookies.get("__Host-session") != mine
    assert (await go_on(site, page)).status_code == 403, "a browser of somebody else"


async def test_b8_no_page_takes_the_ticket_of_another(site: PublicApp) -> None:
    await log_in(site)
    going_on = ticket_of(read(await site.authorize(client_id="asks", prompt="select_account")))
    asked = await site.authorize(client_id="asks")
    consent = parse_qs(urlsplit(asked.headers["location"]).query)["ticket"][0]
    assert (await site.browser.post("/continue", data={"ticket": consent})).status_code == 403
    answer = {"ticket": going_on, "answer": "allow"}
    assert (await site.browser.post("/consent", data=answer)).status_code == 403
    assert (await site.browser.post("/device/confirm", data=answer)).status_code == 403


async def test_a_new_login_is_a_new_login_at_the_same_provider(site: PublicApp) -> None:
    await log_in(site)
    page = read(await site.authorize(prompt="login"))
    assert ticket_of(page) == "", "a session is no new login"
    left = await site.browser.get(page.by_id("continue-as")["href"])
    assert left.status_code == 303
    assert site.upstreams["alpha"].flows[-1].wishes.prompt == ("login",)


async def test_a_login_that_is_too_old_is_offered_as_a_login(site: PublicApp) -> None:
    await log_in(site)
    site.clock.now += 120
    page = read(await site.authorize(prompt="select_account", max_age="60"))
    assert ticket_of(page) == ""
    assert "idp_hint=alpha" in page.by_id("continue-as")["href"]


async def test_what_is_not_enough_any_more_when_the_card_is_pressed_is_told_to_the_app(site: PublicApp) -> None:
    await log_in(site)
    page = read(await site.authorize(prompt="select_account", max_age="60"))
    site.clock.now += 61
    assert sent_to_app(await go_on(site, page))["error"] == ["login_required"]


async def test_who_was_switched_off_does_not_go_on(site: PublicApp) -> None:
    await log_in(site)
    page = read(await site.authorize(prompt="select_account"))
    person = await site.durable.people.person("alpha", "x1")
    await site.durable.accounts.set_blocked(person.account.sub, True)
    assert sent_to_app(await go_on(site, page))["error"] == ["login_required"]


async def test_a_pushed_request_ends_with_the_press(site: PublicApp) -> None:
    await log_in(site)
    pushed = {
        "client_id": "app",
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": "openid",
        "prompt": "select_account",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }
    name = (await site.browser.post("/par", data=pushed)).json()["request_uri"]
    page = read(await site.browser.get("/authorize", params={"client_id": "app", "request_uri": name}))
    assert sent_to_app(await go_on(site, page))["code"]
    again = await go_on(site, page)
    assert (again.status_code, "E-EXPIRED" in again.text) == (400, True)


@pytest.mark.parametrize("prompt", ["select_account", "login"])
async def test_with_one_provider_the_page_is_shown_only_where_it_saves_a_login(site: PublicApp, prompt: str) -> None:
    asked = {"client_id": "narrow", "prompt": prompt}
    assert (await site.authorize(**asked)).status_code == 303, "nobody to offer"
    await log_in(site)
    assert (await site.authorize(**asked)).status_code == (200 if prompt == "select_account" else 303)


async def test_nobody_is_offered_where_the_app_names_somebody_else_or_wants_somebody_new(site: PublicApp) -> None:
    form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT, "client_id": "app"}
    form |= {"code": (await log_in(site))["code"], "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"}
    hint = (await site.browser.post("/token", data=form)).json()["id_token"]
    assert "continue-as" in ids(read(await site.authorize(prompt="select_account", id_token_hint=hint)))
    site.upstreams["alpha"].identity = Identity("x2", {"name": "Boris"})
    await log_in(site, prompt="login")
    assert "continue-as" not in ids(read(await site.authorize(prompt="select_account", id_token_hint=hint)))
    assert "continue-as" not in ids(read(await site.authorize(prompt="create")))


async def test_somebody_of_a_provider_that_the_app_does_not_offer_is_not_offered(site: PublicApp) -> None:
    await site.authorize(idp_hint="beta")
    await site.browser.get(site.callback("beta"))
    assert (await site.authorize(client_id="narrow", prompt="select_account")).status_code == 303


# --- somebody who was here before ---


async def come_back(site: PublicApp, **changed: str) -> Outline:
    """The login page, later, when the session is over."""
    del site.browser.cookies["__Host-session"]
    return read(await site.authorize(**changed))


async def test_whoever_comes_back_is_offered_first_and_logs_in_there(site: PublicApp) -> None:
    await log_in(site)
    page = await come_back(site, state="later")
    assert "A Continue as Ann Upstream Use another account or" in page.text
    assert page.text.count("Last used") == 0, "the card says it"
    left = await site.browser.get(page.by_id("continue-as")["href"])
    assert left.status_code == 303
    assert answer_of(await site.browser.get(site.callback()))["state"] == "later"


async def test_another_account_forgets_who_was_here(site: PublicApp) -> None:
    await log_in(site)
    page = await come_back(site)
    chooser = await site.browser.get(page.by_id("another")["href"])
    assert "continue-as" not in ids(read(chooser))
    assert "__Host-person" not in site.browser.cookies
    assert "Last used" in chooser.text, "which provider that was tells nothing of a person"
    assert "continue-as" not in ids(read(await site.authorize()))


async def test_a_logout_forgets_who_was_here(site: PublicApp) -> None:
    await log_in(site)
    asked = read(await site.browser.get("/logout"))
    await site.browser.post("/logout/confirm", data={"ticket": ticket_of(asked), "answer": "logout"})
    assert "__Host-person" not in site.browser.cookies
    assert "continue-as" not in ids(read(await site.authorize()))


async def test_whoever_has_no_name_is_not_offered_and_nobody_before_them_is(site: PublicApp) -> None:
    await log_in(site)
    site.upstreams["alpha"].identity = Identity("x2")
    await log_in(site, prompt="login")
    assert "continue-as" not in ids(await come_back(site))


async def test_a_provider_that_would_not_let_them_in_is_not_offered_first(site: PublicApp) -> None:
    await log_in(site)
    site.browser.headers["user-agent"] = "Mozilla/5.0 (Linux; Android 14; wv) Telegram-Android/11"
    assert "continue-as" not in ids(await come_back(site))
    site.browser.headers["user-agent"] = "Mozilla/5.0"
    assert "continue-as" in ids(read(await site.authorize()))
    site.upstreams["alpha"].failure = UpstreamUnavailable("down")
    assert "continue-as" not in ids(read(await site.authorize()))


async def test_b22_who_was_here_is_sealed_and_a_changed_cookie_is_nobody(site: PublicApp) -> None:
    await log_in(site)
    sealed = site.browser.cookies["__Host-person"]
    assert "Ann" not in sealed
    assert "alpha" not in sealed
    visitor = site.browser.cookies["__Host-visitor"]
    assert "continue-as" in await shown_to(site, sealed)
    for place in range(0, len(sealed), 7):
        other = "A" if sealed[place] != "A" else "B"
        assert "continue-as" not in await shown_to(site, sealed[:place] + other + sealed[place + 1 :]), place
    for foreign in (visitor, "Ann", sealed[:-1]):
        assert "continue-as" not in await shown_to(site, foreign)


async def shown_to(site: PublicApp, person: str) -> set[str]:
    """What is on the login page of a browser that holds this cookie and no other."""
    site.browser.cookies.clear()
    site.browser.cookies.set("__Host-person", person, domain="id.test", path="/")
    return ids(read(await site.authorize()))


async def test_an_operator_may_have_nothing_remembered() -> None:
    async with public_app() as site:
        await log_in(site)
        from_before = site.browser.cookies["__Host-person"]
    async with public_app(f"{CONFIG}login: {{show_last_used: false}}\n") as site:
        await log_in(site)
        assert "__Host-person" not in site.browser.cookies
        page = await come_back(site)
        assert "continue-as" not in ids(page)
        assert "Last used" not in page.text
        assert "continue-as" not in await shown_to(site, from_before), "what was kept before the operator said so"


async def test_a_device_login_offers_who_was_here(site: PublicApp) -> None:
    await log_in(site)
    del site.browser.cookies["__Host-session"]
    entered = await enter(site, (await start(site))["user_code"])
    page = read(await site.browser.get(entered.headers["location"]))
    assert "Continue as Ann" in page.text
    await site.browser.get(unescape(page.by_id("continue-as")["href"]))
    back = await site.browser.get(site.callback())
    assert urlsplit(back.headers["location"]).path == "/device/confirm"
    del site.browser.cookies["__Host-session"]
    chooser = read(await site.browser.get(page.by_id("another")["href"]))
    assert "continue-as" not in ids(chooser)
    assert "__Host-person" not in site.browser.cookies
