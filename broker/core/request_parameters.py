"""An authorization request out of its parameters, and back: what goes out by a link of ours comes in again whole."""

from __future__ import annotations

import re
from dataclasses import replace

import orjson

from broker.core.authorize import (
    ANY_PROVIDER,
    CHECKS,
    IDP_HINTS,
    VerifiedRedirect,
    check_claims,
    check_lengths,
    check_max_age,
    check_resource,
    check_scope,
)
from broker.core.claims import select_claims
from broker.core.claims_parameter import one_person, parse_claims, requested_sub
from broker.core.client import Client
from broker.core.errors import UnauthorizedClient
from broker.core.parameters import Parameters
from broker.core.query import Sent
from broker.core.records import AuthorizationRequest
from broker.core.resource import parse_resources
from broker.core.step_up import parse_essential_acr
from broker.core.terms import GrantType, ResponseMode

_DEVICE_CHECKS = (check_lengths, check_scope, check_max_age, check_claims, check_resource)
_LOCALE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")


def build_request(params: Parameters, target: VerifiedRedirect, *, hinted_sub: str = "") -> AuthorizationRequest:
    """The checked request. `hinted_sub` is the subject of a verified id_token_hint. Raises RequestError.

    `to_params` is its inverse: `build_request(to_params(request), target) == request`.
    """
    for check in CHECKS:
        check(params, target.client)
    return replace(
        _build_wish(params, target.client, hinted_sub),
        redirect_uri=target.redirect_uri,
        state=params.text("state"),
        nonce=params.text("nonce"),
        code_challenge=params.text("code_challenge"),
        dpop_jkt=params.text("dpop_jkt"),
        response_mode=target.response_mode,
        prompt=params.words("prompt"),
        login_hint=params.text("login_hint"),
        ui_locales=parse_locales(params),
        idp_hint=parse_hint(params),
    )


def build_device_request(params: Parameters, client: Client) -> AuthorizationRequest:
    """The checked request of a device (RFC 8628 section 3.1); raises RequestError."""
    params.check_single(params.repeated)
    if GrantType.DEVICE_CODE not in client.grants:
        raise UnauthorizedClient(f"this client is not registered for the grant {GrantType.DEVICE_CODE}")
    for check in _DEVICE_CHECKS:
        check(params, client)
    return _build_wish(params, client, "")


def _build_wish(params: Parameters, client: Client, hinted_sub: str) -> AuthorizationRequest:
    """Who is to log in how, and what for: the same wherever the answer goes. The parameters are checked already."""
    claims = parse_claims(params.text("claims"))
    named = {place: select_claims(wanted, client) for place, wanted in claims.items()}
    return AuthorizationRequest(
        client_id=client.id,
        redirect_uri="",
        scope=tuple(scope for scope in params.words("scope") if scope in client.scopes),
        max_age=int(params["max_age"]) if "max_age" in params else client.requests.max_age,
        acr_values=params.words("acr_values") or client.requests.acr_values,
        essential_acr=parse_essential_acr(claims),
        resource=parse_resources(params),
        hinted_sub=one_person(hinted_sub, requested_sub(claims)),
        claims={place: dict.fromkeys(names) for place, names in named.items() if names},
    )


def parse_locales(params: Parameters) -> tuple[str, ...]:
    """The languages asked for, what is none left out (OIDC Core 3.1.2.1)."""
    return tuple(word for word in params.words("ui_locales") if _LOCALE.fullmatch(word))


def parse_hint(params: Parameters) -> str:
    """The provider hinted at, by whichever name, or ""."""
    return next((params[name] for name in IDP_HINTS if name in params), "")


def to_params(request: AuthorizationRequest) -> Sent:
    """The request as parameters that ask for exactly this again, at `/authorize`.

    Of a pushed or signed request that is its name, with the hint and the languages it has now. Whom an id_token_hint
    named is named by `claims`: the hint itself may have run out by then.
    """
    locales = " ".join(request.ui_locales)
    named = bool(request.request_uri)
    params: Sent = {"client_id": request.client_id, "request_uri": request.request_uri} if named else _all_of(request)
    hint = request.idp_hint or (ANY_PROVIDER if named else "")
    return {name: value for name, value in {**params, "ui_locales": locales, "idp_hint": hint}.items() if value}


def _all_of(request: AuthorizationRequest) -> Sent:
    return {
        "response_type": "code",
        "client_id": request.client_id,
        "redirect_uri": request.redirect_uri,
        "scope": " ".join(request.scope),
        "state": request.state,
        "nonce": request.nonce,
        "code_challenge": request.code_challenge,
        "code_challenge_method": "S256" if request.code_challenge else "",
        "dpop_jkt": request.dpop_jkt,
        "response_mode": request.response_mode if request.response_mode != ResponseMode.QUERY else "",
        "prompt": " ".join(request.prompt),
        "max_age": "" if request.max_age is None else str(request.max_age),
        "login_hint": request.login_hint,
        "acr_values": " ".join(request.acr_values),
        "claims": _claims_again(request),
        "resource": request.resource,
    }


def _claims_again(request: AuthorizationRequest) -> str:
    claims = {place: dict(wanted) for place, wanted in request.claims.items()}
    if request.essential_acr:
        acr = {"acr": {"essential": True, "values": list(request.essential_acr)}}
        claims["id_token"] = claims.get("id_token", {}) | acr
    if request.hinted_sub:
        claims["id_token"] = claims.get("id_token", {}) | {"sub": {"value": request.hinted_sub}}
    return orjson.dumps(claims).decode() if claims else ""
