"""What a client may be told of people beside the standard claims, as far as an operator may write it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from broker.core.clients.broken import Broken
from broker.core.clients.client import ABOUT_GROUPS, Client
from broker.core.people.extra_claims import COUNT_LIMIT, check_kept_name, check_told_name
from broker.core.terms import Scope

_BRINGS: Final = (Scope.PROFILE, Scope.EMAIL, Scope.PHONE, Scope.ADDRESS, Scope.GROUPS)


def check_extra_claims(client: Client) -> Iterator[Broken]:
    """None of the protocol's own, each for one scope, about which people are asked."""
    names = [name for told in client.tokens.extra_claims.values() for name in told]
    if client.tokens.extra_claims != ABOUT_GROUPS:
        for scope, told in client.tokens.extra_claims.items():
            yield from _scope(client, scope)
            for name, kept in told.items():
                yield from _name(scope, name, kept)
    if len(names) > COUNT_LIMIT:
        yield Broken("extra_claims", f"names {len(names)} claims; there may be {COUNT_LIMIT}")
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Broken("extra_claims", f"brings {name} by two scopes")
    for name in sorted(client.tokens.access_token_claims - {*names}):
        yield Broken("access_token_claims", "is none of the names in extra_claims", name)


def _scope(client: Client, scope: str) -> Iterator[Broken]:
    if scope not in _BRINGS:
        text = f"brings no claims more, for people are not asked what it tells; there are {', '.join(_BRINGS)}"
        yield Broken("extra_claims", text, within=(scope,))
    elif scope not in client.scopes:
        yield Broken("extra_claims", "is not among scopes, so the app is never told", within=(scope,))


def _name(scope: str, name: str, kept: str) -> Iterator[Broken]:
    try:
        check_told_name(name, scope)
        check_kept_name(kept)
    except ValueError as problem:
        yield Broken("extra_claims", str(problem), within=(scope, name))
