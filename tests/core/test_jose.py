"""Our tokens, as software of others sees them."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from hashlib import sha256

import joserfc.jwt
import jwt
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet

from broker.core.errors import InvalidToken
from broker.core.jose.compact import b64url
from broker.core.jose.own_keys import build_own_key, half_hash, load_key, mint_key
from broker.core.terms import Algorithm
from tests.core.own_tokens import CLAIMS, ISSUER, NOW, own_keys, pair_of, sign, verify

EVERY = pytest.mark.parametrize("algorithm", list(Algorithm))


def decode(text: str) -> bytes:
    """base64url without padding."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(text: str) -> int:
    """A member of a JWK."""
    return int.from_bytes(decode(text), "big")


@EVERY
def test_pyjwt_verifies_our_tokens_with_the_published_key(algorithm: Algorithm) -> None:
    pair = pair_of(algorithm)
    token = sign(pair, CLAIMS)
    key = jwt.PyJWK(dict(pair.public_jwk))
    options: jwt.types.Options = {"verify_exp": False}
    assert jwt.decode(token, key, [algorithm.value], audience="app", issuer=ISSUER, options=options) == CLAIMS
    assert jwt.get_unverified_header(token) == {"alg": algorithm.value, "kid": pair.kid, "typ": "JWT"}


@EVERY
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # it prefers the name of RFC 9864
def test_joserfc_verifies_our_tokens_with_the_published_key(algorithm: Algorithm) -> None:
    pair = pair_of(algorithm)
    keys = KeySet.import_key_set({"keys": [dict(pair_of(one).public_jwk) for one in Algorithm]})
    said = joserfc.jwt.decode(sign(pair, CLAIMS), keys, algorithms=[algorithm.value])
    assert (said.claims, said.header["alg"]) == (CLAIMS, algorithm.value)
    with pytest.raises(BadSignatureError):
        joserfc.jwt.decode(sign(pair, CLAIMS)[:-6] + "AAAAAA", keys, algorithms=[algorithm.value])


@EVERY
def test_cryptography_verifies_our_signatures_by_the_numbers_published(algorithm: Algorithm) -> None:
    pair = pair_of(algorithm)
    token = sign(pair, CLAIMS, typ="at+jwt")
    message, _, encoded = token.rpartition(".")
    signature, jwk = decode(encoded), pair.public_jwk
    check_signature(algorithm, jwk, signature, message.encode())
    with pytest.raises(InvalidSignature):
        check_signature(algorithm, jwk, signature, message.encode() + b"x")


def check_signature(algorithm: Algorithm, jwk: object, signature: bytes, message: bytes) -> None:
    """RFC 7518 sections 3.3 to 3.5, RFC 8037 section 3.1, straight from the specifications."""
    assert isinstance(jwk, dict)
    if algorithm is Algorithm.RS256:
        public = rsa.RSAPublicNumbers(number(jwk["e"]), number(jwk["n"])).public_key()
        public.verify(signature, message, padding.PKCS1v15(), SHA256())
    elif algorithm is Algorithm.PS256:
        public = rsa.RSAPublicNumbers(number(jwk["e"]), number(jwk["n"])).public_key()
        public.verify(signature, message, padding.PSS(padding.MGF1(SHA256()), salt_length=32), SHA256())
    elif algorithm is Algorithm.ES256:
        assert (jwk["crv"], len(signature)) == ("P-256", 64)
        point = ec.EllipticCurvePublicNumbers(number(jwk["x"]), number(jwk["y"]), ec.SECP256R1()).public_key()
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        point.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    else:
        ed25519.Ed25519PublicKey.from_public_bytes(decode(jwk["x"])).verify(signature, message)


@EVERY
def test_we_read_back_what_we_signed(algorithm: Algorithm) -> None:
    pair = pair_of(algorithm)
    assert verify(sign(pair, CLAIMS)) == CLAIMS
    assert verify(sign(pair, CLAIMS | {"jti": "2"})) == CLAIMS | {"jti": "2"}


@EVERY
def test_we_accept_what_pyjwt_signed_with_our_key(algorithm: Algorithm) -> None:
    pair = pair_of(algorithm)
    token = jwt.encode(CLAIMS, pair.private, algorithm.value, headers={"kid": pair.kid})
    assert verify(token) == CLAIMS


