"""The document that is made of the table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from broker.core.errors import (
    InsufficientScope,
    InvalidClient,
    InvalidDpopProof,
    InvalidRequest,
    InvalidToken,
    StoreUnavailable,
    TooManyRequests,
    UseDpopNonce,
)
from broker.core.openapi.operations import JSON, OPERATIONS, SCHEMAS, Caller, Operation, Refusal

_IN_PATH = re.compile(r"\{(\w+)\}")
_SEGMENT = "^[A-Za-z0-9_-]{1,64}$"
_EVERYBODY: tuple[Refusal, ...] = (InvalidRequest, StoreUnavailable)
_TOKEN: tuple[Refusal, ...] = (*_EVERYBODY, InvalidToken, InsufficientScope, InvalidDpopProof, UseDpopNonce)
_MEETS: Mapping[Caller, tuple[Refusal, ...]] = {
    Caller.CLIENT: (*_EVERYBODY, InvalidClient, TooManyRequests),
    Caller.CONFIDENTIAL: (*_EVERYBODY, InvalidClient, TooManyRequests),
    Caller.PERSON: _TOKEN,
    Caller.SERVICE: (*_TOKEN, TooManyRequests),
}
_AT_RESOURCES = {"invalid_dpop_proof", "use_dpop_nonce"}  # 401 where a token is shown (RFC 9449 section 7.1)


def build_openapi(issuer: str, *, posted: bool = False, notify: bool = False, drf: bool = False) -> dict[str, Any]:
    """The document for this issuer.

    `posted`: with what is for clients that may bring credentials of vendors' kits; `notify`: for those that may order
    messages to people; `drf`: for those that speak drf-social-oauth2's API.
    """
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        there = {"posted": posted, "drf": drf, "": notify or operation.caller is not Caller.SERVICE}
        if not there[operation.where]:
            continue
        paths.setdefault(operation.path, {})[operation.method] = _describe(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Identity broker", "version": "1", "description": "What apps call, beside the redirects."},
        "servers": [{"url": issuer}],
        "paths": paths,
        "components": {"schemas": dict(SCHEMAS), "securitySchemes": _security(issuer)},
    }


def _security(issuer: str) -> dict[str, Any]:
    flow = {
        "authorizationUrl": f"{issuer}/authorize",
        "tokenUrl": f"{issuer}/token",
        "scopes": _scopes(Caller.PERSON),
    }
    own = {"tokenUrl": f"{issuer}/token", "scopes": _scopes(Caller.SERVICE)}
    how = "Or by `client_secret` in the form, or by a signed assertion, as the client is registered (OIDC Core 9)."
    return {
        "client": {"type": "http", "scheme": "basic", "description": how},
        "person": {
            "type": "oauth2",
            "flows": {"authorizationCode": flow},
            "description": "By the scheme DPoP with a proof, where the token is bound to a key (RFC 9449).",
        },
        "service": {"type": "oauth2", "flows": {"clientCredentials": own}},
    }


def _scopes(caller: Caller) -> dict[str, str]:
    return {one.scope: one.summary for one in OPERATIONS if one.scope and one.caller is caller and one.where != "drf"}


def _describe(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "security": [{operation.caller.value: [operation.scope]}] if operation.scope else [{"client": []}, {}],
        "responses": {**_answers(operation), **_refusals(operation)},
    }
    if names := _IN_PATH.findall(operation.path):
        found["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": _SEGMENT}}
            for name in names
        ]
    if operation.form is not None:
        schema = {"type": "object", "properties": dict(operation.form), "required": list(operation.required)}
        found["requestBody"] = {"required": True, "content": {kind: {"schema": schema} for kind in operation.kinds}}
    if operation.body:
        found["requestBody"] = {"required": True, "content": {JSON: {"schema": _ref(operation.body)}}}
    return found


def _answers(operation: Operation) -> dict[str, Any]:
    return {str(status): _answer(operation) for status in (operation.status, operation.again) if status}


def _answer(operation: Operation) -> dict[str, Any]:
    if not operation.answer:
        return {"description": "Done, or there was nothing to do."}
    return {"description": operation.answer, "content": {"application/json": {"schema": _ref(operation.answer)}}}


def _refusals(operation: Operation) -> dict[str, Any]:
    """By status, each with the codes that come with it."""
    pairs = {(_status(kind, operation), kind.code) for kind in (*_MEETS[operation.caller], *operation.refusals)}
    if operation.form is not None or operation.body:
        pairs |= {(status, InvalidRequest.code) for status in (413, 415)}
    return {
        str(status): _refusal([code for _, code in group])
        for status, group in groupby(sorted(pairs), key=lambda pair: pair[0])
    }


def _status(kind: Refusal, operation: Operation) -> int:
    return 401 if operation.scope and kind.code in _AT_RESOURCES else kind.status


def _refusal(codes: Iterable[str]) -> dict[str, Any]:
    known = list(codes)
    schema = {"allOf": [_ref("Error"), {"properties": {"error": {"enum": known}}}]}
    return {"description": ", ".join(known), "content": {"application/json": {"schema": schema}}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
