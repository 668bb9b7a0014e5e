"""Threats B: the way to an upstream and back belongs to one browser, one attempt, one time."""

from __future__ import annotations

import asyncio
import html
from itertools import permutations
from urllib.parse import urlencode, urlsplit

import pytest

from broker.demo.visitor import Visitor
from tests.threats.journeys import (
    ELSEWHERE,
    authorize_url,
    back,
    http,
    new_visitor,
    query_of,
    redeem,
    request_for,
    sign_in,
    tokens_for,
    until_callback,
    userinfo,
)
from tests.threats.site import CANARY, Site
from tests.threats.tours import issued
from tests.threats.vectors import MARKUP

pytestmark = pytest.mark.anyio


def asked(site: Site, provider: str = "google", path: str = "/token") -> int:
    """How many token requests an upstream has seen."""
    return sum(entry["path"] == path for entry in site.emulators[provider].log())


async def test_b1_a_callback_in_another_browser_is_refused_and_the_state_is_burnt(site: Site, visitor: Visitor) -> None:
    callback = await until_callback(site, visitor, person="zoe")
    before = issued(site)
    async with new_visitor() as other:
        page = await other.get(callback)
        assert (page.status, page.set_cookies) == (400, page.set_cookies)
        assert not any("__Host-session" in cookie for cookie in page.set_cookies)
        assert "code=" not in page.text
    assert (await visitor.get(callback)).status == 400, "the state has leaked; it is dead for its owner too"
    assert asked(site) == 0
    assert issued(site) == before


async def test_b1_a_browser_with_a_session_of_its_own_is_no_exception(site: Site, visitor: Visitor) -> None:
    callback = await until_callback(site, visitor, person="boris")
    async with new_visitor() as victim:
        await sign_in(site, victim, person="ada")
        page = await victim.get(callback)
        assert page.status == 400
        silent = await victim.get(authorize_url(site, prompt="none"))
        tokens = await tokens_for(site, visitor=victim)
    assert "code" in back(silent)
    async with http(site) as client:
        assert (await userinfo(site, client, tokens["access_token"])).json()["given_name"] == "Ada"


