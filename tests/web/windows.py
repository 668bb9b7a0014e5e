"""The window of an app in a browser inside it, and the browser in which somebody signs in for it, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx2

from tests.web.device_flow import enter, read, say
from tests.web.public_app import PublicApp

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
ANDROID = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP2A.240705.005; wv) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Version/4.0 Chrome/126.0.6478.71 Mobile Safari/537.36"
)
ORDINARY = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Mobile "
    "Safari/537.36"
)


@dataclass
class Window:
    """A browser inside an app, which has a jar of its own; what its page says."""

    site: PublicApp
    jar: httpx2.Cookies
    ticket: str
    code: str

    @classmethod
    async def open_(cls, site: PublicApp, **changed: str) -> Window:
        """It asked for the address and the code."""
        site.browser.cookies.clear()
        site.browser.headers["user-agent"] = IPHONE
        chooser = read(await site.authorize(idp_hint="alpha", **changed))
        (form,) = chooser.found("form")
        started = await press(site, form["action"])
        assert started.status_code == 303, started.text
        page = await site.browser.get(started.headers["location"])
        assert page.status_code == 200, page.text
        ticket = parse_qs(urlsplit(started.headers["location"]).query)["ticket"][0]
        code = unescape(page.text.split('id="code" dir="ltr">')[1].split("<")[0])
        window = cls(site, httpx2.Cookies(site.browser.cookies), ticket, code)
        site.browser.cookies.clear()
        site.browser.headers["user-agent"] = ORDINARY
        return window

    @contextmanager
    def here(self) -> Iterator[httpx2.AsyncClient]:
        """The browser of the window, while the other one keeps what it has."""
        browser, there = self.site.browser, httpx2.Cookies(self.site.browser.cookies)
        browser.cookies = self.jar
        yield browser
        self.jar = httpx2.Cookies(browser.cookies)
        browser.cookies = there

    async def show(self) -> httpx2.Response:
        """Its page, loaded again."""
        with self.here() as browser:
            return await browser.get("/elsewhere", params={"ticket": self.ticket})

    async def type_(self, number: str) -> httpx2.Response:
        """Type the number into it."""
        with self.here() as browser:
            return await browser.post("/elsewhere/done", data={"ticket": self.ticket, "number": number})


async def press(site: PublicApp, action: str) -> httpx2.Response:
    """A form without fields, as browsers send it."""
    return await site.browser.post(action, headers={"content-type": "application/x-www-form-urlencoded"})


async def ask(site: PublicApp, code: str, name: str = "alpha") -> str:
    """The address of the question in the other browser, after the code, the choice and a login."""
    entered = await enter(site, code)
    assert entered.status_code == 303, entered.text
    chooser = await site.browser.get(entered.headers["location"])
    assert chooser.status_code == 200, chooser.text
    left = await site.browser.get(unescape(chooser.text.split(f'id="provider-{name}" href="')[1].split('"')[0]))
    assert left.status_code == 303
    back = await site.browser.get(site.callback(name))
    assert back.status_code == 303, back.text
    location: str = back.headers["location"]
    assert urlsplit(location).path == "/device/confirm"
    return location


async def allow(site: PublicApp, code: str) -> str:
    """Say yes in the other browser; the number it shows."""
    done = await say(site, await ask(site, code))
    assert done.status_code == 200, done.text
    number: str = done.text.split('id="number" dir="ltr">')[1].split("<")[0]
    return number
