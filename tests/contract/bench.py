"""Moved to broker.testing.bench."""

from broker.testing.bench import FLOW, NOW, STATE, VERIFIER, Bench, Case, Notes, public_jwk, signing_key
from tests.providers.cases import FIXTURES, load_cases

__all__ = [
    "FIXTURES",
    "FLOW",
    "NOW",
    "STATE",
    "VERIFIER",
    "Bench",
    "Case",
    "Notes",
    "load_cases",
    "public_jwk",
    "signing_key",
]
