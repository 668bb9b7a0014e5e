"""Every word of every page exists in Russian and English, and the compiled catalogues are those of the sources."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from broker.web.pages.templates import BUILT_IN, names_in
from tests.web.page_samples import LOCALES, every_page, make_error, make_pages, read

SOURCES = BUILT_IN / "locale"
PLACEHOLDER = re.compile(r"%\(\w+\)s|</?\w+>")
CYRILLIC = re.compile(r"[А-Яа-яЁё]")


def catalogue(locale: str) -> Catalog:
    with (SOURCES / locale / "LC_MESSAGES" / "broker.po").open("rb") as file:
        return read_po(file, locale=locale)


def texts(value: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    return (value or "",) if isinstance(value, str | None) else tuple(value)


def messages(locale: str) -> list[Message]:
    return [message for message in catalogue(locale) if message.id]


@pytest.fixture(scope="module")
def spoken() -> set[tuple[str, ...]]:
    """Every text of every template."""
    found = extract_from_dir(str(BUILT_IN), [("**.html", "jinja2")], {"**.html": {"silent": "false"}})
    return {texts(message) for _, _, message, _, _ in found}


@pytest.mark.parametrize("locale", LOCALES)
def test_every_text_of_the_templates_is_in_the_catalogue_and_nothing_else(
    locale: str, spoken: set[tuple[str, ...]]
) -> None:
    assert {texts(message.id) for message in messages(locale)} == spoken


def test_the_template_of_the_catalogues_is_current(spoken: set[tuple[str, ...]]) -> None:
    with (SOURCES / "broker.pot").open("rb") as file:
        assert {texts(message.id) for message in read_po(file) if message.id} == spoken


@pytest.mark.parametrize("locale", LOCALES)
def test_the_compiled_catalogue_is_that_of_the_source(locale: str) -> None:
    compiled = BytesIO()
    write_mo(compiled, catalogue(locale))
    assert (SOURCES / locale / "LC_MESSAGES" / "broker.mo").read_bytes() == compiled.getvalue()


def test_every_text_is_translated_into_russian_with_the_same_placeholders() -> None:
    for message in messages("ru"):
        assert not message.fuzzy, message.id
        for string in texts(message.string):
            assert string, message.id
            assert CYRILLIC.search(string), message.id
            assert sorted(set(PLACEHOLDER.findall(string))) == sorted(set(PLACEHOLDER.findall(texts(message.id)[0])))


def test_english_is_what_the_templates_say() -> None:
    for message in messages("en"):
        assert not any(texts(message.string)) or texts(message.string) == texts(message.id), message.id


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 секунду"), (2, "2 секунды"), (4, "4 секунды"), (5, "5 секунд"), (11, "11 секунд"), (12, "12 секунд"),
        (21, "21 секунду"), (22, "22 секунды"), (25, "25 секунд"), (101, "101 секунду"), (111, "111 секунд"),
    ],
)  # fmt: skip
def test_russian_plurals_are_right(seconds: int, words: str) -> None:
    view = make_error("E-LIMIT")
    page = read(make_pages().show(type(view)("E-LIMIT", view.reference, view.at, retry_after=seconds), "ru"))
    assert f"Подождите {words} и" in page.text


def test_english_plurals_are_right() -> None:
    for seconds, words in ((1, "1 second,"), (2, "2 seconds,")):
        page = read(make_pages().show(type(make_error(""))("E-LIMIT", "r", "t", retry_after=seconds), "en"))
        assert f"Please wait {words}" in page.text


def test_no_english_word_is_left_on_a_russian_page() -> None:
    english = {
        word for message in messages("en") for text in texts(message.id) for word in re.findall(r"[a-z]{4,}", text)
    }
    # what stays Latin in Russian, or stands in the samples
    english -= {"cookie", "issuer", "strong", "count", "provider", "host", "name", "code", "example"}
    for name, answer in every_page(make_pages(), "ru"):
        page = read(answer)
        if name.startswith("E-"):
            page.words = [word for word in page.words if "redirect_uri" not in word]
        page.words = [word for word in page.words if not word.startswith("https://id.example.com/device")]
        assert not english & set(re.findall(r"\b[a-z]{4,}\b", page.text)), name


def test_no_filter_of_a_page_follows_a_constant() -> None:
    """The compiler would work it out in one language, for all (see `templates._Compiled`)."""
    reader = Environment(extensions=["jinja2.ext.i18n"])
    for name in names_in(BUILT_IN):
        tree = reader.parse((BUILT_IN / name).read_text(encoding="utf-8"))
        assert [node.name for node in tree.find_all(nodes.Filter) if isinstance(node.node, nodes.Const)] == [], name
