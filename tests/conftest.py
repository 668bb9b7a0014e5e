"""What every test may ask for."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Modules of conformance hold the assertions, and tests of other kinds import them, too, whichever comes first.
pytest.register_assert_rewrite("tests.conformance")

# Hundreds of processes are started here, and half of what an unprepared one computes before it answers is compiling. So
# what was compiled is kept, as everywhere but in environments that say otherwise, here and in everything started.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# How long one example takes says how busy the machine is, and nothing about the code.
settings.register_profile("calm", deadline=None)
settings.load_profile("calm")

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""A browser for root in a container that asks nobody else for anything."""


@pytest.fixture
def anyio_backend() -> str:
    """One event loop kind: the one that runs in production (uvloop is a faster asyncio)."""
    return "asyncio"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; a machine without it fails here rather than skipping what only a browser can show."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only browser tests pay for it

    path = shutil.which("chromium")
    assert path is not None, "apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        browser.close()
