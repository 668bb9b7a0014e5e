"""The form of a signed token, before any key is looked for."""

from __future__ import annotations

from typing import Any

import pytest

from broker.core.jose.compact import KID_LIMIT, TOKEN_LIMIT, decode_segment, parse_token, read_claims
from broker.core.wire.strict_json import Malformed
from tests.core.own_tokens import encode


def token(claims: object = None, **header: Any) -> str:
    """A token of this header, signed by nobody."""
    return f"{encode({'alg': 'ES256'} | header)}.{encode(claims or {'a': 1})}.{encode(b'signature')}"


def test_a_well_formed_token_comes_apart() -> None:
    parsed = parse_token(token(kid="k1", typ="JWT", jku="https://evil.test"), {"ES256"})
    assert (parsed.algorithm, parsed.kid, parsed.typ, parsed.claims) == ("ES256", "k1", "JWT", {"a": 1})
    assert (parsed.signature, parsed.signing_input.count(b".")) == (b"signature", 1)
    assert (parse_token(token(), {"ES256"}).kid, parse_token(token(), {"ES256"}).typ) == (None, None)


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        ("x" * (TOKEN_LIMIT + 1), "too long"),
        ("a.b", "not three parts"),
        ("a.b.c.d.e", "not three parts"),
        (token(alg="RS256"), "algorithm"),
        (token(alg="none"), "algorithm"),
        (token(alg=["ES256"]), "algorithm"),
        (token(alg=None), "algorithm"),
        (token(crit=["exp"]), "extension"),
        (token(b64=False), "extension"),
        (token(kid=7), "kid"),
        (token(kid="x" * (KID_LIMIT + 1)), "kid"),
        (token(typ=7), "typ"),
        (token(typ=None), "typ"),
        (token(claims=[1]), "not a JSON object"),
        (f"{encode([1])}.e30.AA", "not a JSON object"),
        (f"{encode('{')}.e30.AA", "not valid JSON"),
        (token() + "=", "not base64url"),
        (f"{encode({'alg': 'ES256'})}.e31.AA", "not canonical"),
        (f"{encode({'alg': 'ES256'})}.e30.A", "not base64url"),
        (f"{encode({'alg': 'ES256'})}.e30.", "not base64url"),
    ],
)
def test_e21_each_flaw_is_refused_by_name_and_never_quoted(spoilt: str, reason: str) -> None:
    with pytest.raises(Malformed, match=reason) as caught:
        parse_token(spoilt, {"ES256"})
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize("other", ["AAAA", "", "!", "EJqZ."[:-1]])
def test_claims_are_read_whatever_stands_beside_them(other: str) -> None:
    assert read_claims(f"{other}.{encode({'a': 1})}.{other}") == {"a": 1}


@pytest.mark.parametrize(
    "spoilt",
    ["", "a.b", "..", f"e30.{encode([1])}.", "e30.e31.", "e30.!.", "e30.e30.e30.", f".{'x' * TOKEN_LIMIT}."],
)
def test_claims_of_what_is_no_token_are_not_read(spoilt: str) -> None:
    with pytest.raises(Malformed):
        read_claims(spoilt)


@pytest.mark.parametrize(("segment", "raw"), [("AA", b"\x00"), ("_-8", b"\xff\xef"), ("Zm9v", b"foo")])
def test_a_segment_has_one_spelling(segment: str, raw: bytes) -> None:
    assert decode_segment(segment) == raw
