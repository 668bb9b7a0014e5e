"""What people and apps see of what an operator has switched off: a place on the page that is kept, and plain words."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from broker.core.switches import Switchable
from broker.core.terms import GrantType, TokenType
from tests.services.bare_broker import VERIFIER
from tests.services.upstreams import PostingUpstream
from tests.web.device_flow import read
from tests.web.public_app import REDIRECT, PublicApp, answer_of, public_app
from tests.web.test_chooser import order
from tests.web.test_link_requests import LINKING, ask, heard, sign_in
from tests.web.test_posted_http import POSTED
from tests.web.test_register import by, config_of, path, register

pytestmark = pytest.mark.anyio


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app() as app:
        yield app


async def off(site: PublicApp, name: str = "alpha", kind: Switchable = Switchable.PROVIDER) -> None:
    await site.switches.off(kind, name, why="for a test that nobody is told", by="root")


@pytest.mark.parametrize(
    ("seconds", "language", "said"),
    [
        (0, "en", "Switched off just now"),
        (60, "en", "Switched off 1 minute ago"),
        (119 * 60, "ru", "Вход отключён 119 минут назад"),
        (2 * 3600, "en", "Switched off 2 hours ago"),
        (47 * 3600, "ru", "Вход отключён 47 часов назад"),
        (48 * 3600, "ru", "Вход отключён 2 дня назад"),
    ],
)
async def test_its_place_is_kept_and_says_since_when(site: PublicApp, seconds: int, language: str, said: str) -> None:
    before = (await site.authorize(ui_locales=language)).text
    await off(site)
    site.clock.now += seconds
    page = await site.authorize(ui_locales=language)
    assert page.status_code == 200
    assert order(page.text) == order(before) == ["alpha", "beta"]
    assert said in page.text
    assert 'class="way down" id="provider-alpha"' in page.text
    hrefs = {tag.get("id"): tag.get("href") for tag in read(page).found("a")}
    assert "provider-alpha" not in hrefs, "it leads nowhere"
    assert hrefs["provider-beta"]
    assert "a test that nobody is told" not in page.text


async def test_a_hint_at_it_is_answered_with_a_choice_and_why(site: PublicApp) -> None:
    await off(site)
    page = await site.authorize(idp_hint="alpha")
    assert page.status_code == 200
    assert "Upstream is switched off here at the moment. Choose another way, or come back later." in page.text
    russian = await site.authorize(idp_hint="alpha", ui_locales="ru")
    assert "Вход через «Служба» сейчас отключён." in russian.text
    assert site.upstreams["alpha"].flows == []


async def test_where_every_way_is_off_the_page_says_so(site: PublicApp) -> None:
    for name in ("alpha", "beta"):
        await off(site, name)
    page = await site.authorize()
    assert page.status_code == 200
    assert "No way to sign in is open at the moment." in page.text
    assert page.text.count('class="way down"') == 2


async def test_b9_who_is_on_the_way_back_reads_why_and_goes_another_way(site: PublicApp) -> None:
    await site.authorize(idp_hint="alpha")
    callback = site.callback()
    await off(site)
    page = await site.browser.get(callback)
    assert page.status_code == 503
    assert '<dd id="code">E-OFF</dd>' in page.text
    assert "Upstream is switched off here at the moment" in page.text
    links = {tag.get("id"): tag.get("href", "") for tag in read(page).found("a")}
    assert links["other-way"].startswith("/authorize?")
    home = links["back-to-app"]
    assert home.startswith(REDIRECT)
    assert "error=temporarily_unavailable" in home
    assert "operator+switched+this+provider+off" in home.replace("%20", "+")
    assert site.upstreams["alpha"].asked == []


async def test_b9_the_address_of_a_login_at_it_is_a_page_that_says_so(site: PublicApp) -> None:
    await off(site)
    page = await site.browser.get("/callback/alpha?state=x&code=y")
    assert page.status_code in {400, 503}
    assert (await site.browser.get("/account/login?idp_hint=alpha")).status_code == 503
    chooser = await site.browser.get("/account")
    assert 'class="way down" id="provider-alpha"' in chooser.text


async def test_an_app_that_asked_for_a_way_in_is_told() -> None:
    async with public_app(LINKING) as site:
        token = await sign_in(site)
        await off(site, "beta")
        told = heard(await ask(site, token))
        assert told["error"] == "temporarily_unavailable"
        assert "operator switched this provider off" in told["error_description"]


async def test_an_app_that_posts_is_told_and_may_try_later() -> None:
    async with public_app(POSTED, kind=PostingUpstream) as site:
        await off(site)
        answer = await site.browser.post("/challenge", data={"client_id": "app", "provider": "alpha"})
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        form = {
            "grant_type": GrantType.TOKEN_EXCHANGE.value,
            "client_id": "app",
            "subject_token": "t",
            "subject_token_type": TokenType.ID_TOKEN.value,
            "subject_issuer": "alpha",
        }
        answer = await site.browser.post("/token", data=form)
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")


# --- a client ---


async def code_of(site: PublicApp) -> dict[str, str]:
    """What an app redeems."""
    await site.authorize(idp_hint="alpha")
    code = answer_of(await site.browser.get(site.callback()))["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "client_id": "app"}
    return form | {"code_verifier": VERIFIER}


async def test_f9_its_users_read_a_page_and_nobody_is_sent_to_it(site: PublicApp) -> None:
    await site.authorize(idp_hint="alpha")
    callback, form = site.callback(), await code_of(site)
    await off(site, "app", Switchable.CLIENT)
    for answer in (await site.authorize(), await site.authorize(prompt="none"), await site.browser.get(callback)):
        assert answer.status_code == 400
        assert "location" not in answer.headers
        assert '<dd id="code">E-APPOFF</dd>' in answer.text
        assert "<code>unauthorized_client</code> the operator switched this client off at 20" in answer.text
        assert "app.test" not in answer.text
    assert "Вход в «App» сейчас отключён" in (await site.authorize(ui_locales="ru")).text
    refused = await site.browser.post("/token", data=form)
    assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")
    assert "ask the operator" in refused.json()["error_description"]
    await site.switches.on(Switchable.CLIENT, "app", why="it is over", by="root")
    assert (await site.browser.post("/token", data=form)).status_code == 200, "nothing was spent"


async def test_l_an_entry_that_registered_itself_is_not_opened_while_it_is_off() -> None:
    async with public_app(config_of()) as site:
        entry = (await register(site)).json()
        await off(site, entry["client_id"], Switchable.CLIENT)
        assert (await site.browser.get(path(entry), headers={"authorization": "Bearer x"})).status_code == 401
        answer = await site.browser.get(path(entry), headers=by(entry))
        assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")
        assert (await site.browser.delete(path(entry), headers=by(entry))).status_code == 400
        page = await site.authorize(client_id=entry["client_id"], redirect_uri="https://dyn.test/cb")
        assert '<dd id="code">E-APPOFF</dd>' in page.text
