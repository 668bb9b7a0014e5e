"""A client's setting is one thing: in config.yaml, in client metadata and in the core, which pass it on by its name."""

from __future__ import annotations

from collections import Counter
from dataclasses import MISSING, Field, fields
from enum import StrEnum
from itertools import chain
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

from broker.config.client_model import ClientSettings
from broker.config.clients import build_clients
from broker.core.clients.client import (
    MEMBERS,
    AssertionPolicy,
    Client,
    DrfPolicy,
    IdentityPolicy,
    LogoutPolicy,
    Origin,
    RequestPolicy,
    TokenPolicy,
    settle,
)
from tests.config.minimal import MINIMAL, Read

KINDS = (Client, AssertionPolicy, RequestPolicy, TokenPolicy, LogoutPolicy, IdentityPolicy, DrfPolicy, Origin)
PARTS: tuple[Field[Any], ...] = tuple(chain.from_iterable(fields(kind) for kind in KINDS))
HINTS: dict[str, Any] = dict(chain.from_iterable(get_type_hints(kind).items() for kind in KINDS))
KEYS = ClientSettings.model_fields
# What a builder makes of keys in words of its own: other forms of them, or several at once.
IN_OTHER_FORM = {"name", "auth_method", "sector", "logo", "upstream_tokens", "access"}
OF_THE_FILE_ALONE = {
    *("secret", "secret_hashes", "assertion_audience"),
    *("backchannel_logout_session_required", "frontchannel_logout_session_required"),
}


def plain(kind: Any) -> object:
    """A type by what it holds: sets and tuples alike, and words as text."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in {tuple, frozenset}:
        return ("many", plain(inner[0]))
    if origin in {Union, UnionType}:
        return frozenset(map(plain, inner))
    if origin is Literal or (isinstance(kind, type) and issubclass(kind, StrEnum)):
        return str
    return origin if isinstance(origin, type) else kind


def test_no_two_settings_have_one_name() -> None:
    assert [name for name, times in Counter(part.name for part in PARTS).items() if times > 1] == []
    members = Counter(member.name for member in MEMBERS.values())
    assert [name for name, times in members.items() if times > 1] == []


def test_every_key_of_an_entry_is_a_setting_of_the_core() -> None:
    assert KEYS.keys() - {part.name for part in PARTS} == OF_THE_FILE_ALONE


@pytest.mark.parametrize("name", sorted({part.name for part in PARTS} & KEYS.keys() - IN_OTHER_FORM - {"jwks"}))
def test_a_setting_holds_in_the_core_what_its_key_holds(name: str) -> None:
    assert plain(HINTS[name]) == plain(get_type_hints(ClientSettings)[name])


@pytest.mark.parametrize("part", [part for part in PARTS if part.name in KEYS], ids=lambda part: part.name)
def test_a_setting_has_one_default(part: Field[Any]) -> None:
    if part.default is MISSING or part.name in IN_OTHER_FORM:
        return
    default = KEYS[part.name].get_default()
    assert part.default == (frozenset(default) if isinstance(part.default, frozenset) else default)


def test_what_is_said_arrives_in_its_place_and_in_the_form_it_is_held_in(read: Read) -> None:
    said = ("require_par: true", "serves: [https://api.example.com]", "id_token_claims: requested", "scopes: [openid]")
    made = build_clients(read(MINIMAL + "".join(f"    {line}\n" for line in said)).config)["shop"]
    assert (made.requests.require_par, made.tokens.serves) == (True, ("https://api.example.com",))
    assert (made.tokens.id_token_claims, made.scopes) == ("requested", frozenset({"openid"}))
    bare = Client("app", {"en": "App"}, ())
    assert settle("app", {"en": "App"}, (), {"id": "other", "unknown": 1}) == bare
