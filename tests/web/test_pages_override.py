"""An operator replaces single files; templates can show things and do nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from jinja2 import TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError

from broker.web.pages import BUILT_IN, Pages
from broker.web.views import HomeView
from tests.web.page_samples import PLAIN_LOOK, make_error, make_login, make_pages, read

HOME = HomeView("https://id.example.com", "/.well-known/openid-configuration")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path


def write(directory: Path, name: str, text: str) -> None:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_a_page_of_the_operator_wins_and_the_others_stay(directory: Path) -> None:
    write(directory, "home.html", "<p>{{ view.issuer }}</p>")
    pages = make_pages(override=directory)
    assert bytes(pages.home(HOME, "en").body) == b"<p>https://id.example.com</p>"
    assert "Sign in to Shop" in read(pages.login(make_login(), "en")).text


def test_a_page_of_the_operator_may_build_on_ours(directory: Path) -> None:
    write(directory, "home.html", '{% extends "builtin/home.html" %}{% block title %}Hello{% endblock %}')
    page = read(make_pages(override=directory).home(HOME, "en"))
    assert "Hello · Example ID" in page.text
    assert page.by_id("issuer") is not None


def test_a_frame_of_the_operator_is_used_by_our_pages(directory: Path) -> None:
    write(
        directory,
        "base.html",
        "<title>{% block title %}{% endblock %}</title><b>ours</b>{% block main %}{% endblock %}",
    )
    assert read(make_pages(override=directory).login(make_login(), "en")).found("b") == [{}]


def test_a_new_error_code_is_a_new_file(directory: Path) -> None:
    write(directory, "error/E-HOUSE.html", '{% extends "error.html" %}{% block title %}House rules{% endblock %}')
    assert "House rules" in read(make_pages(override=directory).error(make_error("E-HOUSE"), "en")).text


def test_an_icon_of_the_operator_replaces_our_placeholder(directory: Path) -> None:
    write(directory, "static/icons/vk.svg", "<svg/>")
    pages = make_pages(override=directory)
    found = pages.static("icons/vk.svg")
    assert found is not None
    assert found.body == b"<svg/>"
    ours = make_pages().static("icons/ok.svg")
    assert pages.static("icons/ok.svg") == ours


def test_words_of_the_operator_win_and_the_others_stay(directory: Path) -> None:
    target = directory / "locale" / "en" / "LC_MESSAGES" / "broker.mo"
    target.parent.mkdir(parents=True)
    shutil.copy(BUILT_IN / "locale" / "ru" / "LC_MESSAGES" / "broker.mo", target)
    assert "Войти в «Shop»" in read(make_pages(override=directory).login(make_login(), "en")).text


def test_logos_are_served_under_the_name_they_were_given(directory: Path) -> None:
    write(directory, "brand.svg", "<svg></svg>")
    pages = Pages(PLAIN_LOOK, files={"logo.svg": directory / "brand.svg"})
    assert pages.static("logo.svg") is not None
    with pytest.raises(ValueError, match=r"logo\.html"):
        Pages(PLAIN_LOOK, files={"logo.html": directory / "brand.svg"})


def test_a_broken_template_stops_the_start(directory: Path) -> None:
    write(directory, "consent.html", "{% if %}")
    with pytest.raises(TemplateSyntaxError):
        make_pages(override=directory)


def test_a_language_without_a_catalogue_stops_the_start(directory: Path) -> None:
    with pytest.raises(FileNotFoundError, match="kk"):
        make_pages(type(PLAIN_LOOK)({"en": "ID"}, languages=("en", "kk")), override=directory)


@pytest.mark.parametrize(
    "code",
    [
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ view.__class__ }}",
        "{{ look.__init__.__globals__ }}",
        "{{ view.issuer.__add__('x') }}",
        "{{ pick.__globals__ }}",
        "{{ asset.__self__ }}",
        "{{ asset.__func__ }}",
        "{{ view|attr('__class__') }}",
        "{{ self.__init__ }}",
        "{{ '{0.__class__}'.format(view) }}",
        "{{ look.product_name.__setitem__('en', 'x') }}",
        "{{ look.product_name.update({'en': 'x'}) }}",
        "{{ look.product_name.clear() }}",
    ],
)
def test_j12_a_template_reaches_no_code(directory: Path, code: str) -> None:
    write(directory, "home.html", code)
    pages = make_pages(override=directory)
    with pytest.raises(SecurityError):
        pages.home(HOME, "en")


def test_j12_a_template_escapes_and_names_only_what_exists(directory: Path) -> None:
    write(directory, "home.html", "{{ view.issuer }}")
    hostile = HomeView("<script>", "/")
    assert bytes(make_pages(override=directory).home(hostile, "en").body) == b"&lt;script&gt;"
    write(directory, "home.html", "{{ view.isuser }}")
    pages = make_pages(override=directory)
    with pytest.raises(UndefinedError):
        pages.home(HOME, "en")


def test_j12_a_template_includes_no_file_from_elsewhere(directory: Path) -> None:
    write(directory / "inside", "home.html", '{% include "../secret.html" %}')
    write(directory, "secret.html", "secret")
    pages = make_pages(override=directory / "inside")
    with pytest.raises(LookupError):
        pages.home(HOME, "en")
