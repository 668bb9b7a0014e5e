"""Proofs of possession by themselves: what RFC 9449 section 4.3 wants checked, one flaw at a time."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from broker.core.clients.fapi import serves
from broker.core.errors import InvalidDpopProof
from broker.core.jose.compact import b64url
from broker.core.terms import Algorithm, Profile
from broker.core.tokens.dpop import ALGORITHMS, HTU_LIMIT, JTI_LIMIT, Proof, is_thumbprint, verify_proof
from broker.core.wire.addresses import normalise_uri
from tests.core.own_tokens import NOW, encode, pair_of
from tests.core.prover import Prover, claims_for

URL = "https://id.test/token"
ES256 = Prover(pair=pair_of(Algorithm.ES256))
RSA = Prover(pair=pair_of(Algorithm.PS256))
GOOD = claims_for("POST", URL, at=NOW)
ORDER_8 = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"

# RFC 9449 figures 2 and 12, and the access token of the latter: what others made, so that we do not agree with
# ourselves alone.
RFC_HEADER = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJo"
    "RjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19."
)
RFC_TOKEN_REQUEST = (
    f"{RFC_HEADER}eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3"
    "Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37x"
    "RZT3Lg"
)
RFC_RESOURCE_REQUEST = (
    f"{RFC_HEADER}eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy"
    "9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVF"
    "FbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
)
RFC_ACCESS_TOKEN = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
RFC_JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def verify(proof: str, *, access_token: str = "") -> Proof:
    """As at the token endpoint."""
    return verify_proof(proof, method="POST", url=URL, access_token=access_token)


def signed(header: dict[str, Any] | None = None, /, **claims: object) -> str:
    """A proof with these members changed, and really signed."""
    return ES256.sign(GOOD | claims, header)


def unsigned(algorithm: object) -> str:
    """A proof that says it is signed by this algorithm and has no signature but some bytes."""
    return f"{encode({'typ': 'dpop+jwt', 'alg': algorithm, 'jwk': ES256.jwk})}.{encode(GOOD)}.AAAA"


def resigned(raw: bytes) -> str:
    """A good proof with other bytes for a signature."""
    return f"{signed().rpartition('.')[0]}.{b64url(raw)}"


def der() -> str:
    """A good signature in the spelling of X.509."""
    raw = pair_of(Algorithm.ES256).sign(signed().rpartition(".")[0].encode())
    return resigned(encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")))


def rsa_signed(bits: int) -> str:
    """A proof by an RSA key of this size."""
    private = rsa.generate_private_key(65537, bits)
    numbers = private.public_key().public_numbers()
    jwk = {"kty": "RSA", "n": b64url(numbers.n.to_bytes(bits // 8, "big")), "e": "AQAB"}
    message = f"{encode({'typ': 'dpop+jwt', 'alg': 'RS256', 'jwk': jwk})}.{encode(GOOD)}"
    return f"{message}.{b64url(private.sign(message.encode(), padding.PKCS1v15(), SHA256()))}"


def small_order() -> str:
    """A key that everybody can sign with: the signature of nothing, R of order 8 and S zero."""
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64url(bytes.fromhex(ORDER_8))}
    point = bytes.fromhex("01" + "00" * 31)
    return f"{encode({'typ': 'dpop+jwt', 'alg': 'EdDSA', 'jwk': jwk})}.{encode(GOOD)}.{b64url(point + bytes(32))}"


def private_jwk() -> dict[str, str]:
    """The key with its private half."""
    private = ES256.pair.private
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    return ES256.jwk | {"d": b64url(private.private_numbers().private_value.to_bytes(32, "big"))}


def spare_bits(segment: str) -> str:
    """Another spelling of the same bytes: what is left over in the last character is not zero."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) + 1]


