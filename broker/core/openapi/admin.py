"""OpenAPI 3.1 description of the admin API, made from the catalogue of use cases: what is there is described."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from broker.core.openapi.operations import JSON, SCHEMAS
from broker.core.operators.catalogue import USE_CASES
from broker.core.operators.question import MOST, Kind, Parameter, UseCase

BASE: Final = "/admin/v1"
DOCUMENT: Final = f"{BASE}/openapi.json"
_TYPES: Final = {str: "string", int: "integer", bool: "boolean", dict: "object", list: "array"}
_BOUNDS: Final[Mapping[Kind, Mapping[str, Any]]] = {Kind.NUMBER: {"minimum": 1, "maximum": MOST}}
_REFUSED: Final[Mapping[str, str]] = {
    "400": "The question is none: the text says which value, and why.",
    "401": "No token, or one that is unknown, revoked or expired.",
    "403": "The token may read, and this writes.",
    "404": "There is nobody and nothing of that name.",
    "409": "It cannot be done as things are; the text says why.",
    "421": "By a name that `server.admin_hosts` does not have.",
    "429": "Too many calls; Retry-After says when to come again.",
    "503": "A store does not answer; nothing was done.",
}
_TOO_LONG: Final[Mapping[str, Mapping[str, str]]] = {
    "get": {"414": "The query is too long."},
    "post": {"413": "The body is larger than `limits.request_body`.", "415": "The body is no JSON."},
}


def reached() -> Iterator[UseCase]:
    """The use cases that a network may reach: all but those that are for commands at the machine."""
    return (case for case in USE_CASES.values() if not case.here)


def path_of(case: UseCase) -> str:
    """Where it is called."""
    return f"{BASE}/{case.name.replace('.', '/')}"


def build_admin_openapi(issuer: str) -> dict[str, Any]:
    """The document; `issuer` names whose people they are."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Identity broker: operators",
            "version": "1",
            "description": f"What operators of {issuer} ask and change. Times are epoch seconds.",
        },
        "servers": [{"url": "/"}],
        "paths": {path_of(case): dict(_operations(case)) for case in reached()},
        "components": {
            "schemas": {"Error": SCHEMAS["Error"]},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Made by `broker admin token new`, with the scope `read` or `write`.",
                }
            },
        },
    }


def _operations(case: UseCase) -> Iterator[tuple[str, Any]]:
    if not case.writes:
        yield "get", _describe(case, "get") | {"parameters": [_in_query(one) for one in case.parameters]}
    body = {
        "type": "object",
        "properties": {one.name: schema_of(one) for one in case.parameters},
        "required": [one.name for one in case.parameters if one.required],
        "additionalProperties": False,
    }
    yield "post", _describe(case, "post") | {"requestBody": {"required": True, "content": {JSON: {"schema": body}}}}


def _describe(case: UseCase, method: str) -> dict[str, Any]:
    answer = {"description": "What came of it.", "content": {JSON: {"schema": {"type": "object"}}}}
    return {
        "operationId": f"{case.name}.{method}",
        "tags": [case.name.partition(".")[0]],
        "summary": case.about,
        "security": [{"token": [case.needs.name.lower()]}],
        "responses": {"200": answer, **_refusals(method)},
    }


def _refusals(method: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    texts = sorted({**_REFUSED, **_TOO_LONG[method]}.items())
    return {status: {"description": text, "content": {JSON: {"schema": schema}}} for status, text in texts}


def _in_query(one: Parameter) -> dict[str, Any]:
    return {"name": one.name, "in": "query", "required": one.required, "schema": schema_of(one)}


def schema_of(one: Parameter) -> dict[str, Any]:
    """What its values are, for a machine."""
    bounds: dict[str, Any] = {"enum": list(one.choices)} if one.choices else {}
    if one.kind is Kind.TEXT:
        bounds |= {"minLength": 1, "maxLength": one.longest}
    return {"type": _TYPES[one.kind.value], **_BOUNDS.get(one.kind, {}), **bounds, "description": one.about}
