"""Authentication levels: which a request asks for, and whose word on one counts.

OIDC Core 3.1.2.1 and 5.5.1.1, RFC 9470 section 4, RFC 8176.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from broker.core.errors import InvalidRequest
from broker.core.records import AuthorizationRequest
from broker.core.terms import Prompt

MAX_LEVELS = 20
FEDERATED = "fed"  # of every login here: another service vouched for the person
_ASKED_ANEW: Final = frozenset({Prompt.LOGIN, Prompt.SELECT_ACCOUNT, Prompt.CREATE})


def parse_essential_acr(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """The levels of an essential `acr` in a `claims` parameter, one of which must be reached; empty: any will do.

    Raises InvalidRequest.
    """
    wanted = (claims.get("id_token") or {}).get("acr") or {}
    if not wanted.get("essential"):
        return ()
    values = wanted.get("values", [wanted["value"]] if "value" in wanted else [])
    if not isinstance(values, list) or len(values) > MAX_LEVELS or not all(isinstance(one, str) for one in values):
        raise InvalidRequest("claims: the values of acr must be texts")
    return tuple(values)


def is_weak(acr: str, *, essential: Collection[str], wished: Collection[str], shown: Collection[str]) -> bool:
    """Whether another login is worth it: an essential level is missing, or a wished one is that can be `shown`."""
    if essential:
        return acr not in essential
    return acr not in wished and any(level in shown for level in wished)


def takes_prompts(request: AuthorizationRequest) -> bool:
    """Whether an upstream's own prompt may answer it, of which nobody knows whether it asked the person anything.

    Not where the app wants somebody asked anew, to choose, to sign up, or to reach a level.
    """
    wants_more = request.max_age is not None or bool(request.essential_acr)
    return not wants_more and not _ASKED_ANEW & set(request.prompt)
