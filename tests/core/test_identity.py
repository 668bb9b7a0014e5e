"""Who an upstream vouches for: one exact subject, and no address without the word on who verified it."""

from __future__ import annotations

from typing import Any

import pytest

from broker.core.errors import UpstreamInvalid
from broker.core.identity import SUBJECT_LIMIT, Identity, check_subject

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


@pytest.mark.parametrize("name", ["sub", "iss"])
def test_e22_an_upstream_does_not_choose_our_sub_or_issuer(name: str) -> None:
    with pytest.raises(UpstreamInvalid):
        Identity("1", {name: "x"})
