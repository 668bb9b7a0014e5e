"""The `claims` parameter of an authorization request (OIDC Core 5.5): what it says, and whom it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker.core.errors import InvalidRequest
from broker.core.strict_json import Malformed, parse_object

MAX_CLAIMS = 4096  # characters
MAX_CLAIMS_DEPTH = 4


def parse_claims(text: str) -> dict[str, Any]:
    """The `claims` parameter as {"id_token": {...}, "userinfo": {...}}; raises InvalidRequest (OIDC Core 5.5)."""
    if not text:
        return {}
    if len(text) > MAX_CLAIMS:
        raise InvalidRequest(f"claims is longer than {MAX_CLAIMS} characters")
    try:
        data = parse_object(text, depth=MAX_CLAIMS_DEPTH)
    except Malformed as problem:
        raise InvalidRequest(f"claims is {problem}; it must be a JSON object (OIDC Core 5.5)") from None
    chosen = {place: data[place] for place in ("id_token", "userinfo") if data.get(place) is not None}
    for wanted in chosen.values():
        if not isinstance(wanted, dict) or not all(want is None or isinstance(want, dict) for want in wanted.values()):
            raise InvalidRequest("claims: each requested claim is null or an object (OIDC Core 5.5.1)")
    return chosen


def requested_sub(claims: Mapping[str, Any]) -> str:
    """A single `sub` value asked for is as good as a hint (OIDC Core 5.5.1)."""
    wanted = claims.get("id_token", {}).get("sub") or {}
    if "value" not in wanted:
        return ""
    value = wanted["value"]
    if not isinstance(value, str) or not value:
        raise InvalidRequest("claims: the value of sub must be text")
    return value


def one_person(hinted: str, requested: str) -> str:
    """Whom the request names, if anybody; raises InvalidRequest where it names two."""
    if hinted and requested and hinted != requested:
        raise InvalidRequest("id_token_hint and claims name different users")
    return hinted or requested
