"""The whole demo, moved to free ports, and Debian's Chromium in front of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from broker.config.load import load_text
from broker.demo.emulation import with_all
from broker.demo.run import Demo, running
from broker.demo.upstreams import Emulator
from broker.registry import settings_class
from tests.demo.test_demo_run import ANY_PORT, ROOT, moved_config

ARTIFACTS = ROOT / "artifacts" / "browser"
LOCALES = {"ru": "ru-RU", "en": "en-US"}


@dataclass(frozen=True, slots=True)
class World:
    """The demo as tests see it, driven from another thread."""

    demo: Demo
    loop: asyncio.AbstractEventLoop

    @property
    def issuer(self) -> str:
        """The broker's address."""
        return self.demo.config.issuer

    def emulator(self, kind: str) -> Emulator:
        """The emulated upstream of this type; change it through `tell` only."""
        return self.demo.emulators[kind]

    def tell(self, action: Callable[[], object]) -> None:
        """Run something on the demo's own loop."""

        async def run() -> None:
            action()

        asyncio.run_coroutine_threadsafe(run(), self.loop).result(timeout=10)


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """One demo for all browser tests; every test brings a fresh browser profile."""
    with opened_demo() as opened:
        yield opened


@contextlib.contextmanager
def opened_demo(old: str = "", new: str = "") -> Iterator[World]:
    """The demo, with one change of its configuration."""
    text = moved_config()
    assert not old or text.count(old) == 1
    with running_world(text.replace(old, new)) as opened:
        yield opened


@contextlib.contextmanager
def running_world(text: str, issuer: str = "", *, everything: bool = False) -> Iterator[World]:
    """The demo of this configuration; `issuer` in place of the one there, which has to be on this machine.

    `everything`: with every service that is emulated, as `broker demo --all` has them.
    """
    config = load_text(_for_a_crowd(text), "config.yaml", settings_class, environ={}, base=ROOT).config
    config = config.model_copy(update={"issuer": issuer or config.issuer})
    config = with_all(config) if everything else config
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="demo", daemon=True)
    thread.start()
    stack = contextlib.AsyncExitStack()
    try:
        opening = stack.enter_async_context(running(config, ports=ANY_PORT))
        yield World(asyncio.run_coroutine_threadsafe(opening, loop).result(timeout=60), loop)
    finally:
        asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result(timeout=60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=60)
        loop.close()


def _for_a_crowd(text: str) -> str:
    """Every test's person comes from this one address: what one of them may do in a minute, a fast suite has done."""
    for limit in ("login_start", "callback", "account"):
        assert text.count(f"  {limit}: 120/min") == 1
        text = text.replace(f"  {limit}: 120/min", f"  {limit}: 6000/min")
    return text


@pytest.fixture(autouse=True)
def _clean_upstreams(world: World) -> Iterator[None]:
    yield
    for emulator in world.demo.emulators.values():
        world.tell(emulator.control.clear)


@pytest.fixture
def profile(chromium: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Makes a fresh browser profile: language, with or without scripts, phone-sized, light or dark."""
    made: list[BrowserContext] = []

    def make(language: str = "en", *, scripts: bool = True, dark: bool = False) -> BrowserContext:
        context = chromium.new_context(
            locale=LOCALES[language],
            java_script_enabled=scripts,
            color_scheme="dark" if dark else "light",
            viewport={"width": 412, "height": 860},
            reduced_motion="reduce",
        )
        context.set_default_timeout(15_000)
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()


@pytest.fixture
def picture() -> Callable[[Page, str], None]:
    """Keeps a screenshot as an artefact of the run."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str) -> None:
        page.screenshot(path=ARTIFACTS / f"{name}.png")

    return take


def update_readme_picture(page: Page, name: str) -> None:
    """With BROKER_README_PICTURES=1 the pictures of the README are made anew."""
    if os.environ.get("BROKER_README_PICTURES") == "1":
        page.screenshot(path=Path(ROOT) / "docs" / "images" / f"{name}.png")
