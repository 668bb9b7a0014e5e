"""Every threat that the code touches has a test named after it, and the page that lists them is true."""

from __future__ import annotations

from tests.threats.rows import FURTHER, LATER, PAGE, REQUIRED, listed, named_tests


def test_every_threat_has_a_test_named_after_it() -> None:
    tests = named_tests()
    assert [row for row in REQUIRED if not tests.get(row)] == []


def test_the_page_names_tests_that_exist_and_every_threat() -> None:
    tests, page = named_tests(), listed(PAGE.read_text(encoding="utf-8"))
    gone = {row: sorted(set(named) - set(tests.get(row, []))) for row, named in page.items()}
    assert {row: names for row, names in gone.items() if names} == {}, "run `python -m tests.threats.rows`"
    assert [row for row in REQUIRED if not page.get(row)] == [], "run `python -m tests.threats.rows`"


def test_what_is_not_there_yet_has_no_test_and_no_other_line() -> None:
    assert LATER.keys() & {*REQUIRED, *FURTHER, *named_tests()} == set()
