"""What is left of a request after a yes to a part of it, and when a person is asked again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.authorize.consent import Said, agreed_by, asked_of, narrow, optional_of, settle
from broker.core.clients.client import Client
from broker.core.records import AuthorizationRequest
from broker.core.terms import Scope

APP = Client(id="app", name={}, redirect_uris=(), scopes=frozenset(Scope))
API = "https://api.app.test"
SCOPES = st.lists(st.sampled_from(sorted(Scope)), unique=True, min_size=1).map(tuple)
CLAIMS: dict[str, Any] = {"userinfo": {"email": None, "name": None}, "id_token": {"phone_number": None}}


def asking(*scope: str, **more: Any) -> AuthorizationRequest:
    """A request for these scopes."""
    return AuthorizationRequest("app", "https://app.test/cb", scope, **more)


def said(*words: str) -> Said:
    """What is kept."""
    return Said.of(words)


def test_what_is_left_out_is_gone_with_the_claims_that_reach_into_it() -> None:
    left = narrow(asking("openid", "profile", "email", claims=CLAIMS), {"email", "phone"})
    assert left is not None
    assert left.scope == ("openid", "profile")
    assert left.claims == {"userinfo": {"name": None}}


def test_a_request_of_which_nothing_is_left_is_a_no() -> None:
    assert narrow(asking("email"), {"email"}) is None
    assert narrow(asking("openid"), ()) == asking("openid")


def test_everything_may_be_left_out_but_openid_and_what_the_operator_says_the_app_needs() -> None:
    request = asking("offline_access", "email", "profile", "openid", claims=CLAIMS, resource=(API,))
    assert asked_of(request) == ("openid", "profile", "email", "phone", "offline_access")
    assert optional_of(request, APP) == {"profile", "email", "phone", "offline_access"}
    assert optional_of(request, replace(APP, required_scopes=frozenset({"email"}))) == {
        "profile",
        "phone",
        "offline_access",
    }
    assert optional_of(request, replace(APP, first_party=True)) == frozenset()


@pytest.mark.parametrize(
    ("kept", "asked", "given"),
    [
        ((), ("openid",), None),
        (("openid", "email"), ("openid", "email"), ("openid", "email")),
        (("openid", "-email"), ("openid", "email"), ("openid",)),
        (("openid", "-email"), ("openid", "email", "profile"), None),
        (("openid", "-email", "profile"), ("openid", "email", "profile"), ("openid", "profile")),
        (("openid", "profile", "-email"), ("openid", "profile"), ("openid", "profile")),
        (("openid", "-email"), ("email",), None),
        (("openid", "-email", "email"), ("openid", "email"), ("openid",)),
    ],
)
def test_the_last_answer_counts_without_a_question(
    kept: tuple[str, ...], asked: tuple[str, ...], given: tuple[str, ...] | None
) -> None:
    left = settle(asking(*asked), APP, said(*kept))
    assert (left.scope if left else None) == given


def test_what_the_app_cannot_do_without_any_more_is_asked_again() -> None:
    needs = replace(APP, required_scopes=frozenset({"email"}))
    assert settle(asking("openid", "email"), needs, said("openid", "-email")) is None
    assert settle(asking("openid"), needs, said("openid", "-email")) == asking("openid")


def test_an_api_is_never_left_out_by_itself() -> None:
    request = asking("openid", resource=(API,))
    assert settle(request, APP, said("openid")) is None
    assert settle(request, APP, said("openid", API)) == request


@given(SCOPES, st.frozensets(st.sampled_from(sorted(Scope))))
def test_an_answer_is_given_again_as_it_was(scope: tuple[str, ...], left_out: frozenset[str]) -> None:
    request = asking(*scope, claims=CLAIMS)
    agreed = narrow(request, left_out - {"openid"})
    if agreed is None:
        return
    answer = Said.to(request, agreed)
    assert Said.of(answer.words) == answer
    assert settle(request, APP, answer) == agreed
    assert answer.yes | answer.no == agreed_by(request)
