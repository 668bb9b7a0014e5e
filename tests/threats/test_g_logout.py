"""Threats G1, G5, G6 and G7 at the end of a session; A1, A18 and A20 where it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

import pytest

from broker.demo.servers import take_port
from broker.demo.visitor import Visitor
from tests.conformance.hearing_app import listening
from tests.threats.journeys import http, new_visitor, refresh, request_for, sign_in, tokens_for, userinfo
from tests.threats.settings import APP
from tests.threats.site import Site, running_site
from tests.threats.test_a_redirects import check_stays_here
from tests.threats.vectors import MARKUP, REDIRECT_VARIANTS

pytestmark = pytest.mark.anyio


def add_logout(config: dict[str, Any]) -> None:
    """The app wants to hear of logouts, at a place of this machine where nobody listens yet."""
    with closing(take_port("app", "127.0.0.1")) as port:
        number = port.number
    config["clients"]["app"] |= {
        "post_logout_redirect_uris": [APP],
        "backchannel_logout_uri": f"http://127.0.0.1:{number}/backchannel",
    }
    config["network"] = {**config.get("network", {}), "client_networks": ["127.0.0.0/8"]}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose app logs people out."""
    with running_site(tmp_path_factory.mktemp("logout"), add_logout) as site:
        yield site


def cookie_of(site: Site, visitor: Visitor) -> dict[str, str]:
    """The session cookie, for a client without a jar."""
    value = next(c.value for c in visitor.cookies.sent_to(site.issuer) if c.name == "__Host-session")
    return {"Cookie": f"__Host-session={value}"}


async def is_signed_in(site: Site, headers: dict[str, str]) -> bool:
    """Whether a silent request is answered with a code."""
    async with http(site) as client:
        answer = await client.get("/authorize", params=request_for(site, prompt="none"), headers=headers)
    return "code=" in answer.headers["location"]


async def test_a1_g6_every_other_spelling_of_a_post_logout_redirect_uri_is_a_page(site: Site, visitor: Visitor) -> None:
    tokens = await tokens_for(site, visitor=visitor)
    cookie = cookie_of(site, visitor)
    async with http(site) as client:
        for uri in REDIRECT_VARIANTS:
            params = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": uri}
            check_stays_here(await client.get("/logout", params=params, headers=cookie))
            check_stays_here(await client.get("/logout", params=params))
    assert await is_signed_in(site, cookie)


async def test_g6_whoever_comes_with_an_unregistered_address_may_sign_out_here(site: Site, visitor: Visitor) -> None:
    tokens = await tokens_for(site, visitor=visitor)
    cookie = cookie_of(site, visitor)
    params = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": f"{APP}/"}
    page = await visitor.get(f"{site.issuer}/logout?{urlencode(params)}")
    assert (page.status, page.has("problem"), page.has("logout")) == (400, True, True)
    assert "post_logout_redirect_uri" in page.text_of("error")
    page = await visitor.click("logout")
    assert (page.status, page.has("logged-out"), page.has("continue")) == (200, True, False)
    assert not await is_signed_in(site, cookie)


async def test_g6_a_link_from_anywhere_asks_and_leads_nowhere(site: Site, visitor: Visitor) -> None:
    await sign_in(site, visitor)
    cookie = cookie_of(site, visitor)
    for params in ({}, {"post_logout_redirect_uri": APP}, {"client_id": "app", "post_logout_redirect_uri": APP}):
        page = await visitor.get(f"{site.issuer}/logout?{urlencode(params)}", initiator="https://evil.example/")
        assert (page.status, page.has("logout"), page.markup.refresh) == (200, True, "")
    assert await is_signed_in(site, cookie)
    page = await visitor.click("logout")
    assert (page.status, page.has("logged-out"), page.has("continue")) == (200, True, False)
    assert not await is_signed_in(site, cookie)


