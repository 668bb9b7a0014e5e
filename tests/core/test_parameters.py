"""Parameters are read once, strictly, and what came twice is known."""

from __future__ import annotations

import contextlib
from time import perf_counter
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.errors import InvalidRequest
from broker.core.wire.parameters import MAX_FIELD, MAX_FIELDS, Parameters, parse_form, read_members

TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=30)


@given(st.lists(st.tuples(TEXT, TEXT.filter(bool)), max_size=20, unique_by=lambda pair: pair[0]))
def test_what_was_encoded_is_read_back(pairs: list[tuple[str, str]]) -> None:
    params = parse_form(urlencode(pairs).encode())
    assert dict(params) == dict(pairs)
    assert params.repeated == frozenset()


@pytest.mark.parametrize(
    ("raw", "values", "repeated"),
    [
        (b"", {}, set()),
        (b"a=1", {"a": "1"}, set()),
        (b"a=1&b=2", {"a": "1", "b": "2"}, set()),
        (b"&&a=1&", {"a": "1"}, set()),
        (b"a=", {}, set()),
        (b"a", {}, set()),
        (b"a=1=2", {"a": "1=2"}, set()),
        (b"a=b+c%20d%2B", {"a": "b c d+"}, set()),
        (b"%61=1", {"a": "1"}, set()),
        (b"a=%D0%B6", {"a": "ж"}, set()),
        ("a=ж".encode(), {"a": "ж"}, set()),
        (b"a=100%", {"a": "100%"}, set()),
        (b"a=1&a=2", {"a": "1"}, {"a"}),
        (b"a=1&a=1", {"a": "1"}, {"a"}),
        (b"a=1&%61=2", {"a": "1"}, {"a"}),
        (b"a=1&a=", {"a": "1"}, {"a"}),
        (b"a=&a=1", {"a": "1"}, {"a"}),
        (b"a&a", {}, {"a"}),
        (b"a=1&A=2", {"a": "1", "A": "2"}, set()),
    ],
)
def test_h1_values_and_repetitions_are_both_known(raw: bytes, values: dict[str, str], repeated: set[str]) -> None:
    params = parse_form(raw)
    assert dict(params) == values
    assert params.repeated == repeated
    assert len(params) == len(values)


@pytest.mark.parametrize(
    ("names", "raw", "refused"),
    [
        (("a",), b"a=1&a=2", "a was sent more than once"),
        (("b", "a"), b"a=1&a=1&b=1", "a was sent more than once"),
        (("b",), b"a=1&a=2", ""),
        ((), b"a=1&a=2", ""),
    ],
)
def test_h1_a_name_that_must_come_once_is_refused_twice(names: tuple[str, ...], raw: bytes, refused: str) -> None:
    params = parse_form(raw)
    if not refused:
        params.check_single(names)
        return
    with pytest.raises(InvalidRequest, match=refused):
        params.check_single(names)


@pytest.mark.parametrize("name", ['a"b', "a\\b", "ж", "a" * 41, "<script>", "A"])
def test_h1_a_strange_name_is_not_repeated_in_the_error(name: str) -> None:
    params = Parameters([(name, "1"), (name, "2")])
    with pytest.raises(InvalidRequest) as caught:
        params.check_single(params.repeated)
    assert caught.value.public.startswith("a parameter was")


@pytest.mark.parametrize(
    "raw",
    [
        b"a=%FF",
        b"a=\xff",
        b"\xff=1",
        b"a=%C0%AF",
        b"a=%E0%80%80",
        b"a=%ED%A0%80",
        b"a=%F5%80%80%80",
        b"a=%D0",
        b"a=%00",
        b"a=\x00",
        b"a=%0d%0aSet-Cookie:x",
        b"a=%0A",
        b"a=%09",
        b"a=%1b[0m",
        b"a=%7F",
        b"a%00=1",
        b"a%0A=1",
    ],
)
def test_h10_bytes_that_are_no_text_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_form(raw)


@given(st.binary(max_size=200))
def test_h10_any_bytes_are_read_or_refused_and_never_crash(raw: bytes) -> None:
    try:
        params = parse_form(raw)
    except InvalidRequest:
        return
    for name, value in params.items():
        assert not any(ord(character) < 0x20 or character == "\x7f" for character in name + value)


@pytest.mark.parametrize(
    ("raw", "fits"),
    [
        (b"&".join(b"a%d=1" % n for n in range(MAX_FIELDS)), True),
        (b"&".join(b"a%d=1" % n for n in range(MAX_FIELDS + 1)), False),
        (b"a=" + b"x" * (MAX_FIELD - 2), True),
        (b"a=" + b"x" * (MAX_FIELD - 1), False),
    ],
)
def test_h3_number_and_length_are_bounded_to_the_byte(raw: bytes, fits: bool) -> None:
    if fits:
        assert parse_form(raw)
        return
    with pytest.raises(InvalidRequest):
        parse_form(raw)


@pytest.mark.parametrize("unit", [b"%", b"%41", b"+", b"a", b"=", b"%ff", "ж".encode()])
def test_h14_reading_time_grows_with_the_length_only(unit: bytes) -> None:
    def measure(times: int) -> float:
        raw = b"a=" + unit * times
        best = 9.0
        for _ in range(5):
            began = perf_counter()
            with contextlib.suppress(InvalidRequest):
                parse_form(raw)
            best = min(best, perf_counter() - began)
        return best

    small, large = measure(100), measure(2500)  # 25 times as long; quadratic would be 625 times
    assert large < small * 150 + 0.002


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", ()),
        (" ", ()),
        ("a", ("a",)),
        ("a b", ("a", "b")),
        ("b a b", ("b", "a")),
        ("  a   b ", ("a", "b")),
        ("a,b", ("a,b",)),
        ("a\u00a0b", ("a\u00a0b",)),
    ],
)
def test_a_list_is_split_at_spaces_without_duplicates(value: str, words: tuple[str, ...]) -> None:
    assert Parameters([("scope", value)]).words("scope") == words


def test_a_parameter_that_was_not_sent_reads_as_empty() -> None:
    params = Parameters(())
    assert params.get("state", "") == ""
    assert params.words("scope") == ()
    assert "state" not in params


def test_values_stay_out_of_the_repr() -> None:
    assert repr(Parameters([("client_secret", "hunter2"), ("code", "c123")])) == "Parameters(client_secret, code)"


def test_members_of_an_object_are_read_as_parameters_are() -> None:
    assert dict(read_members({"a": "1", "b": "", "c": "x y"})) == {"a": "1", "c": "x y"}


@pytest.mark.parametrize(
    "found",
    [{"a": 1}, {"a": "\n"}, {"a": "x" * (MAX_FIELD + 1)}, {str(name): "" for name in range(MAX_FIELDS + 1)}],
    ids=["number", "control", "long", "many"],
)
def test_h4_an_object_is_as_bounded_as_a_form(found: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        read_members(found)
