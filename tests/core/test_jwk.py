"""Public keys of others verify what they are for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.core.compact import parse_token
from broker.core.jwk import ALGORITHMS, parse_key, verify_signature
from broker.core.strict_json import Malformed
from broker.core.terms import Algorithm
from tests.core.own_tokens import pair_of
from tests.services.client_app import signed


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
