"""What the emulated Microsoft says in the forms that are its own: errors, its metadata, people at Microsoft Graph."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from broker.demo.people import Person
from broker.demo.upstreams.answers import json_answer
from broker.demo.upstreams.id_tokens import Claims


def problem(error: str, code: int, text: str, status: int = 400) -> Response:
    """What the authorization and token endpoints say of an error."""
    described = f"AADSTS{code}: {text} Trace ID: 0 Correlation ID: 0"
    uri = f"https://login.microsoftonline.com/error?code={code}"
    body = {"error": error, "error_description": described, "error_codes": [code], "error_uri": uri}
    return json_answer({**body, "timestamp": "2026-01-02 03:04:05Z", "trace_id": "0", "correlation_id": "0"}, status)


DISCOVERY: Mapping[str, object] = {
    "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
    "response_modes_supported": ["query", "fragment", "form_post"],
    "subject_types_supported": ["pairwise"],
    "id_token_signing_alg_values_supported": ["RS256"],
    "response_types_supported": ["code"],
    "scopes_supported": ["openid", "profile", "email", "offline_access"],
}
"""What every tenant says of itself."""


def graph_person(person: Person, object_id: str, address: str) -> Claims:
    """`me` of Microsoft Graph (learn.microsoft.com/graph/api/user-get, read 2026-11): what is not known is null."""
    return {
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users/$entity",
        "businessPhones": [],
        "displayName": person.name,
        "givenName": person.given_name,
        "jobTitle": None,
        "mail": address or None,
        "mobilePhone": person.phone or None,
        "officeLocation": None,
        "preferredLanguage": person.locale,
        "surname": person.family_name or None,
        "userPrincipalName": address or f"{person.key}@outlook.com",
        "id": object_id,
    }


def graph_selected(about: Claims, select: str) -> Claims:
    """What `$select` names, or everything; where the answer is described is said in any case."""
    wanted = {name.strip() for name in select.split(",") if name.strip()}
    return {name: value for name, value in about.items() if not wanted or name in {*wanted, "@odata.context"}}


def graph_problem(code: str, message: str, status: int = 403) -> Response:
    """What Microsoft Graph says of an error (learn.microsoft.com/graph/errors, read 2026-11)."""
    inner = {"date": "2026-01-02T03:04:05", "request-id": "0", "client-request-id": "0"}
    return json_answer({"error": {"code": code, "message": message, "innerError": inner}}, status)
