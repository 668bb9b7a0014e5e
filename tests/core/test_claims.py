"""Which claim goes where."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.clients.client import Client
from broker.core.people.identity import Account, Link, Person
from broker.core.terms import CLAIMS_OF, Scope
from broker.core.tokens.claims import SUPPORTED, build_asked_scope, build_claims, describe, preview

SEEN = 1_800_000_000
FULL: dict[str, Any] = {
    **{name: f"the {name}" for name in CLAIMS_OF[Scope.PROFILE] if name != "updated_at"},
    "email": "ann@a.test",
    "email_verified": True,
    "phone_number": "+31201234567",
    "phone_number_verified": False,
    "address": {"country": "NL"},
}
EVERYTHING = frozenset(Scope)


def person(claims: dict[str, Any] | None = None, **raw_ids: str) -> Person:
    """Somebody an upstream said this about."""
    link = Link("p1", "x1", "vk", FULL if claims is None else claims, raw_ids, SEEN)
    return Person(Account("s1", SEEN), link)


def client(scopes: frozenset[str] = EVERYTHING, email_fallback: str = "") -> Client:
    """A client that may ask for these scopes."""
    return Client(id="app", name={}, redirect_uris=(), scopes=scopes, email_fallback=email_fallback)


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ((), ()),
        (("openid",), ()),
        (("offline_access",), ()),
        (("unknown",), ()),
        (("profile",), CLAIMS_OF[Scope.PROFILE]),
        (("email",), ("email", "email_verified")),
        (("phone",), ("phone_number", "phone_number_verified")),
        (("address",), ("address",)),
        (("identities",), ("identities",)),
        (("openid", "email", "address"), ("email", "email_verified", "address")),
    ],
)
def test_a_scope_gives_its_claims_and_no_others(scope: tuple[str, ...], names: tuple[str, ...]) -> None:
    assert set(build_claims(person(), client(), scope)) == set(names)


def test_the_scopes_give_the_claims_of_openid_connect_core_5_4() -> None:
    assert {str(scope): set(names) for scope, names in CLAIMS_OF.items()} == {
        "profile": {
            *("name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile"),
            *("picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at"),
        },
        "email": {"email", "email_verified"},
        "phone": {"phone_number", "phone_number_verified"},
        "address": {"address"},
        "identities": {"identities"},
    }


def test_what_the_upstream_did_not_say_is_left_out() -> None:
    assert build_claims(person({}), client(), ["profile", "email", "phone", "address"]) == {"updated_at": SEEN}


def test_what_no_scope_names_never_leaves() -> None:
    odd = {"secret": "x", "sub": "x", "iss": "x", "aud": "x", "identities": "x", "shoes": ["x"]}
    assert set(build_claims(person(odd), client(), EVERYTHING, dict.fromkeys(odd))) == {"updated_at", "identities"}


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (None, set()),
        ({}, set()),
        ({"name": None}, {"name"}),
        ({"email": None}, {"email", "email_verified"}),
        ({"email_verified": None}, {"email_verified"}),
        ({"phone_number": {"essential": True}}, {"phone_number", "phone_number_verified"}),
        ({"acr": None, "roles": None}, set()),
    ],
)
def test_the_claims_parameter_names_single_claims(wanted: dict[str, Any] | None, names: set[str]) -> None:
    assert set(build_claims(person(), client(), ["openid"], wanted)) == names


@given(
    st.frozensets(st.sampled_from(sorted(Scope))),
    st.frozensets(st.sampled_from(sorted(Scope))),
    st.frozensets(st.sampled_from(sorted(SUPPORTED)) | st.text(max_size=5)),
)
def test_a15_the_claims_parameter_never_reaches_beyond_the_registration(
    registered: frozenset[str], asked: frozenset[str], wanted: frozenset[str]
) -> None:
    granted = asked & registered
    given_claims = build_claims(person(), client(registered), granted, dict.fromkeys(wanted))
    assert set(given_claims) <= {name for scope in registered for name in CLAIMS_OF.get(scope, ())}


@given(
    st.frozensets(st.sampled_from(sorted(Scope))),
    st.frozensets(st.sampled_from(sorted(SUPPORTED))),
    st.sampled_from(["", "{sub}@a.test"]),
    st.booleans(),
)
def test_d4_an_address_never_travels_without_its_boolean(
    scope: frozenset[str], wanted: frozenset[str], fallback: str, known: bool
) -> None:
    claims = build_claims(person(None if known else {}), client(email_fallback=fallback), scope, dict.fromkeys(wanted))
    for name in ("email", "phone_number"):
        assert name not in claims or isinstance(claims[f"{name}_verified"], bool)


def test_a_fallback_address_is_made_of_the_sub_and_unverified() -> None:
    told = client(email_fallback="{sub}@users.a.test")
    assert build_claims(person({}), told, ["email"]) == {"email": "s1@users.a.test", "email_verified": False}
    assert build_claims(person(), told, ["email"])["email"] == "ann@a.test"
    assert build_claims(person({}), told, ["profile"]) == {"updated_at": SEEN}


def test_identities_name_provider_and_subject_whatever_else_the_upstream_sent() -> None:
    claims = build_claims(person(None, psuid="7", provider="google", subject="x2"), client(), ["identities"])
    assert claims == {"identities": [{"provider": "vk", "subject": "x1", "psuid": "7"}]}


@pytest.mark.parametrize(
    ("scope", "claims", "asked"),
    [
        (("openid",), {}, ("openid",)),
        (("openid", "email"), {"userinfo": {"email": None}}, ("openid", "email")),
        (("openid",), {"userinfo": {"email": None}}, ("openid", "email")),
        (("openid",), {"id_token": {"email_verified": None, "name": None}}, ("openid", "email", "profile")),
        (("openid",), {"id_token": {"acr": None}, "userinfo": {}}, ("openid",)),
    ],
)
def test_naming_a_claim_asks_for_its_scope(
    scope: tuple[str, ...], claims: dict[str, dict[str, None]], asked: tuple[str, ...]
) -> None:
    assert build_asked_scope(scope, claims) == asked


def test_people_are_asked_about_scopes_that_tell_something() -> None:
    assert describe(["offline_access", "openid", "email", "unknown"]) == ("email", "offline_access")


def test_a_person_is_shown_the_data_itself_before_an_app_gets_it() -> None:
    shown = preview(person(psuid="p-9"), client(), ["openid", "profile", "email", "phone", "address", "identities"], {})
    assert list(shown) == ["profile", "email", "phone", "address", "identities"], "in the order of the page"
    assert shown["email"] == {"email": "ann@a.test"}, "not the flag that goes with it"
    assert shown["phone"] == {"phone_number": "+31201234567"}
    assert shown["address"] == {"address": "NL"}
    assert shown["identities"] == {"identities": "vk: x1"}
    assert shown["profile"]["name"] == "the name"
    assert not shown["profile"].keys() & {"given_name", "family_name", "middle_name", "updated_at"}
    same = person({"name": "Ann", "nickname": "Ann", "preferred_username": "ann"})
    assert preview(same, client(), ["profile"], {}) == {"profile": {"name": "Ann", "preferred_username": "ann"}}
    assert preview(person({"given_name": "Ann"}), client(), ["profile"], {}) == {"profile": {"given_name": "Ann"}}


def test_what_an_upstream_did_not_say_is_shown_as_nothing() -> None:
    assert preview(person({}), client(), ["profile", "email", "offline_access"], {}) == {
        "profile": {},
        "email": {},
        "offline_access": {},
    }


def test_single_claims_are_shown_alone_and_a_stand_in_address_as_what_is_sent() -> None:
    claims: dict[str, Any] = {"userinfo": {"name": None}, "id_token": {"email": None}}
    asking = client(email_fallback="{sub}@none.test")
    assert preview(person({"name": "Ann", "birthdate": "1990-01-01"}), asking, ["openid"], claims) == {
        "profile": {"name": "Ann"},
        "email": {"email": "s1@none.test"},
    }


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ({"formatted": "Tverskaya 1\nMoscow", "country": "RU"}, "Tverskaya 1 Moscow"),
        ({"formatted": "", "locality": "Moscow", "country": "RU"}, "Moscow, RU"),
        ({"locality": 7}, ""),
        (["Moscow"], "Moscow"),
        (True, ""),
    ],
)
def test_an_address_is_shown_on_one_line(address: Any, text: str) -> None:
    assert preview(person({"address": address}), client(), ["address"], {}) == {
        "address": {"address": text} if text else {}
    }
