"""Rows E of the threat catalogue: tokens that must not log anybody in, each wrong in one way only."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256, sha512
from string import ascii_letters, digits
from time import perf_counter
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from broker.core.errors import UpstreamError, UpstreamInvalid
from broker.core.posted import nonce_of
from broker.testing.bench import Notes
from broker.upstream.fields import Fields
from broker.upstream.jwt import JwtVerifier, check_access_token_hash, check_times
from broker.upstream.model import IdTokenRules

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000
TOKEN = "access-token"
RULES = IdTokenRules(
    issuers=("https://up.example", "up.example"),
    audience="us",
    algorithms=("RS256", "ES256", "EdDSA"),
    jwks_uri="https://up.example/jwks",
    nonce="n-1",
    access_token=TOKEN,
    issued_after=NOW - 120,
)


def b64(raw: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """One RSA key per size."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    """One key per curve."""
    return ec.generate_private_key(curve())


@cache
def ed_key() -> ed25519.Ed25519PrivateKey:
    """One Ed25519 key."""
    return ed25519.Ed25519PrivateKey.generate()


SIGNERS: Mapping[str, Any] = {
    "RS256": (RSAAlgorithm(RSAAlgorithm.SHA256), rsa_key),
    "RS512": (RSAAlgorithm(RSAAlgorithm.SHA512), rsa_key),
    "ES256": (ECAlgorithm(ECAlgorithm.SHA256), ec_key),
    "EdDSA": (OKPAlgorithm(), ed_key),
}


def jwk(algorithm: str, *, kid: str, **more: Any) -> dict[str, Any]:
    """The public half of our key for this algorithm, as an issuer would publish it."""
    signer, key = SIGNERS[algorithm]
    public: dict[str, Any] = signer.to_jwk(key().public_key(), as_dict=True)
    return {**public, "kid": kid, "alg": algorithm, "use": "sig", **more}


@dataclass
class Issuer:
    """Publishes keys, counts how often they are fetched."""

    keys: list[Any] = field(
        default_factory=lambda: [jwk("RS256", kid="rsa"), jwk("ES256", kid="ec"), jwk("EdDSA", kid="ed")]
    )
    fetches: int = 0
    failure: UpstreamError | None = None
    max_age: int | None = None

    async def get_cacheable(self, url: str, *, spare: bool = False) -> tuple[Fields, int | None]:
        """As the HTTP client would."""
        assert url == RULES.jwks_uri
        self.fetches += 1
        await asyncio.sleep(0)  # as a real call would, so that others get their turn
        if self.failure is not None:
            raise self.failure
        return Fields({"keys": self.keys}), self.max_age


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims with changes; a change to None removes one."""
    good = {"iss": "https://up.example", "aud": "us", "sub": "s-1", "iat": NOW, "exp": NOW + 300, "nonce": "n-1"}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def sign(payload: bytes | Mapping[str, Any], algorithm: str = "RS256", **header: Any) -> str:
    """A token with a right signature over whatever it says."""
    kids = {"RS256": "rsa", "RS512": "rsa", "ES256": "ec", "EdDSA": "ed"}
    head = {"alg": algorithm, "kid": kids[algorithm], **header}
    return sign_raw(json.dumps(head).encode(), payload, algorithm)


def sign_raw(header: bytes, payload: bytes | Mapping[str, Any], algorithm: str = "RS256") -> str:
    """The same with the header byte for byte."""
    signer, key = SIGNERS[algorithm]
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    head = f"{b64(header)}.{b64(body)}"
    return f"{head}.{b64(signer.sign(head.encode(), key()))}"


def verifier(issuer: Issuer | None = None, now: float = NOW) -> JwtVerifier:
    """A verifier with a standing clock."""
    return JwtVerifier(issuer or Issuer(), name="x", recorder=Notes(), now=lambda: now, clock=lambda: 0.0)


async def accepted(token: str, rules: IdTokenRules = RULES, issuer: Issuer | None = None, now: float = NOW) -> Fields:
    """The claims of a token that must pass."""
    return await verifier(issuer, now).verify_id_token(token, rules)


