"""Who an upstream vouches for: one exact subject, and no address without the word on who verified it."""

from __future__ import annotations

from typing import Any
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.errors import UpstreamInvalid
from broker.core.people.identity import SUBJECT_LIMIT, Identity, check_subject

PLACEHOLDERS: tuple[object, ...] = (
    None, "", " ", "  ", "\t", "\n", "\u00a0", "None", "none", "NONE", "null", "Null", "NULL", "undefined", "Undefined",
    "nan", "NaN", 0, "0", False, "false", "False", True, "true", "True", [], {}, "[]", "{}", (), b"", b"abc", 7, 7.0,
    ["abc"], {"id": "abc"}, "x" * 256, "x" * 300, "a b", " ab", "ab ", "a\tb", "a\nb", "a\r\nb", "a\x00b", "a\x1bb",
    "a\x7fb", "a\x85b", "a\u00a0b", "a\u2028b", "a\u2029b", "a\ud800b",
)  # fmt: skip


@pytest.mark.parametrize("subject", PLACEHOLDERS, ids=repr)
def test_b12_a_subject_that_might_stand_for_everybody_is_refused(subject: object) -> None:
    with pytest.raises(UpstreamInvalid):
        check_subject(subject)
    with pytest.raises(UpstreamInvalid):
        Identity(subject)  # type: ignore[arg-type]  # what an upstream sends has any type


@pytest.mark.parametrize(
    "subject",
    [
        "1",
        "00",
        "007",
        "abc",
        "Abc",
        "ａbc",
        "e\u0301",
        "\u00e9",
        "a:b",
        "x:google:y",
        '{"a":1}',
        "nonesuch",
        "x" * SUBJECT_LIMIT,
    ],
)
def test_d13_any_other_subject_is_kept_exactly_as_sent(subject: str) -> None:
    assert check_subject(subject) == subject
    assert Identity(subject).subject == subject


@pytest.mark.parametrize("name", ["email", "phone_number"])
@pytest.mark.parametrize("verified", ["true", "false", 1, 0, "1", [], {}, None, ...], ids=repr)
def test_d4_an_address_needs_a_boolean_beside_it(name: str, verified: Any) -> None:
    claims = {name: "x"} | ({} if verified is ... else {f"{name}_verified": verified})
    with pytest.raises(UpstreamInvalid):
        Identity("1", claims)


@pytest.mark.parametrize("verified", [True, False])
def test_d4_an_address_with_its_boolean_is_kept(verified: bool) -> None:
    claims = {"email": "a@a.test", "email_verified": verified}
    assert Identity("1", claims).claims == claims


@pytest.mark.parametrize("name", ["sub", "iss", "aud", "exp", "nonce", "acr", "amr", "sid", "client_id", "SUB", "Aud"])
def test_e22_an_upstream_does_not_choose_our_sub_or_issuer(name: str) -> None:
    with pytest.raises(UpstreamInvalid):
        Identity("1", {name: "x"})


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("A\r\nSet-Cookie: x=1", "A Set-Cookie: x=1"),
        ("\u202eadA\u202c\x00", "adA"),
        ("A\u200bd\u2060a\ufeff", "Ada"),
        ("A\u00add\u0007a\x7f\x9f", "Ada"),
        ("A\ue000da\ud800", "Ada"),
        ("\u2066Ada\u2069", "Ada"),
        ("Ada\u2028Lovelace\u2029", "Ada Lovelace"),
        ("  Ada  ", "Ada"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("क्\u200dष", "क्\u200dष"),
        ("\u200dAda\u200c", "Ada"),
        ("A \u200d a", "A  a"),
        ("Zoë <b>&amp;\"' 🚀", "Zoë <b>&amp;\"' 🚀"),
        ("\u202e\u200b", None),
        ("", None),
    ],
)
def test_d22_names_of_people_hold_nothing_that_cannot_be_seen(sent: str, kept: str | None) -> None:
    claims: dict[str, Any] = {"name": sent, "address": {"locality": sent}}
    found = Identity("1", claims).claims
    assert found.get("name") == kept
    assert found.get("address") == ({"locality": kept} if kept else None)


@given(st.text(max_size=60))
def test_d22_a_cleaned_text_is_clean(text: str) -> None:
    found = Identity("1", {"name": text}).claims.get("name", "")
    assert Identity("1", {"name": found}).claims.get("name", "") == found
    assert not {category(letter) for letter in found} & {"Cc", "Co", "Cs", "Zl", "Zp"}
    assert not {letter for letter in found if category(letter) == "Cf"} - {"\u200c", "\u200d"}
    assert {letter for letter in text if letter.isalnum()} == {letter for letter in found if letter.isalnum()}


@pytest.mark.parametrize("email", ["a@b.c\u200b", "a\x00@b.c", "<a@b.c>", "a@b.c\r\nX: y", "a,b@c.d"])
@pytest.mark.parametrize("phone", ["5550100100", "+5550100100\u200b", "8 903 765 94 18"])
def test_d21_d22_an_address_is_never_mended_into_another_one(email: str, phone: str) -> None:
    claims = {"email": email, "email_verified": True, "phone_number": phone, "phone_number_verified": True, "name": "A"}
    assert Identity("1", claims).claims == {"name": "A"}


def test_d22_an_identifier_or_method_that_cannot_be_seen_through_is_left_out() -> None:
    found = Identity("1", raw_ids={"a_id": "1\u200b2", "b_id": "12"}, amr=("fed", "pwd\n", "mfa"))
    assert (found.raw_ids, found.amr) == ({"b_id": "12"}, ("fed", "mfa"))
