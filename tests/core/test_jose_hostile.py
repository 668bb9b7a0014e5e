"""Tokens that were not signed here, for this, by the key they name: all refused."""

from __future__ import annotations

import hmac
import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from broker.core.errors import InvalidToken
from broker.core.jose.own_keys import mint_key
from broker.core.terms import Algorithm
from tests.core.own_tokens import CLAIMS, NOW, encode, forge, own_keys, pair_of, sign, verify

KID = pair_of(Algorithm.ES256).kid


def refuse(token: str, typ: str = "JWT") -> None:
    """The token gets nowhere, and what is said about it is safe to show."""
    with pytest.raises(InvalidToken) as caught:
        verify(token, typ=typ)
    assert caught.value.status == 401
    assert token[:40] not in caught.value.public + caught.value.detail or not token


def test_the_forger_of_these_tests_can_make_a_good_token() -> None:
    assert verify(forge()) == CLAIMS


@pytest.mark.parametrize(
    "alg", ["none", "None", "nOnE", "NONE", "", " ", "es256", "ES256 ", None, [], ["ES256"], {}, 0, ...]
)
def test_e1_no_spelling_of_no_algorithm_is_accepted(alg: Any) -> None:
    refuse(forge({"alg": alg}))
    unsigned = ".".join(forge({"alg": alg}).split(".")[:2]) + "."
    refuse(unsigned)
    refuse(unsigned + "AA")


def hmac_keys() -> list[bytes]:
    """What an attacker knows of our RSA key."""
    pair = pair_of(Algorithm.RS256)
    public = pair.private.public_key()
    jwk = json.dumps(dict(pair.public_jwk))
    return [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        jwk.encode(),
        json.dumps({"keys": [json.loads(jwk)]}).encode(),
        pair.public_jwk["n"].encode(),
        b"",
    ]


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512", "RS256"])
def test_e2_a_public_key_is_never_a_shared_secret(number: int, alg: str) -> None:
    header = {"alg": alg, "kid": pair_of(Algorithm.RS256).kid, "typ": "JWT"}
    message = f"{encode(header)}.{encode(CLAIMS)}".encode()
    name = "sha" + alg[2:]
    refuse(f"{message.decode()}.{encode(hmac.digest(hmac_keys()[number], message, name))}")


@pytest.mark.parametrize("alg", ["RS256", "EdDSA", "ES384", "PS256", "RS384"])
def test_e18_the_header_does_not_choose_the_algorithm(alg: str) -> None:
    refuse(forge({"alg": alg}))


@pytest.mark.parametrize(("held", "used"), [(Algorithm.RS256, Algorithm.PS256), (Algorithm.PS256, Algorithm.RS256)])
@pytest.mark.parametrize("named", [Algorithm.RS256, Algorithm.PS256])
def test_e18_an_rsa_key_has_one_padding(held: Algorithm, used: Algorithm, named: Algorithm) -> None:
    pair = pair_of(held)
    message = f"{encode({'alg': named.value, 'kid': pair.kid, 'typ': 'JWT'})}.{encode(CLAIMS)}".encode()
    refuse(f"{message.decode()}.{encode(replace(pair, algorithm=used).sign(message))}")


@pytest.mark.parametrize("length", [0, 20, 31, 33, 64, 222])
def test_e18_the_salt_of_ps256_is_as_long_as_its_hash(length: int) -> None:
    pair = pair_of(Algorithm.PS256)
    assert isinstance(pair.private, rsa.RSAPrivateKey)
    message = forge(algorithm=Algorithm.PS256).rpartition(".")[0]
    salted = padding.PSS(padding.MGF1(SHA256()), length)
    refuse(f"{message}.{encode(pair.private.sign(message.encode(), salted, SHA256()))}")


def test_e3_a_key_does_not_come_with_what_it_signs() -> None:
    strange = mint_key(Algorithm.ES256)
    for extra in (
        {"jwk": dict(strange.public_jwk)},
        {"jku": "https://evil.test/jwks"},
        {"x5u": "https://evil.test/c"},
        {"x5c": ["AA"]},
    ):
        for kid in (KID, strange.kid):
            header = {"alg": "ES256", "kid": kid, "typ": "JWT"} | extra
            message = f"{encode(header)}.{encode(CLAIMS)}".encode()
            refuse(f"{message.decode()}.{encode(strange.sign(message))}")


