"""What people and apps see where the operator does not let somebody in: no reason, another way, and a way back."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest

from broker.core.errors import NOT_ADMITTED
from broker.core.people.identity import Identity
from tests.web.device_flow import read
from tests.web.public_app import CONFIG, REDIRECT, PublicApp, answer_of, public_app
from tests.web.test_link_requests import LINKING, ask, heard, sign_in

pytestmark = pytest.mark.anyio
DEMANDS = f"{CONFIG}access: {{rules: {{members: {{require: member}}}}}}\n"
INVITED = f"{CONFIG}access: {{sign_up: invited}}\n"


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app(DEMANDS) as app:
        yield app


async def come(site: PublicApp, language: str = "en", **changed: str) -> httpx2.Response:
    await site.authorize(idp_hint="alpha", **changed)
    return await site.browser.get(site.callback(), headers={"Accept-Language": language})


@pytest.mark.parametrize(
    ("language", "said"), [("en", "App is not open to this account"), ("ru", "Приложение «App» недоступно")]
)
async def test_who_is_not_let_in_reads_what_to_do_and_not_why(site: PublicApp, language: str, said: str) -> None:
    page = await come(site, language)
    assert (page.status_code, said in page.text, "E-ACCESS" in page.text) == (403, True, True)
    assert "members" not in page.text
    links = {tag.get("id"): tag.get("href", "") for tag in read(page).found("a")}
    assert links["other-way"].startswith("/authorize?")
    home = links["back-to-app"]
    assert home.startswith(REDIRECT)
    assert "error=access_denied" in home
    assert NOT_ADMITTED.replace(" ", "+") in home.replace("%20", "+")


async def test_a_silent_request_is_told_at_the_app(site: PublicApp) -> None:
    site.upstreams["alpha"].identity = Identity("x1", {"name": "Ann", "member": True})
    await come(site)
    site.upstreams["alpha"].identity = Identity("x1", {"name": "Ann", "member": False})
    assert (await come(site, prompt="login")).status_code == 403
    told = answer_of(await site.authorize(prompt="none"))
    assert (told["error"], told["error_description"]) == ("access_denied", NOT_ADMITTED)


@pytest.mark.parametrize(("language", "said"), [("en", "You have no account here yet"), ("ru", "нет аккаунта")])
async def test_who_was_not_invited_reads_whom_to_ask(language: str, said: str) -> None:
    async with public_app(INVITED) as site:
        page = await come(site, language)
        assert (page.status_code, said in page.text, "E-SIGNUP" in page.text) == (403, True, True)
        links = {tag.get("id"): tag.get("href", "") for tag in read(page).found("a")}
        assert "without+an+invitation" in links["back-to-app"].replace("%20", "+")


async def test_an_app_that_asked_for_a_way_in_is_told_that_it_would_open_nothing() -> None:
    async with public_app(f"{LINKING}access: {{rules: {{ours: {{require: member, providers: [beta]}}}}}}\n") as site:
        token = await sign_in(site)
        site.upstreams["beta"].identity = Identity("y1", {"name": "Ann B."})
        await ask(site, token)
        told = heard(await site.browser.get(site.callback("beta")))
        assert told["status"] == "cancelled"
        assert await site.durable.store.people.person("beta", "y1") is None


async def test_at_the_account_page_it_is_a_page_that_leads_back_there(site: PublicApp) -> None:
    await site.browser.get("/account/login?idp_hint=alpha")
    page = await site.browser.get(site.callback())
    assert (page.status_code, "E-ACCESS" in page.text) == (403, True)
    assert "This account may not sign in here" in page.text
