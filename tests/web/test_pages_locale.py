"""Which language people get."""

from __future__ import annotations

from typing import Any  # keyword arguments of several types in one table

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.web.pages.locale import direction, negotiate

BOTH = ("en", "ru")


@pytest.mark.parametrize(
    ("wishes", "got"),
    [
        # nothing is wished
        ({}, "en"),
        # ui_locales comes first, in its order, by lookup
        ({"ui_locales": "ru", "cookie": "en", "accept_language": "en"}, "ru"),
        ({"ui_locales": "ru-RU en"}, "ru"),
        ({"ui_locales": "RU"}, "ru"),
        ({"ui_locales": "fr kk-Cyrl-KZ ru"}, "ru"),
        ({"ui_locales": "fr-CA"}, "en"),
        # then what was chosen before
        ({"cookie": "ru", "accept_language": "en"}, "ru"),
        ({"cookie": "../../etc", "accept_language": "ru"}, "ru"),
        # then the browser, by weight, then by order
        ({"accept_language": "ru"}, "ru"),
        ({"accept_language": "ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7"}, "ru"),
        ({"accept_language": "ru;q=0.5,en;q=0.9"}, "en"),
        ({"accept_language": "en;q=0.5, ru ; q=0.9"}, "ru"),
        ({"accept_language": "en;q=0,ru;q=0.1"}, "ru"),
        ({"accept_language": "ru;q=0"}, "en"),
        ({"accept_language": "ru;q=0.5,en;q=0.5"}, "ru"),
        ({"accept_language": "ru;q=2"}, "en"),
        ({"accept_language": "ru;q=nan"}, "en"),
        ({"accept_language": "ru;level=1"}, "en"),
        ({"accept_language": "*"}, "en"),
        ({"accept_language": ",;,=;q"}, "en"),
        # then the client's own, which also leave out the others
        ({"client_languages": ("ru",)}, "ru"),
        ({"client_languages": ("ru",), "ui_locales": "en", "accept_language": "en"}, "ru"),
        ({"client_languages": ("ru", "en"), "accept_language": "fr"}, "ru"),
        ({"client_languages": ("kk",), "accept_language": "ru"}, "ru"),
    ],
)
def test_the_first_wish_that_is_offered_is_granted(wishes: dict[str, Any], got: str) -> None:
    assert negotiate(BOTH, "en", **wishes) == got


def test_the_default_is_used_when_it_is_offered() -> None:
    assert negotiate(BOTH, "ru") == "ru"
    assert negotiate(("en",), "ru") == "en"
    assert negotiate((), "ru") == "ru"


def test_the_end_of_an_endless_header_is_not_read() -> None:
    assert negotiate(BOTH, "en", accept_language="fr," * 10_000 + "ru") == "en"


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=50))
def test_whatever_is_sent_an_offered_language_comes_out(ui_locales: str, header: str, cookie: str) -> None:
    assert negotiate(BOTH, "en", ui_locales=ui_locales, accept_language=header, cookie=cookie) in BOTH


def test_text_runs_the_way_the_language_does() -> None:
    assert [direction(tag) for tag in ("en", "ru", "ar", "he-IL")] == ["ltr", "ltr", "rtl", "rtl"]
