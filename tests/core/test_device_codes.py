"""The code people type: drawn fairly, written in any way, and never a word."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from broker.core.devices import ALPHABET, LENGTH, build_user_code, parse_user_code, show_user_code


def test_f25_user_codes_are_drawn_evenly() -> None:
    codes = [build_user_code(os.urandom) for _ in range(5_000)]
    assert len(set(codes)) >= len(codes) - 1
    drawn = Counter("".join(codes))
    expected = len(codes) * LENGTH / len(ALPHABET)
    assert sum((drawn[letter] - expected) ** 2 / expected for letter in ALPHABET) < 60  # 19 degrees of freedom


def test_a_byte_that_would_favour_some_letters_is_thrown_away() -> None:
    assert build_user_code(lambda size: bytes([255, 0] * (size // 2))) == ALPHABET[0] * LENGTH


@pytest.mark.parametrize("typed", ["BCDF-GHJK", "bcdfghjk", " b c d f g h j k ", "BCDF–GHJK", "bcdf.ghjk"])
def test_a_code_is_read_however_it_is_written(typed: str) -> None:
    assert show_user_code(parse_user_code(typed)) == "BCDF-GHJK"


@pytest.mark.parametrize("typed", ["", "BCDF-GHJ", "BCDF-GHJKL", "ABCD-EFGH", "ВСDF-GHJK"])
def test_what_cannot_be_a_code_is_none(typed: str) -> None:
    assert parse_user_code(typed) == ""
