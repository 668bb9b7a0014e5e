"""Somebody at the demo, in Chromium: what they press and read, by ids that stand here and nowhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import Final

from playwright.sync_api import BrowserContext, Page, ViewportSize, expect

from broker.demo.upstreams.control import PersonOrder
from tests.browser.axe import violations
from tests.browser.conftest import World, update_readme_picture

PHONE: Final[ViewportSize] = {"width": 320, "height": 700}
_LOOKED_AT: Final[set[str]] = set()
"""Headings of pages that axe has seen; a page is looked at once, for it takes a while."""
_CYRILLIC: Final = re.compile("[А-Яа-яЁё]")


@dataclass(frozen=True, slots=True)
class Somebody:
    """One person in one browser. `key` is who they are at every upstream; `scripts`: whether pages may run theirs."""

    page: Page
    world: World
    key: str
    language: str
    scripts: bool

    @classmethod
    def new(cls, context: BrowserContext, world: World, key: str, language: str, *, scripts: bool) -> Somebody:
        """With an account at every upstream and none here, unless there is one under this key already."""
        order = PersonOrder(key=key, given_name="Grace", family_name="Hopper", email=f"{key}@gmail.com")
        for emulator in world.demo.emulators.values():
            world.tell(partial(emulator.control.add, order))
        page = context.new_page()
        page.set_viewport_size(PHONE)
        return cls(page, world, key, language, scripts)

    # --- looking ---

    def at(self, selector: str) -> None:
        """Wait for this; the page that has it is one that everybody can use, in the language of this browser."""
        page = self.page
        page.wait_for_selector(selector)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], page.url
        expect(page.locator("html")).to_have_attribute("lang", self.language)
        heading = page.inner_text("h1")
        assert bool(_CYRILLIC.search(heading)) is (self.language == "ru"), heading
        if self.scripts and heading not in _LOOKED_AT:
            _LOOKED_AT.add(heading)
            found = violations(page)
            assert found == [], f"{page.url.partition('?')[0]}: {found}"

    def picture(self, name: str) -> None:
        """Of this page on a larger phone, for the README."""
        self.page.set_viewport_size({"width": 412, "height": 860})
        update_readme_picture(self.page, f"{name}-{self.language}")
        self.page.set_viewport_size(PHONE)

    # --- at the app ---

    def ask_to_sign_in(self, provider: str) -> None:
        """From the app to this provider and back to us, or to the app."""
        self.page.goto(self.world.demo.sample)
        self.page.click("#login")
        self.at(f"#provider-{provider}")
        self.choose(provider)

    def choose(self, provider: str) -> None:
        """A button of a page with ways in, and the person at the upstream."""
        self.page.click(f"#provider-{provider}")
        self.page.click(f"#person-{self.key}")

    def arrive(self) -> str:
        """At the app, saying yes to what it asks for; the `sub` that it got."""
        self.page.wait_for_selector("#scope-openid, #claim-sub")
        if self.page.locator("#scope-openid").count():
            self.page.click("#allow")
        self.page.wait_for_selector("#claim-sub")
        return self.page.inner_text("#claim-sub").strip()

    def sign_in(self, provider: str) -> str:
        """Into the app, without a question about accounts; the `sub` that it got."""
        self.ask_to_sign_in(provider)
        return self.arrive()

    def sign_out(self) -> None:
        """Of the app and, with it, of us."""
        self.page.goto(self.world.demo.sample)
        self.page.click("#logout")
        self.page.wait_for_selector("#login")

    # --- at the account page ---

    def go_home(self) -> None:
        """To the account page."""
        self.page.goto(f"{self.world.issuer}/account")
        self.at("#ways")

    def ways(self) -> int:
        """How many ways in the account page shows."""
        return self.page.locator("[id^=way-]").count()

    def add(self, provider: str) -> None:
        """A way in, as far as our question."""
        self.page.click(f"#add-{provider}")
        self.page.wait_for_selector(f"#retry, #person-{self.key}")
        if self.page.locator("#retry").count():
            self.show_who_they_are()
            self.page.click("#yes")
        self.page.click(f"#person-{self.key}")
        self.at("#allow")

    def question(self, button: str) -> None:
        """What this button asks before it does anything; first who they are, where nobody asked them lately."""
        self.page.click(button)
        self.page.wait_for_selector("#retry, #what-happens")
        if self.page.locator("#retry").count():
            self.show_who_they_are()
        self.at("#what-happens")

    def show_who_they_are(self) -> None:
        """They are asked to sign in once more, do, and are back at what they were about to do."""
        self.at("#retry")
        self.page.click("#retry")
        with self.page.expect_navigation(url=f"{self.world.issuer}/account/**"):
            self.page.click(f"#person-{self.key}")
        self.at("#yes")

    def answer(self, yes: bool) -> None:
        """Our question, and back at the account page."""
        self.page.click("#allow" if yes else "#deny")
        self.at("#ways")

    def remove(self, provider: str) -> None:
        """A way in, as far as what comes of it."""
        entry = self.page.locator(".entry", has=self.page.locator(f"img[src*='/{provider}.']"))
        self.question(f"#{entry.locator('[id^=unlink-]').get_attribute('id')}")
        self.page.click("#yes")

    def notice(self) -> str:
        """What the page says was done."""
        self.at("#notice")
        return self.page.inner_text("#notice")
