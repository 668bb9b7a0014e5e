"""Whoever is asked sees who they are here, by which provider, what the app gets, and a way out if it is not them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from broker.core.people.identity import Identity
from broker.web.pages.persons import build_initials
from tests.web.device_flow import WITH_DEVICES, question, read, start
from tests.web.page_samples import Outline
from tests.web.public_app import PublicApp, answer_of, public_app

pytestmark = pytest.mark.anyio
ASKS = f"""\
{WITH_DEVICES}  shop:
    name: Shop
    redirect_uris: [https://app.test/cb]
    auth_method: none
    scopes: [openid, profile, email, phone]
    id_token_alg: ES256
"""
GRACE = {"name": "Grace Brewster Hopper", "email": "grace@navy.test", "email_verified": True}


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app(ASKS) as app:
        yield app


async def asked(site: PublicApp, **changed: str) -> Outline:
    """The question of the shop, after a login."""
    await site.authorize(client_id="shop", idp_hint="alpha", **changed)
    back = await site.browser.get(site.callback())
    return read(await site.browser.get(back.headers["location"]))


async def follow(site: PublicApp, page: Outline, link: str) -> httpx2.Response:
    """Where a link of the page leads."""
    return await site.browser.get(page.by_id(link)["href"])


@pytest.mark.parametrize(
    ("name", "initials"),
    [
        ("Ada Lovelace", "AL"),
        ("grace brewster hopper", "GH"),
        ("Ёлка", "Ё"),
        ("山田太郎", "山"),
        ("(ada) «Countess» 🙂", "AC"),
        ("🙂 !", ""),
        ("", ""),
        ("R2 D2", "RD"),
    ],
)
def test_initials_are_of_the_first_and_the_last_word(name: str, initials: str) -> None:
    assert build_initials(name) == initials


async def test_consent_shows_who_is_signed_in_and_by_which_provider(site: PublicApp) -> None:
    site.upstreams["alpha"].identity = Identity("x1", GRACE)
    page = await asked(site)
    assert "GH Grace Brewster Hopper Upstream Not you?" in page.text
    assert "Continue to Shop" in page.text


async def test_consent_shows_the_data_itself_and_what_the_provider_does_not_have(site: PublicApp) -> None:
    site.upstreams["alpha"].identity = Identity("x1", GRACE)
    page = await asked(site, scope="openid profile email phone")
    assert "Your e-mail address grace@navy.test" in page.text
    assert "Your name and picture Grace Brewster Hopper" in page.text
    assert "Your phone number no phone number there" in page.text
    assert "postal" not in page.text, "nobody asked for it"


async def test_whoever_tells_no_name_is_known_by_their_provider(site: PublicApp) -> None:
    site.upstreams["alpha"].identity = Identity("x1")
    page = await asked(site, scope="openid profile email")
    assert "You are signed in Upstream" in page.text
    assert "no name there" in page.text
    assert "no e-mail address there" in page.text


async def test_not_you_leads_to_the_chooser_with_the_same_request(site: PublicApp) -> None:
    page = await asked(site, state="kept", scope="openid email")
    chooser = await follow(site, page, "another")
    assert chooser.status_code == 200, "the session does not answer, and no single provider is gone to"
    assert 'id="notice"' not in chooser.text, "nobody hinted at a provider that is not offered"
    site.upstreams["beta"].identity = Identity("x2", {"name": "Boris"})
    await follow(site, read(chooser), "provider-beta")
    assert "select_account" in site.upstreams["beta"].flows[-1].wishes.prompt, (
        "the upstream must not log in who is there"
    )
    back = await site.browser.get(site.callback("beta"))
    second = await site.browser.get(back.headers["location"])
    assert "Boris" in second.text
    form = {"ticket": read(second).found("input")[0]["value"], "answer": "allow"}
    answered = await site.browser.post("/consent", data=form)
    (refresh,) = (meta["content"] for meta in read(answered).found("meta") if meta.get("http-equiv"))
    sent = parse_qs(urlsplit(refresh.partition("url=")[2]).query)
    assert sent["state"] == ["kept"]


async def test_the_language_of_the_chooser_changes_nothing_about_who_is_wanted(site: PublicApp) -> None:
    chooser = await follow(site, await asked(site), "another")
    page = await follow(site, read(chooser), "lang-ru")
    assert (page.status_code, read(page).found("html")[0]["lang"]) == (200, "ru")
    assert parse_qs(urlsplit(read(page).by_id("lang-en")["href"]).query)["idp_hint"] == ["~"]


async def test_not_you_keeps_a_pushed_request(site: PublicApp) -> None:
    pushed = {
        "client_id": "shop",
        "redirect_uri": "https://app.test/cb",
        "response_type": "code",
        "scope": "openid",
        "state": "pushed",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
        "idp_hint": "alpha",
    }
    name = (await site.browser.post("/par", data=pushed)).json()["request_uri"]
    await site.browser.get("/authorize", params={"client_id": "shop", "request_uri": name})
    back = await site.browser.get(site.callback())
    page = read(await site.browser.get(back.headers["location"]))
    chooser = await follow(site, page, "another")
    assert chooser.status_code == 200
    await follow(site, read(chooser), "provider-beta")
    assert site.upstreams["beta"].flows[-1].wishes.prompt == ("select_account",)
    back = await site.browser.get(site.callback("beta"))
    assert urlsplit(back.headers["location"]).path == "/consent"


async def test_not_you_at_a_device_leads_to_another_login_for_the_same_device(site: PublicApp) -> None:
    told = await start(site)
    page = read(await site.browser.get(await question(site, told)))
    assert "A Ann Upstream" in page.text
    assert "Your name and picture Ann" in page.text
    assert "Sign in on the device" in page.text
    chooser = await follow(site, page, "another")
    assert chooser.status_code == 200, "the session does not answer"
    site.upstreams["beta"].identity = Identity("x2", {"name": "Boris"})
    await follow(site, read(chooser), "provider-beta")
    assert site.upstreams["beta"].flows[-1].wishes.prompt == ("select_account",)
    back = await site.browser.get(site.callback("beta"))
    second = read(await site.browser.get(back.headers["location"]))
    assert "Boris" in second.text
    assert told["user_code"] in second.text


async def test_f_a_ticket_for_a_device_is_not_made_for_a_browser_that_shows_nothing(site: PublicApp) -> None:
    href = await question(site, await start(site))
    del site.browser.cookies["__Host-browser"]
    page = read(await site.browser.get(href))
    assert page.by_id("another")["href"] == "/device", "else it would be a link that works in every such browser"


async def test_logout_shows_who_would_be_signed_out(site: PublicApp) -> None:
    await site.authorize(idp_hint="alpha")
    assert answer_of(await site.browser.get(site.callback()))["code"]
    page = read(await site.browser.get("/logout"))
    assert "A Ann Upstream" in page.text
    assert "Not you? Sign out" in page.text
