"""Colours anybody can read, sizes anybody can hit, static files from memory."""

from __future__ import annotations

import hashlib
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.web.pages.assets import DARK_GROUNDS, LIGHT_GROUNDS, STATIC_HEADERS, look_css
from broker.web.pages.colour import button_colours, contrast, luminance, readable, text_on
from broker.web.pages.templates import BUILT_IN
from tests.web.page_samples import PLAIN_LOOK, every_page, make_pages, read

CSS = (BUILT_IN / "static" / "base.css").read_text(encoding="utf-8")
ICONS = sorted((BUILT_IN / "static" / "icons").glob("*.svg"))
COLOURS = st.integers(0, 0xFFFFFF).map("#{:06x}".format)
TEXTS = ("text", "muted", "link", "danger")


def properties(selector: str) -> dict[str, str]:
    """The custom properties of the first block of this selector."""
    block = re.search(re.escape(selector) + r" \{(.*?)\}", CSS, re.DOTALL)
    assert block is not None
    return dict(re.findall(r"--([a-z-]+): ([^;]+);", block[1]))


LIGHT = properties(":root")
DARK = LIGHT | properties(":root[data-theme=dark]")


def test_the_dark_theme_is_the_same_chosen_or_preferred() -> None:
    assert properties(":root:not([data-theme=light])") == properties(":root[data-theme=dark]")


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_text_has_contrast_enough_on_every_ground(theme: dict[str, str]) -> None:
    for text in TEXTS:
        for ground in ("bg", "surface", "raised"):
            if (text, ground) not in {("link", "raised"), ("danger", "raised"), ("danger", "bg")}:
                assert contrast(theme[text], theme[ground]) >= 4.5, (text, ground)
    assert contrast(theme["danger"], theme["danger-bg"]) >= 4.5
    assert contrast(theme["notice"], theme["notice-bg"]) >= 4.5
    assert contrast(theme["on-accent"], theme["accent"]) >= 4.5
    assert contrast(theme["control"], theme["surface"]) >= 3


def test_the_grounds_links_are_fitted_to_are_those_of_the_sheet() -> None:
    assert (LIGHT["surface"], LIGHT["bg"]) == LIGHT_GROUNDS
    assert (DARK["surface"], DARK["bg"]) == DARK_GROUNDS


@given(COLOURS)
def test_any_accent_gives_readable_links_and_buttons(accent: str) -> None:
    css = look_css(replace(PLAIN_LOOK, accent=accent))
    light, dark, forced = re.findall(r"--link: (#[0-9a-f]{6})", css)
    assert forced == dark
    assert all(contrast(light, ground) >= 4.5 for ground in LIGHT_GROUNDS)
    assert all(contrast(dark, ground) >= 4.5 for ground in DARK_GROUNDS)
    assert contrast(text_on(accent), accent) >= 4.5


@given(COLOURS)
def test_any_brand_gives_a_readable_button(brand: str) -> None:
    ground, text = button_colours(brand)
    assert contrast(text, ground) >= 4.5


def test_a_readable_colour_is_left_alone() -> None:
    assert readable("#2563eb", LIGHT_GROUNDS) == "#2563eb"


def test_contrast_is_that_of_the_standard() -> None:
    assert luminance("#ffffff") == pytest.approx(1)
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    with pytest.raises(ValueError, match="rrggbb"):
        luminance("red; } body { display: none")


@pytest.mark.parametrize(
    "rule",
    [
        "color-scheme: light dark", "prefers-color-scheme: dark", "prefers-reduced-motion: reduce",
        "forced-colors: active", "outline: 2px solid", "min-height: 48px", "min-height: 52px",
    ],
)  # fmt: skip
def test_the_sheet_looks_after(rule: str) -> None:
    assert rule in CSS


def test_the_sheet_is_small_and_fetches_nothing() -> None:
    assert len(CSS.encode()) <= 10 * 1024
    assert "url(" not in CSS
    assert "@import" not in CSS


def test_no_page_carries_a_style_attribute_or_an_inline_handler() -> None:
    for name, answer in every_page(make_pages(), "en"):
        names = {attribute for _, attrs in read(answer).tags for attribute in attrs}
        assert not {n for n in names if n == "style" or n.startswith("on")}, name


@pytest.mark.parametrize("path", ICONS, ids=lambda path: path.stem)
def test_an_icon_is_plain_small_and_named_in_the_notice(path: Path) -> None:
    root = ET.fromstring(path.read_text(encoding="utf-8"))
    left, top, wide, high = map(int, (root.get("viewBox") or "").split())
    assert (left, wide) == (top, high) == (left, 24 - 2 * left), "square, with space around"
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert names <= {"svg", "path", "rect", "circle", "g", "clipPath"}
    assert path.stat().st_size < 2200
    assert path.name in (BUILT_IN / "static" / "icons" / "NOTICE").read_text(encoding="utf-8")


def test_every_static_file_a_page_names_is_there() -> None:
    pages = make_pages()
    for _, answer in every_page(pages, "en"):
        for _, attrs in read(answer).tags:
            for href in (attrs.get("src", ""), attrs.get("href", "")):
                if href.startswith("/static/"):
                    found = pages.static(href.removeprefix("/static/").partition("?")[0])
                    assert found is not None, href
                    assert found.etag == f'"{hashlib.sha256(found.body).hexdigest()[:32]}"'
                    assert href.endswith(f"?v={found.etag[1:11]}")


def test_static_files_have_their_types() -> None:
    types = {
        name: found.content_type
        for name in ("base.css", "look.css", "fragment.js", "favicon.svg")
        if (found := make_pages().static(name))
    }
    assert types == {
        "base.css": "text/css; charset=utf-8",
        "look.css": "text/css; charset=utf-8",
        "fragment.js": "text/javascript; charset=utf-8",
        "favicon.svg": "image/svg+xml",
    }


@pytest.mark.parametrize(
    "name",
    ["", "..", "../base.html", "icons/../base.css", "/etc/passwd", "icons", "icons/NOTICE", "base.css/", "BASE.CSS",
     "icons\\vk.svg", "%2e%2e/base.html", "login.html", "base.css\x00"],
)  # fmt: skip
def test_no_other_name_is_served(name: str) -> None:
    assert make_pages().static(name) is None


def test_a_static_file_opened_by_itself_runs_no_script() -> None:
    assert "sandbox" in STATIC_HEADERS["content-security-policy"]
    assert STATIC_HEADERS["x-content-type-options"] == "nosniff"


def test_the_base_path_of_the_issuer_is_in_front_of_every_file() -> None:
    for name, answer in every_page(make_pages(replace(PLAIN_LOOK, base_path="/sso")), "en"):
        hrefs = [attrs["href"] for attrs in read(answer).found("link")]
        assert all(href.startswith("/sso/static/") for href in hrefs), name
