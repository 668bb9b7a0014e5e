"""Claims beside the standard ones: which names they may have, which values, how many, and who is told them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.authorize.consent import promised_at
from broker.core.clients.client import ABOUT_GROUPS, Client, TokenPolicy
from broker.core.clients.rules import find_broken
from broker.core.people.extra_claims import (
    COUNT_LIMIT,
    ENTRY_LIMIT,
    NUMBER_LIMIT,
    RESERVED,
    SIZE_LIMIT,
    STANDARD,
    TEXT_LIMIT,
    check_kept_name,
    check_size,
    check_told_name,
    join_claims,
    parse_value,
    read_claims,
)
from broker.core.people.identity import Account, Identity, Link, Person
from broker.core.terms import Scope
from broker.core.tokens.claims import build_access_claims, build_claims, preview, select_claims

SCOPES = frozenset({"openid", "profile", "email", "groups"})
WIKI = {"groups": {"groups": "groups", "urn:wiki:roles": "roles"}, "profile": {"department": "department"}}


def person(told: dict[str, Any] | None = None, **static: Any) -> Person:
    """Somebody an upstream said this about, and an operator that."""
    return Person(Account("s1", 1, claims=static), Link("p1", "x1", "corp", told or {}, {}, 2))


def client(extra: dict[str, dict[str, str]] | None = None, *tells: str, scopes: frozenset[str] = SCOPES) -> Client:
    """A client with these claims by scope; `tells` are those of its access tokens."""
    policy = TokenPolicy(access_token_claims=frozenset(tells))
    if extra is not None:
        policy = TokenPolicy(extra_claims=extra, access_token_claims=frozenset(tells))
    return Client("app", {}, ("https://app.test/cb",), scopes=scopes, tokens=policy)


@pytest.mark.parametrize("name", sorted(RESERVED | {"SUB", "Iss", "Exp", "CLIENT_ID"}))
def test_e22_no_extra_claim_has_a_name_of_the_protocol_in_whatever_letters(name: str) -> None:
    with pytest.raises(ValueError, match="protocol"):
        check_kept_name(name)
    with pytest.raises(ValueError, match="protocol"):
        check_told_name(name, Scope.PROFILE)
    broken = client({"groups": {name: "groups"}}, scopes=SCOPES)
    assert [one.within for one in find_broken(broken)] == [("groups", name)]


@pytest.mark.parametrize("name", sorted(STANDARD | {"Email_Verified", "EMAIL"}))
def test_d4_no_extra_claim_is_kept_as_a_standard_one(name: str) -> None:
    with pytest.raises(ValueError, match="standard"):
        check_kept_name(name)


@pytest.mark.parametrize("name", ["email", "email_verified", "phone_number", "address", "identities", "updated_at"])
def test_d4_no_client_is_told_an_extra_claim_as_an_address_or_its_proof(name: str) -> None:
    for scope in (Scope.PROFILE, Scope.EMAIL, Scope.GROUPS):
        with pytest.raises(ValueError, match="standard"):
            check_told_name(name, scope)


@pytest.mark.parametrize("name", ["", "1a", "a b", "a\n", "a" * 129, "é", "_x", "a?b", "a#b", 'a"b'])
def test_a_name_is_one_plain_word(name: str) -> None:
    with pytest.raises(ValueError, match="letter"):
        check_kept_name(name)


@pytest.mark.parametrize("name", ["groups", "https://corp.example.com/department", "urn:zitadel:roles", "a" * 128])
def test_namespaced_names_are_names(name: str) -> None:
    assert check_kept_name(name) == name


def test_a_shown_claim_goes_by_its_scope() -> None:
    check_told_name("nickname", Scope.PROFILE)
    with pytest.raises(ValueError, match="scope profile"):
        check_told_name("nickname", Scope.GROUPS)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("groups", ["a", "b", "a"], ["a", "b"]),
        ("groups", "a", ["a"]),
        ("roles", 7, ["7"]),
        ("groups", [7, "x"], ["7", "x"]),
        ("level", 7, 7),
        ("level", -NUMBER_LIMIT + 1, -NUMBER_LIMIT + 1),
        ("staff", True, True),
        ("staff", False, False),
        ("department", "R&D", "R&D"),
        ("teams", ["a"] * 1000, ["a"]),
    ],
)
def test_a_claim_is_a_text_a_number_a_flag_or_a_list_of_texts(name: str, value: object, kept: object) -> None:
    found = parse_value(name, value)
    assert (type(found), found) == (type(kept), kept)


NONSENSE: tuple[object, ...] = (
    *(None, 1.5, {"a": 1}, NUMBER_LIMIT, -NUMBER_LIMIT, [], "", " x", "x\n"),
    *("a\u200bdmin", "x" * (TEXT_LIMIT + 1), [["a"]], [True], [None], [1.5]),
    [str(number) for number in range(ENTRY_LIMIT + 1)],
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("x", value) for value in NONSENSE],
        ("groups", True),
        ("groups", {"a": 1}),
    ],
)  # fmt: skip
def test_anything_else_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_value(name, value)


def test_what_an_upstream_says_is_left_out_where_it_cannot_be_told_and_counted() -> None:
    odd: list[str] = []
    raw: dict[str, object] = {
        "groups": ["staff", "ad\u200bmins", 3, ["nested"]],
        "many": [str(number) for number in range(ENTRY_LIMIT + 1)],
        "roles": {"admin": {}},
        "aud": "other",
        "nothing": None,
        "empty": [],
        "blank": "",
        "level": 4,
    }
    assert read_claims(raw, odd.append) == {"groups": ["staff", "3"], "level": 4}
    assert odd == ["groups", "many", "roles", "aud"]


def test_what_makes_the_whole_too_large_is_left_out_as_a_whole() -> None:
    lists = {f"list{number}": [f"{number} {entry} {'x' * 200}" for entry in range(9)] for number in range(4)}
    odd: list[str] = []
    kept = read_claims({**lists, "level": 1}, odd.append)
    assert list(kept) == ["list0", "list1", "level"]
    assert odd == ["list2", "list3"]
    assert len(read_claims({f"c{number}": number for number in range(COUNT_LIMIT + 5)})) == COUNT_LIMIT
    with pytest.raises(ValueError, match=str(SIZE_LIMIT)):
        check_size(lists)


@given(
    st.dictionaries(st.text(max_size=9), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
)
def test_whatever_an_upstream_says_what_is_kept_is_bounded_and_stays_as_it_is(raw: dict[str, object]) -> None:
    kept = read_claims(raw)
    check_size(kept)
    assert read_claims(kept) == kept
    assert dict(Identity("1", kept).claims) == kept


def test_e22_an_identity_has_no_extra_claim_out_of_bounds() -> None:
    claims = {"groups": ["a", "b\u200b"], "huge": "x" * 300, "deep": {"a": ["b"]}, "name": "Ann"}
    assert Identity("1", claims).claims == {"name": "Ann", "groups": ["a"]}


def test_of_two_lists_apps_are_told_one_and_of_anything_else_the_operators_word() -> None:
    told, static = {"groups": ["b", "a"], "level": 1, "x": ["y"]}, {"groups": ["c", "b"], "level": 2, "x": "z"}
    assert join_claims(told, static) == {"groups": ["c", "b", "a"], "level": 2, "x": "z"}


ANN = {"name": "Ann", "groups": ["staff"], "roles": ["editor"], "department": "R&D", "salary": 9}


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        (["openid"], {}),
        (["openid", "email"], {}),
        (["groups"], {"groups": ["staff"], "urn:wiki:roles": ["editor"]}),
        (["profile"], {"name": "Ann", "updated_at": 2, "department": "R&D"}),
    ],
)
def test_a_client_is_told_what_its_scopes_bring_and_nothing_else(scope: list[str], told: dict[str, Any]) -> None:
    assert build_claims(person(ANN), client(WIKI), scope) == told


def test_the_scope_groups_brings_groups_and_roles_where_nobody_says_otherwise() -> None:
    assert build_claims(person(ANN), client(), ["groups"]) == {"groups": ["staff"], "roles": ["editor"]}
    assert build_claims(person(None, entitlements=["pro"]), client(), ["groups"]) == {"entitlements": ["pro"]}


def test_the_claims_parameter_names_an_extra_claim_only_where_its_scope_was_granted() -> None:
    asked = client(WIKI)
    assert select_claims(["department", "salary", "urn:wiki:roles"], asked) == ("department", "urn:wiki:roles")
    assert select_claims(["department"], client(WIKI, scopes=frozenset({"openid"}))) == ()
    wanted = {"department": None, "salary": None}
    assert build_claims(person(ANN), asked, [], wanted) == {}
    assert build_claims(person(ANN), asked, [], wanted, granted=["profile"]) == {"department": "R&D"}


def test_access_tokens_say_what_was_chosen_for_them_and_their_scope_brings() -> None:
    assert build_access_claims(person(ANN), client(WIKI, "groups", "department"), ["groups"]) == {"groups": ["staff"]}
    assert build_access_claims(person(ANN), client(WIKI), ["groups", "profile"]) == {}


def test_a_claim_is_told_as_its_name_promises() -> None:
    odd = client({"profile": {"nickname": "level", "locale": "department"}, "groups": {"groups": "department"}})
    told = build_claims(person({"level": 3, "department": "R&D"}), odd, ["profile", "groups"])
    assert told == {"updated_at": 2, "locale": "R&D", "groups": ["R&D"]}
    assert build_claims(person({"flag": True}), client({"groups": {"groups": "flag"}}), ["groups"]) == {}


def test_a23_a_yes_rests_on_what_the_scopes_bring_and_older_ones_stand() -> None:
    place = "https://app.test/cb"
    plain, told = promised_at(place, client()), promised_at(place, client(WIKI))
    assert plain == promised_at(place, client({"groups": dict(ABOUT_GROUPS["groups"])}))
    assert len({plain, told, promised_at(place, client({**WIKI, "profile": {"department": "salary"}}))}) == 3
    assert told == promised_at(place, client(WIKI, "groups"))


def test_people_read_on_the_consent_page_what_would_be_told() -> None:
    shown = preview(person(ANN), client(WIKI), ["openid", "profile", "groups"], {})
    assert shown == {
        "profile": {"name": "Ann", "department": "R&D"},
        "groups": {"groups": "staff", "urn:wiki:roles": "editor"},
    }


@pytest.mark.parametrize(
    ("extra", "tells", "setting"),
    [
        ({"openid": {"groups": "groups"}}, (), "extra_claims"),
        ({"offline_access": {"groups": "groups"}}, (), "extra_claims"),
        ({"phone": {"groups": "groups"}}, (), "extra_claims"),
        ({"groups": {"x": "y"}, "profile": {"x": "z"}}, (), "extra_claims"),
        ({"groups": {"x": "email"}}, (), "extra_claims"),
        ({"groups": {"email": "x"}}, (), "extra_claims"),
        ({"groups": {f"c{number}": "x" for number in range(COUNT_LIMIT + 1)}}, (), "extra_claims"),
        ({"groups": {"groups": "groups"}}, ("roles",), "access_token_claims"),
        (None, ("department",), "access_token_claims"),
    ],
)
def test_what_an_operator_writes_for_a_client_has_to_make_sense(
    extra: dict[str, dict[str, str]] | None, tells: tuple[str, ...], setting: str
) -> None:
    assert [one.setting for one in find_broken(client(extra, *tells))] == [setting]


def test_a_client_without_the_scope_need_not_take_the_default_away() -> None:
    assert list(find_broken(client(scopes=frozenset({"openid"})))) == []
    assert list(find_broken(client(WIKI, "groups"))) == []
