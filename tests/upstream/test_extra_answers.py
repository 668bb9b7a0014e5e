"""What of an upstream's answers an extra claim may be made of."""

from __future__ import annotations

from typing import Any

import pytest

from broker.core.people.identity import Identity
from broker.registry import settings_class
from broker.upstream.extra_claims import lacks_extra, with_extra
from broker.upstream.fields import Fields
from broker.upstream.generic.described import PeopleSettings
from broker.upstream.generic.people import Describing

DESCRIBED: dict[str, Any] = {
    "type": "oauth2",
    "client_id": "a",
    "client_secret": "a-secret-of-24-characters",
    "authorize": {"url": "https://up.example/authorize"},
    "token": {"url": "https://up.example/token"},
    "userinfo": [{"url": "https://up.example/me"}],
    "claims": {"sub": "me.id"},
}


def described(**extra: str) -> PeopleSettings:
    """A described upstream with these."""
    settings = settings_class("oauth2").model_validate({**DESCRIBED, "extra_claims": extra})
    assert isinstance(settings, PeopleSettings)
    return settings


def read(settings: PeopleSettings, document: dict[str, Any]) -> tuple[Identity, list[str]]:
    """Who is described, and what was left out."""
    odd: list[str] = []
    return Describing(settings, odd.append).identity(document), odd


def test_extra_claims_of_a_described_upstream_stand_in_any_of_its_answers() -> None:
    settings = described(groups="orgs[].login", level="me.level", team="token.team")
    document = {"me": {"id": "1", "level": 3}, "orgs": [{"login": "a"}, {"login": "b"}, {}], "token": {"team": "red"}}
    found, odd = read(settings, document)
    assert (found.claims, odd) == ({"groups": ["a", "b"], "level": 3, "team": "red"}, [])
    found, odd = read(settings, {"me": {"id": "1", "level": 1.5}, "token": {}})
    assert (found.claims, odd) == ({}, ["level"])


@pytest.mark.parametrize(
    "path",
    ["access_token", "token.access_token", "token.refresh_token", "token.id_token", "token", "not_null(access_token)"],
)
def test_no_expression_makes_a_claim_of_an_upstreams_token(path: str) -> None:
    tokens = {"access_token": "secret-1", "refresh_token": "secret-2", "id_token": "secret-3"}
    found, _ = read(described(x=path), {"me": {"id": "1"}, "access_token": "secret-1", "token": tokens})
    assert found.claims == {}


def test_userinfo_is_asked_for_an_extra_claim_that_the_id_token_lacks() -> None:
    settings = described(groups="groups")
    assert lacks_extra(settings, {"roles": ["x"]})
    assert lacks_extra(settings, {"groups": []})
    assert not lacks_extra(settings, {"groups": ["x"]})
    assert not lacks_extra(described(), {})
    assert not lacks_extra(settings_class("vk").model_validate({"type": "vk", "client_id": "5"}), {})


def test_types_without_the_key_tell_nothing_more() -> None:
    plain = settings_class("vk").model_validate({"type": "vk", "client_id": "5"})
    identity = Identity("1", {"name": "Ann"})
    assert with_extra(identity, plain, Fields({"groups": ["x"]}).members, lambda _: None) is identity
