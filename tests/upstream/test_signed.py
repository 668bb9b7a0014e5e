"""Signed replies: one signature, one reading."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.errors import UpstreamDenied, UpstreamInvalid
from broker.upstream.signed import SignedReply, check_string, unpack_result

NOW = 1_800_000_000
RULES = SignedReply(
    b"k" * 32,
    frozenset({"id", "auth_date", "first_name", "last_name", "username", "photo_url"}),
    frozenset({"id", "auth_date"}),
)
FIELDS = {"id": "42", "auth_date": str(NOW), "first_name": "Ada"}


def signed(**changes: str) -> dict[str, str]:
    """Fields with a right signature; a change to "" removes one."""
    fields = {name: value for name, value in {**FIELDS, **changes}.items() if value}
    return {**fields, "hash": RULES.sign(fields)}


def refused(params: dict[str, str], now: float = NOW) -> None:
    with pytest.raises(UpstreamInvalid) as caught:
        RULES.verify(params, now=now)
    assert (params.get("hash") or "?") not in caught.value.detail


def test_a_right_reply_gives_its_fields_and_what_may_be_used_once() -> None:
    params = signed()
    found = RULES.verify(params, now=NOW)
    assert {name: found.fields.raw(name) for name in found.fields} == FIELDS
    assert found.replay_key == params["hash"]
    assert found.expires_at == NOW + 300
    assert RULES.verify({**params, "state": "ours"}, now=NOW) is not None


def test_c8_the_age_is_checked_both_ways() -> None:
    for age in (300, 0, -60):
        RULES.verify(signed(), now=NOW + age)
    for age in (301, 10**6, -61, -(10**6)):
        refused(signed(), now=NOW + age)


def test_c24_a_signed_stranger_is_let_in_unread_and_an_unsigned_one_refused() -> None:
    told: list[str] = []
    params = signed(language_code="en", is_premium="true", a1="x", a_1="y", a="z")
    found = RULES.verify(params, now=NOW, odd=told.append)
    assert {name: found.fields.raw(name) for name in found.fields} == FIELDS
    assert told == ["a", "a1", "a_1", "is_premium", "language_code"]
    for name in ("language_code", "role", "b"):
        refused({**signed(), name: "admin"})
    refused({name: value for name, value in params.items() if name != "is_premium"})
    many = {f"f{number}": "x" for number in range(37)}
    RULES.verify(signed(**many), now=NOW)
    refused(signed(**many, one_more="x"))


@pytest.mark.parametrize(
    "name", ["", "A", "1a", "_a", "a-b", "a=b", "a b", "a\n", "a\nb=c", "é", "a" * 65, "id\x00", "ID"]
)
def test_c24_a_name_is_a_plain_word(name: str) -> None:
    fields = {**FIELDS, name: "x"}
    refused({**fields, "hash": RULES.sign(fields)})


@pytest.mark.parametrize(("true", "false"), [("true", "false"), ("1", "0"), ("1", "")])
def test_c24_a_boolean_is_accepted_in_the_spelling_that_was_signed(true: str, false: str) -> None:
    signed_as = {**FIELDS, "is_premium": true, "is_bot": false}
    params: dict[str, str | bool] = {**FIELDS, "is_premium": True, "is_bot": False, "hash": RULES.sign(signed_as)}
    assert set(RULES.verify(params, now=NOW).fields) == set(FIELDS)
    for other in ({"is_premium": False}, {"is_bot": True}, {"first_name": True}, {"id": True}):
        with pytest.raises(UpstreamInvalid):
            RULES.verify({**params, **other}, now=NOW)


def test_c24_lines_are_in_the_order_of_the_official_sample() -> None:
    # `=` stands between digits and letters, so sorting names would give another order than sorting lines.
    assert check_string({"a": "1", "a1": "2", "a_b": "3", "ab": "4"}) == "a1=2\na=1\na_b=3\nab=4"


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,3}", fullmatch=True)
VALUES = st.text(st.sampled_from("a1=_b"), max_size=6)


@given(st.dictionaries(NAMES, VALUES, max_size=4), st.dictionaries(NAMES, VALUES, max_size=4))
def test_c24_no_two_sets_of_fields_are_signed_alike(left: dict[str, str], right: dict[str, str]) -> None:
    assert (check_string(left) == check_string(right)) == (left == right)


def test_missing_and_changed_fields_are_refused() -> None:
    refused(signed(id=""))
    refused(signed(auth_date=""))
    refused({**signed(), "first_name": "Bob"})
    refused({name: value for name, value in signed().items() if name != "first_name"})
    refused({**signed(), "last_name": ""})
    refused({})


@pytest.mark.parametrize("spelt", ["", "0" * 64, "A" * 64, "g" * 64, "x", "é" * 64])
def test_a_signature_has_one_spelling(spelt: str) -> None:
    refused({**signed(), "hash": spelt})
    refused({**signed(), "hash": signed()["hash"].upper()})
    refused({**signed(), "hash": signed()["hash"] + "\n"})


@pytest.mark.parametrize("number", ["0", "-1", "+1", "01", "1.0", "1e3", " 1", "1 ", "１", "x", "1" * 17, "0x1"])
def test_numbers_are_plain_decimals(number: str) -> None:
    refused(signed(id=number))
    refused(signed(auth_date=number))


@pytest.mark.parametrize("odd", ["a\nb", "a\rb", "a\x00b", "a\x7fb", "a\u2028b", "a\u2029b", "a\tb", "x" * 4097])
def test_c9_control_characters_and_endless_values_are_refused_although_signed(odd: str) -> None:
    refused(signed(first_name=odd))


def test_lone_surrogates_are_refused() -> None:
    refused({**FIELDS, "first_name": "\ud800", "hash": "0" * 64})


@given(
    st.fixed_dictionaries(
        {"id": st.integers(1, 10**15).map(str), "first_name": st.text(st.characters(codec="utf-8"), min_size=1)},
        optional={"last_name": st.text(st.characters(codec="utf-8")), "username": st.text("abc_")},
    )
)
def test_c9_whatever_passes_has_one_reading(fields: dict[str, str]) -> None:
    """The joined text, split at line feeds again, is the fields and nothing else, or the reply is refused."""
    params = {**fields, "auth_date": str(NOW)}
    params["hash"] = RULES.sign(params)
    try:
        RULES.verify(params, now=NOW)
    except UpstreamInvalid:
        return
    lines = check_string({name: value for name, value in params.items() if name != "hash"}).split("\n")
    assert dict(line.split("=", 1) for line in lines) == {**fields, "auth_date": str(NOW)}
    assert len(lines) == len(fields) + 1


@given(st.data())
def test_c9_no_split_of_a_signed_text_into_other_fields_is_accepted(data: st.DataObject) -> None:
    """Fields are moved into each other at every line feed, so that the HMAC still fits: no such reading passes."""
    fields = {**FIELDS, "last_name": "Lovelace", "username": "ada", "photo_url": "https://t.me/a=b"}
    lines = check_string(fields).split("\n")
    cuts = data.draw(st.lists(st.integers(1, len(lines) - 1), unique=True, max_size=len(lines) - 1).map(sorted))
    parts = [lines[start:end] for start, end in zip([0, *cuts], [*cuts, len(lines)], strict=True)]
    joined = ["\n".join(part) for part in parts]
    moved = dict(part.split("=", 1) for part in joined)
    assert check_string(moved) == check_string(fields) or moved != fields
    params = {**moved, "hash": RULES.sign(fields)}
    if moved == fields:
        RULES.verify(params, now=NOW)
    else:
        refused(params)


def pack(value: object, *, raw: bytes | None = None) -> str:
    return urlsafe_b64encode(raw if raw is not None else json.dumps(value).encode()).decode()


def test_a_result_is_read_with_numbers_as_text() -> None:
    for spelt in (pack({"id": 42, "a": "é\\/"}), pack({"id": 42, "a": "é\\/"}).rstrip("=")):
        assert unpack_result(spelt) == {"id": "42", "a": "é\\/"}
    assert unpack_result(pack({"id": 42, "is_premium": True})) == {"id": "42", "is_premium": True}
    assert unpack_result(pack({"id": 2**53 + 1})) == {"id": str(2**53 + 1)}


def test_a_result_that_is_false_is_a_person_who_went_back() -> None:
    for spelt in ("ZmFsc2U", "ZmFsc2U="):
        with pytest.raises(UpstreamDenied):
            unpack_result(spelt)


@pytest.mark.parametrize(
    "text",
    [
        *("", "=", "a", "é", "Zm Fs", "ZmFsc2U===", "Zm+s", "x" * 16385, pack(None, raw=b"{")),
        *map(pack, (None, True, 5, "x", [], [1], {"id": 1.5}, {"id": None}, {"id": {}}, {"id": [1]})),
        pack(None, raw=b'{"id":1,"id":2}'),
        pack(None, raw=b"\xff\xfe"),
    ],
)
def test_a_result_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(UpstreamInvalid):
        unpack_result(text)


def test_the_key_is_in_no_text() -> None:
    assert "kkkk" not in repr(RULES)
    assert "auth_date" in repr(RULES)
