"""Icons: where they are from, which file is shown on which ground, and filled buttons that anybody can read."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, Route
from starlette.responses import HTMLResponse

from broker.config.icon_check import fault_of
from broker.registry import provider_types
from broker.upstream.brand import Brand, Shade
from broker.web.pages.assets import DARK_GROUNDS, LIGHT_GROUNDS, STATIC_HEADERS
from broker.web.pages.colour import TEXT_CONTRAST, contrast, dressed
from broker.web.pages.pages import Pages
from broker.web.pages.views import Button, LoginView
from providers import BUILTIN
from tests.browser.axe import violations
from tests.web.icon_set import GLYPHS, ICONS, LICENCE, NAME, SOURCES, VERSION, digest, files_of, path_of
from tests.web.page_samples import LOCALES, PLAIN_LOOK, make_login, read

TOLD = json.loads(SOURCES.read_text(encoding="utf-8"))
TYPES = provider_types(BUILTIN)
FILLED = replace(PLAIN_LOOK, button_style="brand")
Scheme = Literal["light", "dark"]
ARTIFACTS = Path(__file__).parents[2] / "artifacts" / "browser"


def every_way() -> LoginView:
    """The chooser with one button of every type, one of them used before and one that does not answer."""
    buttons = [
        Button(name, name, kind.label, Brand.of(kind.brand), "/go", name == "vk", "down" if name == "ok" else "")
        for name, kind in TYPES.items()
    ]
    return replace(make_login(), buttons=tuple(buttons))


def pictures(answer: HTMLResponse) -> dict[str, list[str]]:
    """By provider: what its button may show, `media file`, the last without a query."""
    body = bytes(answer.body).decode()
    found = {}
    for name, inside in re.findall(r'id="provider-([\w-]+)".*?>(.*?)</a>', body, re.DOTALL):
        sources = re.findall(r'<source media="([^"]+)" srcset="/static/icons/([^?]+)', inside)
        (plain,) = re.findall(r'<img src="/static/icons/([^?]+)', inside)
        found[name] = [*(" ".join(pair) for pair in sources), plain]
    return found


@pytest.mark.parametrize("kind", GLYPHS)
def test_a_glyph_is_that_of_the_set_letter_by_letter(kind: str) -> None:
    glyph = GLYPHS[kind]
    path = path_of((ICONS / f"{kind}.svg").read_text(encoding="utf-8"))
    assert TOLD["glyphs"][kind] == {"slug": glyph.slug, "path": digest(path)}
    for name, text in files_of(kind, glyph, path):
        assert (ICONS / name).read_text(encoding="utf-8") == text


def test_what_is_told_of_the_icons_is_about_these_files() -> None:
    files = {file.name: digest(file.read_text(encoding="utf-8")) for file in ICONS.glob("*.svg")}
    assert TOLD["files"] == files, "python -m tests.web.icon_set"
    assert TOLD["glyphs"].keys() == GLYPHS.keys()
    notice = (ICONS / "NOTICE").read_text(encoding="utf-8")
    assert f"{NAME} {VERSION}" in notice
    assert LICENCE in notice
    drawn = notice.partition("has no glyph:")[2].partition("\n\n")[0]
    plain = {name.partition(".")[0] for name in files} - GLYPHS.keys()
    assert set(re.findall(r"\b[a-z0-9]+\b(?=[,.])", drawn)) == plain
    assert [name for name in files if fault_of((ICONS / name).read_bytes(), ".svg")] == []


@pytest.mark.parametrize("kind", BUILTIN)
def test_a_filled_button_is_as_its_type_says_and_can_be_read(kind: str) -> None:
    brand = Brand.of(TYPES[kind].brand)
    for shade, grounds in ((brand.light, LIGHT_GROUNDS), (brand.on_dark, DARK_GROUNDS)):
        ground, text, border = dressed(shade)
        assert contrast(text, ground) >= TEXT_CONTRAST
        assert not shade.text or (ground, text) == (shade.ground, shade.text)
        # Whoever does not see where it ends reads its text all the same; only white on white needs a line.
        assert max(contrast(ground, grounds[0]), contrast(border, grounds[0])) >= 1.1
        assert not shade.glyph or (ICONS / f"{kind}.{shade.glyph}.svg").is_file()


def test_a_text_that_could_not_be_read_is_not_shown() -> None:
    assert dressed(Shade("#ffffff", "#eeeeee")) == ("#ffffff", "#000000", "#ffffff")
    assert dressed(Shade("#000000", "#222222", "#ff0000")) == ("#000000", "#ffffff", "#ff0000")


@pytest.mark.parametrize("colour", ["red", "#fff", "#12345g", "#000000; }", ""])
def test_a_colour_is_a_colour(colour: str) -> None:
    for made in (lambda: Brand.of(colour), lambda: Shade("#000000", colour or " "), lambda: Shade("#000000", "", "x")):
        with pytest.raises(ValueError, match="rrggbb"):
            made()


def test_a_dark_page_has_the_file_for_dark_pages() -> None:
    auto = pictures(Pages(PLAIN_LOOK).show(every_way(), "en"))
    assert auto["apple"] == ["(prefers-color-scheme: dark) apple.dark.svg", "apple.svg"]
    assert auto["vk"] == ["vk.svg"]
    assert pictures(Pages(replace(PLAIN_LOOK, theme="dark")).show(every_way(), "en"))["apple"] == ["apple.dark.svg"]
    assert pictures(Pages(replace(PLAIN_LOOK, theme="light")).show(every_way(), "en"))["apple"] == ["apple.svg"]


def test_a_filled_button_has_the_glyph_of_its_ground_and_none_where_grounds_are_the_systems() -> None:
    found = pictures(Pages(FILLED).show(every_way(), "en"))
    forced, dark = "(forced-colors: active)", "(prefers-color-scheme: dark)"
    assert found["vk"] == [f"{forced} and {dark} vk.svg", f"{forced} vk.svg", "vk.white.svg"]
    assert found["apple"] == [
        f"{forced} and {dark} apple.dark.svg",
        f"{forced} apple.svg",
        f"{dark} apple.svg",
        "apple.dark.svg",
    ]
    assert found["yandex"] == ["yandex.svg"]


def test_a_filled_button_is_coloured_for_the_theme_that_is_shown() -> None:
    def rules(theme: str) -> list[str]:
        body = bytes(Pages(replace(FILLED, theme=theme)).show(every_way(), "en").body).decode()
        return re.findall(r"^.*#provider-google .*$", body, re.MULTILINE)

    light = "#provider-google { background: #ffffff; border-color: #747775; color: #1f1f1f }"
    dark = "#provider-google { background: #131314; border-color: #8e918f; color: #e3e3e3 }"
    assert rules("auto") == [light, f"@media (prefers-color-scheme: dark) {{ {dark} }}"]
    assert (rules("light"), rules("dark")) == ([light], [dark])


def test_nobodys_icon_turns_into_ours_on_another_ground(tmp_path: Path) -> None:
    theirs = tmp_path / "static" / "icons"
    theirs.mkdir(parents=True)
    (theirs / "apple.svg").write_text("<svg/>")
    (theirs / "corp.own.png").write_bytes(b"png")
    pages = Pages(FILLED, override=tmp_path, files={"icons/shop.own.png": theirs / "corp.own.png"})
    assert pictures(pages.show(every_way(), "en"))["apple"] == ["apple.svg"]
    (theirs / "apple.dark.svg").write_text("<svg/>")
    shown = pictures(Pages(PLAIN_LOOK, override=tmp_path).show(every_way(), "en"))["apple"]
    assert shown == ["(prefers-color-scheme: dark) apple.dark.svg", "apple.svg"]
    own = replace(every_way().buttons[0], kind="shop.own")
    answer = pages.show(replace(make_login(), buttons=(own,)), "en")
    assert list(pictures(answer).values()) == [["shop.own.png"]]
    assert read(answer).found("picture") == []


def test_a_type_of_somebody_else_brings_other_forms_of_its_icon(tmp_path: Path) -> None:
    for name in ("icon.svg", "icon.dark.svg", "icon.white.svg"):
        (tmp_path / name).write_text(f"<svg id='{name}'/>")
    pages = Pages(PLAIN_LOOK, brought={"acme": tmp_path})
    found = [pages.static(f"icons/acme{form}.svg") for form in ("", ".dark", ".white")]
    assert [one.body for one in found if one] == [(tmp_path / f"icon{form}.svg").read_bytes() for form in
                                                  ("", ".dark", ".white")]  # fmt: skip


def test_no_icon_stands_on_a_white_tile() -> None:
    css = Pages(FILLED).static("base.css")
    assert css is not None
    assert not re.search(rb"img[^{}]*\{[^}]*background", css.body)


def shown_in(
    chromium: Browser, pages: Pages, answer: HTMLResponse, scheme: Scheme, forced: Literal["none", "active"] = "none"
) -> Page:
    """The chooser in a window of a phone's width."""
    context = chromium.new_context(
        viewport={"width": 412, "height": 1500}, color_scheme=scheme, forced_colors=forced, bypass_csp=True
    )  # axe needs a script

    def fulfil(route: Route) -> None:
        static = pages.static(route.request.url.partition("/static/")[2].partition("?")[0])
        if static:
            headers = {**STATIC_HEADERS, "content-type": static.content_type}
            route.fulfill(body=static.body, headers=headers)
        else:
            route.fulfill(body=bytes(answer.body), headers=dict(answer.headers))

    context.route("**/*", fulfil)
    page = context.new_page()
    page.goto("https://id.example.com/authorize")
    return page


