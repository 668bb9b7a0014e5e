"""Claims beside the standard ones: groups, roles and whatever an operator maps or sets. Their names, types and bounds.

They decide what somebody may do at an app, so nothing in them is mended: a group's name without its invisible
characters would be another group. What does not fit is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from broker.core.people.cleaning import clean_text
from broker.core.terms import CLAIMS_OF, Scope

COUNT_LIMIT: Final = 20  # claims of one person, from one source
ENTRY_LIMIT: Final = 100  # entries of a list
TEXT_LIMIT: Final = 255  # characters of a text, and of an entry
SIZE_LIMIT: Final = 4096  # bytes of all of them from one source as JSON: they travel in tokens, and tokens in headers
NUMBER_LIMIT: Final = 2**53  # from here on numbers of JSON are not exact everywhere (RFC 8259 section 6)
LISTS: Final = frozenset({"groups", "roles", "entitlements"})  # always lists (RFC 9068 section 2.2.3.1, RFC 7643 4.1.2)

STANDARD: Final = frozenset(name for names in CLAIMS_OF.values() for name in names)
RESERVED: Final = frozenset(
    {"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "nonce", "auth_time", "acr", "amr", "azp", "at_hash", "c_hash"}
    | {"s_hash", "sid", "sub_jwk", "sub_id", "_claim_names", "_claim_sources", "cnf", "act", "may_act", "events", "txn"}
    | {"client_id", "scope", "active", "token_type", "username", "grant", "former_subs", "authorization_details", "vot"}
    | {"vtm", "verified_claims"}
)
"""The protocol's own, in ID tokens, access tokens, userinfo and introspection, and what people are known by."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:/~\-]{0,127}")
_SHOWN = frozenset(CLAIMS_OF[Scope.PROFILE]) - {"updated_at"}


def check_kept_name(name: str) -> str:
    """A name for an extra claim; raises ValueError for one that the protocol has, or a standard claim.

    Readers that ignore case exist (Go's encoding/json), so a name in other letters is the same name.
    """
    if name.casefold() in RESERVED:
        raise ValueError(f"{name} is the protocol's own and nobody chooses it")
    if name.casefold() in STANDARD:
        raise ValueError(f"{name} is a standard claim, which the type of the provider tells")
    if _NAME.fullmatch(name) is None:
        raise ValueError("the name of a claim is a letter and then letters, digits and _.:/~-, 128 at most")
    return name


def check_told_name(name: str, scope: str) -> None:
    """Raise ValueError unless a client may be told an extra claim by this name, for this scope.

    It may be that of a standard claim about how somebody is shown, for the scope that brings it; an address or what is
    said of one never.
    """
    if name not in _SHOWN:
        check_kept_name(name)
    elif scope != Scope.PROFILE:
        raise ValueError(f"{name} belongs to the scope profile")


def parse_value(name: str, value: object) -> Any:
    """What an extra claim says: a text, a whole number, true or false, or a list of texts; raises ValueError.

    Those of `LISTS` are lists always. Numbers in a list become texts: ids of groups are numbers at some upstreams.
    """
    if name in LISTS and not isinstance(value, list | tuple):
        value = [value]
    if isinstance(value, list | tuple):
        return _parse_list(value)
    if isinstance(value, str):
        return _parse_text(value)
    if isinstance(value, bool):
        return value
    if type(value) is int and abs(value) < NUMBER_LIMIT:
        return value
    raise ValueError("is neither a text, a whole number, true or false, nor a list of texts")


def read_claims(raw: Mapping[str, object], odd: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Of what an upstream said, by the names it is kept under, what can be told; `odd` hears what is left out.

    Of a list, entries that cannot be told are left out one by one: whoever may put people into a group of theirs would
    else take away all others. A list that is too long, and what makes the whole too large, goes as a whole: a part of
    it would say that somebody is not in the rest. Nothing at all, "" and [] are what is not known, and no news.
    """
    found: dict[str, Any] = {}
    for name, value in raw.items():
        if value is None or value in ("", [], ()):
            continue
        try:
            found[check_kept_name(name)] = parse_value(name, _without_odd(name, value, odd))
            check_size(found)
        except ValueError:
            found.pop(name, None)
            odd(name)
    return found


def check_size(claims: Mapping[str, Any]) -> None:
    """Raise ValueError for more than one source may say of a person."""
    if len(claims) > COUNT_LIMIT:
        raise ValueError(f"more than {COUNT_LIMIT} claims")
    if len(json.dumps(dict(claims), ensure_ascii=False).encode()) > SIZE_LIMIT:
        raise ValueError(f"more than {SIZE_LIMIT} bytes together")


def join_claims(told: Mapping[str, Any], static: Mapping[str, Any]) -> dict[str, Any]:
    """What an upstream told and an operator set: of two lists one, each entry once; else the operator's word."""
    joined = {**told, **static}
    for name in told.keys() & static.keys():
        if isinstance(told[name], list) and isinstance(static[name], list):
            joined[name] = list(dict.fromkeys((*static[name], *told[name])))
    return joined


def extra_of(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Of an upstream's claims those beside the standard ones."""
    return {name: value for name, value in claims.items() if name not in STANDARD}


def _without_odd(name: str, value: object, odd: Callable[[str], None]) -> object:
    if not isinstance(value, list | tuple):
        return value
    kept = [entry for entry in value if _can_be_told(entry)]
    if len(kept) < len(value):
        odd(name)
    return kept


def _can_be_told(entry: object) -> bool:
    try:
        _parse_entry(entry)
    except ValueError:
        return False
    return True


def _parse_list(value: list[Any] | tuple[Any, ...]) -> list[str]:
    entries = list(dict.fromkeys(map(_parse_entry, value)))
    if not 0 < len(entries) <= ENTRY_LIMIT:
        raise ValueError(f"a list has 1 to {ENTRY_LIMIT} entries")
    return entries


def _parse_entry(value: object) -> str:
    if type(value) is int and abs(value) < NUMBER_LIMIT:
        return str(value)
    if not isinstance(value, str):
        raise ValueError("a list has texts")
    return _parse_text(value)


def _parse_text(value: str) -> str:
    if not value or len(value) > TEXT_LIMIT or clean_text(value) != value:
        raise ValueError(f"a text has 1 to {TEXT_LIMIT} characters, all of which can be seen, on one line")
    return value