@pytest.mark.parametrize(
    "kid",
    ["", "x", "../../dev/null", "' OR 1=1 --", "\x00", KID + "\x00", KID.lower(), "x" * 257, "x" * 10_000, 0, 1, True,
     None, [], [KID], {"a": KID}, ...],
    ids=[f"kid-{number}" for number in range(17)],  # the same in every process, which the key itself is not
)  # fmt: skip
def test_e4_a_kid_is_looked_up_and_nothing_else(kid: Any) -> None:
    refuse(forge({"kid": kid}))


@pytest.mark.parametrize(
    "extra", [{"crit": ["x"]}, {"crit": []}, {"crit": "b64"}, {"crit": None}, {"b64": False}, {"b64": True}]
)
def test_e5_extensions_we_do_not_know_are_refused(extra: dict[str, Any]) -> None:
    refuse(forge(extra))


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "RSA1_5", "enc": "A128CBC-HS256", "zip": "DEF"},
        {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 10**9, "p2s": "AA"},
        {"alg": "dir", "enc": "A256GCM"},
    ],
)
def test_e6_encrypted_tokens_are_refused_unread(header: dict[str, Any]) -> None:
    refuse(f"{encode(header)}.AA.AA.AA.AA")


@pytest.mark.parametrize("size", [1, 15, 17, 100, 5000])
def test_e7_size_is_bounded_before_anything_is_decoded(size: int) -> None:
    refuse("A" * (size * 1024))
    refuse(forge(claims=CLAIMS | {"x": "y" * size * 1024}) if size > 11 else "..")


@pytest.mark.parametrize("depth", [17, 100, 1000, 3000])
def test_e7_depth_is_bounded(depth: int) -> None:
    deep = "[" * depth + "]" * depth
    refuse(forge(claims=json.dumps(CLAIMS)[:-1] + f',"x":{deep}}}'))
    refuse(forge(f'{{"alg":"ES256","kid":"{KID}","typ":"JWT","x":{deep}}}'))


@pytest.mark.parametrize(
    "signed_as", ["JWT", "at+jwt", "logout+jwt", "jwt", "application/at+jwt", "", None, 7, ["JWT"], ...]
)
@pytest.mark.parametrize("offered_as", ["JWT", "at+jwt"])
def test_e8_a_token_is_good_for_what_it_was_made_for_only(signed_as: Any, offered_as: str) -> None:
    token = forge({"typ": signed_as})
    if signed_as == offered_as:
        assert verify(token, typ=offered_as) == CLAIMS
    else:
        refuse(token, typ=offered_as)


BAD_SUBJECTS: tuple[Any, ...] = (None, 7, ["s1"], {}, True, ...)
BAD_TIMES: tuple[Any, ...] = (str(NOW + 9), None, True, False, -1, 0, 1.5, NOW + 600.0, [NOW + 9], {}, ..., NOW)
BAD_ISSUERS: tuple[Any, ...] = ("https://evil.test", "https://id.test/", "", None, ["https://id.test"], 7, ...)


@pytest.mark.parametrize(
    ("name", "value"),
    [("exp", value) for value in BAD_TIMES]
    + [("iss", value) for value in BAD_ISSUERS]
    + [("sub", value) for value in BAD_SUBJECTS],
)
def test_e11_claims_have_their_types_and_values(name: str, value: Any) -> None:
    claims = {key: inner for key, inner in (CLAIMS | {name: value}).items() if inner is not ...}
    refuse(forge(claims=claims))


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e400", "9" * 5000])
def test_e11_a_time_is_a_finite_number(text: str) -> None:
    refuse(forge(claims=f'{{"iss":"https://id.test","sub":"s1","exp":{text}}}'))


def raw_es256(r: int, s: int) -> str:
    """The good token with another signature."""
    message = forge().rpartition(".")[0]
    return f"{message}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.mark.parametrize(
    ("r", "s"), [(0, 0), (0, 1), (1, 0), (1, 1), (ORDER, ORDER), (ORDER, 1), (2**256 - 1, 2**256 - 1)]
)
def test_e17_degenerate_ecdsa_signatures_are_refused(r: int, s: int) -> None:
    refuse(raw_es256(r, s))