@pytest.mark.browser
@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("style", ["neutral", "brand"])
def test_the_chooser_is_whole_and_accessible(chromium: Browser, style: str, scheme: Scheme, locale: str) -> None:
    pages = Pages(replace(PLAIN_LOOK, button_style=style))
    page = shown_in(chromium, pages, pages.show(every_way(), locale), scheme)
    sizes = page.eval_on_selector_all(".way", "ways => ways.map(way => way.offsetHeight)")
    assert len(sizes) == len(BUILTIN)
    assert max(sizes) < 80, "an icon beside one or two lines of text"
    assert page.eval_on_selector_all(".way img", "all => all.filter(one => !one.naturalWidth).length") == 0
    assert violations(page) == []
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"icons-{style}-{scheme}-{locale}.png", full_page=True)
    page.context.close()


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "file"), [("light", "apple.svg"), ("dark", "apple.dark.svg")])
def test_where_colours_are_the_systems_a_glyph_is_seen_on_them(chromium: Browser, scheme: Scheme, file: str) -> None:
    pages = Pages(FILLED)
    page = shown_in(chromium, pages, pages.show(every_way(), "en"), scheme, "active")
    assert f"/icons/{file}" in page.eval_on_selector("#provider-apple img", "one => one.currentSrc")
    assert "/icons/vk.svg" in page.eval_on_selector("#provider-vk img", "one => one.currentSrc")
    page.context.close()