async def test_b2_of_fifty_callbacks_at_once_one_reaches_the_upstream(site: Site, visitor: Visitor) -> None:
    callback = await until_callback(site, visitor)
    cookies = visitor.cookies.header(callback, method="GET", initiator=None)
    async with http(site, headers={"Cookie": cookies}) as client:
        answers = await asyncio.gather(*(client.get(callback) for _ in range(50)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [303] + [400] * 49
    assert asked(site) == 1


async def test_b7_a_code_of_another_attempt_does_not_fit(site: Site, visitor: Visitor) -> None:
    for provider in ("google", "vk", "yandex", "telegram"):
        async with new_visitor() as attacker:
            theirs = query_of(await until_callback(site, attacker, provider, person="boris"))
        mine = await until_callback(site, visitor, provider)
        injected = {**query_of(mine), "code": theirs["code"]}
        page = await visitor.get(f"{mine.partition('?')[0]}?{urlencode(injected)}")
        assert page.status == 502, f"{provider}: {page.url}"


async def test_b10_nothing_happens_unasked(site: Site) -> None:
    before = issued(site)
    places = [f"/callback/{name}" for name in site.config["providers"]]
    places += ["/callback/google/AAAA", "/consent", "/enter/telegram/app", "/enter/google/app"]
    forged: tuple[dict[str, str], ...] = (
        {},
        {"code": "x"},
        {"code": "x", "state": ""},
        {"code": "x", "state": "x"},
        {"code": "x", "state": "A" * 43},
        {"access_token": "x", "session_secret_key": "a" * 32},
        {"id": "1", "auth_date": "1", "hash": "a" * 64},
        {"ticket": "x", "answer": "allow"},
        {"answer": "allow"},
        {"fragment": "access_token=x&state=y"},
        {"payload": "{}"},
    )
    async with http(site) as client:
        for place in places:
            for params in forged:
                got, posted = await client.get(place, params=params), await client.post(place, data=params)
                for answer in (got, posted):
                    landing = answer.status_code == 200 and 'id="fragment-form"' in answer.text and not params
                    assert answer.status_code in {400, 403, 415} or landing, f"{place} {params} {answer.status_code}"
                    assert "__Host-session" not in answer.headers.get("set-cookie", "")
                    assert "location" not in answer.headers
    assert issued(site) == before
    assert all(emulator.log() == [] for emulator in site.emulators.values())


async def test_b15_no_parameter_chooses_where_a_login_ends(site: Site, visitor: Visitor) -> None:
    evil = ("//evil.test", "/\\evil.test", "%2f%2fevil.test", "https:evil.test", "/%09/evil.test", "https://evil.test")
    names = ("next", "return_to", "returnTo", "redirect", "url", "continue", "RelayState", "target_link_uri", "rd")
    for target in evil:
        callback = await until_callback(site, visitor, prompt="login", **dict.fromkeys(names, target))
        page = await visitor.get(f"{callback}&{urlencode(dict.fromkeys(names, target))}")
        assert page.url.startswith(f"{site.redirect_uri()}?code=")
        assert "evil" not in page.url


async def test_b16_an_error_is_never_success_and_never_markup(site: Site, visitor: Visitor) -> None:
    for provider in ("google", "vk", "yandex", "telegram", "ok"):
        callback = await until_callback(site, visitor, provider, prompt="login")
        page = await visitor.get(f"{callback}&error=access_denied&error_description={MARKUP[0]}")
        assert page.status == 403
        assert MARKUP[0] not in page.text
        assert html.escape(MARKUP[0]) not in page.text, "an upstream's words are not ours"
        paths = {str(entry["path"]) for entry in site.emulators[site.config["providers"][provider]["type"]].log()}
        assert not paths & {"/token", "/oauth2/auth", "/oauth/token.do"}


async def test_b18_only_the_cookie_of_this_attempt_travels_across_sites(site: Site, visitor: Visitor) -> None:
    page = await sign_in(site, visitor)
    kept = [cookie for page in visitor.pages for cookie in page.set_cookies if page.url.startswith(site.issuer)]
    flow = [cookie for cookie in kept if cookie.startswith("__Host-flow-") and "Max-Age=0" not in cookie]
    assert flow
    assert all("SameSite=None; " in f"{cookie}; " for cookie in flow)
    assert all("Max-Age=600" in cookie for cookie in flow)
    rest = [cookie for cookie in kept if not cookie.startswith("__Host-flow-")]
    assert rest
    assert all("SameSite=Lax" in cookie for cookie in rest)
    assert all({"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; ")) for cookie in kept)
    assert page.status == 0


async def test_b18_a_cross_site_post_needs_the_cookie_of_its_own_state(site: Site, visitor: Visitor) -> None:
    callback = await until_callback(site, visitor, "ok-client")
    fields = {"fragment": urlsplit(callback).fragment}
    bare = callback.partition("#")[0]
    async with new_visitor() as other:
        await until_callback(site, other, "ok-client")
        # Both have a cookie of an attempt of their own; it is the wrong one for this state.
        assert (await other.post(bare, fields, initiator="https://connect.ok.ru/x")).status == 400
    second = await until_callback(site, visitor, "ok-client")
    fields = {"fragment": urlsplit(second).fragment}
    page = await visitor.post(bare, fields, initiator=site.emulators["ok"].url)
    assert page.url.startswith(f"{site.redirect_uri()}?code="), f"{page.status} {page.title}"


async def test_b19_three_tabs_end_each_where_it_began(site: Site) -> None:
    tabs = (("google", "app"), ("yandex", "second"), ("vk", "spa"))
    for order in permutations(range(3)):
        async with new_visitor() as visitor:
            states = [f"state-{tab}-{''.join(map(str, order))}" for tab in range(3)]
            callbacks = [
                await until_callback(site, visitor, provider, client_id, state=states[tab], prompt="login")
                for tab, (provider, client_id) in enumerate(tabs)
            ]
            for tab in order:
                page = await visitor.get(callbacks[tab])
                assert page.url.startswith(f"{site.redirect_uri(tabs[tab][1])}?code=")
                assert back(page)["state"] == states[tab]


async def test_b20_upstream_tokens_go_nowhere(site: Site) -> None:
    seen = b""
    for provider in site.config["providers"]:
        async with new_visitor() as visitor:
            page = await sign_in(site, visitor, idp_hint=provider)
            page = await visitor.click("new") if page.has("new") else page  # asked for an account they may have
            async with http(site) as client:
                tokens = await redeem(site, client, back(page)["code"])
                claims = await userinfo(site, client, tokens.json()["access_token"])
            pages = [p for p in visitor.pages if p.url.startswith(site.issuer)]
            seen += b"".join(f"{p.text}{dict(p.headers)}{p.set_cookies}".encode() for p in pages)
            seen += tokens.content + claims.content + page.url.encode()
    given = [entry for emulator in site.emulators.values() for entry in emulator.log()]
    assert sum(CANARY in str(entry) for entry in given) >= 8, "the canary must have been on the wire"
    assert CANARY.encode() not in seen
    assert CANARY.encode() not in site.database_bytes()
    assert CANARY.encode() not in site.log_bytes()


async def test_b22_a_changed_flow_cookie_opens_nothing(site: Site) -> None:
    async with new_visitor() as probe:
        await until_callback(site, probe)
        length = len(flow_cookie(site, probe)[1])
    positions = {*range(16), *range(16, length, length // 24), length - 1}
    for position in sorted(positions):
        async with new_visitor() as visitor:
            callback = await until_callback(site, visitor)
            name, value = flow_cookie(site, visitor)
            async with http(site) as client:
                answer = await client.get(callback, headers={"Cookie": f"{name}={flipped(value, position)}"})
                assert answer.status_code == 400, position
    assert asked(site) == 0


def flow_cookie(site: Site, visitor: Visitor) -> tuple[str, str]:
    """Name and value of the one attempt a browser keeps."""
    (cookie,) = (c for c in visitor.cookies.sent_to(site.issuer) if c.name.startswith("__Host-flow-"))
    return cookie.name, cookie.value


def flipped(text: str, position: int) -> str:
    """The text with one character changed to another of its alphabet."""
    return text[:position] + ("B" if text[position] == "A" else "A") + text[position + 1 :]


async def test_b22_a_changed_token_ticket_or_session_is_nobodys(site: Site, visitor: Visitor) -> None:
    tokens = await tokens_for(site, visitor=visitor)
    page = await visitor.get(authorize_url(site, "shop", prompt="consent"))
    ticket = next(form.fields["ticket"] for form in page.markup.forms if "ticket" in form.fields)
    session = next(c.value for c in visitor.cookies.sent_to(site.issuer) if c.name == "__Host-session")
    access = tokens["access_token"]
    async with http(site) as client:
        for position in range(0, len(access), 3):
            assert (await userinfo(site, client, flipped(access, position))).status_code == 401
        for position in range(0, len(ticket), 7):
            form = {"ticket": flipped(ticket, position), "answer": "allow"}
            answer = await client.post("/consent", data=form, headers={"Cookie": f"__Host-session={session}"})
            assert answer.status_code == 403
        for position in range(len(session)):
            headers = {"Cookie": f"__Host-session={flipped(session, position)}"}
            answer = await client.get("/authorize", params=request_for(site, prompt="none"), headers=headers)
            assert "error=login_required" in answer.headers["location"]
    assert visitor.stops == ELSEWHERE