JWK = ES256.jwk
TWICE = f'{{"jti":"a","jti":"b","htm":"POST","htu":"{URL}","iat":{NOW}}}'
OTHER = Prover(Algorithm.ES256).jwk
FLAWS: dict[str, tuple[str, str]] = {
    "no token": ("nonsense", "three parts"),
    "two proofs in one": (f"{signed()}, {signed()}", "three parts"),
    "encrypted": ("a.b.c.d.e", "three parts"),
    "typ missing": (signed({"typ": ...}), "type"),
    "typ of an id token": (signed({"typ": "JWT"}), "type"),
    "typ of an access token": (signed({"typ": "at+jwt"}), "type"),
    "typ in capitals": (signed({"typ": "DPoP+JWT"}), "type"),
    "typ with prefix": (signed({"typ": "application/dpop+jwt"}), "type"),
    "alg missing": (signed({"alg": ...}), "algorithm"),
    "alg none": (unsigned("none"), "algorithm"),
    "alg NoNe": (unsigned("NoNe"), "algorithm"),
    "alg empty": (unsigned(""), "algorithm"),
    "alg array": (unsigned(["ES256"]), "algorithm"),
    "alg HS256": (unsigned("HS256"), "algorithm"),
    "alg of another key": (unsigned("RS256"), "not for its algorithm"),
    "alg of another curve": (unsigned("ES384"), "not for its algorithm"),
    "crit": (signed({"crit": ["exp"]}), "extension"),
    "crit empty": (signed({"crit": []}), "extension"),
    "b64": (signed({"b64": False}), "extension"),
    "kid number": (signed({"kid": 7}), "kid"),
    "kid long": (signed({"kid": "x" * 257}), "kid"),
    "jwk missing": (signed({"jwk": ...}), "jwk"),
    "jwk text": (signed({"jwk": "key"}), "jwk"),
    "jwk by address": (signed({"jwk": ..., "jku": "https://evil.test/jwks"}), "jwk"),
    "jwk private": (signed({"jwk": private_jwk()}), "private key"),
    "jwk private and null": (signed({"jwk": JWK | {"d": None}}), "private key"),
    "jwk secret": (signed({"jwk": {"kty": "oct", "k": "AAAA"}}), "private key"),
    "jwk of somebody else": (signed({"jwk": OTHER}), "signature"),
    "jwk not on its curve": (signed({"jwk": JWK | {"y": JWK["x"]}}), "unknown, too weak"),
    "jwk for encryption": (signed({"jwk": JWK | {"use": "enc"}}), "unknown, too weak"),
    "jwk for another algorithm": (signed({"jwk": JWK | {"alg": "ES384"}}), "unknown, too weak"),
    "jwk of no curve": (signed({"jwk": {"kty": "EC"}}), "unknown, too weak"),
    "jwk spelt otherwise": (signed({"jwk": JWK | {"x": spare_bits(JWK["x"])}}), "canonical"),
    "jwk padded": (signed({"jwk": JWK | {"x": JWK["x"] + "="}}), "base64url"),
    "rsa with zeros in front": (
        RSA.sign(GOOD, {"jwk": RSA.jwk | {"e": "AAEAAQ"}}),
        "zeros in front",
    ),
    "rsa of 1024 bits": (rsa_signed(1024), "too weak"),
    "rsa with a huge exponent": (RSA.sign(GOOD, {"jwk": RSA.jwk | {"e": b64url(b"\x01" + b"\xff" * 64)}}), "too large"),
    "signature changed": (resigned(ES256.pair.sign(b"another message")), "signature"),
    "signature of zeros": (resigned(bytes(64)), "signature"),
    "signature in DER": (der(), "signature"),
    "signature too long": (resigned(bytes(96)), "signature"),
    "signature spelt otherwise": (signed() + "=", "base64url"),
    "key of small order": (small_order(), "many messages"),
    "claims no object": (ES256.sign('["x"]'), "JSON object"),
    "claim named twice": (ES256.sign(TWICE), "twice"),
    "jti missing": (signed(jti=...), "jti"),
    "jti empty": (signed(jti=""), "jti"),
    "jti number": (signed(jti=7), "jti"),
    "jti long": (signed(jti="x" * (JTI_LIMIT + 1)), "jti"),
    "htm missing": (signed(htm=...), "htm"),
    "htm of another method": (signed(htm="GET"), "htm"),
    "htm in small letters": (signed(htm="post"), "htm"),
    "htm array": (signed(htm=["POST"]), "htm"),
    "htu missing": (signed(htu=...), "htu"),
    "htu of another endpoint": (signed(htu="https://id.test/userinfo"), "htu"),
    "htu of another host": (signed(htu="https://evil.test/token"), "htu"),
    "htu by http": (signed(htu="http://id.test/token"), "htu"),
    "htu of another port": (signed(htu="https://id.test:8443/token"), "htu"),
    "htu with a slash": (signed(htu=f"{URL}/"), "htu"),
    "htu in capitals": (signed(htu="https://id.test/TOKEN"), "htu"),
    "htu with a user": (signed(htu="https://id.test@evil.test/token"), "htu"),
    "htu with a backslash": (signed(htu="https://id.test\\@evil.test/token"), "htu"),
    "htu relative": (signed(htu="/token"), "htu"),
    "htu long": (signed(htu=URL + "?" + "x" * HTU_LIMIT), "htu"),
    "iat missing": (signed(iat=...), "iat"),
    "iat text": (signed(iat=str(NOW)), "iat"),
    "iat true": (signed(iat=True), "iat"),
    "iat negative": (signed(iat=-1), "iat"),
    "nbf text": (signed(nbf="soon"), "nbf"),
    "exp text": (signed(exp="late"), "exp"),
    "nonce number": (signed(nonce=7), "nonce"),
    "nonce empty": (signed(nonce=""), "nonce"),
}


