"""drf-social-oauth2's API as its apps speak it: what its calls must have, and what a backend's token is.

github.com/wagnerdelima/drf-social-oauth2 (README, docs and views.py read 2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from broker.core.errors import FieldRefused, InvalidRequest
from broker.core.posted import Brought
from broker.core.terms import PostedKind
from broker.core.wire.parameters import Parameters, read_members

CONVERT_TOKEN: Final = "convert_token"
_JWT: Final = re.compile(r"eyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){2}")
_SIGNED: Final = frozenset({"oauth_token", "oauth_token_secret"})
_MEMBERS: Final = 10  # of what X answers there are four
_CONVERTED: Final = ("access_token", "expires_in", "token_type", "scope", "refresh_token")


def read_body(found: Mapping[str, object]) -> Parameters:
    """The members of a JSON body; numbers are texts, as in a form. Raises InvalidRequest."""
    return read_members({name: str(value) if type(value) is int else value for name, value in found.items()})


def check_fields(params: Parameters, names: Iterable[str]) -> None:
    """All of them are there, and nothing twice; raises InvalidRequest."""
    params.check_single(params.repeated)
    for name in names:
        if name not in params:
            raise FieldRefused(name, f"Missing {name} parameter.", "This field is required.")


def backend_refused() -> InvalidRequest:
    """The same of a backend that nobody knows, that is switched off, or that is not this app's."""
    return FieldRefused("backend", "Invalid backend parameter.", "Invalid backend.")


def bring(token: str, provider: str) -> Brought:
    """What an app posts as the token of a backend: its kit has given it the one or the other.

    That of OAuth 1.0a comes with its secret, form-encoded, as python-social-auth's `do_auth` reads it.
    """
    pairs = parse_qsl(token) if token.count("&") < _MEMBERS else []
    told = dict(pairs) if len({name for name, _ in pairs}) == len(pairs) else {}
    if told.keys() >= _SIGNED:
        held, secret = (told[name] for name in sorted(_SIGNED))
        return Brought(PostedKind.ACCESS_TOKEN, held, provider, secret=secret)
    kind = PostedKind.ID_TOKEN if _JWT.fullmatch(token) else PostedKind.ACCESS_TOKEN
    return Brought(kind, token, provider)


def converted(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Of a token response what these apps know."""
    return {name: answer[name] for name in _CONVERTED if name in answer}