def test_e17_signatures_in_other_clothes_are_refused() -> None:
    message = forge().rpartition(".")[0]
    private = pair_of(Algorithm.ES256).private
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    der = private.sign(message.encode(), ec.ECDSA(SHA256()))
    wide = ec.generate_private_key(ec.SECP384R1()).sign(message.encode(), ec.ECDSA(SHA256()))
    good = pair_of(Algorithm.ES256).sign(message.encode())
    for signature in (der, wide, good + b"\x00", b"\x00" + good, good[:-1], b"", good[32:] + good[:32]):
        refuse(f"{message}.{encode(signature)}")


@pytest.mark.parametrize("algorithm", [Algorithm.RS256, Algorithm.PS256, Algorithm.EDDSA])
@pytest.mark.parametrize("signature", [b"", b"\x00", b"\x00" * 64, b"\x00" * 256, b"\x01" + b"\x00" * 63, b"\xff" * 64])
def test_e17_degenerate_signatures_of_the_other_algorithms_are_refused(algorithm: Algorithm, signature: bytes) -> None:
    message = forge(algorithm=algorithm).rpartition(".")[0]
    refuse(f"{message}.{encode(signature)}")


@pytest.mark.parametrize(
    "claims",
    [
        '{"iss":"https://id.test","sub":"a","sub":"b","exp":1800000600}',
        '{"iss":"https://id.test","sub":"a","\\u0073ub":"b","exp":1800000600}',
        '{"iss":"https://id.test","sub":"a","exp":1800000600,"x":{"y":1,"y":2}}',
    ],
)
def test_e20_a_claim_named_twice_is_refused(claims: str) -> None:
    refuse(forge(claims=claims))


def test_e20_a_header_member_named_twice_is_refused() -> None:
    refuse(forge(f'{{"alg":"ES256","alg":"ES256","kid":"{KID}","typ":"JWT"}}'))


def other_spellings(token: str) -> list[str]:
    """Spellings a lenient decoder reads as the same token."""
    header, claims, signature = token.split(".")
    twin = chr(ord(signature[-1]) + 1)
    return [
        f"{header}.{claims}.{signature}=",
        f"{header}.{claims}.{signature}==",
        f"{header}.{claims}.{signature}\n",
        f" {token}",
        f"{token} ",
        f"{header}.{claims}.{signature[:9]}\n{signature[9:]}",
        f"{header}=.{claims}.{signature}",
        f"{header}.{claims}.{signature[:-1]}{twin}",
        token.replace("-", "+").replace("_", "/") + "+",
        token.replace(".", ".."),
        f"{token}.",
        f".{token}",
        token.encode().decode("utf-16-le") if len(token) % 2 == 0 else "\ufeff" + token,
    ]


def test_e21_a_token_has_one_spelling() -> None:
    for spelling in other_spellings(forge()):
        refuse(spelling)


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b.c", "null", "{}", "e30.e30.e30", "at_x", "é.é.é", "\ud800.a.b", "\x00"]
)
def test_what_is_no_token_is_refused(token: str) -> None:
    refuse(token)


@given(st.text(max_size=100) | st.from_regex(r"[A-Za-z0-9_-]{0,30}\.[A-Za-z0-9_-]{0,30}\.[A-Za-z0-9_-]{0,30}"))
def test_no_text_crashes_the_reader(token: str) -> None:
    with pytest.raises(InvalidToken):
        verify(token)


@given(st.integers(0, 10_000), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."))
def test_no_changed_character_is_accepted(place: int, letter: str) -> None:
    token = GOOD[: place % len(GOOD)] + letter + GOOD[place % len(GOOD) + 1 :]
    if token != GOOD:
        with pytest.raises(InvalidToken):
            verify(token)


GOOD = sign(pair_of(Algorithm.EDDSA), CLAIMS)


def test_e13_a_key_of_another_issuer_with_the_same_name_does_not_count() -> None:
    strange = mint_key(Algorithm.ES256)
    header = {"alg": "ES256", "kid": KID, "typ": "JWT"}
    message = f"{encode(header)}.{encode(CLAIMS)}".encode()
    refuse(f"{message.decode()}.{encode(strange.sign(message))}")
    assert KID in own_keys()
