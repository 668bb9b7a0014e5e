"""`providers.<name>.icon`: a small picture that is nothing but a picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.cli.common import resolve
from broker.config.icon_check import MOST, fault_of, find_fault
from broker.config.load import load_text
from broker.core.errors import ConfigError
from tests.config.minimal import MINIMAL

NS = 'xmlns="http://www.w3.org/2000/svg"'


def svg(inside: str = "", attributes: str = "") -> bytes:
    return (
        f'<svg {NS} xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 24 24" {attributes}>{inside}</svg>'.encode()
    )


def png(wide: int, high: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + wide.to_bytes(4, "big") + high.to_bytes(4, "big") + b"\x08\x06"


@pytest.mark.parametrize(
    "body",
    [
        svg('<path d="M0 0h24v24z"/>'),
        svg("<style>path { fill: url(#g) } @media (prefers-color-scheme: dark) { path { fill: #fff } }</style>"),
        svg('<linearGradient id="g"/><path fill="url(#g)" d="M0 0"/><use href="#a"/><use xlink:href="#a"/>'),
        svg("<title>See https://example.com</title>"),
        b'<?xml version="1.0" encoding="utf-8"?>\n' + svg(),
    ],
)
def test_a_drawing_is_taken(body: bytes) -> None:
    assert fault_of(body, ".svg") == ""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (svg("<script>alert(1)</script>"), "an element <script>"),
        (svg("<foreignObject><b/></foreignObject>"), "an element <foreignObject>"),
        (svg('<a href="javascript:alert(1)"/>'), "an element <a>"),
        (svg('<image href="https://example.com/x.png"/>'), "an element <image>"),
        (svg('<x:script xmlns:x="http://www.w3.org/1999/xhtml"/>'), "an element <script>"),
        (svg(attributes='onload="alert(1)"'), "a script in onload"),
        (svg('<path ONCLICK="alert(1)"/>'), "a script in onclick"),
        (svg('<use href="https://example.com/x.svg#a"/>'), "outside of it in href"),
        (svg('<use xlink:href="data:image/svg+xml,x#a"/>'), "outside of it in href"),
        (svg('<path fill="url(https://example.com/x#g)"/>'), "by url"),
        (svg("<path style=\"fill: URL( '//example.com/x')\"/>"), "by url"),
        (svg("<style>@IMPORT 'https://example.com/x.css'</style>"), "@import"),
        (svg("<style>path { fill: url(#g) } b { background: url(/x) }</style>"), "by url"),
        (svg(r"<style>path { fill: u\72l(https://example.com) }</style>"), "a back slash"),
        (b'<!DOCTYPE svg [<!ENTITY a "b">]>' + svg(), "a document type"),
        (b'<?xml-stylesheet href="https://example.com/x.css"?>' + svg(), "a processing instruction"),
        (b"<svg/>", "root is not <svg"),
        (b"<html><svg/></html>", "root is not <svg"),
        (svg()[:-3], "broken"),
        (b'<?xml version="1.0" encoding="klingon"?>' + svg(), "broken"),
        (b"", "broken"),
        (svg(" " * MOST), "larger than 32 KiB"),
    ],
)
def test_what_is_more_than_a_drawing_is_refused(body: bytes, said: str) -> None:
    assert said in fault_of(body, ".svg")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (png(64, 64), ""),
        (png(1024, 1024), ""),
        (png(15, 15), "15 x 15"),
        (png(64, 32), "64 x 32"),
        (png(1025, 1025), "1025 x 1025"),
        (png(64, 64)[:20], "no PNG"),
        (b"GIF89a", "no PNG"),
    ],
)
def test_a_png_is_square_and_of_a_size_for_icons(body: bytes, said: str) -> None:
    assert (said in fault_of(body, ".png")) if said else fault_of(body, ".png") == ""


def test_no_other_file_is_an_icon(tmp_path: Path) -> None:
    assert "an .svg or a .png" in fault_of(b"GIF89a", ".gif")
    assert "cannot be read" in find_fault(tmp_path / "missing.svg")


def test_the_file_is_beside_the_configuration_and_its_fault_has_a_line(tmp_path: Path) -> None:
    text = MINIMAL.replace("    type: google\n", "    type: google\n    icon: own/google.svg\n")
    (tmp_path / "own").mkdir()
    file = tmp_path / "own" / "google.svg"
    file.write_bytes(svg())
    config = load_text(text, "config.yaml", resolve, environ={}, base=tmp_path).config
    assert config.providers["google"].icon == str(file)
    file.write_bytes(svg("<script/>"))
    with pytest.raises(ConfigError) as caught:
        load_text(text, "config.yaml", resolve, environ={}, base=tmp_path)
    (said,) = caught.value.shown
    assert said.startswith("config.yaml:6:11: providers.google.icon: has an element <script>")
