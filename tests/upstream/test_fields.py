"""Reading answers and making claims."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.errors import UpstreamInvalid
from broker.core.people.identity import Identity
from broker.upstream.fields import (
    Fields,
    birthdate,
    contact,
    dashed_date,
    dotted_date,
    hosted,
    https_url,
    parse_json,
    parse_object,
    person,
    same,
)


def test_names_are_read_and_errors_hold_no_values() -> None:
    found = Fields({"a": "canary", "n": 5, "o": {"x": "y"}, "e": "", "z": None, "t": True}, "answer")
    assert (found.text("a"), found.maybe("a"), found.maybe("e"), found.maybe("z"), found.maybe("?")) == (
        *("canary", "canary"),
        *(None, None, None),
    )
    assert found.sub("o").text("x") == "y"
    assert (found.flag("t"), found.flag("a"), found.flag("?")) == (True, None, None)
    assert "z" in found
    assert set(found) == {"a", "n", "o", "e", "z", "t"}
    assert "canary" not in repr(found)
    for read in (
        lambda: found.text("n"),
        lambda: found.text("e"),
        lambda: found.text("?"),
        lambda: found.maybe("n"),
        lambda: found.sub("a"),
        lambda: found.integer("a"),
        lambda: found.integer("t"),
        lambda: found.decimal_id("a"),
    ):
        with pytest.raises(UpstreamInvalid) as caught:
            read()
        assert "canary" not in caught.value.detail


@pytest.mark.parametrize("value", [5, 1.5, True, [], ["x"], {"a": "b"}])
def test_what_is_only_shown_is_left_out_and_counted_where_it_is_odd(value: Any) -> None:
    told: list[str] = []
    found = Fields({"a": value, "o": {"b": value}, "n": "x", "e": "", "z": None}, odd=told.append)
    assert (found.shown("a"), found.shown_object("o").shown("b"), found.shown("n")) == (None, None, "x")
    assert told == ["a", "b"]
    assert (found.shown("e"), found.shown("z"), found.shown("?"), set(found.shown_object("?"))) == (
        None,
        None,
        None,
        set(),
    )
    assert told == ["a", "b"], "what is not there is not odd"
    assert set(found.shown_object("n")) == set()
    assert (found.shown_number("n"), Fields({"n": "7"}).shown_number("n")) == (None, 7)
    assert told == ["a", "b", "n", "n"]
    assert Fields({"a": value}).shown("a") is None, "and nobody has to listen"


@pytest.mark.parametrize("value", [5, "5", 2**53 + 1, str(2**53 + 1), 10**19, "9" * 20])
def test_c16_ids_are_exact(value: int | str) -> None:
    assert Fields({"id": value}).decimal_id("id") == str(value)
    assert Fields({"id": value}).integer("id") == int(value)


@pytest.mark.parametrize(
    "value", [0, -1, 1.0, 1e3, True, None, [], {}, "", "0", "01", "-1", "1e3", " 1", "１", "9" * 21]
)
def test_c16_ids_have_one_spelling(value: Any) -> None:
    with pytest.raises(UpstreamInvalid):
        Fields({"id": value}).decimal_id("id")


def test_empty_claims_are_left_out_and_false_stays() -> None:
    inside: dict[str, Any] = {"a": None, "b": "", "c": {}, "d": False, "e": "x" * 2048, "f": "x" * 2049, "g": 0}
    kept = {"d": False, "e": "x" * 2048, "g": 0}
    standard = {"middle_name": None, "nickname": "", "given_name": "x" * 2048, "family_name": "x" * 2049}
    assert kept_of({**standard, "address": inside}) == {"given_name": "x" * 2048, "address": kept}
    assert kept_of({"address": {"a": ""}, "staff": False, "level": 0, "groups": [], "team": ""}) == {
        "staff": False,
        "level": 0,
    }


def kept_of(claims: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is left of claims once somebody is identified by them."""
    return Identity("x1", claims).claims


@pytest.mark.parametrize("email", ["a@b", "A.b+c@Ex.COM", "'x@e.ru"])
def test_addresses_keep_their_local_part(email: str) -> None:
    local, _, domain = email.partition("@")
    assert kept_of(contact(email=email, email_verified=True)) == {
        "email": f"{local}@{domain.lower()}",
        "email_verified": True,
    }


@pytest.mark.parametrize(
    "email",
    [
        *("", "a", "@b", "a@", "a@b@c", '"a"@b', "a b@c", "a@b\n", "a@b\x00", "a\u00a0@b", "x" * 65 + "@b.ru", None),
        *("<a@b.c>", "a,b@c.d", "a@b.c\u200b", "a@[127.0.0.1]", "a@b..c", "a@b.", "a@-b.c", "a@b_c.d", "é@b.c"),
        *("a@b.c,d@e.f", "a;b@c.d", "a(b)@c.d", "a@stra\u00dfe.de", "a@\uff42.c", "a@b\u3002c", "a@\u202eb.c", "a:b@c"),
    ],
)
def test_d14_what_is_no_address_is_left_out(email: str | None) -> None:
    assert kept_of(contact(email=email, email_verified=True)) == {}