@EVERY
def test_a_key_is_named_by_its_rfc_7638_thumbprint(algorithm: Algorithm) -> None:
    pair = pair_of(algorithm)
    required = {name: value for name, value in pair.public_jwk.items() if name not in {"kid", "use", "alg"}}
    text = json.dumps(required, sort_keys=True, separators=(",", ":"))
    assert pair.kid == pair.public_jwk["kid"] == b64url(sha256(text.encode()).digest())


@pytest.mark.parametrize(
    ("algorithm", "members"),
    [
        (Algorithm.RS256, {"kty", "n", "e"}),
        (Algorithm.PS256, {"kty", "n", "e"}),
        (Algorithm.ES256, {"kty", "crv", "x", "y"}),
        (Algorithm.EDDSA, {"kty", "crv", "x"}),
    ],
)
def test_j4_a_published_key_has_its_public_members_only(algorithm: Algorithm, members: set[str]) -> None:
    jwk = pair_of(algorithm).public_jwk
    assert set(jwk) == members | {"kid", "use", "alg"}
    assert (jwk["use"], jwk["alg"]) == ("sig", algorithm.value)


@pytest.mark.parametrize("algorithm", [Algorithm.RS256, Algorithm.PS256])
def test_e19_our_rsa_keys_have_2048_bits(algorithm: Algorithm) -> None:
    pair = pair_of(algorithm)
    assert number(pair.public_jwk["n"]).bit_length() == 2048
    assert number(pair.public_jwk["e"]) == 65537


@EVERY
def test_a_key_survives_its_bytes(algorithm: Algorithm) -> None:
    pair = pair_of(algorithm)
    again = load_key(pair.to_der(), algorithm)
    assert (again.kid, again.algorithm, again.public_jwk) == (pair.kid, algorithm, pair.public_jwk)
    assert verify(sign(again, CLAIMS)) == CLAIMS


@EVERY
@pytest.mark.parametrize("other", list(Algorithm))
def test_e18_a_key_serves_its_own_algorithm_only(algorithm: Algorithm, other: Algorithm) -> None:
    if algorithm is other:
        return
    if pair_of(algorithm).public_jwk["kty"] != pair_of(other).public_jwk["kty"]:
        with pytest.raises(TypeError):
            load_key(pair_of(algorithm).to_der(), other)
        return
    # RSA serves two: the record says which, and a token of the one is none of the other.
    with pytest.raises(InvalidToken):
        verify(sign(load_key(pair_of(algorithm).to_der(), other), CLAIMS))


def test_two_keys_are_never_the_same() -> None:
    assert mint_key(Algorithm.EDDSA).kid != mint_key(Algorithm.EDDSA).kid


# OIDC Core A.3 and A.4 print access tokens and codes with their at_hash and c_hash for RS256.
@pytest.mark.parametrize(
    ("value", "algorithm", "expected"),
    [
        ("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", Algorithm.RS256, "77QmUPtjPfzWtF2AnpK9RQ"),
        ("Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk", Algorithm.RS256, "LDktKdoQak3Pk0cnXxCltA"),
        ("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", Algorithm.ES256, "77QmUPtjPfzWtF2AnpK9RQ"),
    ],
)
def test_half_hashes_are_those_printed_in_openid_connect_core(value: str, algorithm: Algorithm, expected: str) -> None:
    assert half_hash(value, algorithm) == expected


def test_the_half_hash_of_eddsa_is_half_of_sha512() -> None:
    assert len(decode(half_hash("abc", Algorithm.EDDSA))) == 32
    assert half_hash("abc", Algorithm.EDDSA) == b64url(
        bytes.fromhex("ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a")  # FIPS 180-4, "abc"
    )


@pytest.mark.parametrize(
    ("now", "allow_expired", "accepted"),
    [
        (NOW, False, True),
        (NOW + 599.9, False, True),
        (NOW + 600, False, False),
        (NOW + 10**9, False, False),
        (NOW + 10**9, True, True),
    ],
)
def test_a_token_dies_in_its_second_unless_it_is_a_hint(now: float, allow_expired: bool, accepted: bool) -> None:
    token = sign(pair_of(Algorithm.ES256), CLAIMS)
    if accepted:
        assert verify(token, now=now, allow_expired=allow_expired) == CLAIMS
        return
    with pytest.raises(InvalidToken, match="expired"):
        verify(token, now=now, allow_expired=allow_expired)


def test_a_published_key_verifies_after_a_restart() -> None:
    assert {key.algorithm for key in own_keys().values()} == set(Algorithm)
    assert build_own_key(json.loads(json.dumps(dict(pair_of(Algorithm.ES256).public_jwk))))
