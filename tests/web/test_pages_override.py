"""An operator replaces single files; templates can show things and do nothing."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from broker.web.pages.pages import Pages
from broker.web.pages.samples import sample_views
from broker.web.pages.templates import BUILT_IN, find_strangers
from broker.web.pages.views import ConsentView, HomeView
from tests.web.page_samples import PLAIN_LOOK, every_page, make_error, make_login, make_pages, make_person, read

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
    assert bytes(pages.show(HOME, "en").body) == b"<p>https://id.example.com</p>"
    assert "Sign in to Shop" in read(pages.show(make_login(), "en")).text


def test_a_page_of_the_operator_may_build_on_ours(directory: Path) -> None:
    write(directory, "home.html", '{% extends "builtin/home.html" %}{% block title %}Hello{% endblock %}')
    page = read(make_pages(override=directory).show(HOME, "en"))
    assert "Hello · Example ID" in page.text
    assert page.by_id("issuer") is not None


def test_a_frame_of_the_operator_is_used_by_our_pages(directory: Path) -> None:
    write(
        directory,
        "base.html",
        "<title>{% block title %}{% endblock %}</title><b>ours</b>{% block main %}{% endblock %}",
    )
    assert read(make_pages(override=directory).show(make_login(), "en")).found("b") == [{}]


def test_a_new_error_code_is_a_new_file(directory: Path) -> None:
    write(directory, "error/E-HOUSE.html", '{% extends "error.html" %}{% block title %}House rules{% endblock %}')
    assert "House rules" in read(make_pages(override=directory).show(make_error("E-HOUSE"), "en")).text


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
    assert "Войти в «Shop»" in read(make_pages(override=directory).show(make_login(), "en")).text


def test_logos_are_served_under_the_name_they_were_given(directory: Path) -> None:
    write(directory, "brand.svg", "<svg></svg>")
    pages = Pages(PLAIN_LOOK, files={"logo.svg": directory / "brand.svg"})
    assert pages.static("logo.svg") is not None
    with pytest.raises(ValueError, match=r"logo\.html"):
        Pages(PLAIN_LOOK, files={"logo.html": directory / "brand.svg"})


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("consent.html", "{% if %}", "consent.html:1: "),
        ("login.html", "<p>\n{{ view.cliant.name }}</p>", "login.html:2: UndefinedError: "),
        ("login.html", "{% include 'absent.html' %}", "login.html:1: TemplateNotFound: "),
        ("error/E-HOUSE.html", "{{ view.nothing }}", "E-HOUSE.html:1: "),
    ],
)
def test_a_page_of_the_operator_that_fails_is_told_and_answered_by_ours(
    directory: Path, name: str, text: str, place: str
) -> None:
    write(directory, name, text)
    told: dict[str, str] = {}
    pages = make_pages(override=directory, told=told)
    assert list(told) == [name]
    assert told[name].startswith(place)
    for label, answer in every_page(pages, "ru"):
        assert read(answer).found("h1"), label
    assert "Something broke" in read(pages.show(make_error("E-HOUSE"), "en")).text


def test_a_frame_of_the_operator_that_fails_takes_no_page_with_it(directory: Path) -> None:
    write(directory, "base.html", "<title>{% block title %}{% endblock %}</title>\n{{ look.namee }}")
    told: dict[str, str] = {}
    pages = make_pages(override=directory, told=told)
    assert "Sign in to Shop" in read(pages.show(make_login(), "en")).text
    assert {"login.html", "consent.html", "error/E-CLIENT.html"} <= set(told)
    assert told["login.html"].startswith("base.html:2: UndefinedError")


def test_a_page_that_fails_only_for_somebody_is_answered_by_ours_and_nothing_of_them_is_told(directory: Path) -> None:
    write(
        directory,
        "consent.html",
        "{% if view.person.name == 'Грета' %}{{ view.person.absent }}{% endif %}<h1>mine</h1>",
    )
    told: dict[str, str] = {}
    pages = make_pages(override=directory, told=told)
    (asked,) = (view for name, view in sample_views(()) if name == "consent")
    assert isinstance(asked, ConsentView)
    assert "mine" in read(pages.show(asked, "ru")).text
    assert told == {}
    answer = read(pages.show(replace(asked, person=make_person("Грета")), "ru"))
    assert answer.by_id("allow") is not None
    assert told == {"consent.html": "consent.html:1: UndefinedError"}


def test_files_that_nothing_will_use_are_found_with_what_was_meant(directory: Path) -> None:
    write(directory, "logn.html", "<p>")
    write(directory, "home.html", "{% include 'part.html' %}")
    write(directory, "part.html", "<p>")
    write(directory, "error/E-CLEINT.html", "<p>")
    write(directory, "widget/acme.html", "<p>")
    assert dict(find_strangers(directory)) == {"logn.html": "login.html", "error/E-CLEINT.html": "error/E-CLIENT.html"}


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
    told: dict[str, str] = {}
    pages = make_pages(override=directory, told=told)
    assert "SecurityError" in told["home.html"]
    assert read(pages.show(HOME, "en")).by_id("issuer") is not None


def test_j12_a_template_escapes_and_names_only_what_exists(directory: Path) -> None:
    write(directory, "home.html", "{{ view.issuer }}")
    hostile = HomeView("<script>", "/")
    assert bytes(make_pages(override=directory).show(hostile, "en").body) == b"&lt;script&gt;"
    write(directory, "home.html", "{{ view.isuser }}")
    told: dict[str, str] = {}
    make_pages(override=directory, told=told)
    assert told["home.html"].startswith("home.html:1: UndefinedError")


def test_j12_a_template_includes_no_file_from_elsewhere(directory: Path) -> None:
    write(directory / "inside", "home.html", '{% include "../secret.html" %}')
    write(directory, "secret.html", "secret")
    told: dict[str, str] = {}
    pages = make_pages(override=directory / "inside", told=told)
    assert "TemplateNotFound" in told["home.html"]
    assert "secret" not in read(pages.show(HOME, "en")).text
