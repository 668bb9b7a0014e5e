"""Proof Key for Code Exchange: S256 and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.authorize.pkce import build_challenge, is_challenge, matches

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636 appendix B
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"


def test_the_vector_of_rfc_7636_appendix_b_fits() -> None:
    assert build_challenge(VERIFIER) == CHALLENGE
    assert is_challenge(CHALLENGE)
    assert matches(VERIFIER, CHALLENGE)


@given(st.text(_ALPHABET, min_size=43, max_size=128))
def test_every_well_formed_verifier_fits_its_challenge(verifier: str) -> None:
    assert matches(verifier, build_challenge(verifier))
    assert is_challenge(build_challenge(verifier))


@pytest.mark.parametrize(
    "verifier",
    [
        "",
        "a" * 42,
        "a" * 129,
        "a" * 42 + "\n",
        "a" * 43 + "\n",
        "a" * 42 + "=",
        "a" * 42 + " ",
        "a" * 42 + "é",
        "٣" * 43,
    ],
)
def test_a12_a_verifier_that_is_not_well_formed_never_fits(verifier: str) -> None:
    challenge = build_challenge(verifier) if verifier.isascii() else CHALLENGE
    assert not matches(verifier, challenge)


@given(st.integers(min_value=0, max_value=42), st.sampled_from(_ALPHABET))
def test_a12_another_verifier_does_not_fit(place: int, letter: str) -> None:
    other = VERIFIER[:place] + letter + VERIFIER[place + 1 :]
    assert matches(other, CHALLENGE) == (other == VERIFIER)


def test_a12_the_plain_method_does_not_exist() -> None:
    assert not matches(VERIFIER, VERIFIER)


@pytest.mark.parametrize(
    "text", ["", CHALLENGE[:-1], CHALLENGE + "A", CHALLENGE + "=", CHALLENGE[:-1] + "+", CHALLENGE + "\n", "é" * 43]
)
def test_what_is_no_sha256_in_base64url_is_no_challenge(text: str) -> None:
    assert not is_challenge(text)