async def refused(token: str, rules: IdTokenRules = RULES, issuer: Issuer | None = None, now: float = NOW) -> None:
    """A token that must not pass, and an error that quotes nothing of it."""
    with pytest.raises(UpstreamInvalid) as caught:
        await verifier(issuer, now).verify_id_token(token, rules)
    assert token[:20] not in caught.value.detail or not token


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_good_token_passes(algorithm: str) -> None:
    assert (await accepted(sign(claims(), algorithm))).text("sub") == "s-1"
    assert (await accepted(sign(claims(iss="up.example", aud=["us"], azp="us"), algorithm))).text("sub") == "s-1"
    assert (await accepted(sign(claims(), algorithm, typ="jwt"))).text("sub") == "s-1"


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE", "", None, ["RS256"], {"a": 1}, 1, True, "rs256"])
async def test_e1_an_unsigned_or_unknown_algorithm(alg: object) -> None:
    header = {"alg": alg, "kid": "rsa"} if alg is not None else {"kid": "rsa"}
    signed = sign_raw(json.dumps(header).encode(), claims())
    await refused(signed)
    await refused(signed.rpartition(".")[0] + ".")


async def test_e2_hmac_with_a_public_key_as_the_secret() -> None:
    public = rsa_key().public_key()
    secrets = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(jwk("RS256", kid="rsa")).encode(),
        json.dumps({"keys": [jwk("RS256", kid="rsa")]}).encode(),
        public.public_numbers().n.to_bytes(256, "big"),
    ]
    head = f"{b64(json.dumps({'alg': 'HS256', 'kid': 'rsa'}).encode())}.{b64(json.dumps(claims()).encode())}"
    for secret in secrets:
        mac = HMAC(secret, SHA256())
        mac.update(head.encode())
        await refused(f"{head}.{b64(mac.finalize())}")
        allowing = replace(RULES, algorithms=("RS256", "HS256"))
        mac = HMAC(secret, SHA256())
        mac.update(head.encode())
        await refused(f"{head}.{b64(mac.finalize())}", allowing)


async def test_e3_a_key_that_comes_with_the_token_is_not_looked_at() -> None:
    foreign = rsa.generate_private_key(65537, 2048)
    own = RSAAlgorithm.to_jwk(foreign.public_key(), as_dict=True)
    for extra in ({"jwk": own}, {"jku": "https://evil.example/jwks"}, {"x5u": "https://evil.example"}, {"x5c": ["MA"]}):
        issuer = Issuer()
        head = (
            f"{b64(json.dumps({'alg': 'RS256', 'kid': 'rsa', **extra}).encode())}.{b64(json.dumps(claims()).encode())}"
        )
        signature = RSAAlgorithm(RSAAlgorithm.SHA256).sign(head.encode(), foreign)
        await refused(f"{head}.{b64(signature)}", issuer=issuer)
        assert issuer.fetches == 1
        assert (await accepted(sign(claims(), **extra))).text("sub") == "s-1"


@pytest.mark.parametrize("kid", ["../../dev/null", "' or 1=1 --", "\x00", "x" * 257, 5, ["rsa"], {"a": 1}, True, ""])
async def test_e4_a_kid_is_a_short_text_and_nothing_else(kid: object) -> None:
    issuer = Issuer()
    await refused(sign(claims(), kid=kid), issuer=issuer)
    assert issuer.fetches <= 1


@pytest.mark.parametrize("extra", [{"crit": ["x"]}, {"crit": []}, {"crit": "b64"}, {"b64": False}, {"b64": True}])
async def test_e5_header_extensions_we_do_not_know(extra: dict[str, Any]) -> None:
    await refused(sign(claims(), **extra))


async def test_e6_five_parts_are_refused_before_any_work() -> None:
    issuer = Issuer()
    header = b64(json.dumps({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 10**9, "zip": "DEF"}).encode())
    started = perf_counter()
    await refused(f"{header}.a.b.c.d", issuer=issuer)
    assert perf_counter() - started < 0.5
    assert issuer.fetches == 0