@pytest.mark.parametrize("name", FLAWS)
def test_f15_e1_e2_e3_e4_e5_e8_e17_e21_each_flaw_is_refused_by_name(name: str) -> None:
    proof, reason = FLAWS[name]
    with pytest.raises(InvalidDpopProof, match=reason) as caught:
        verify(proof)
    assert "evil" not in caught.value.public


@pytest.mark.parametrize("ath", [..., "", "x", b64url(b"x" * 32), 7], ids=repr)
def test_f15_a_proof_names_the_access_token_it_comes_with(ath: object) -> None:
    with pytest.raises(InvalidDpopProof, match="ath"):
        verify(signed(ath=ath), access_token="at_1")
    assert verify(ES256.prove("POST", URL, at=NOW, token="at_1"), access_token="at_1")


def test_the_examples_of_the_rfc_are_good() -> None:
    token = verify_proof(RFC_TOKEN_REQUEST, method="POST", url="https://server.example.com/token")
    assert (token.jkt, token.jti, token.issued_at) == (RFC_JKT, "-BwC3ESc6acc2lTc", 1562262616)
    at = "https://resource.example.org/protectedresource"
    resource = verify_proof(RFC_RESOURCE_REQUEST, method="GET", url=at, access_token=RFC_ACCESS_TOKEN)
    assert (resource.jkt, resource.jti) == (RFC_JKT, "e1j3V_bKic8-LAEB")
    assert is_thumbprint(RFC_JKT)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_every_kind_of_key_proves(algorithm: Algorithm) -> None:
    prover = Prover(pair=pair_of(algorithm))
    found = verify(prover.sign(GOOD))
    assert (found.jkt, found.algorithm) == (prover.jkt, algorithm)


@pytest.mark.parametrize("name", ["Ed25519", "EdDSA"])
def test_ed25519_goes_by_both_of_its_names(name: str) -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64url(private.public_key().public_bytes_raw())}
    message = f"{encode({'typ': 'dpop+jwt', 'alg': name, 'jwk': jwk})}.{encode(GOOD)}"
    assert verify(f"{message}.{b64url(private.sign(message.encode()))}").algorithm == name


def test_what_nobody_knows_is_left_alone() -> None:
    header = {"x5c": ["AAAA"], "jku": "https://evil.test/", "kid": "k", "hello": 1, "jwk": JWK | {"kid": "k"}}
    found = verify(signed(header, nbf=NOW, exp=NOW + 300, nonce="n", hello="there"))
    assert (found.jkt, found.not_before, found.expires_at, found.nonce) == (ES256.jkt, NOW, NOW + 300, "n")


@pytest.mark.parametrize(
    "htu",
    [
        URL,
        f"{URL}?a=1#b",
        "HTTPS://ID.TEST/token",
        "https://id.test:443/token",
        "https://id.test:/token",
        "https://id.test/%74oken",
        "https://id.test/a/../token",
        "https://id.test/./token",
    ],
)
def test_an_address_counts_without_query_and_fragment_in_any_spelling(htu: str) -> None:
    assert verify(signed(htu=htu)).jkt == ES256.jkt


def test_an_address_that_ends_in_dots_ends_in_a_slash() -> None:
    assert normalise_uri("https://id.test/a/b/..") == normalise_uri("https://id.test/a/.") == "https://id.test/a/"


@pytest.mark.parametrize("text", ["", "x", RFC_JKT + "A", RFC_JKT[:-1], RFC_JKT[:-1] + "J", RFC_JKT[:-1] + "="])
def test_anything_else_is_no_thumbprint(text: str) -> None:
    assert not is_thumbprint(text)


def test_fapi_takes_few_algorithms_and_nobody_a_shared_secret() -> None:
    assert {name for name in ALGORITHMS if serves(name, Profile.FAPI2)} == {"ES256", "PS256", "EdDSA", "Ed25519"}
    assert all(serves(name, Profile.STANDARD) for name in ALGORITHMS)
    assert not [name for name in ALGORITHMS if name.startswith("HS") or name.lower() == "none"]
