"""Public keys of others verify what they are for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.core.jose.compact import b64url, parse_token
from broker.core.jose.jwk import ALGORITHMS, parse_key, verify_signature
from broker.core.terms import Algorithm
from broker.core.wire.strict_json import Malformed
from tests.core.own_tokens import pair_of
from tests.services.client_app import signed

RSA_2048 = dict(pair_of(Algorithm.RS256).public_jwk)


def number(value: int) -> str:
    """As a member of a JWK."""
    return b64url(value.to_bytes((value.bit_length() + 7) // 8 or 1, "big"))


@pytest.mark.parametrize("exponent", [3, 17, 65537, (1 << 32) - 1])
def test_usual_exponents_are_taken(exponent: int) -> None:
    assert parse_key(RSA_2048 | {"e": number(exponent)}) is not None


@pytest.mark.parametrize("exponent", [0, 1, 2, 65536, (1 << 32) + 1, (1 << 63) + 1, (1 << 2047) + 1])
def test_e23_an_exponent_that_makes_us_compute_is_no_key(exponent: int) -> None:
    assert parse_key(RSA_2048 | {"e": number(exponent)}) is None


@pytest.mark.parametrize(("bits", "taken"), [(1024, False), (2047, False), (2048, True), (4096, True), (4097, False)])
def test_e19_e23_a_modulus_has_its_usual_size(bits: int, taken: bool) -> None:
    assert (parse_key(RSA_2048 | {"n": number((1 << (bits - 1)) + 1)}) is not None) is taken
    assert parse_key(RSA_2048 | {"n": number((1 << 16383) + 1)}) is None


def test_e18_a_key_verifies_by_the_algorithms_it_is_for_and_no_other() -> None:
    pair = pair_of(Algorithm.PS256)
    good = parse_token(signed(pair, {}), ALGORITHMS)
    other = parse_token(signed(replace(pair, algorithm=Algorithm.RS256), {}), ALGORITHMS)
    bound = parse_key(dict(pair.public_jwk))
    free = parse_key({name: value for name, value in pair.public_jwk.items() if name != "alg"})
    assert bound is not None
    assert free is not None
    for key, token in ((bound, good), (free, good), (free, other)):
        verify_signature(token, key)
    with pytest.raises(Malformed):
        verify_signature(other, bound)