async def test_e7_long_and_deep_tokens_are_refused_at_once() -> None:
    for size in (17_000, 1_000_000, 50_000_000):
        long = sign(claims(), jku="a" * 20) + "a" * size
        started = perf_counter()
        with pytest.raises(UpstreamInvalid, match="too long"):
            await accepted(long)
        assert perf_counter() - started < 0.5
    for depth in (17, 1000, 5000):
        await refused(sign(b'{"a":' + b"[" * depth + b"]" * depth + b"}"))
        await refused(sign_raw(b'{"alg":"RS256","x":' + b"[" * 1000 + b"]" * 1000 + b"}", claims()))
    await accepted(sign(claims(deep=json.loads("[" * 14 + "]" * 14))))


@pytest.mark.parametrize("typ", ["at+jwt", "logout+jwt", "dpop+jwt", "client-authentication+jwt", "", 5, ["JWT"]])
async def test_e8_a_token_of_another_type(typ: object) -> None:
    await refused(sign(claims(), typ=typ))


@pytest.mark.parametrize(
    "aud", [[], ["other"], "other", ["us", "evil"], ["us", "us"], None, {"us": 1}, 5, True, [["us"]]]
)
async def test_e9_an_audience_that_is_not_exactly_us(aud: object) -> None:
    await refused(sign(claims(aud=aud)))


MANY = replace(RULES, sole=False)


@pytest.mark.parametrize("aud", [["us", "other"], ["project", "other", "us"], ["us", "us"], ["us", 5]])
async def test_e24_among_several_audiences_the_authorized_party_is_us(aud: list[object]) -> None:
    await accepted(sign(claims(aud=aud, azp="us")), MANY)
    await refused(sign(claims(aud=aud)), MANY)
    for azp in ("other", "project", "", 5, ["us"], "US"):
        await refused(sign(claims(aud=aud, azp=azp)), MANY)


@pytest.mark.parametrize("aud", [[], ["other"], ["other", "evil"], None, {"us": 1}, ["us", None], ["us", ["us"]], True])
async def test_e24_an_audience_without_us_or_with_something_else_than_texts(aud: object) -> None:
    await refused(sign(claims(aud=aud)), MANY)
    await refused(sign(claims(aud=aud, azp="us")), MANY)


async def test_e24_where_tokens_are_for_one_client_each_azp_makes_no_others_welcome() -> None:
    await accepted(sign(claims(aud=["us"])), MANY)
    await refused(sign(claims(aud=["us", "other"], azp="us")), RULES)


async def test_e9_an_audience_that_is_a_number_reads_as_its_decimal_text() -> None:
    numeric = replace(RULES, audience="7000000001")
    await accepted(sign(claims(aud=7000000001)), numeric)
    await refused(sign(claims(aud=True)), replace(RULES, audience="True"))


@pytest.mark.parametrize("azp", ["other", "", 5, ["us"]])
async def test_e9_an_authorized_party_that_is_not_us(azp: object) -> None:
    await refused(sign(claims(azp=azp)))
    await accepted(sign(claims(azp="android")), replace(RULES, azp=("android",)))


NATIVE = replace(RULES, azp=("android", "ios"), access_token=None)


@pytest.mark.parametrize("parties", [("us", "android"), ("android", None), ("ios", "ios"), (["us"], "ios")])
async def test_m1_a_token_of_one_of_our_native_apps(parties: tuple[object, object]) -> None:
    aud, azp = parties
    await accepted(sign(claims(aud=aud, azp=azp)), NATIVE)
    await refused(sign(claims(aud=aud, azp=azp)), RULES)


OF_OTHERS = [("us", None), ("us", "us"), ("other", None), ("us", "other"), ("other", "android"), (["us", "ios"], "ios")]


@pytest.mark.parametrize("parties", OF_OTHERS)
async def test_m1_a_token_of_our_pages_or_of_another_app_is_none_of_a_native_app(
    parties: tuple[object, object],
) -> None:
    aud, azp = parties
    await refused(sign(claims(aud=aud, azp=azp)), NATIVE)


