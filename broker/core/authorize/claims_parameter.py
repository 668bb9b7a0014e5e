"""The `claims` parameter of an authorization request (OIDC Core 5.5): read, written again, and whom it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from broker.core.authorize.step_up import parse_essential_acr
from broker.core.clients.client import Client
from broker.core.errors import InvalidRequest
from broker.core.records import AuthorizationRequest
from broker.core.tokens.claims import select_claims
from broker.core.wire.parameters import Parameters
from broker.core.wire.query import Sent
from broker.core.wire.strict_json import Malformed, parse_object

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


def parse_wanted(params: Parameters, client: Client) -> tuple[Mapping[str, Any], tuple[str, ...], str]:
    """The claims asked for that this client may have, the essential levels, and whom `claims` names (OIDC Core 5.5)."""
    claims = parse_claims(params.get("claims", ""))
    sub, levels = requested_sub(claims), parse_essential_acr(claims)
    named = {place: dict.fromkeys(select_claims(wanted, client)) for place, wanted in claims.items()}
    return {place: names for place, names in named.items() if names}, levels, sub


def write_wanted(request: AuthorizationRequest) -> Sent:
    """Whom an id_token_hint named is named here, too: the hint itself may have run out by then."""
    claims = {place: dict(wanted) for place, wanted in request.claims.items()}
    if request.essential_acr:
        acr = {"acr": {"essential": True, "values": list(request.essential_acr)}}
        claims["id_token"] = claims.get("id_token", {}) | acr
    if request.hinted_sub:
        claims["id_token"] = claims.get("id_token", {}) | {"sub": {"value": request.hinted_sub}}
    return {"claims": orjson.dumps(claims).decode()} if claims else {}
