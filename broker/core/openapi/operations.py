"""The operations that apps call, what they send and what they are answered: a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal

from broker.core.drf import CONVERT_TOKEN
from broker.core.errors import (
    AccessDenied,
    AccountNotFound,
    AuthorizationPending,
    ConsentRequired,
    ExpiredToken,
    InsufficientUserAuthentication,
    InvalidDpopProof,
    InvalidGrant,
    InvalidScope,
    InvalidTarget,
    InvalidToken,
    LastIdentity,
    LinkedElsewhere,
    LoginRequired,
    MessagesNotConfigured,
    NotFound,
    NoWayToWrite,
    ProviderNotAllowed,
    RequestError,
    SlowDown,
    StoreUnavailable,
    TooManyRequests,
    UnauthorizedClient,
    Unreachable,
    UnsupportedGrantType,
    UseDpopNonce,
)
from broker.core.notify import MAX_BUTTONS, MAX_KEY, MAX_LABEL, MAX_TEXT, MAX_URL, NOTIFY, Status
from broker.core.posted import KINDS
from broker.core.terms import GrantType, Scope, TokenType

Schema = Mapping[str, Any]
FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"


class Caller(StrEnum):
    """Who calls: a client that proves itself, one that must have a secret, an app with a person's token or its own."""

    CLIENT = "client"
    CONFIDENTIAL = "confidential"
    PERSON = "person"
    SERVICE = "service"


Refusal = type[RequestError | StoreUnavailable]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `answer` names a schema, "" for no body; `scope` is what a token needs.

    `form` are the parameters in the body, those in `required` always; `body` is a schema, where it is JSON. `refusals`
    are besides those that every caller of its kind may meet. `where`: it is there only where some client may bring
    credentials of vendors' kits (posted), or speaks drf-social-oauth2's API (drf). `again`: a status that says that it
    was so before. `kinds`: of what media type a form may be.
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
    body: str = ""
    refusals: tuple[Refusal, ...] = ()
    where: Literal["", "posted", "drf"] = ""
    again: int = 0
    kinds: tuple[str, ...] = (FORM,)


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


_TOKEN: Mapping[str, Schema] = {
    "token": _text("An access token or a refresh token."),
    "token_type_hint": _text("Accepted and not needed: a token says what it is."),
}
_POSTED: Mapping[str, Schema] = {
    "subject_token": _text(
        "What a provider's kit gave to the app (RFC 8693); with `audience` an access token of ours."
    ),
    "subject_token_type": {"type": "string", "enum": list(KINDS)},
    "subject_issuer": _text("Posted credential: the provider, by its name here."),
    "challenge": _text("Posted credential: from /challenge, taken before the user signed in."),
    "subject_token_secret": _text("Posted credential: what belongs to the subject token where a kit gives two."),
    "device_id": _text("Posted credential: what VK's kit gives beside its code."),
    "redirect_uri": _text(
        "authorization_code: that of the authorization request. Posted credential: what its code was for."
    ),
}
_GRANT: Mapping[str, Schema] = {
    "grant_type": {"type": "string", "enum": list(GrantType)},
    "code": _text("authorization_code: from the redirect."),
    "code_verifier": _text("authorization_code: of PKCE (RFC 7636)."),
    "refresh_token": _text("refresh_token: the newest one."),
    "device_code": _text("device_code: from /device_authorization (RFC 8628)."),
    **_POSTED,
    "audience": _text("token-exchange: the provider, by its name here, whose own token is wanted."),
    "requested_token_type": {
        "enum": [TokenType.ACCESS_TOKEN],
        "description": "token-exchange: all there is.",
    },
    "sign_up": {"enum": ["true", "false"], "description": "token-exchange: whether somebody unknown gets an account."},
    "scope": _text(
        "refresh_token: less than was granted. client_credentials: some of service_scopes. Else what is wanted."
    ),
    "resource": _text("One of the APIs that were granted (RFC 8707)."),
}

_LOOKUP: Mapping[str, Schema] = {
    "provider": _text("A provider by its name here; with `subject`."),
    "subject": _text("The person's id there."),
    "former_sub": _text("Instead of these: a `sub` that this client knew somebody by before a merge."),
    **_POSTED,
}

