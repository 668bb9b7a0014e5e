"""A visitor without a browser: cookies, redirects, forms and fragments as Chromium handles them in a login.

It follows redirects, meta refreshes to other pages, forms that a script would submit, and hands a fragment to our
landing page as that page's script would. End-to-end tests drive it where rendering does not matter.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from broker.demo.cookies import CookieJar
from broker.demo.markup import Form, Markup, parse_markup

_MOST_STEPS: Final = 25
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_ACCEPT: Final = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


class LocalhostResolver(AbstractResolver):
    """`*.localhost` is this machine, as in browsers (RFC 6761 section 6.3); glibc does not know that."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """127.0.0.1 for a loopback name; OSError for every other, so that a test cannot reach the network."""
        if host != "localhost" and not host.endswith(".localhost"):
            raise OSError(f"the visitor stays on this machine and does not look up {host}")
        return [
            ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0),
        ]

    async def close(self) -> None:
        """Nothing to close."""


@dataclass(frozen=True, slots=True)
class Page:
    """Where the visitor is. `url` holds the fragment; `status` 0 means a navigation that was stopped on purpose."""

    status: int
    url: str
    text: str
    headers: Mapping[str, str]
    markup: Markup
    set_cookies: tuple[str, ...] = ()

    @property
    def params(self) -> dict[str, str]:
        """The query parameters of the page's address."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))

    @property
    def fragment(self) -> str:
        """What follows `#`, undecoded."""
        return urlsplit(self.url).fragment

    @property
    def title(self) -> str:
        """The text of the title element."""
        return self.markup.title.strip()

    def has(self, identifier: str) -> bool:
        """Whether an element with this id is on the page."""
        return identifier in self.markup.attributes

    def text_of(self, identifier: str) -> str:
        """The text inside the element with this id, white space collapsed."""
        return " ".join(self.markup.texts[identifier].split())

    def form(self, identifier: str) -> Form:
        """The form with this id; raises LookupError."""
        for form in self.markup.forms:
            if form.id == identifier:
                return form
        raise LookupError(f"no form #{identifier} at {self.url}; there are {[f.id for f in self.markup.forms]}")


@dataclass(frozen=True, slots=True)
class Step:
    """One request that the visitor made."""

    method: str
    url: str
    status: int


@dataclass(frozen=True, slots=True)
class _Move:
    """The next request. `initiator` is the page that causes it, None for the address bar."""

    method: str
    url: str
    form: tuple[tuple[str, str], ...] = ()
    initiator: str | None = None


