"""Every way in at which an upstream's answer is believed: a login, a link, the question before an account is made, a
step-up.

A check that stands in one of them alone would be walked around at the next: what is refused is refused at each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode, urlsplit

from broker.demo.visitor import Page, Visitor
from tests.threats.journeys import ELSEWHERE, authorize_url, back, new_visitor, sign_in, walk
from tests.threats.site import Site

STRANGERS: Final = "strangers"
"""The provider instance where everybody is new for ever, and is asked whether they have an account."""
_SAME_PEOPLE: Final = {"widget": "telegram"}
"""By which instance somebody comes beforehand: replies of the widget in one second are one reply, which counts once."""
SetOut = Callable[[Site, Visitor, str, str], Awaitable[Page]]


@dataclass(frozen=True, slots=True)
class Way:
    """One of them. `arrival`: the path of ours where the browser is once an answer was believed, "" for the app."""

    name: str
    arrival: str
    set_out: SetOut

    async def until_callback(self, site: Site, visitor: Visitor, provider: str, person: str = "ada") -> str:
        """The address of the callback with the upstream's answer, not yet visited; cookies are the visitor's."""
        page = await self.set_out(site, visitor, provider, person)
        before, visitor.stops = visitor.stops, (*ELSEWHERE, f"{site.issuer}/callback/")
        page = await walk(page, visitor, person) if page.status else page
        visitor.stops = before
        assert page.url.startswith(f"{site.issuer}/callback/"), f"{self.name}: {page.url} {page.status} {page.title}"
        return page.url

    def believed(self, site: Site, page: Page) -> bool:
        """Whether the answer led to where this way goes on."""
        if not self.arrival:
            return "code" in back(page)
        return page.status == 200 and urlsplit(page.url).path == self.arrival

    def __str__(self) -> str:
        return self.name


async def depart(site: Site, visitor: Visitor, url: str) -> Page:
    """Off to an upstream, and no further than its page or, where it asks nothing, its answer."""
    before, visitor.stops = visitor.stops, (*ELSEWHERE, f"{site.issuer}/callback/")
    page = await visitor.get(url)
    visitor.stops = before
    return page


async def know(site: Site, provider: str, person: str) -> None:
    """This identity has an account."""
    async with new_visitor() as earlier:
        page = await sign_in(site, earlier, person=person, idp_hint=_SAME_PEOPLE.get(provider, provider))
        assert "code" in back(page), f"{page.url} {page.status} {page.title}"


async def at_home(site: Site, visitor: Visitor, provider: str, person: str) -> Page:
    """Signed in at the account page."""
    await know(site, provider, person)
    provider = _SAME_PEOPLE.get(provider, provider)
    page = await walk(await visitor.get(f"{site.issuer}/account/login?idp_hint={provider}"), visitor, person)
    assert (page.status, urlsplit(page.url).path) == (200, "/account"), f"{page.url} {page.title}"
    return page


async def _login(site: Site, visitor: Visitor, provider: str, person: str) -> Page:
    return await depart(site, visitor, authorize_url(site, idp_hint=provider, prompt="login"))


async def _link(site: Site, visitor: Visitor, provider: str, person: str) -> Page:
    """Somebody who came another way adds this one at their account page."""
    await know(site, provider, person)
    await at_home(site, visitor, "google-two" if provider != "google-two" else "yandex", "boris")
    return await add(site, visitor, provider)


async def add(site: Site, visitor: Visitor, provider: str) -> Page:
    """The button of the account page that adds this way in."""
    page = await visitor.get(f"{site.issuer}/account")
    before, visitor.stops = visitor.stops, (*ELSEWHERE, f"{site.issuer}/callback/")
    page = await visitor.click(f"add-{provider}")
    visitor.stops = before
    return page


async def _join(site: Site, visitor: Visitor, provider: str, person: str) -> Page:
    """Somebody new says that they have an account, and which way leads into it."""
    await know(site, provider, person)
    question = await asked(site, visitor)
    return await depart(site, visitor, question.markup.links[f"provider-{provider}"])


async def asked(site: Site, visitor: Visitor, person: str = "boris") -> Page:
    """The question whether somebody new has an account, in a browser that knows another way in."""
    await sign_in(site, visitor, person="boris", idp_hint="google-two", prompt="login")
    page = await sign_in(site, visitor, person=person, idp_hint=STRANGERS, prompt="login")
    assert (page.status, urlsplit(page.url).path) == (200, "/join"), f"{page.url} {page.title}"
    return page


async def _step_up(site: Site, visitor: Visitor, provider: str, person: str) -> Page:
    """Somebody at home shows again that it is them, before they delete their account."""
    await at_home(site, visitor, provider, person)
    query = urlencode({"idp_hint": provider, "then": "delete"})
    return await depart(site, visitor, f"{site.issuer}/account/login?{query}")


ADD: Final = Way("add", "/account/link", lambda site, visitor, provider, _: add(site, visitor, provider))
"""The button of the account page, for whoever is signed in there already."""
LOGIN: Final = Way("login", "", _login)
LINK: Final = Way("link", "/account/link", _link)
JOIN: Final = Way("join", "/account/link", _join)
STEP_UP: Final = Way("step-up", "/account/delete", _step_up)
WAYS: Final = (LOGIN, LINK, JOIN, STEP_UP)