@pytest.mark.parametrize(
    ("parties", "named"),
    [(("other", None), "in aud (other)"), ((["a", "b"], None), "in aud (a, b)"), (("us", "other"), "client (other)")],
)
async def test_m1_the_operator_hears_whose_a_token_of_another_app_is(
    parties: tuple[object, object], named: str
) -> None:
    aud, azp = parties
    with pytest.raises(UpstreamInvalid) as caught:
        await accepted(sign(claims(aud=aud, azp=azp)), NATIVE)
    assert caught.value.detail.endswith(named)
    assert caught.value.public == ""


@pytest.mark.parametrize("hostile", ["x" * 5000, "a\nlevel=info event=login.succeeded", "\x1b[2J\u202e"])
@pytest.mark.parametrize("claim", ["aud", "azp"])
async def test_m1_whatever_names_another_app_is_one_short_line_in_the_log(claim: str, hostile: str) -> None:
    with pytest.raises(UpstreamInvalid) as caught:
        await accepted(sign(claims(**{claim: hostile})), NATIVE)
    assert len(caught.value.detail) < 300
    assert caught.value.detail.isascii()
    assert caught.value.detail.isprintable()


async def test_m1_a_token_that_nobody_asked_for_has_any_nonce_but_that_of_a_challenge() -> None:
    unasked = replace(NATIVE, nonce="", unasked=True)
    for nonce in (None, "n-2", 5):
        await accepted(sign(claims(aud="ios", nonce=nonce)), unasked)
    await refused(sign(claims(aud="ios", nonce=nonce_of("some challenge"))), unasked)
    await refused(sign(claims(aud="ios", nonce="n-2")), NATIVE)
    await refused(sign(claims(aud="ios", iat=NOW - 400)), unasked)


async def test_m1_a_kit_may_have_been_given_the_hash_of_the_nonce_where_that_is_usual() -> None:
    hashing = replace(NATIVE, nonce="raw-nonce-123", hashed_nonce=True)
    hashed = "8197cb768cfbf77048a764c35b565b71128226c4813a4f9c0d663e9bd76a88cb"  # the vector of Facebook and Apple
    for nonce in ("raw-nonce-123", hashed):
        await accepted(sign(claims(aud="ios", nonce=nonce)), hashing)
    twice = sha256(hashed.encode()).hexdigest()
    for wrong in (None, "", "raw-nonce-124", hashed.upper(), sha256(b"").hexdigest(), twice):
        await refused(sign(claims(aud="ios", nonce=wrong)), hashing)
    await refused(sign(claims(aud="ios", nonce=hashed)), replace(hashing, hashed_nonce=False))
    await refused(sign(claims(aud="ios", nonce=sha256(b"").hexdigest())), replace(hashing, nonce=""))


async def test_m1_a_hash_that_nobody_asked_for_may_be_that_of_a_challenge() -> None:
    unasked = replace(NATIVE, nonce="", unasked=True)
    hashed = sha256(nonce_of("some challenge").encode()).hexdigest()
    await accepted(sign(claims(aud="ios", nonce="n-2")), replace(unasked, hashed_nonce=True))
    await refused(sign(claims(aud="ios", nonce=hashed)), replace(unasked, hashed_nonce=True))
    await accepted(sign(claims(aud="ios", nonce=hashed)), unasked)


async def test_m1_a_token_that_came_alone_is_not_held_to_a_hash_of_what_did_not_come() -> None:
    await accepted(sign(claims(aud="ios", at_hash="AAAA")), NATIVE)


