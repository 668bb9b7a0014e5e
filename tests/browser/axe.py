"""Accessibility: what axe-core, which others wrote, finds wrong with a page as a browser shows it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from playwright.sync_api import Page

_SOURCE: Final = Path(__file__).parents[1] / "interop" / "node_modules" / "axe-core" / "axe.min.js"
_RUN: Final = """async () => {
  const found = await axe.run(document, {resultTypes: ['violations'], elementRef: false});
  return found.violations.flatMap(one => one.nodes.map(node => `${one.id}: ${node.target} ${node.failureSummary}`));
}"""


@cache
def _source() -> str:
    assert _SOURCE.is_file(), "make tests/interop/node_modules/.package-lock.json"
    return _SOURCE.read_text(encoding="utf-8")


def violations(page: Page) -> list[str]:
    """One line for each rule that a part of the page breaks, of WCAG 2.2 A and AA and of good practice.

    The page's scripts must be allowed to run; its content security policy does not matter.
    """
    page.evaluate(_source())
    found: list[str] = page.evaluate(_RUN)
    return found
