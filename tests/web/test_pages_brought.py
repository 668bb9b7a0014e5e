"""A provider type of somebody else brings its icon and the page of its widget, and replaces nothing of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.core.errors import ConfigError
from broker.web.pages.pages import Pages
from broker.web.pages.views import WidgetView
from tests.web.page_samples import PLAIN_LOOK, make_client, make_login, read

PAGE = '{% extends "base.html" %}{% block main %}<p id="acme">{{ view.context.greeting }}</p>{% endblock %}'
VIEW = WidgetView("acme/one_tap.html", {"greeting": "<b>hello</b>"}, "https://acme.example", (), (), make_client())


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    folder = tmp_path / "assets"
    folder.mkdir()
    (folder / "icon.svg").write_text("<svg/>")
    (folder / "one_tap.html").write_text(PAGE)
    return folder


def test_its_icon_is_on_the_button_and_is_not_one_that_we_drew(assets: Path) -> None:
    pages = Pages(PLAIN_LOOK, brought={"acme": assets})
    found = pages.static("icons/acme.svg")
    assert found is not None
    assert found.body == b"<svg/>"
    assert [pages.icon_file(kind)[1] for kind in ("acme", "vk", "none")] == ["type", "ours", "none"]
    (assets / "icon.svg").unlink()
    assert Pages(PLAIN_LOOK, brought={"acme": assets}).static("icons/acme.svg") is None


def test_its_page_is_shown_inside_ours_and_escapes_as_ours_do(assets: Path) -> None:
    pages = Pages(PLAIN_LOOK, brought={"acme": assets})
    for locale in PLAIN_LOOK.languages:
        page = read(pages.show(VIEW, locale))
        assert page.by_id("acme") is not None
        assert "<b>hello</b>" in page.text
        assert page.found("b") == []
    with pytest.raises(ValueError, match="no such widget"):
        Pages(PLAIN_LOOK).show(VIEW, "en")


def test_the_operator_replaces_either(assets: Path, tmp_path: Path) -> None:
    ours = tmp_path / "override"
    (ours / "widget/acme").mkdir(parents=True)
    (ours / "static/icons").mkdir(parents=True)
    (ours / "widget/acme/one_tap.html").write_text("<p>house</p>")
    (ours / "static/icons/acme.svg").write_text("<svg id='house'/>")
    pages = Pages(PLAIN_LOOK, override=ours, brought={"acme": assets})
    assert bytes(pages.show(VIEW, "en").body) == b"<p>house</p>"
    found = pages.static("icons/acme.svg")
    assert found is not None
    assert b"house" in found.body


def test_nothing_of_ours_is_replaced(assets: Path) -> None:
    for name in ("login.html", "base.html", "telegram.html"):
        (assets / name).write_text("<p>evil</p>")
    pages = Pages(PLAIN_LOOK, brought={"acme": assets, "vk": assets, "generic": assets})
    assert "evil" not in read(pages.show(make_login(), "en")).text
    telegram = Pages(PLAIN_LOOK)
    for name in ("icons/vk.svg", "icons/generic.svg"):
        assert pages.static(name) == telegram.static(name)


def test_a_page_of_its_that_does_not_compile_stops_the_start(assets: Path) -> None:
    (assets / "one_tap.html").write_text("{% if %}")
    with pytest.raises(ConfigError, match=r"type acme brings a page .*one_tap\.html:1: "):
        Pages(PLAIN_LOOK, brought={"acme": assets})
