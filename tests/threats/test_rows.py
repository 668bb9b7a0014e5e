"""Every threat that the code touches has a test named after it, and the page that lists them is true."""

from __future__ import annotations

from tests.threats.rows import FURTHER, PAGE, REQUIRED, listed, named_tests


def test_every_threat_has_a_test_named_after_it() -> None:
    tests = named_tests()
    assert [row for row in REQUIRED if not tests.get(row)] == []


def test_the_page_names_tests_that_exist_and_every_threat() -> None:
    tests, page = named_tests(), listed(PAGE.read_text(encoding="utf-8"))
    gone = {row: sorted(set(named) - set(tests.get(row, []))) for row, named in page.items()}
    assert {row: names for row, names in gone.items() if names} == {}, "run `python -m tests.threats.rows`"
    assert [row for row in REQUIRED if not page.get(row)] == [], "run `python -m tests.threats.rows`"


def test_every_row_that_has_tests_says_what_is_done_and_says_it_once() -> None:
    assert named_tests().keys() - {*REQUIRED, *FURTHER} == set()
    assert REQUIRED.keys() & FURTHER.keys() == set()
