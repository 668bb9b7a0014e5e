"""OpenAPI 3.1 description of what apps call: one table of operations, and the document that is made of it.

What browsers are sent through (`/authorize`, `/logout`, pages) is no API and not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any

from broker.core.errors import (
    AuthorizationPending,
    ExpiredToken,
    InsufficientScope,
    InvalidClient,
    InvalidDpopProof,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    InvalidToken,
    RequestError,
    SlowDown,
    StoreUnavailable,
    TooManyRequests,
    UnauthorizedClient,
    UnsupportedGrantType,
    UseDpopNonce,
)
from broker.core.terms import GrantType, Scope

Schema = Mapping[str, Any]
FORM = "application/x-www-form-urlencoded"


class Caller(StrEnum):
    """Who calls: a client that proves itself, one that must have a secret, or an app with the token of a person."""

    CLIENT = "client"
    CONFIDENTIAL = "confidential"
    PERSON = "person"


Refusal = type[RequestError | StoreUnavailable]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `answer` names a schema, "" for no body; `scope` is what the token of a person needs.

    `form` are the parameters in the body, those in `required` always. `refusals` are besides those that every caller
    of its kind may meet.
    """

    method: str
    path: str
    id: str
    summary: str
    caller: Caller
    answer: str = ""
    status: int = 200
    scope: str = ""
    form: Mapping[str, Schema] | None = None
    required: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()


_EVERYBODY: tuple[Refusal, ...] = (InvalidRequest, StoreUnavailable)
_MEETS: Mapping[Caller, tuple[Refusal, ...]] = {
    Caller.CLIENT: (*_EVERYBODY, InvalidClient, TooManyRequests),
    Caller.CONFIDENTIAL: (*_EVERYBODY, InvalidClient, TooManyRequests),
    Caller.PERSON: (*_EVERYBODY, InvalidToken, InsufficientScope),
}
_AT_RESOURCES = {"invalid_dpop_proof", "use_dpop_nonce"}  # 401 where a token is shown (RFC 9449 section 7.1)


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


_TOKEN: Mapping[str, Schema] = {
    "token": _text("An access token or a refresh token."),
    "token_type_hint": _text("Accepted and not needed: a token says what it is."),
}
_GRANT: Mapping[str, Schema] = {
    "grant_type": {"type": "string", "enum": list(GrantType)},
    "code": _text("authorization_code: from the redirect."),
    "redirect_uri": _text("authorization_code: that of the authorization request."),
    "code_verifier": _text("authorization_code: of PKCE (RFC 7636)."),
    "refresh_token": _text("refresh_token: the newest one."),
    "device_code": _text("device_code: from /device_authorization (RFC 8628)."),
    "scope": _text("refresh_token: less than was granted. client_credentials: some of service_scopes."),
    "resource": _text("One of the APIs that were granted (RFC 8707)."),
}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "post",
        "/token",
        "token",
        "A code, a refresh token, a device code or the client's own credentials for tokens (RFC 6749 section 3.2).",
        Caller.CLIENT,
        "Tokens",
        form=_GRANT,
        required=("grant_type",),
        refusals=(
            *(InvalidGrant, InvalidScope, InvalidTarget, UnauthorizedClient, UnsupportedGrantType),
            *(InvalidDpopProof, UseDpopNonce, AuthorizationPending, SlowDown, ExpiredToken),
        ),
    ),
    Operation(
        "post",
        "/revoke",
        "revoke",
        "Give a token back, with all that hangs on its grant (RFC 7009).",
        Caller.CLIENT,
        form=_TOKEN,
        required=("token",),
    ),
    Operation(
        "post",
        "/introspect",
        "introspect",
        "What a token of this client, or for its API, is (RFC 7662).",
        Caller.CONFIDENTIAL,
        "Introspection",
        form=_TOKEN,
        required=("token",),
    ),
    Operation(
        "get",
        "/userinfo",
        "userinfo",
        "The claims behind an access token (OpenID Connect Core 5.3); signed where the client is registered so.",
        Caller.PERSON,
        "Userinfo",
        scope=Scope.OPENID.value,
    ),
)

