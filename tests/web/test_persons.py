"""Whoever is asked sees who they are here, by which provider, what the app gets, and a way out if it is not them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from broker.core.people.identity import Identity
from broker.web.pages.persons import build_initials
from tests.services.bare_broker import VERIFIER
from tests.web.device_flow import WITH_DEVICES, poll, question, read, start
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


async def test_a_ticket_for_a_device_is_not_made_for_a_browser_that_shows_nothing(site: PublicApp) -> None:
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


# --- consent, scope by scope ---

ALL = "openid profile email phone"


async def ticket_and_boxes(site: PublicApp, **changed: str) -> tuple[str, dict[str, bool]]:
    """The question of the shop to whoever is logged in by now, and its boxes, marked or not."""
    await site.authorize(client_id="shop", idp_hint="alpha", **changed)
    back = await site.browser.get(site.callback())
    page = read(await site.browser.get(back.headers["location"]))
    boxes = {one["name"]: "checked" in one for one in page.found("input") if one["type"] == "checkbox"}
    return next(one["value"] for one in page.found("input") if one["name"] == "ticket"), boxes


async def redeem(site: PublicApp, answered: httpx2.Response) -> dict[str, str]:
    """The tokens that the code of an answer comes to."""
    (refresh,) = (meta["content"] for meta in read(answered).found("meta") if meta.get("http-equiv"))
    code = parse_qs(urlsplit(refresh.partition("url=")[2]).query)["code"][0]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": "https://app.test/cb",
        "client_id": "shop",
    }
    told: dict[str, str] = (await site.browser.post("/token", data=form | {"code_verifier": VERIFIER})).json()
    return told


async def test_each_scope_but_openid_has_a_box_that_is_marked(site: PublicApp) -> None:
    _, boxes = await ticket_and_boxes(site, scope=ALL)
    assert boxes == {"scope-profile": True, "scope-email": True, "scope-phone": True}


async def test_a14_the_app_gets_what_was_left_marked_and_is_told_so(site: PublicApp) -> None:
    ticket, _ = await ticket_and_boxes(site, scope=ALL, claims='{"userinfo": {"email": null}}')
    form = {
        "ticket": ticket,
        "answer": "selected",
        "scope-profile": "1",
        "scope-admin": "1",
        "scope-offline_access": "1",
    }
    tokens = await redeem(site, await site.browser.post("/consent", data=form))
    assert tokens["scope"] == "openid profile"
    header = {"authorization": f"Bearer {tokens['access_token']}"}
    told = (await site.browser.get("/userinfo", headers=header)).json()
    assert told["name"] == "Ann"
    assert "email" not in told


async def test_what_was_left_out_is_not_asked_at_the_next_login_and_is_when_the_app_says_so(site: PublicApp) -> None:
    ticket, _ = await ticket_and_boxes(site, scope=ALL)
    await site.browser.post("/consent", data={"ticket": ticket, "answer": "selected", "scope-email": "1"})
    await site.authorize(client_id="shop", idp_hint="alpha", scope=ALL, prompt="login")
    back = await site.browser.get(site.callback())
    assert "code" in answer_of(back), "a narrowed yes is a yes"
    _, boxes = await ticket_and_boxes(site, scope=ALL, prompt="consent login")
    assert boxes == {"scope-profile": False, "scope-email": True, "scope-phone": False}, "as they were left"


async def test_a_page_of_the_version_before_says_yes_to_all_that_it_showed(site: PublicApp) -> None:
    ticket, _ = await ticket_and_boxes(site, scope=ALL)
    tokens = await redeem(site, await site.browser.post("/consent", data={"ticket": ticket, "answer": "allow"}))
    assert tokens["scope"] == ALL


async def test_an_answer_that_is_none_is_refused_and_the_question_stands(site: PublicApp) -> None:
    ticket, _ = await ticket_and_boxes(site)
    refused = await site.browser.post("/consent", data={"ticket": ticket, "answer": "some"})
    assert refused.status_code == 400
    assert "code=" in (await site.browser.post("/consent", data={"ticket": ticket, "answer": "allow"})).text


async def test_what_the_app_cannot_do_without_has_no_box() -> None:
    async with public_app(ASKS + "    required_scopes: [email]\n") as site:
        ticket, boxes = await ticket_and_boxes(site, scope=ALL)
        assert boxes == {"scope-profile": True, "scope-phone": True}
        tokens = await redeem(site, await site.browser.post("/consent", data={"ticket": ticket, "answer": "selected"}))
        assert tokens["scope"] == "openid email"


async def test_a_device_gets_what_was_left_marked(site: PublicApp) -> None:
    told = await start(site)
    page = read(await site.browser.get(await question(site, told)))
    assert page.by_id("allow")["value"] == "selected"
    form = {"ticket": page.found("input")[0]["value"], "answer": "selected", "scope-profile": "1"}
    await site.browser.post("/device/confirm", data=form)
    tokens = (await poll(site, told)).json()
    assert tokens["scope"] == "openid profile"
    assert "refresh_token" not in tokens, "nobody agreed that it stays signed in"


async def test_a_device_that_everything_was_left_out_for_is_denied(site: PublicApp) -> None:
    told = await start(site, scope="profile")
    page = read(await site.browser.get(await question(site, told)))
    form = {"ticket": page.found("input")[0]["value"], "answer": "selected"}
    done = await site.browser.post("/device/confirm", data=form)
    assert "denied" in done.text
    assert (await poll(site, told)).json()["error"] == "access_denied"
