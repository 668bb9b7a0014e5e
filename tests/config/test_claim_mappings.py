"""Which claims beside the standard ones a configuration may name, told by its key."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from broker.core.people.extra_claims import COUNT_LIMIT, RESERVED
from broker.registry import settings_class
from broker.upstream.model import ProviderSettings
from providers import BUILTIN, PRESETS
from tests.config.minimal import MINIMAL

Problems = Callable[..., list[str]]

CORP = {
    "type": "oidc",
    "issuer": "https://corp.example.com",
    "client_id": "broker",
    "client_secret": "a-secret-of-24-characters",
}
CLIENT = "    scopes: [openid, profile, groups]\n    extra_claims: "


def corp(**claims: str) -> ProviderSettings:
    """A provider with these."""
    return settings_class("oidc").model_validate({**CORP, "extra_claims": claims})


@pytest.mark.parametrize("name", sorted({*RESERVED, "email", "email_verified", "Sub", "1x"}))
def test_e22_a_mapping_to_a_reserved_claim_stops_the_start(problems: Problems, name: str) -> None:
    with pytest.raises(ValidationError, match="extra_claims"):
        corp(**{name: "groups"})
    (told,) = problems(f'{MINIMAL}{CLIENT}{{groups: {{"{name}": groups}}}}\n')
    assert "clients.shop.extra_claims.groups" in told


def test_a_provider_may_map_what_has_a_name_of_its_own() -> None:
    corp()
    corp(groups="groups", roles="realm_access.roles", department='"https://corp.example.com/department"')
    with pytest.raises(ValidationError, match=str(COUNT_LIMIT)):
        corp(**{f"c{number}": "x" for number in range(COUNT_LIMIT + 1)})


@pytest.mark.parametrize("path", ["[a, b]", "a[", "", "keys(a)", "{a: b}"])
def test_an_expression_that_is_none_stops_the_start(path: str) -> None:
    with pytest.raises(ValidationError, match="extra_claims"):
        corp(groups=path)


def test_types_that_tell_nothing_more_have_no_such_key() -> None:
    known = {name for name in BUILTIN if "extra_claims" in settings_class(name).model_fields}
    assert known == {"apple", "google", "microsoft", "oidc", "oauth1", "oauth2"} | set(PRESETS)


@pytest.mark.parametrize(
    ("written", "key", "told"),
    [
        ("{openid: {groups: groups}}", "extra_claims.openid", "people are not asked"),
        ("{email: {groups: groups}}", "extra_claims.email", "not among scopes"),
        ("{groups: {nickname: x}}", "extra_claims.groups.nickname", "scope profile"),
        ("{groups: {x: y}, profile: {x: z}}", "extra_claims", "two scopes"),
        ("{groups: {x: email}}", "extra_claims.groups.x", "standard"),
        ("{groups: {x: y}}\n    access_token_claims: [y]", "access_token_claims[0]", "none of the names"),
        ("{nonsense: {x: y}}", "extra_claims", "nonsense"),
    ],
)
def test_what_a_client_is_told_is_told_for_a_scope_of_its_own(
    problems: Problems, written: str, key: str, told: str
) -> None:
    (problem,) = problems(f"{MINIMAL}{CLIENT}{written}\n")
    assert f"clients.shop.{key}" in problem
    assert told in problem


def test_what_makes_sense_may_be_written(problems: Problems) -> None:
    told = "{groups: {groups: groups, https://wiki.example.com/roles: roles}, profile: {nickname: login}}"
    assert problems(f"{MINIMAL}{CLIENT}{told}\n    access_token_claims: [groups]\n") == []
    assert problems(MINIMAL) == []