_SUB: Schema = _text("The person, as this client knows them.")
_SCHEMAS: Mapping[str, Schema] = {
    "Error": {
        "type": "object",
        "required": ["error", "error_description"],
        "properties": {
            "error": _text("What kind of failure it is; docs/reference/errors.md lists them."),
            "error_description": _text("For logs, in English: what the app's developer should change."),
            "max_age": {"type": "integer", "description": "Seconds: how old a login may be for this (RFC 9470)."},
        },
    },
    "Tokens": {
        "type": "object",
        "required": ["access_token", "token_type", "expires_in"],
        "properties": {
            "access_token": {"type": "string"},
            "token_type": {"enum": ["Bearer", "DPoP"]},
            "expires_in": {"type": "integer", "description": "Seconds."},
            "scope": _text("What was given, separated by spaces."),
            "refresh_token": {"type": "string"},
            "id_token": {"type": "string"},
        },
    },
    "Introspection": {
        "type": "object",
        "required": ["active"],
        "properties": {"active": {"type": "boolean"}, "sub": _SUB, "scope": {"type": "string"}},
    },
    "Userinfo": {"type": "object", "required": ["sub"], "properties": {"sub": _SUB}},
}


def build_openapi(issuer: str) -> dict[str, Any]:
    """The document for this issuer."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _describe(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Identity broker", "version": "1", "description": "What apps call, beside the redirects."},
        "servers": [{"url": issuer}],
        "paths": paths,
        "components": {"schemas": dict(_SCHEMAS), "securitySchemes": _security(issuer)},
    }


def _security(issuer: str) -> dict[str, Any]:
    flow = {
        "authorizationUrl": f"{issuer}/authorize",
        "tokenUrl": f"{issuer}/token",
        "scopes": {operation.scope: operation.summary for operation in OPERATIONS if operation.scope},
    }
    how = "Or by `client_secret` in the form, or by a signed assertion, as the client is registered (OIDC Core 9)."
    return {
        "client": {"type": "http", "scheme": "basic", "description": how},
        "person": {
            "type": "oauth2",
            "flows": {"authorizationCode": flow},
            "description": "By the scheme DPoP with a proof, where the token is bound to a key (RFC 9449).",
        },
    }


def _describe(operation: Operation) -> dict[str, Any]:
    by_token = operation.caller is Caller.PERSON
    found: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "security": [{"person": [operation.scope]}] if by_token else [{"client": []}, {}],
        "responses": {str(operation.status): _answer(operation), **_refusals(operation)},
    }
    if operation.form is not None:
        schema = {"type": "object", "properties": dict(operation.form), "required": list(operation.required)}
        found["requestBody"] = {"required": True, "content": {FORM: {"schema": schema}}}
    return found


def _answer(operation: Operation) -> dict[str, Any]:
    if not operation.answer:
        return {"description": "Done, or there was nothing to do."}
    return {"description": operation.answer, "content": {"application/json": {"schema": _ref(operation.answer)}}}


def _refusals(operation: Operation) -> dict[str, Any]:
    """By status, each with the codes that come with it."""
    pairs = {(_status(kind, operation), kind.code) for kind in (*_MEETS[operation.caller], *operation.refusals)}
    if operation.form is not None:
        pairs |= {(status, InvalidRequest.code) for status in (413, 415)}
    return {
        str(status): _refusal([code for _, code in group])
        for status, group in groupby(sorted(pairs), key=lambda pair: pair[0])
    }


def _status(kind: Refusal, operation: Operation) -> int:
    return 401 if operation.caller is Caller.PERSON and kind.code in _AT_RESOURCES else kind.status


def _refusal(codes: Iterable[str]) -> dict[str, Any]:
    known = list(codes)
    schema = {"allOf": [_ref("Error"), {"properties": {"error": {"enum": known}}}]}
    return {"description": ", ".join(known), "content": {"application/json": {"schema": schema}}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
