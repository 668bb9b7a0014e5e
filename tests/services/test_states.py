"""A state is recognised as ours without looking anything up."""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.services.login.states import States

NOW = 1_800_000_000
STATES = States((b"k" * 32,), os.urandom)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
STATE = STATES.mint(NOW, "shop")


@given(st.integers(min_value=0, max_value=2**32 - 1))
def test_a_state_tells_when_it_was_minted(now: int) -> None:
    assert STATES.started_at(STATES.mint(now, "shop")) == now


def test_f25_states_are_unguessable_and_all_different() -> None:
    minted = {STATES.mint(NOW, "shop") for _ in range(1000)}
    assert len(minted) == 1000
    assert {len(state) for state in minted} == {43}
    assert all(set(state) <= set(ALPHABET) for state in minted)


@given(st.integers(0, 42), st.sampled_from(ALPHABET))
def test_b1_no_changed_state_is_recognised(place: int, letter: str) -> None:
    other = STATE[:place] + letter + STATE[place + 1 :]
    assert (STATES.started_at(other) is not None) == (other == STATE)


@given(st.binary(min_size=32, max_size=32))
def test_b1_no_made_up_state_is_recognised(raw: bytes) -> None:
    assert STATES.started_at(urlsafe_b64encode(raw).rstrip(b"=").decode()) is None


@pytest.mark.parametrize(
    "state",
    ["", "x", STATE[:-1], STATE + "A", STATE + "=", " " + STATE[1:], "é" * 43, "=" * 43, STATE[:42] + "\n", "+" * 43],
    ids=[f"spelling-{number}" for number in range(10)],  # the same in every process, which a state is not
)
def test_b1_what_has_not_the_one_spelling_is_not_recognised(state: str) -> None:
    assert STATES.started_at(state) is None


def test_b1_a_state_of_another_key_is_not_recognised() -> None:
    assert States((b"o" * 32,), os.urandom).started_at(STATE) is None


def test_an_attempt_under_way_outlives_a_change_of_the_master_key() -> None:
    rotated = States((b"n" * 32, b"k" * 32), os.urandom)
    assert rotated.started_at(STATE) == NOW
    assert STATES.started_at(rotated.mint(NOW, "shop")) is None, "the first key mints"


def test_a_state_is_authentic_as_a_whole() -> None:
    raw = urlsafe_b64decode(STATE + "=")
    for place in range(32):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        assert STATES.started_at(urlsafe_b64encode(changed).rstrip(b"=").decode()) is None


def test_a_tag_is_short_and_tells_nothing() -> None:
    assert len(States.tag(STATE)) == 12
    assert States.tag(STATE) == States.tag(STATE) != States.tag(STATE + "x")
    assert not set(States.tag(STATE)) - set("0123456789abcdef")


def test_a_state_leads_back_to_its_app_and_shows_nobody_which_it_is() -> None:
    others = tuple(f"client-{number}" for number in range(40))
    minted = [STATES.mint(NOW, "shop") for _ in range(200)]
    found = [STATES.whose(state, ("shop", *others)) for state in minted]
    assert set(found) <= {"shop", ""}
    assert found.count("shop") > 190, "two bytes are hardly ever another's, too"
    assert {STATES.whose(state, ()) for state in minted} == {""}
    assert len({urlsafe_b64decode(state + "=")[20:22] for state in minted}) > 150, "no two states show one app"
    assert STATES.whose("x" * 43, ("shop",)) == ""
    rotated = States((b"n" * 32, b"k" * 32), os.urandom)
    assert rotated.whose(minted[0], ("shop",)) == "shop"