async def test_g5_an_answer_counts_from_our_own_page_in_its_own_session(site: Site, visitor: Visitor) -> None:
    await sign_in(site, visitor)
    page = await visitor.get(f"{site.issuer}/logout")
    ticket = next(form.fields["ticket"] for form in page.markup.forms)
    cookie = cookie_of(site, visitor)
    async with new_visitor() as other:
        await sign_in(site, other, person="boris")
        foreign = next(form.fields["ticket"] for form in (await other.get(f"{site.issuer}/logout")).markup.forms)
    own = {"ticket": ticket, "answer": "logout"}
    evil = {"Origin": "https://evil.example"}
    attacks: tuple[tuple[dict[str, str], dict[str, str]], ...] = (
        ({"answer": "logout"}, {}),
        ({"ticket": "", "answer": "logout"}, {}),
        ({"ticket": ticket[:-3], "answer": "logout"}, {}),
        ({"ticket": foreign, "answer": "logout"}, {}),
        ({"ticket": ticket}, {}),
        (own, evil),
        (own, {"Sec-Fetch-Site": "cross-site"}),
    )
    async with http(site) as client:
        for form, headers in attacks:
            answer = await client.post("/logout/confirm", data=form, headers=cookie | headers)
            assert answer.status_code == 403, (form, headers)
        assert await is_signed_in(site, cookie)
        answer = await client.post("/logout/confirm", data=own | {"answer": "stay"}, headers=cookie)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert await is_signed_in(site, cookie)
        answer = await client.post("/logout/confirm", data=own, headers=cookie | {"Origin": site.issuer})
        assert answer.status_code == 200
    assert not await is_signed_in(site, cookie)


async def test_a20_a_posted_logout_goes_on_by_get(site: Site, visitor: Visitor) -> None:
    tokens = await tokens_for(site, visitor=visitor)
    form = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": APP, "state": "s&1"}
    page = await visitor.post(f"{site.issuer}/logout", form, initiator="https://app.example.com/")
    assert [(step.method, step.status) for step in visitor.history[-2:]] == [("POST", 303), ("GET", 303)]
    assert (page.url.partition("?")[0], page.params) == (APP, {"state": "s&1"})


async def test_g1_g7_after_a_logout_nothing_of_the_session_is_left(site: Site, visitor: Visitor) -> None:
    online = await tokens_for(site, visitor=visitor, scope="openid profile")
    offline = await tokens_for(site, visitor=visitor)
    cookie = cookie_of(site, visitor)
    page = await visitor.get(f"{site.issuer}/logout?{urlencode({'id_token_hint': online['id_token']})}")
    assert page.has("logged-out")
    assert any(text.startswith("__Host-session=; Max-Age=0") for text in page.set_cookies)
    assert not await is_signed_in(site, cookie)
    async with http(site) as client:
        assert (await userinfo(site, client, online["access_token"])).status_code == 401
        assert (await refresh(site, client, offline["refresh_token"])).status_code == 200


async def test_a18_the_id_token_of_somebody_else_logs_nobody_out(site: Site, visitor: Visitor) -> None:
    theirs = await tokens_for(site, person="boris")
    await sign_in(site, visitor, person="ada")
    params = {"id_token_hint": theirs["id_token"], "post_logout_redirect_uri": APP}
    page = await visitor.get(f"{site.issuer}/logout?{urlencode(params)}", initiator="https://evil.example/")
    assert page.has("logout")
    assert await is_signed_in(site, cookie_of(site, visitor))


async def test_a10_what_a_logout_request_says_is_never_markup(site: Site, visitor: Visitor) -> None:
    await sign_in(site, visitor)
    cookie = cookie_of(site, visitor)
    names = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state", "logout_hint", "ui_locales")
    async with http(site) as client:
        for markup in MARKUP:
            answer = await client.get("/logout", params=dict.fromkeys(names, markup), headers=cookie)
            assert markup not in answer.text
            back = await client.get("/logout/done", params={"state": markup}, headers=cookie)
            assert markup not in back.text


async def test_g7_k7_an_app_that_was_down_is_told_although_the_broker_was_killed_meanwhile(
    site: Site, visitor: Visitor
) -> None:
    tokens = await tokens_for(site, visitor=visitor)
    page = await visitor.get(f"{site.issuer}/logout?{urlencode({'id_token_hint': tokens['id_token']})}")
    assert "does not answer yet" in page.text
    await asyncio.to_thread(site.kill)
    await asyncio.to_thread(site.start)
    port = int(site.config["clients"]["app"]["backchannel_logout_uri"].rpartition(":")[2].partition("/")[0])
    with listening(port) as app:
        form = await asyncio.to_thread(app.heard.get, timeout=60)
    assert form["logout_token"].count(".") == 2
