"""Who may come in: the table of a policy, and the rules' logic of three values."""

from __future__ import annotations

import time
from typing import Any

import pytest

from broker.core.access import AccessPolicy, AccessRule, SignUp, document, parse_domain_pattern, strictest
from broker.core.expressions import check_rule, holds

STAFF: dict[str, Any] = {
    "email": "Ann@Corp.example",
    "email_verified": True,
    "groups": ["staff", "dev"],
    "banned": False,
}


@pytest.mark.parametrize(
    ("rule", "holds_for_staff"),
    [
        ("contains(groups, 'staff')", True),
        ("contains(groups, 'boss')", False),
        ("!contains(groups, 'boss')", True),
        ("groups | contains(@, 'dev')", True),
        ("ends_with(email, '@Corp.example')", True),
        ("length(groups) > `1`", True),
        ("length(groups) > `2`", False),
        ("!banned", True),
        ("email_verified", True),
        ("banned || email_verified", True),
        ("email_verified && !banned", True),
        ("email", False),  # not the JSON value true
        ("`true`", True),
    ],
)
def test_a_rule_holds_where_it_is_true_of_what_was_told(rule: str, holds_for_staff: bool) -> None:
    assert check_rule(rule) == rule
    assert holds(rule, STAFF) is holds_for_staff


@pytest.mark.parametrize(
    "rule",
    [
        "contains(groups, 'staff')",
        "!contains(groups, 'guest')",
        "!banned",
        "!(banned)",
        "!!banned",
        "department != 'guest'",
        "!(department == 'guest')",
        "!(department == 'guest' && banned)",
        "!(banned || department == 'guest')",
        "address.country != 'XX'",
        "!starts_with(email, 'guest')",
        "length(groups) < `5`",
        "groups | !contains(@, 'guest')",
        "age < `18` || age >= `18`",
        "!(join(',', groups) == 'guest')",
    ],
)
def test_d15_a_claim_that_is_missing_makes_nothing_true_nor_its_opposite(rule: str) -> None:
    assert not holds(check_rule(rule), {"address": {}, "sub": "x"})


@pytest.mark.parametrize(
    ("rule", "document", "expected"),
    [
        ("!not_null(banned, `false`)", {}, True),
        ("banned == `null`", {}, True),
        ("banned == `null` || !banned", {"banned": False}, True),
        ("banned != `null`", {}, False),
        ("contains(groups, 'staff') || vip", {"vip": True}, True),  # one side decides, whatever the other is
        ("vip || contains(groups, 'staff')", {"vip": True}, True),
        ("!(contains(groups, 'guest') && vip)", {"vip": False}, True),
        ("groups == 'x' || name > `1`", {"groups": ["x"], "name": "y"}, False),  # nothing to be compared: an answer
        ("contains(name, 'x')", {"name": 5}, False),
    ],
)
def test_what_is_missing_may_be_named(rule: str, document: dict[str, Any], expected: bool) -> None:
    assert holds(check_rule(rule), document) is expected


@pytest.mark.parametrize(
    "rule", ["groups[?@ == 'x']", "length(groups)", "groups[0]", "vip || groups[0]", "join('', a)"]
)
def test_a_rule_that_never_is_true_is_none(rule: str) -> None:
    with pytest.raises(ValueError, match="never is true or false"):
        check_rule(rule)


def test_h14_a_rule_takes_no_longer_than_it_is_long() -> None:
    began = time.process_time()
    for deep in ("!" * 23 + "a", "a" + " == `true`" * 23, "contains(" * 10 + "a" + ", 'x')" * 10):
        holds(check_rule(deep), {"a": True})
    assert time.process_time() - began < 1  # 2 to the power of the depth would be minutes


@pytest.mark.parametrize(
    ("policy", "claims", "bars"),
    [
        (AccessPolicy(), {}, ""),
        (AccessPolicy(email_domains=("corp.example",)), STAFF, ""),
        (AccessPolicy(email_domains=("corp.example",)), {**STAFF, "email_verified": False}, "email_domains"),
        (AccessPolicy(email_domains=("corp.example",)), {**STAFF, "email_verified": "true"}, "email_domains"),
        (AccessPolicy(email_domains=("corp.example",)), {}, "email_domains"),
        (AccessPolicy(email_domains=("example",)), STAFF, "email_domains"),
        (AccessPolicy(email_domains=("*.example",)), STAFF, ""),
        (AccessPolicy(email_domains=("*.corp.example",)), STAFF, "email_domains"),
        (AccessPolicy(email_domains=("rp.example",)), STAFF, "email_domains"),
        (AccessPolicy(denied_email_domains=("corp.example",)), STAFF, "denied_email_domains"),
        (AccessPolicy(denied_email_domains=("other.example",)), STAFF, ""),
        (AccessPolicy(denied_email_domains=("other.example",)), {}, "denied_email_domains"),
        (
            AccessPolicy(denied_email_domains=("other.example",)),
            {**STAFF, "email_verified": False},
            "denied_email_domains",
        ),
        (AccessPolicy(rules=(AccessRule("staff", "contains(groups, 'staff')"),)), STAFF, ""),
        (AccessPolicy(rules=(AccessRule("staff", "contains(groups, 'staff')"),)), {}, "rules.staff"),
        (AccessPolicy(rules=(AccessRule("a", "!banned"), AccessRule("b", "banned"))), STAFF, "rules.b"),
        (AccessPolicy(rules=(AccessRule("far", "banned", frozenset({"beta"})),)), STAFF, ""),
        (AccessPolicy(rules=(AccessRule("near", "banned", frozenset({"alpha", "beta"})),)), STAFF, "rules.near"),
    ],
)
def test_d15_a_policy_says_which_demand_is_not_met(policy: AccessPolicy, claims: dict[str, Any], bars: str) -> None:
    assert policy.barring({"alpha"}, claims, {}) == bars


def test_rules_see_identifiers_and_no_address_that_nobody_proved() -> None:
    told = document({"email": "a@b.test", "email_verified": False, "name": "Ann"}, {"google_hd": "corp.example"})
    assert told == {"email_verified": False, "name": "Ann", "google_hd": "corp.example"}
    proven = {"email": "a@b.test", "email_verified": True, "phone_number": "+15550100", "phone_number_verified": True}
    assert document(proven, {}) == proven


def test_of_two_policies_the_stricter_says_who_gets_an_account() -> None:
    closed, invited, opened = SignUp.KNOWN, SignUp.INVITED, SignUp.OPEN
    assert strictest(opened, opened) is SignUp.OPEN
    assert strictest(opened, invited) is strictest(invited, opened) is SignUp.INVITED
    assert strictest(invited, closed) is strictest(closed, opened) is SignUp.KNOWN


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Example.COM", "example.com"), ("*.example.com", "*.example.com"), ("пример.рф", "xn--e1afmkfd.xn--p1ai")],
)
def test_domains_are_read_as_addresses_are(text: str, expected: str) -> None:
    assert parse_domain_pattern(text) == expected


@pytest.mark.parametrize("text", ["", "*", "*.", "com", "*.*.example.com", "a@example.com", "example..com", "ex*.com"])
def test_what_is_no_domain_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write a domain"):
        parse_domain_pattern(text)
