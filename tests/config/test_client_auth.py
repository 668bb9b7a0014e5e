"""How a client proves itself, as the configuration must say it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from broker.core.jose.own_keys import mint_key
from broker.core.terms import Algorithm
from tests.config.minimal import MINIMAL, SECRET, SHA, Read

Problems = Callable[..., list[str]]
PUBLIC = dict(mint_key(Algorithm.ES256).public_jwk)
PLAIN = MINIMAL.replace(f"    secret_hashes: [sha256:{SHA}]\n", "")


def entry(**keys: Any) -> str:
    """The configuration with these keys in the client's entry."""
    return PLAIN + "".join(f"    {name}: {json.dumps(value)}\n" for name, value in keys.items())


def private(**changes: Any) -> dict[str, Any]:
    """The keys of a client that signs with a key."""
    return {"auth_method": "private_key_jwt", **changes}


@pytest.mark.parametrize(
    "keys",
    [
        private(jwks={"keys": [PUBLIC]}),
        private(jwks_uri="https://shop.example.com/jwks.json"),
        private(jwks_uri="https://shop.example.com/jwks.json", assertion_algs=["ES256", "PS256"]),
        {"auth_method": "client_secret_jwt", "secret": SECRET},
        {"auth_method": "client_secret_jwt", "secret": SECRET, "assertion_algs": ["HS256"]},
        {"auth_method": "none", "jwks": {"keys": [PUBLIC]}},
    ],
    ids=["jwks", "jwks_uri", "algorithms", "secret", "secret and algorithm", "public with keys for request objects"],
)
def test_a_client_that_signs_says_with_what(problems: Problems, keys: Mapping[str, Any]) -> None:
    assert problems(entry(**keys)) == []


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (private(), "clients.shop: needs jwks_uri"),
        (private(jwks_uri="https://shop.example.com/k", jwks={"keys": [PUBLIC]}), "jwks_uri: is there beside jwks"),
        (private(jwks_uri="https://shop.example.com/k", secret=SECRET), "clients.shop.secret: has no use"),
        (private(jwks_uri="http://shop.example.com/k"), "clients.shop.jwks_uri: needs https"),
        (
            private(jwks_uri="https://s.example/k", assertion_algs=["HS256"]),
            "assertion_algs[0]: is not for auth_method",
        ),
        (private(jwks_uri="https://s.example/k", assertion_algs=["none"]), "assertion_algs[0]: should be 'PS256'"),
        (private(jwks={}), "clients.shop.jwks: is a JWK set"),
        (private(jwks={"keys": []}), "clients.shop.jwks: is a JWK set"),
        (private(jwks={"keys": [PUBLIC] * 101}), "clients.shop.jwks: is a JWK set"),
        ({"auth_method": "client_secret_jwt"}, "clients.shop: needs secret: client_secret_jwt"),
        ({"auth_method": "client_secret_jwt", "secret_hashes": [f"sha256:{SHA}"]}, "cannot verify what was signed"),
        ({"auth_method": "client_secret_jwt", "secret": SECRET, "assertion_algs": ["ES256"]}, "is not for auth_method"),
        ({"secret": SECRET, "assertion_algs": ["HS256"]}, "is not for auth_method: client_secret"),
        ({"secret": SECRET, "auth_method": "client_secret_bsic"}, "write client_secret, client_secret_basic,"),
        ({"secret": SECRET, "assertion_audience": "legacy"}, "is for private_key_jwt and client_secret_jwt"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_client_that_could_not_prove_itself_is_refused(
    problems: Problems, keys: Mapping[str, Any], problem: str
) -> None:
    assert problem in "\n".join(problems(entry(**keys)))


def weak() -> list[Any]:
    """Keys nobody should be believed for."""
    rsa_1024 = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 1024).public_key(), as_dict=True)
    rsa_2048 = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048).public_key(), as_dict=True)
    k1 = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256K1()).public_key(), as_dict=True)
    return [rsa_1024, rsa_2048 | {"e": "AQ"}, k1, PUBLIC | {"use": "enc"}, PUBLIC | {"x": "AA"}, {"kty": "RSA"}, 5]


@pytest.mark.parametrize("key", weak(), ids=["rsa-1024", "e-1", "k1", "enc", "off-curve", "empty", "number"])
def test_e19_a_weak_or_useless_key_stops_the_start(problems: Problems, key: object) -> None:
    found = "\n".join(problems(entry(**private(jwks={"keys": [PUBLIC, key]}))))
    assert "clients.shop.jwks.keys[1]: verifies no signature" in found
    assert "keys[0]" not in found


@pytest.mark.parametrize("secret", ["tooshort", "placeholder", "a" * 40])
def test_e19_a_weak_shared_secret_stops_the_start(problems: Problems, secret: str) -> None:
    assert "clients.shop.secret: is " in "\n".join(problems(entry(auth_method="client_secret_jwt", secret=secret)))


@pytest.mark.parametrize("member", ["d", "p", "k", "qi"])
def test_a_private_key_in_the_configuration_stops_the_start_and_is_not_repeated(
    problems: Problems, member: str
) -> None:
    found = "\n".join(problems(entry(**private(jwks={"keys": [PUBLIC | {member: "c2VjcmV0LXZhbHVl"}]}))))
    assert "clients.shop.jwks.keys[0]: IS A PRIVATE KEY" in found
    assert "c2VjcmV0" not in found


def test_a_legacy_audience_is_taken_with_a_warning(read: Read) -> None:
    loaded = read(entry(**private(jwks={"keys": [PUBLIC]}, assertion_audience="legacy")))
    assert any("RFC 10070" in line for line in loaded.warnings)
