"""JSON has one meaning or is refused."""

from __future__ import annotations

import json
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.wire.strict_json import DEPTH_LIMIT, Malformed, parse_json, parse_object

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON)
def test_what_is_valid_reads_as_the_standard_library_reads_it(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        with pytest.raises(Malformed):
            parse_json(text)
        return
    assert parse_json(text) == value
    assert parse_json(text.encode()) == value


def test_whole_numbers_stay_exact() -> None:
    assert parse_json("[9007199254740993, 123456789012345678901234567890]") == [
        2**53 + 1,
        123456789012345678901234567890,
    ]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"{}{}",
        b"{,}",
        b"{'a':1}",
        b'{"a":1,}',
        b"NaN",
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e999]",
        b"[01]",
        b"[.5]",
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b'"\xff"',
        b'"\\ud800"',
        b'"\\ud800\\ud800"',
        b'"\x00"',
        b'"\n"',
        b"// comment\n{}",
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'{"b":{"a":1,"a":2}}',
        b"[" + b"9" * 5000 + b"]",
        "\ud800",
    ],
)
def test_e20_what_two_readers_could_take_differently_is_refused(raw: bytes | str) -> None:
    with pytest.raises(Malformed):
        parse_json(raw)


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("depth", [DEPTH_LIMIT + 1, 100, 900, 1000, 1100, 5000, 100_000])
def test_e7_nesting_is_bounded(opened: str, closed: str, depth: int) -> None:
    began = perf_counter()
    with pytest.raises(Malformed):
        parse_json(opened * depth + "1" + closed * depth)
    assert perf_counter() - began < 1


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
def test_e7_sixteen_levels_are_read(opened: str, closed: str) -> None:
    assert parse_json(opened * DEPTH_LIMIT + "1" + closed * DEPTH_LIMIT)


@pytest.mark.parametrize("raw", ["[]", "null", '"x"', "7", "true"])
def test_an_object_is_an_object(raw: str) -> None:
    with pytest.raises(Malformed, match="not a JSON object"):
        parse_object(raw)
    assert parse_object("{}") == {}


def test_an_error_never_repeats_what_was_read() -> None:
    with pytest.raises(Malformed) as caught:
        parse_json('{"token":"secret"')
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
