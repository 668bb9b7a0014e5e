"""A sealed record comes back unread and unchanged, for the purpose it was made for, or not at all."""

from __future__ import annotations

import os
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from broker.core.errors import SealBroken
from broker.core.seal import Seal, derive, digest

MASTER, OTHER = b"m" * 32, b"o" * 32
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def make(*masters: bytes, purpose: str = "flow") -> Seal:
    """A seal of this purpose."""
    return Seal(masters or (MASTER,), purpose, randomness=os.urandom, clock=time.time)


SEALED = make().seal(b"hello", bound_to=b"state")


@given(st.binary(max_size=500), st.binary(max_size=50))
def test_what_was_sealed_opens_again(plain: bytes, bound_to: bytes) -> None:
    assert make().open_(make().seal(plain, bound_to=bound_to), bound_to=bound_to) == plain


@given(st.integers(min_value=0, max_value=len(urlsafe_b64decode(SEALED + "==")) - 1), st.integers(1, 255))
def test_b22_no_changed_byte_opens(place: int, flip: int) -> None:
    raw = bytearray(urlsafe_b64decode(SEALED + "=" * (-len(SEALED) % 4)))
    raw[place] ^= flip
    with pytest.raises(SealBroken):
        make().open_(urlsafe_b64encode(raw).rstrip(b"=").decode(), bound_to=b"state")


@given(st.integers(min_value=0, max_value=len(SEALED) - 1), st.sampled_from(ALPHABET))
def test_b22_no_other_spelling_opens(place: int, letter: str) -> None:
    other = SEALED[:place] + letter + SEALED[place + 1 :]
    if other != SEALED:
        with pytest.raises(SealBroken):
            make().open_(other, bound_to=b"state")


@pytest.mark.parametrize(
    "sealed",
    [
        "",
        "A",
        "AQ",
        "é",
        "====",
        SEALED + "=",
        SEALED + "==",
        SEALED + "\n",
        " " + SEALED,
        SEALED[:20] + "\n" + SEALED[20:],
        SEALED[:20] + "!" + SEALED[20:],
        SEALED + "A",
        SEALED[:-1],
        SEALED[:28],
        SEALED.replace("-", "+").replace("_", "/") + "+",
        "A" * 10_000,
    ],
    ids=[f"spelling-{number}" for number in range(16)],  # the same in every process, which a seal is not
)
def test_b22_what_is_not_its_one_spelling_is_refused(sealed: str) -> None:
    with pytest.raises(SealBroken):
        make().open_(sealed, bound_to=b"state")


@given(st.text(max_size=200))
def test_b22_no_made_up_text_opens(text: str) -> None:
    with pytest.raises(SealBroken):
        make().open_(text)


@pytest.mark.parametrize("purpose", ["consent", "entry", "access token", "flow ", "Flow", ""])
def test_b22_a_seal_of_another_purpose_does_not_open(purpose: str) -> None:
    with pytest.raises(SealBroken):
        make(purpose=purpose).open_(SEALED, bound_to=b"state")


@pytest.mark.parametrize("bound_to", [b"", b"states", b"stat", b"State", b"\0state"])
def test_b22_a_seal_bound_to_something_else_does_not_open(bound_to: bytes) -> None:
    with pytest.raises(SealBroken):
        make().open_(SEALED, bound_to=bound_to)


def test_the_purpose_and_what_is_bound_cannot_flow_into_each_other() -> None:
    sealed = make(purpose="a").seal(b"x", bound_to=b"b\0c")
    with pytest.raises(SealBroken):
        make(purpose="a\0b").open_(sealed, bound_to=b"c")


def test_a_rotated_master_key_still_opens_what_it_sealed() -> None:
    old = make(MASTER).seal(b"x")
    assert make(OTHER, MASTER).open_(old) == b"x"
    new = make(OTHER, MASTER).seal(b"y")
    assert make(OTHER).open_(new) == b"y"
    with pytest.raises(SealBroken):
        make(MASTER).open_(new)
    with pytest.raises(SealBroken):
        make(OTHER).open_(old)


def test_j13_every_day_has_a_key_of_its_own_and_every_day_is_opened() -> None:
    now = [1_800_000_000.0]
    seal = Seal((MASTER,), "flow", randomness=lambda size: b"n" * size, clock=lambda: now[0])
    sealed = []
    for day in range(400):
        now[0] = 1_800_000_000.0 + day * 86_400
        sealed.append(seal.seal(b"x"))
        assert seal.seal(b"x") == sealed[-1], "one key for all of a day"
    bodies = {urlsafe_b64decode(one + "=" * (-len(one) % 4))[24:] for one in sealed}
    assert len(bodies) == 400, "the same nonce and text, and never the same key"
    now[0] = 0.0
    assert {seal.open_(one) for one in sealed} == {b"x"}, "whatever a clock says"


def test_j13_what_was_sealed_by_one_key_for_ever_still_opens() -> None:
    nonce = os.urandom(12)
    body = AESGCM(derive(MASTER, "seal flow")).encrypt(nonce, b"old", b"flow\0state")
    raw = b"\x01" + sha256(b"key id\0" + MASTER).digest()[:8] + nonce + body
    sealed = urlsafe_b64encode(raw).rstrip(b"=").decode()
    assert make().open_(sealed, bound_to=b"state") == b"old"
    assert make().is_current(sealed)
    with pytest.raises(SealBroken):
        make().open_(sealed, bound_to=b"another")


def test_two_seals_of_the_same_bytes_differ() -> None:
    assert make().seal(b"x") != make().seal(b"x")


@pytest.mark.parametrize("masters", [(), (b"",), (b"short",), (MASTER, b"m" * 31), (b"m" * 33,)])
def test_a_master_key_has_32_bytes(masters: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Seal(masters, "flow", randomness=os.urandom, clock=time.time)


def test_a_key_of_each_purpose_is_its_own() -> None:
    keys = {derive(MASTER, "state"), derive(MASTER, "refresh token"), derive(OTHER, "state"), MASTER}
    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}


def test_a_secret_is_known_to_the_stores_by_its_sha256() -> None:
    assert digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