def half_hash(algorithm: str) -> str:
    """`at_hash` of TOKEN for this algorithm."""
    digest = (sha512 if algorithm == "EdDSA" else sha256)(TOKEN.encode()).digest()
    return b64(digest[: len(digest) // 2])


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_e10_at_hash_must_fit_where_it_is_present(algorithm: str) -> None:
    good = half_hash(algorithm)
    await accepted(sign(claims(at_hash=good), algorithm))
    for wrong in (
        good[:-1],
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        "",
        5,
        good + "=",
        half_hash("RS256")[::-1],
    ):
        await refused(sign(claims(at_hash=wrong), algorithm))
    await refused(sign(claims(at_hash=good), algorithm), replace(RULES, access_token="other"))
    await refused(sign(claims(at_hash=good), algorithm), replace(RULES, access_token=""))


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", ["9999999999", True, -1, [1], {}, ""])
async def test_e11_a_time_is_a_number(name: str, value: object) -> None:
    await refused(sign(claims(**{name: value})))


@pytest.mark.parametrize("raw", [b"NaN", b"Infinity", b"1e400", b"-1", b"1.8e9x"])
async def test_e11_a_time_is_finite(raw: bytes) -> None:
    body = json.dumps(claims(exp=None)).encode()[:-1] + b',"exp":' + raw + b"}"
    await refused(sign(body))


async def test_e11_claims_that_must_be_there_are_texts() -> None:
    for name in ("exp", "iat", "iss", "aud", "sub", "nonce"):
        await refused(sign(claims(**{name: None})))
    for name in ("iss", "sub", "nonce"):
        values: tuple[object, ...] = ([claims()[name]], 5, "", {}, True)
        for value in values:
            await refused(sign(claims(**{name: value})))
    await refused(sign(claims(iss="https://up.example/")))
    await accepted(sign(claims(exp=10**300)))
    await accepted(sign(claims(iat=NOW + 0.5)))


async def test_e12_the_skew_is_what_the_rules_say_and_not_a_second_more() -> None:
    for skew in (0, 30, 60):
        rules = replace(RULES, skew=skew)
        await accepted(sign(claims(exp=NOW - skew + 1)), rules)
        await refused(sign(claims(exp=NOW - skew)), rules)
        await accepted(sign(claims(iat=NOW + skew)), rules)
        await refused(sign(claims(iat=NOW + skew + 1)), rules)
        await accepted(sign(claims(nbf=NOW + skew)), rules)
        await refused(sign(claims(nbf=NOW + skew + 1)), rules)
        await accepted(sign(claims(iat=NOW - 120 - skew)), rules)
        await refused(sign(claims(iat=NOW - 120 - skew - 1)), rules)
    await accepted(sign(claims(iat=NOW - 250)), replace(RULES, issued_after=None))


async def test_e13_the_keys_of_one_issuer_verify_nothing_of_another() -> None:
    foreign = rsa.generate_private_key(65537, 2048)
    published = RSAAlgorithm.to_jwk(foreign.public_key(), as_dict=True) | {"kid": "rsa", "alg": "RS256"}
    await refused(sign(claims()), issuer=Issuer([published]))


@pytest.mark.parametrize(
    "signature", [bytes(64), b"\x30\x06\x02\x01\x00\x02\x01\x00", b"\x00" * 63, b"\xff" * 64, b"\x01"]
)
async def test_e17_degenerate_signatures(signature: bytes) -> None:
    for algorithm in ("ES256", "EdDSA", "RS256"):
        token = sign(claims(), algorithm)
        await refused(f"{token.rpartition('.')[0]}.{b64(signature)}")


async def test_e17_an_ec_signature_in_der_is_not_one() -> None:
    head = sign(claims(), "ES256").rpartition(".")[0]
    await refused(f"{head}.{b64(ec_key().sign(head.encode(), ec.ECDSA(SHA256())))}")


async def test_e18_a_key_serves_only_the_algorithm_it_is_published_for() -> None:
    rules = replace(RULES, algorithms=("RS256", "RS512"))
    await refused(sign(claims()), rules, Issuer([jwk("RS256", kid="rsa", alg="RS512")]))
    await refused(sign(claims(), "RS512"), rules)
    await accepted(sign(claims(), "RS512"), rules, Issuer([jwk("RS256", kid="rsa", alg="RS512")]))
    await refused(sign(claims(), "ES256", kid="rsa"))
    await refused(sign(claims(), "RS512"))


async def test_e20_a_member_named_twice() -> None:
    body = json.dumps(claims()).encode()
    await refused(sign(body[:-1] + b',"sub":"s-2"}'))
    await refused(sign_raw(b'{"alg":"RS256","alg":"RS256","kid":"rsa"}', body))


async def test_e21_a_token_has_one_spelling() -> None:
    token = sign(claims(), "ES256")
    head, body, signature = token.split(".")
    last = signature[-1]
    sibling = next(c for c in ascii_letters + digits if c != last and _same_bytes(signature, signature[:-1] + c))
    for spelt in (signature[:-1] + sibling, signature + "=", signature + "==", signature + "\n", " " + signature):
        await refused(f"{head}.{body}.{spelt}")
    for spelt in (
        f"{head}=.{body}.{signature}",
        f"{head}.{body}",
        f".{body}.{signature}",
        "..",
        "",
        f"{head}..{signature}",
    ):
        await refused(spelt)
    await refused(token.replace("-", "+").replace("_", "/") if "-" in token or "_" in token else "+")
    await refused(
        f"{head}.{body}A.{signature}" if len(body) % 4 == 0 else f"{head}.{body}{'A' * (5 - len(body) % 4)}.x"
    )
    await refused("é" + token)


def _same_bytes(left: str, right: str) -> bool:
    return urlsafe_b64decode(left + "==") == urlsafe_b64decode(right + "==")


async def test_any_changed_byte_of_the_payload_or_signature_is_noticed() -> None:
    token = sign(claims(), "ES256")
    for at in range(0, len(token), 7):
        if token[at] != ".":
            await refused(token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :])


async def test_header_and_payload_are_objects() -> None:
    for raw in (b"[]", b"null", b'"x"', b"", b"{", b"\xff", b"\xef\xbb\xbf{}"):
        await refused(sign_raw(b'{"alg":"RS256","kid":"rsa"}', raw) if raw else "e30..x")
        await refused(sign_raw(raw or b" ", claims()))


async def test_b11_the_nonce_may_be_absent_only_where_the_rules_say_so_and_never_differ() -> None:
    optional = replace(RULES, nonce_optional=True)
    await accepted(sign(claims(nonce=None)), optional)
    for nonce in ("other", "", "N-1"):
        await refused(sign(claims(nonce=nonce)), optional)
        await refused(sign(claims(nonce=nonce)))
    await refused(sign(claims(nonce="")), replace(RULES, nonce=""))
    await refused(sign(claims(nonce=None)), replace(RULES, nonce=""))


def test_e10_at_hash_of_an_algorithm_nobody_can_hash_for_is_refused() -> None:
    with pytest.raises(UpstreamInvalid):
        check_access_token_hash(Fields({"at_hash": half_hash("ES256")}), "ES1024", TOKEN)


async def test_a_pinned_key_verifies_and_nothing_else_does() -> None:
    pem = rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    other = ed_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    check = verifier().verify_pinned
    assert check(sign(claims(), kid=None), public_key=pem, algorithm="RS256").text("sub") == "s-1"
    for token, key in ((sign(claims(), "ES256"), pem), (sign(claims()), other), (sign(claims()), "x"), ("a.b.c", pem)):
        with pytest.raises(UpstreamInvalid):
            check(token, public_key=key, algorithm="RS256")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"iat": NOW + 61}, "not valid yet by 61 s; check both clocks"),
        ({"nbf": NOW + 75}, "not valid yet by 75 s; check both clocks"),
        ({"exp": NOW - 90}, "expired 90 s ago; check both clocks"),
        ({"iat": NOW - 400}, "made 400 s before this login attempt; check both clocks"),
        ({"iat": "soon"}, "iat is not a point in time"),
    ],
)
def test_a_time_that_is_wrong_is_told_with_its_distance(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(UpstreamInvalid) as caught:
        check_times(Fields(claims(**changed), "ID token"), now=NOW, skew=60, issued_after=NOW)
    assert caught.value.detail.removeprefix("ID token: ") == told
