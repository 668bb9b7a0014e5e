"""`profile: fapi2`: what it switches on, and what may not stand beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from broker.config.clients import build_clients
from broker.core.clients.client import Client
from broker.core.jose.own_keys import mint_key
from broker.core.terms import Algorithm, AuthMethod, Pkce, Profile
from tests.config.minimal import MINIMAL, SHA, Read

Problems = Callable[..., list[str]]
PUBLIC, RSA = (dict(mint_key(algorithm).public_jwk) for algorithm in (Algorithm.ES256, Algorithm.RS256))
PLAIN = MINIMAL.replace(f"    secret_hashes: [sha256:{SHA}]\n", "")
HTTPS = "[https://shop.example.com/cb]"


def entry(**keys: Any) -> str:
    """A configuration whose client has the profile and these keys."""
    found = {"profile": "fapi2", "jwks": {"keys": [PUBLIC]}} | keys
    return PLAIN + "".join(f"    {name}: {json.dumps(value)}\n" for name, value in found.items() if value is not ...)


def client(read: Read, **keys: Any) -> Client:
    """The client that comes of it."""
    return build_clients(read(entry(**keys)).config)["shop"]


def test_the_profile_alone_switches_every_rule_on(read: Read) -> None:
    shop = client(read)
    assert shop.origin.profile is Profile.FAPI2
    assert shop.auth_method is AuthMethod.PRIVATE_KEY_JWT
    assert shop.assertions.assertion_algs == {"PS256", "ES256", "EdDSA"}
    assert not shop.assertions.legacy_audience
    assert shop.requests.require_par
    assert shop.pkce is Pkce.REQUIRED
    assert shop.tokens.dpop_bound_access_tokens
    assert not shop.tokens.refresh_rotated
    assert shop.id_token_alg is Algorithm.ES256


def test_without_a_profile_nothing_changes(read: Read) -> None:
    shop = client(read, profile="standard", auth_method="private_key_jwt")
    assert shop.tokens.refresh_rotated
    assert not shop.tokens.dpop_bound_access_tokens
    assert not shop.requests.require_par
    assert shop.assertions.assertion_algs == frozenset()


def test_what_the_profile_leaves_open_can_be_chosen(read: Read) -> None:
    shop = client(read, id_token_alg="EdDSA", assertion_algs=["EdDSA"], grants=["client_credentials"])
    assert (shop.id_token_alg, shop.assertions.assertion_algs) == (Algorithm.EDDSA, frozenset({"EdDSA"}))


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ({"auth_method": "client_secret_basic", "secret_hashes": [f"sha256:{SHA}"]}, "auth_method: must be private"),
        ({"auth_method": "none"}, "auth_method: must be private_key_jwt"),
        ({"pkce": "optional"}, "pkce: must be required"),
        ({"pkce": "auto"}, "pkce: must be required"),
        ({"require_par": False}, "require_par: must be true"),
        ({"dpop_bound_access_tokens": False}, "dpop_bound_access_tokens: must be true"),
        ({"assertion_audience": "legacy"}, "assertion_audience: must be issuer"),
        ({"assertion_algs": []}, "assertion_algs: must be of PS256"),
        ({"assertion_algs": ["ES256", "RS256"]}, "assertion_algs[1]: must be of PS256, ES256, EdDSA"),
        ({"id_token_alg": "RS256"}, "id_token_alg: must be one of PS256"),
        ({"userinfo_alg": "RS256"}, "userinfo_alg: must be null or one of PS256"),
        ({"request_object_signing_alg": "RS256"}, "request_object_signing_alg: must be one of PS256"),
        ({"jwks": {"keys": [RSA]}}, "jwks: has no key for PS256"),
    ],
    ids=[
        "secret",
        "public",
        "pkce",
        "pkce auto",
        "par",
        "dpop",
        "audience",
        "any",
        "RS256",
        "id_token",
        "userinfo",
        "object",
        "key",
    ],
)
def test_what_contradicts_the_profile_stops_the_start(problems: Problems, keys: Mapping[str, Any], place: str) -> None:
    found = [line for line in problems(entry(**keys)) if f"clients.shop.{place}" in line]
    assert len(found) == 1
    assert "profile: fapi2 asks for that" in found[0]


def test_a_client_of_the_profile_needs_keys(problems: Problems) -> None:
    assert "needs jwks_uri" in "\n".join(problems(entry(jwks=...)))
    assert problems(entry(jwks=..., jwks_uri="https://shop.example.com/jwks.json")) == []


@pytest.mark.parametrize("uri", ["http://127.0.0.1/cb", "http://localhost:8080/cb", "com.example.shop:/cb"])
def test_codes_of_the_profile_travel_by_https_alone(problems: Problems, uri: str) -> None:
    text = entry().replace(HTTPS, f"[https://shop.example.com/cb, '{uri}']")
    assert "clients.shop.redirect_uris[1]: must be https" in "\n".join(problems(text))


def test_beside_emulated_upstreams_http_on_loopback_will_do(problems: Problems) -> None:
    text = entry().replace(HTTPS, "[http://127.0.0.1/cb]").replace("https://id.example.com", "http://localhost:8400")
    assert problems(text + "network: {upstreams: emulated}\n") == []


def test_codes_that_live_longer_than_the_profile_allows_stop_the_start(problems: Problems) -> None:
    assert "tokens.code_ttl: is longer than 60s" in "\n".join(problems(entry() + "tokens: {code_ttl: 61s}\n"))
    assert problems(entry() + "tokens: {code_ttl: 60s}\n") == []
    assert problems(MINIMAL + "tokens: {code_ttl: 61s}\n") == []


def test_an_algorithm_without_a_key_of_ours_is_no_algorithm(problems: Problems) -> None:
    assert "ES256 is not among keys.algorithms" in "\n".join(problems(entry() + "keys: {algorithms: [RS256]}\n"))