_OURS: tuple[Operation, ...] = (
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
            *(AccessDenied, AccountNotFound, ConsentRequired, LoginRequired),
        ),
    ),
    Operation(
        "post",
        "/challenge",
        "challenge",
        "What a provider's kit is given before the user signs in, so that what it gives back counts once, and here.",
        Caller.CLIENT,
        "Challenge",
        form={"provider": _text("The provider by its name here.")},
        required=("provider",),
        refusals=(UnauthorizedClient,),
        where="posted",
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
    Operation(
        "get",
        "/identities",
        "listIdentities",
        "The ways in of the person, as far as they are ways into this app.",
        Caller.PERSON,
        "Identities",
        scope=Scope.IDENTITIES.value,
    ),
    Operation(
        "post",
        "/identities",
        "addIdentity",
        "Add what a provider's kit gave to the app as a way in; 200 where it was one before.",
        Caller.PERSON,
        "Identity",
        status=201,
        scope=Scope.IDENTITIES_MANAGE.value,
        body="Posted",
        refusals=(
            *(InsufficientUserAuthentication, UnauthorizedClient, AccessDenied, NotFound, LinkedElsewhere),
            TooManyRequests,
        ),
        where="posted",
        again=200,
    ),
    Operation(
        "delete",
        "/identities/{id}",
        "removeIdentity",
        "Take a way in away, with the sessions and grants that came from it.",
        Caller.PERSON,
        status=204,
        scope=Scope.IDENTITIES_MANAGE.value,
        refusals=(InsufficientUserAuthentication, NotFound, LastIdentity),
    ),
    Operation(
        "post",
        "/identities/lookup",
        "lookupIdentity",
        "Whose an upstream's subject, posted credential or former `sub` is; only for clients with `lookup_identities`.",
        Caller.CONFIDENTIAL,
        "Account",
        form=_LOOKUP,
        refusals=(UnauthorizedClient, ProviderNotAllowed, NotFound, AccessDenied),
    ),
    Operation(
        "post",
        "/notify",
        "orderMessage",
        "Send a message to a user of this app through the bot that they allowed; kept until it is sent or given up.",
        Caller.SERVICE,
        "Queued",
        status=202,
        scope=NOTIFY,
        body="Order",
        refusals=(MessagesNotConfigured, NotFound, NoWayToWrite, Unreachable),
    ),
    Operation(
        "get",
        "/notify/{id}",
        "showMessage",
        "What became of a message that this app ordered.",
        Caller.SERVICE,
        "Notification",
        scope=NOTIFY,
        refusals=(NotFound,),
    ),
)

_CLIENT: Mapping[str, Schema] = {
    "client_id": _text("The client."),
    "client_secret": _text("Where it has one."),
}


def _by_drf(name: str, summary: str, caller: Caller, **more: Any) -> Operation:
    """A call of drf-social-oauth2."""
    words = name.title().replace("-", "")
    return Operation("post", f"/auth/{name}", f"drf{words}", summary, caller, where="drf", kinds=(FORM, JSON), **more)


_OF_DRF: tuple[Operation, ...] = (
    _by_drf(
        "convert-token",
        "The token of a backend for tokens of ours; what drf-social-oauth2 calls a backend is a provider.",
        Caller.CLIENT,
        answer="Tokens",
        form={
            "grant_type": {"const": CONVERT_TOKEN},
            **_CLIENT,
            "backend": _text("As in `drf_backends`."),
            "token": _text("The access token or ID token that the provider's kit gave to the app."),
        },
        required=("grant_type", "client_id", "backend", "token"),
        refusals=(UnsupportedGrantType, UnauthorizedClient, InvalidGrant, AccessDenied, ConsentRequired),
    ),
    _by_drf(
        "token",
        "As /token.",
        Caller.CLIENT,
        answer="Tokens",
        form={**_CLIENT, **{name: _GRANT[name] for name in ("grant_type", "code", "refresh_token", "scope")}},
        required=("grant_type",),
        refusals=(InvalidGrant, InvalidScope, UnauthorizedClient, UnsupportedGrantType),
    ),
    _by_drf(
        "revoke-token",
        "Give a token back; also with a token of the person in the header, instead of the client's secret.",
        Caller.CLIENT,
        status=204,
        form={**_CLIENT, "token": _TOKEN["token"]},
        required=("client_id", "token"),
        refusals=(UnauthorizedClient, InvalidToken),
    ),
    _by_drf(
        "invalidate-sessions",
        "End all that the app has of the person.",
        Caller.PERSON,
        status=204,
        scope=Scope.OPENID.value,
        form={"client_id": _CLIENT["client_id"]},
        required=("client_id",),
        refusals=(UnauthorizedClient, TooManyRequests),
    ),
    _by_drf(
        "invalidate-refresh-tokens",
        "End all refresh tokens that the app has of the person.",
        Caller.PERSON,
        status=204,
        scope=Scope.OPENID.value,
        form={"client_id": _CLIENT["client_id"]},
        required=("client_id",),
        refusals=(UnauthorizedClient, TooManyRequests),
    ),
    _by_drf(
        "disconnect-backend",
        "Take the way in at a backend away, as DELETE /identities/{id} does.",
        Caller.PERSON,
        status=204,
        scope=Scope.IDENTITIES_MANAGE.value,
        form={
            "backend": _text("As in `drf_backends`."),
            "association_id": {
                "type": ["string", "integer"],
                "description": "The `id` of the way in, where there are several at this backend.",
            },
        },
        required=("backend",),
        refusals=(UnauthorizedClient, InsufficientUserAuthentication, LastIdentity, TooManyRequests),
    ),
)