class Visitor:
    """One browser profile.

    `scripts`: whether pages' scripts run (forms that submit themselves, fragments handed over). `stops`: prefixes of
    URLs at which a navigation ends without a request, for apps that exist only in a test. `languages`: the value of
    Accept-Language. `tls`: whose certificates are believed; the system's authorities by default. `resolver`: where the
    hosts are. `history` and `pages` are every request made and every answer to one. Use as an async context manager.
    """

    def __init__(
        self,
        *,
        scripts: bool = True,
        stops: tuple[str, ...] = (),
        languages: str = "en",
        now: Callable[[], float] = time.time,
        headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self.scripts = scripts
        self.stops = stops
        self.languages = languages
        self.headers = dict(headers or {})
        self.tls = tls
        self.resolver = resolver or LocalhostResolver()
        self.cookies = CookieJar(now)
        self.history: list[Step] = []
        self.pages: list[Page] = []
        self._page: Page | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=self.resolver, ssl=self.tls or True),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=30),
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def page(self) -> Page:
        """Where the visitor is now; raises LookupError before the first visit."""
        if self._page is None:
            raise LookupError("the visitor has not been anywhere yet")
        return self._page

    async def get(self, url: str, *, initiator: str | None = None) -> Page:
        """Type `url` into the address bar, or follow it from the page `initiator`."""
        return await self._go(_Move("GET", url, initiator=initiator))

    async def post(self, url: str, fields: Mapping[str, str], *, initiator: str | None = None) -> Page:
        """A form of the page `initiator` (None: of the same site) posts `fields` to `url`."""
        return await self._go(_Move("POST", url, tuple(fields.items()), initiator))

    async def click(self, identifier: str) -> Page:
        """Follow the link, or press the submit button, with this id; raises LookupError."""
        page = self.page
        if identifier in page.markup.links:
            return await self._go(_Move("GET", page.markup.links[identifier], initiator=page.url))
        for form in page.markup.forms:
            if identifier in form.buttons:
                name, value = form.buttons[identifier]
                return await self._submit(form, {name: value} if name else {})
        raise LookupError(f"nothing to click with id {identifier!r} at {page.url}\n{page.text[:2000]}")

    async def submit(self, identifier: str, **fields: str) -> Page:
        """Fill `fields` into the form with this id and submit it."""
        return await self._submit(self.page.form(identifier), fields)

    async def _submit(self, form: Form, fields: Mapping[str, str]) -> Page:
        return await self._go(_submission(form, {**form.fields, **fields}, self.page.url))

    async def _go(self, move: _Move) -> Page:
        for _ in range(_MOST_STEPS):
            if move.url.startswith(self.stops) or not move.url.startswith(("http://", "https://")):
                self._page = Page(0, _with_query(move), "", {}, Markup())
                return self._page
            self._page = await self._fetch(move)
            self.pages.append(self._page)
            following = self._next(move, self._page)
            if following is None:
                return self._page
            move = following
        raise RuntimeError(f"more than {_MOST_STEPS} steps: " + " -> ".join(s.url for s in self.history[-_MOST_STEPS:]))

    async def _fetch(self, move: _Move) -> Page:
        if self._session is None:
            raise RuntimeError("use the visitor in `async with`")
        address = move.url.partition("#")[0]
        headers = {"Accept": _ACCEPT, "Accept-Language": self.languages, "User-Agent": "Visitor/1", **self.headers}
        cookie = self.cookies.header(address, method=move.method, initiator=move.initiator)
        if cookie:
            headers["Cookie"] = cookie
        if move.method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            headers["Origin"] = _origin(move.initiator or address)
        async with self._session.request(
            move.method,
            URL(address, encoded=True),
            headers=headers,
            data=urlencode(move.form) if move.method == "POST" else None,
            allow_redirects=False,
        ) as answer:
            text = await answer.text(errors="replace")
            set_cookies = tuple(answer.headers.getall("Set-Cookie", []))
            self.cookies.store(address, set_cookies)
            self.history.append(Step(move.method, move.url, answer.status))
            html = "html" in answer.headers.get("Content-Type", "")
            markup = parse_markup(address, text) if html else Markup()
            return Page(answer.status, move.url, text, answer.headers.copy(), markup, set_cookies)

    def _next(self, move: _Move, page: Page) -> _Move | None:
        location = page.headers.get("Location")
        if page.status in _REDIRECTS and location:
            return _redirected(move, page, location)
        if page.markup.refresh not in {"", page.url}:  # a page that loads itself anew is left as it is
            return _Move("GET", page.markup.refresh, initiator=page.url)
        if self.scripts:
            return _scripted(page)
        return None


def _redirected(move: _Move, page: Page, location: str) -> _Move:
    """A fragment survives a redirect that names none (RFC 9110 section 10.2.2)."""
    target = urljoin(page.url, location)
    if page.fragment and "#" not in target:
        target = f"{target}#{page.fragment}"
    if page.status in {307, 308}:
        return replace(move, url=target)
    return _Move("GET", target, initiator=move.initiator)


def _scripted(page: Page) -> _Move | None:
    """What the scripts of our own pages do: fragment.js hands the fragment over, form_post submits itself."""
    for form in page.markup.forms:
        answers = {"state", "tgAuthResult", "tgWebAppData"} & dict(parse_qsl(page.fragment)).keys()
        if form.id == "fragment-form" and answers:
            return _submission(form, {**form.fields, "fragment": page.fragment}, page.url)
        if form.id == "answer":
            return _submission(form, form.fields, page.url)
    return None


def _submission(form: Form, fields: Mapping[str, str], initiator: str) -> _Move:
    if form.method == "POST":
        return _Move("POST", form.action, tuple(fields.items()), initiator)
    return _Move("GET", form.action.partition("?")[0] + "?" + urlencode(fields), initiator=initiator)


def _with_query(move: _Move) -> str:
    """A stopped POST shows its fields in the query, so that a test can read them from `page.params`."""
    return move.url if not move.form else f"{move.url}{'&' if '?' in move.url else '?'}{urlencode(move.form)}"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