@pytest.mark.parametrize(
    ("phone", "kept"),
    [("+79991234567", "+79991234567"), ("79991234567", None), ("+1234567", "+1234567"), ("+123456", None)],
)
def test_d21_phones_are_international_or_left_out(phone: str, kept: str | None) -> None:
    found = kept_of(contact(email=None, email_verified=False, phone=phone, phone_verified=True))
    assert found == ({"phone_number": kept, "phone_number_verified": True} if kept else {})
    for odd in ("++1234567", "5550100100", "89037659418", "+0123456789", "+" + "1" * 16, "+٣٣٣٣٣٣٣٣", "+123 4567", ""):
        assert kept_of(contact(email=None, email_verified=False, phone=odd)) == {}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("a@Пример.РФ", "a@xn--e1afmkfd.xn--p1ai"),
        ("a@b\u00fccher.example", "a@xn--bcher-kva.example"),
        ("a@XN--BCHER-KVA.example", "a@xn--bcher-kva.example"),
        ("o'x+y.z@mail.example", "o'x+y.z@mail.example"),
        ("root@localhost", "root@localhost"),
    ],
)
def test_d22_a_domain_of_an_address_is_told_in_a_labels(sent: str, kept: str) -> None:
    assert kept_of(contact(email=sent, email_verified=False))["email"] == kept


def test_pictures_are_https_or_left_out() -> None:
    assert https_url("https://a/b") == "https://a/b"
    for odd in (
        None,
        "",
        "http://a/",
        "javascript:x",
        "https://a/ b",
        "https://a/\x01",
        "https://" + "x" * 2048,
        "HTTPS://a",
    ):
        assert https_url(odd) is None


def test_a_name_is_made_of_its_parts_where_there_is_none() -> None:
    assert person(None, " Ada ", "Byron")["name"] == "Ada Byron"
    assert person("A. B.", "Ada", None)["name"] == "A. B."
    for blank in ("  ", None):
        assert kept_of(person(None, None, blank)) == {}


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        (("1987", "03", "12"), "1987-03-12"),
        (("1987", "3", "2"), "1987-03-02"),
        ((None, "03", "12"), "0000-03-12"),
        (("0000", "12", "23"), "0000-12-23"),
        (("1987", "00", "00"), "1987"),
        (("1987", "03", "00"), "1987"),
        (("1987", "13", "01"), None),
        (("1987", "01", "32"), None),
        (("0000", "00", "00"), None),
        ((None, "00", "12"), None),
    ],
)
def test_birthdays_keep_what_is_known(parts: tuple[str | None, str, str], found: str | None) -> None:
    assert birthdate(*parts) == found


def test_texts_are_compared_whatever_they_hold() -> None:
    assert same("\ud800é", "\ud800é")
    assert not same("a", "b")
    assert not same("a", "")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_json_comes_back_as_it_was(value: object) -> None:
    try:
        text = json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    try:
        assert parse_json(text, "x") == value
    except UpstreamInvalid:
        assert text.count(b"[") > 16 or abs(max(_numbers(value), default=0)) > 2**63


def _numbers(value: object) -> list[int]:
    if isinstance(value, list):
        return [number for inner in value for number in _numbers(inner)]
    return [abs(value)] if isinstance(value, int) else []


@given(st.binary(max_size=64))
def test_bytes_are_json_or_refused(raw: bytes) -> None:
    try:
        value = parse_json(raw, "x")
    except UpstreamInvalid:
        return
    assert json.loads(raw) == value


def test_large_numbers_stay_exact_and_depth_is_bounded() -> None:
    assert parse_object(b'{"a":9007199254740993,"b":123456789012345678901234567890}', "x") == {
        "a": 9007199254740993,
        "b": 123456789012345678901234567890,
    }
    assert parse_json("[" * 16 + "]" * 16, "x") is not None
    for deep in ("[" * 17 + "]" * 17, '{"a":' * 17 + "1" + "}" * 17, "[" * 900 + "]" * 900, "[" * 10**6):
        with pytest.raises(UpstreamInvalid):
            parse_json(deep, "x")
    with pytest.raises(UpstreamInvalid):
        parse_object(b"[]", "x")
    with pytest.raises(UpstreamInvalid):
        parse_object(b'{"a":{"b":1,"b":2}}', "x")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("15.3.1990", "1990-03-15"),
        ("15.03.1990", "1990-03-15"),
        ("15.03", "0000-03-15"),
        ("00.00.1990", "1990"),
        ("32.01.1990", None),
        ("15.03.90", None),
        ("1990-03-15", None),
        ("١٥.٠٣", None),
        ("", None),
        (None, None),
    ],
)
def test_a_day_with_dots_begins_with_the_day(text: str | None, read: str | None) -> None:
    assert dotted_date(text) == read


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("1990-03-15", "1990-03-15"),
        ("03-15", "0000-03-15"),
        ("1990-00-00", "1990"),
        ("1990-13-01", None),
        ("1990-3-15", None),
        ("15.03.1990", None),
        ("", None),
        (None, None),
    ],
)
def test_a_day_with_dashes_begins_with_the_year(text: str | None, read: str | None) -> None:
    assert dashed_date(text) == read


def test_a_mailbox_is_hosted_at_exactly_its_domain() -> None:
    assert hosted("a@Mail.RU", ("mail.ru",))
    assert hosted("a@mail.ru", ("Mail.ru", "bk.ru"))
    for email in ("a@notmail.ru", "a@corp.mail.ru", "a@mail.ru.example", "mail.ru@b.example", "", None):
        assert not hosted(email, ("mail.ru",))
