"""Ways in that people add and take away, at a broker that may be killed meanwhile; see `tests.threats.killed_lives`."""

from __future__ import annotations

from typing import Any, Final

import httpx2

from broker.demo.visitor import Page, Visitor
from tests.threats.journeys import authorize_url, http, new_visitor, redeem, request_for
from tests.threats.site import Site

SHOP: Final = "shop"  # asks for consent
MANAGER: Final = "app"  # may take ways in away
FIRST, SECOND = "google", "vk"


def allow(config: dict[str, Any]) -> None:
    """Whoever comes by the second way is asked for the account they have, an app may take ways in away, none waits."""
    config["providers"][SECOND]["linking"] = "confirm"
    config["clients"][MANAGER]["scopes"] += ["identities.manage"]
    config["accounts"] = {"deletion_wait": "0s"}


async def arrive(site: Site, visitor: Visitor, url: str, person: str, provider: str) -> Page:
    """By this address to the upstream, where they are `person`, and back."""
    upstream = site.emulators[provider].url
    before, visitor.stops = visitor.stops, (*visitor.stops, upstream)
    page = await visitor.get(url)
    visitor.stops = before
    if page.url.startswith(upstream):  # chosen at once: a list of the whole crowd would be long
        page = await visitor.get(f"{page.url}&_person={person}", initiator=page.url)
    return page


async def sign_in(site: Site, visitor: Visitor, person: str, provider: str = FIRST, **changes: str) -> Page:
    """A login, and a yes to whatever an app asks."""
    url = authorize_url(site, SHOP, idp_hint=provider, **changes)
    return await _agree(visitor, await arrive(site, visitor, url, person, provider))


async def join(site: Site, visitor: Visitor, person: str, *, merging: bool) -> Page:
    """Whoever is logged in by the first way comes by the second: it is added to their account.

    `merging`: it gets an account of its own before, in another browser, and that becomes part of the other.
    """
    page = await sign_in(site, visitor, person, SECOND, prompt="login")
    assert page.has("new"), f"{page.status} {page.url} {page.title}"
    known = page.markup.links[f"provider-{FIRST}"]
    if merging:
        await seen_by(site, person)
    page = await arrive(site, visitor, known, person, FIRST)
    assert (page.has("moves"), page.has("deny")) == (merging, True), f"{page.status} {page.url} {page.title}"
    return await _agree(visitor, await visitor.click("allow"))


async def part(site: Site, client: httpx2.AsyncClient, cookie: str) -> None:
    """Whoever holds this session cookie has the second way taken away."""
    asked = request_for(site, MANAGER, prompt="none", scope="openid identities identities.manage offline_access")
    answer = await client.get("/authorize", params=asked, headers={"Cookie": f"__Host-session={cookie}"})
    code = httpx2.URL(answer.headers["location"]).params["code"]
    token = (await redeem(site, client, code, MANAGER)).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    ways = (await client.get("/identities", headers=headers)).json()["identities"]
    (handle,) = [way["id"] for way in ways if way["provider"] == SECOND]
    answer = await client.delete(f"/identities/{handle}", headers=headers)
    assert answer.status_code == 204, answer.text


async def leave(site: Site, visitor: Visitor) -> None:
    """Whoever is logged in has their account deleted."""
    page = await visitor.get(f"{site.issuer}/account/delete")
    page = await visitor.click("yes")
    assert page.has("done"), f"{page.status} {page.url} {page.title}"


async def seen_by(site: Site, person: str, provider: str = SECOND) -> str:
    """The ID token that an app gets of somebody who comes this way, in a browser that was never here."""
    async with new_visitor() as visitor, http(site) as client:
        page = await sign_in(site, visitor, person, provider)
        answer = await redeem(site, client, page.params["code"], SHOP)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id_token"])


async def _agree(visitor: Visitor, page: Page) -> Page:
    return await visitor.click("allow") if page.has("allow") else page
