"""Account linking: 48 cells, and what holds in all of them."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.people.linking import (
    Known,
    LinkingPolicy,
    LinkingRule,
    Outcome,
    Vouched,
    decide_linking,
    fold_address,
    read_vouched,
)

E, C, V = LinkingPolicy.EXPLICIT, LinkingPolicy.CONFIRM, LinkingPolicy.VERIFIED_EMAIL
NOTHING, UNVERIFIED, VERIFIED, TRUSTED = Vouched
NEW, OFFER, PROVE = Outcome
EVERY = list(product(LinkingPolicy, Vouched, Known))

# Everything that is not "a new account without a question".
ASKED = {
    (C, NOTHING, Known.BROWSER): OFFER,
    (C, UNVERIFIED, Known.BROWSER): OFFER,
    (C, VERIFIED, Known.BROWSER): OFFER,
    (C, TRUSTED, Known.BROWSER): OFFER,
    (C, VERIFIED, Known.VERIFIED): OFFER,
    (C, TRUSTED, Known.VERIFIED): OFFER,
    (V, NOTHING, Known.BROWSER): OFFER,
    (V, UNVERIFIED, Known.BROWSER): OFFER,
    (V, VERIFIED, Known.BROWSER): OFFER,
    (V, TRUSTED, Known.BROWSER): OFFER,
    (V, VERIFIED, Known.VERIFIED): OFFER,
    (V, TRUSTED, Known.VERIFIED): PROVE,
}
CLAIM = (True, "true", False, 1, None, "absent")
ADDRESS = "ada@example.com"
LOOK_ALIKES = (
    "ada@example.com.evil.test",
    "ada@evil@example.com",
    "ada@ex\u0430mple.com",
    "\u0430da@example.com",
    "ad\u0430@example.com",
    "ada@example\u3002com",
    "a\u0131da@example.com",
    "ada@\u212aexample.com",
    "\u212a@example.com",
    "ada@EXAMPLE.c\u043em",
)


def claims_of(claim: object, address: str = ADDRESS) -> dict[str, Any]:
    """An identity's claims; `claim` is the word on the address, "absent" for none."""
    return {"email": address} | ({} if claim == "absent" else {"email_verified": claim})


@pytest.mark.parametrize(("policy", "vouched", "known"), EVERY, ids=str)
def test_every_cell_of_the_table(policy: LinkingPolicy, vouched: Vouched, known: Known) -> None:
    assert decide_linking(policy, vouched, known) is ASKED.get((policy, vouched, known), NEW)


def test_there_are_forty_eight_cells() -> None:
    assert len(EVERY) == 48


@given(st.sampled_from(Vouched), st.sampled_from(Known))
def test_explicit_never_asks(vouched: Vouched, known: Known) -> None:
    assert decide_linking(E, vouched, known) is NEW


@given(st.sampled_from(LinkingPolicy), st.sampled_from(Vouched))
def test_d2_an_address_that_nobody_proved_here_changes_nothing(policy: LinkingPolicy, vouched: Vouched) -> None:
    unproven = decide_linking(policy, vouched, Known.UNVERIFIED)
    assert unproven is decide_linking(policy, vouched, Known.NOBODY) is NEW


@given(st.sampled_from(LinkingPolicy), st.sampled_from(Known))
def test_d1_an_address_that_the_upstream_did_not_prove_changes_nothing(policy: LinkingPolicy, known: Known) -> None:
    said_nothing = decide_linking(policy, NOTHING, known)
    assert decide_linking(policy, UNVERIFIED, known) is said_nothing
    assert decide_linking(policy, UNVERIFIED, Known.VERIFIED) is NEW


@given(st.sampled_from(LinkingPolicy), st.sampled_from(Vouched), st.sampled_from(Known))
def test_an_account_is_named_in_one_cell_alone(policy: LinkingPolicy, vouched: Vouched, known: Known) -> None:
    named = decide_linking(policy, vouched, known) is PROVE
    assert named == ((policy, vouched, known) == (V, TRUSTED, Known.VERIFIED))


def test_no_outcome_joins() -> None:
    assert {outcome.value for outcome in Outcome} == {"new", "offer", "prove"}


@pytest.mark.parametrize("domains", [(), ("other.test",), ("com",), ("example.com",)], ids=repr)
@pytest.mark.parametrize("claim", CLAIM, ids=repr)
def test_d1_only_json_true_in_a_domain_the_upstream_answers_for_counts_as_trusted(
    claim: object, domains: tuple[str, ...]
) -> None:
    trusted = claim is True and domains == ("example.com",)
    proven = VERIFIED if claim is True else UNVERIFIED
    assert read_vouched(claims_of(claim), domains) is (TRUSTED if trusted else proven)


@pytest.mark.parametrize("policy", LinkingPolicy)
@pytest.mark.parametrize("claim", CLAIM, ids=repr)
def test_d18_an_address_is_looked_up_only_where_it_was_proven_and_would_change_something(
    claim: object, policy: LinkingPolicy
) -> None:
    rule = LinkingRule(policy, ("example.com",))
    counts = claim is True and policy is not E
    assert rule.address(claims_of(claim, "Ada@Example.com")) == (ADDRESS if counts else None)


def test_claims_without_an_address_say_nothing() -> None:
    assert read_vouched({}, ()) is read_vouched({"email": 7, "email_verified": True}, ()) is NOTHING
    assert LinkingRule(V, ("example.com",)).address({}) is None


@pytest.mark.parametrize("address", LOOK_ALIKES)
def test_d14_an_address_that_looks_like_another_is_none(address: str) -> None:
    assert fold_address(address) != ADDRESS
    assert read_vouched(claims_of(True, address), ("example.com",)) is not TRUSTED


@given(st.text(st.characters(min_codepoint=128), min_size=1), st.text(max_size=5))
def test_d14_what_is_not_ascii_is_never_compared(strange: str, plain: str) -> None:
    assert fold_address(f"{plain}{strange}@example.com") is None


def test_addresses_are_compared_without_the_case_of_letters_and_with_all_else() -> None:
    assert fold_address("Ada.Love+x@Example.COM") == "ada.love+x@example.com"
    assert fold_address("no address") is fold_address("a@b@c") is None