OPERATIONS: tuple[Operation, ...] = (*_OURS, *_OF_DRF)

_SUB: Schema = _text("The person, as this client knows them.")
_FORMER: Schema = {
    "type": "array",
    "items": {"type": "string"},
    "description": "What this client may know them by from before accounts of theirs were merged.",
}
SCHEMAS: Mapping[str, Schema] = {
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
            "issued_token_type": _text("token-exchange: what `access_token` is."),
        },
    },
    "Posted": {
        "type": "object",
        "required": ["subject_token", "subject_token_type", "subject_issuer"],
        "properties": dict(_POSTED),
    },
    "Challenge": {
        "type": "object",
        "required": ["challenge", "expires_in", "nonce"],
        "properties": {
            "challenge": _text("Kept by the app, shown to nobody, and sent along with what the kit gives."),
            "expires_in": {"type": "integer", "description": "Seconds."},
            "nonce": _text("For the kit: it comes back in the ID token."),
            "state": _text("For a kit that ends in a code."),
            "code_challenge": _text("For a kit that ends in a code; the verifier stays here."),
            "code_challenge_method": {"const": "S256"},
        },
    },
    "Introspection": {
        "type": "object",
        "required": ["active"],
        "properties": {"active": {"type": "boolean"}, "sub": _SUB, "scope": {"type": "string"}},
    },
    "Userinfo": {"type": "object", "required": ["sub"], "properties": {"sub": _SUB, "former_subs": _FORMER}},
    "Identity": {
        "type": "object",
        "required": ["id", "provider", "title", "subject", "last_used_at", "current"],
        "additionalProperties": False,
        "properties": {
            "id": _text("Opaque, and the same for as long as the way in stands."),
            "provider": _text("The name of the provider here, as in `idp_hint`."),
            "title": _text("What people call it, in the language of the request."),
            "subject": _text("The person's id there."),
            "name": _text("What they are called there; with the scope `profile`."),
            "email": _text("Their address there; with the scope `email`."),
            "email_verified": {"type": "boolean", "description": "Whether the provider says that it is theirs."},
            "linked_at": {"type": "integer", "description": "Epoch seconds; absent where it is not known."},
            "last_used_at": {"type": "integer", "description": "Epoch seconds, to a day."},
            "current": {"type": "boolean", "description": "Whether this grant came by it."},
        },
    },
    "Identities": {
        "type": "object",
        "required": ["identities"],
        "additionalProperties": False,
        "properties": {"identities": {"type": "array", "items": {"$ref": "#/components/schemas/Identity"}}},
    },
    "Order": {
        "type": "object",
        "required": ["sub", "text"],
        "additionalProperties": False,
        "properties": {
            "sub": _SUB,
            "text": {"type": "string", "minLength": 1, "maxLength": MAX_TEXT, "description": "Plain text."},
            "buttons": {"type": "array", "maxItems": MAX_BUTTONS, "items": {"$ref": "#/components/schemas/Button"}},
            "idempotency_key": {
                "type": "string",
                "maxLength": MAX_KEY,
                "description": "The same key again is the same message; for as long as its status is told.",
            },
        },
    },
    "Button": {
        "type": "object",
        "required": ["text", "url"],
        "additionalProperties": False,
        "properties": {
            "text": {"type": "string", "minLength": 1, "maxLength": MAX_LABEL},
            "url": {"type": "string", "maxLength": MAX_URL, "pattern": "^https://", "description": "Opened by a tap."},
        },
    },
    "Queued": {
        "type": "object",
        "required": ["id", "status"],
        "additionalProperties": False,
        "properties": {"id": {"type": "string"}, "status": {"const": "queued"}},
    },
    "Notification": {
        "type": "object",
        "required": ["id", "status", "attempts", "created_at"],
        "additionalProperties": False,
        "properties": {
            "id": {"type": "string"},
            "status": {"type": "string", "enum": list(Status)},
            "reason": _text("Why it was not sent."),
            "attempts": {"type": "integer", "description": "How often it was tried."},
            "created_at": {"type": "integer", "description": "Epoch seconds."},
            "settled_at": {"type": "integer", "description": "Epoch seconds: when it was sent or given up."},
        },
    },
    "Account": {"type": "object", "required": ["sub"], "additionalProperties": False, "properties": {"sub": _SUB}},
}
"""What is answered, by the names that operations use."""
