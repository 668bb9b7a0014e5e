"""The parameters of an authorization request (RFC 6749 section 4.1.1, OIDC Core 3.1.2.1): read, checked and written.

Each has one row in the table `ROWS`: a rule that returns what it proved, so that the request is made of nothing else,
and how the same is asked for again by a link of ours. A new parameter is a field of the record and a row here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from broker.core.authorize import pkce
from broker.core.authorize.account_choice import choosing
from broker.core.authorize.claims_parameter import one_person, parse_wanted, write_wanted
from broker.core.authorize.target import MAX_STATE, VerifiedRedirect
from broker.core.clients.client import Client
from broker.core.errors import (
    InvalidAuthorizationDetails,
    InvalidRequest,
    InvalidScope,
    RegistrationNotSupported,
    UnauthorizedClient,
    UnsupportedResponseType,
)
from broker.core.records import AuthorizationRequest
from broker.core.terms import GrantType, Pkce, Prompt, ResponseMode, Scope
from broker.core.tokens.audience import verify_resources
from broker.core.tokens.dpop import is_thumbprint
from broker.core.wire.parameters import MULTIPLE, Parameters
from broker.core.wire.query import Sent

IDP_HINTS = ("idp_hint", "kc_idp_hint", "connector_id")
ANY_PROVIDER = "-"  # no provider's name; takes back the hint inside a pushed request
MAX_TEXT = 1024  # characters
_PKCE = ("code_challenge", "code_challenge_method")
_MAX_AGE = re.compile(r"[0-9]{1,9}")
_LOCALE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")
_PLAIN = AuthorizationRequest("", "", ())  # what a request has where nothing was said


@dataclass(frozen=True, slots=True)
class Row:
    """One rule: what was sent as `names`, each at most once, is checked and becomes `fields` of the request.

    `read` returns the value of the field, of several fields a tuple; it raises RequestError. A field whose parameter
    was not sent has the record's default, unless `always`: then `read` says what that means. `write` asks for the same
    again; without one the first name is sent with the value as text, several words with spaces. `device`: a device
    may be asked for it, too.
    """

    names: tuple[str, ...]
    read: Callable[[Parameters, Client], object]
    fields: tuple[str, ...] = ()
    always: bool = False
    device: bool = False
    write: Callable[[AuthorizationRequest], Sent] | None = None

    def prove(self, params: Parameters, client: Client) -> Mapping[str, Any]:
        """The fields as this request sets them; raises RequestError."""
        value: Any = self.read(params, client)
        return dict(zip(self.fields, value if len(self.fields) > 1 else (value,), strict=False))

    def say(self, request: AuthorizationRequest) -> Sent:
        """The parameters that ask for what the request has; what it would have anyhow is left out."""
        if self.write is not None:
            return self.write(request)
        value = getattr(request, self.fields[0]) if self.fields else ""
        anyhow = not self.fields or value == getattr(_PLAIN, self.fields[0])
        return {} if anyhow else {self.names[0]: " ".join(value) if isinstance(value, tuple) else str(value)}


def parse_text(params: Parameters, _: Client, name: str, limit: int = MAX_TEXT) -> str:
    """What comes back to the client, or into a token, is bounded."""
    text = params.get(name, "")
    if len(text) > limit:
        raise InvalidRequest(f"{name} is longer than {limit} characters")
    return text


def refuse_registration(_: Parameters, __: Client) -> None:
    """A client does not register itself in passing (OIDC Core 7.2.1)."""
    raise RegistrationNotSupported("registration is not supported here")


def check_response_type(params: Parameters, client: Client) -> None:
    """`code` is the only response type (RFC 9700 section 2.1.2)."""
    response_type = params.get("response_type", "")
    if not response_type:
        raise InvalidRequest("response_type is missing; send response_type=code")
    if response_type != "code":
        raise UnsupportedResponseType("response_type must be code")
    if GrantType.AUTHORIZATION_CODE not in client.grants:
        raise UnauthorizedClient("this client is not registered for the authorization_code grant")


def parse_response_mode(params: Parameters, client: Client) -> str:
    """A mode of ours that this client may use at this redirect URI: a code never travels in a fragment."""
    mode = params.get("response_mode", "")
    if client.answers_by(mode, params.get("redirect_uri", "")):
        return ResponseMode(mode)
    if mode == ResponseMode.WEB_MESSAGE:
        raise InvalidRequest("response_mode web_message needs the origin of redirect_uri among this client's origins")
    raise InvalidRequest(f"response_mode must be {' or '.join(ResponseMode)}")


def parse_acr_values(params: Parameters, client: Client) -> tuple[str, ...]:
    """The levels wished for, else those the client registered (OIDC Core 3.1.2.1, Registration 2)."""
    parse_text(params, client, "acr_values")
    return params.words("acr_values") or client.requests.acr_values


def parse_locales(params: Parameters, client: Client) -> tuple[str, ...]:
    """The languages asked for, what is none left out (OIDC Core 3.1.2.1)."""
    parse_text(params, client, "ui_locales")
    return tuple([word for word in params.words("ui_locales") if _LOCALE.fullmatch(word)])


def parse_hint(params: Parameters, client: Client) -> str:
    """The provider hinted at, by whichever name, or ""."""
    said = [parse_text(params, client, name) for name in IDP_HINTS]
    return next(filter(None, said), "")


def parse_scope(params: Parameters, client: Client) -> tuple[str, ...]:
    """At least one scope this client may have (RFC 6749 section 3.3); others are left out of the grant."""
    scope = tuple([word for word in params.words("scope") if word in client.scopes])
    if not scope:
        raise InvalidScope("scope names nothing this client may ask for; send at least openid")
    return scope


def parse_prompt(params: Parameters, _: Client) -> tuple[str, ...]:
    """Known values; `none` stands alone (OIDC Core 3.1.2.1)."""
    prompt = params.words("prompt")
    if not set(prompt) <= set(Prompt):
        raise InvalidRequest(f"prompt must be of: {', '.join(Prompt)}")
    if Prompt.NONE in prompt and len(prompt) > 1:
        raise InvalidRequest("prompt none must stand alone")
    return prompt


def parse_challenge(params: Parameters, client: Client) -> str:
    """S256 or nothing; nothing only where a nonce or the operator allows it (RFC 7636 4.3, RFC 9700 2.1.1)."""
    challenge, method = params.get("code_challenge", ""), params.get("code_challenge_method", "")
    if not challenge:
        if method:
            raise InvalidRequest("code_challenge_method without code_challenge")
        _check_tied(params, client)
        return ""
    if method != "S256":
        raise InvalidRequest("code_challenge_method must be S256; plain is not supported")
    if not pkce.is_challenge(challenge):
        raise InvalidRequest("code_challenge must be the 43 characters of a base64url SHA-256")
    return challenge


def _check_tied(params: Parameters, client: Client) -> None:
    """A code that leaked is no use to whoever injects it (RFC 9700 section 4.5.3), challenge or not.

    A nonce does that only where an ID token comes back that repeats it. Another app may take the answer of a native one
    and read the secret in its package (RFC 8252 sections 8.1, 8.5): what was made for this request alone proves it.
    """
    if client.public or client.native or client.pkce is Pkce.REQUIRED:
        raise InvalidRequest("code_challenge is missing; switch on PKCE with S256 in the library of this app")
    nonce_returns = "nonce" in params and Scope.OPENID in params.words("scope")
    if client.pkce is Pkce.AUTO and not nonce_returns:
        raise InvalidRequest(
            "code_challenge and nonce are missing; switch on PKCE with S256, or else nonce, in the library of this app"
        )


def parse_dpop_jkt(params: Parameters, _: Client) -> str:
    """The thumbprint of the key the code is bound to (RFC 9449 section 10)."""
    jkt = params.get("dpop_jkt", "")
    if not is_thumbprint(jkt):
        raise InvalidRequest("dpop_jkt must be the base64url SHA-256 thumbprint of the DPoP key (RFC 7638)")
    return jkt


def parse_max_age(params: Parameters, client: Client) -> int | None:
    """A whole number of seconds, else what the client registered (OIDC Core 3.1.2.1, Registration 2)."""
    sent = params.get("max_age", "")
    if not sent:
        return client.requests.max_age
    if _MAX_AGE.fullmatch(sent) is None:
        raise InvalidRequest("max_age must be a whole number of seconds")
    return int(sent)


def parse_resource(params: Parameters, client: Client) -> tuple[str, ...]:
    """APIs this client may have tokens for (RFC 8707 section 2)."""
    return verify_resources(params, client.requests.resources)


def refuse_authorization_details(_: Parameters, __: Client) -> None:
    """No type of rich authorization requests is known (RFC 9396 section 5)."""
    raise InvalidAuthorizationDetails("authorization_details is not supported here; ask by scope and resource")


def write_challenge(request: AuthorizationRequest) -> Sent:
    """The challenge with its only method."""
    challenge = request.code_challenge
    return {"code_challenge": challenge, "code_challenge_method": "S256"} if challenge else {}


ROWS: tuple[Row, ...] = (
    Row(("registration",), refuse_registration),
    Row(("response_type",), check_response_type, always=True, write=lambda _: {"response_type": "code"}),
    Row(("response_mode",), parse_response_mode, ("response_mode",)),
    Row(("state",), partial(parse_text, name="state", limit=MAX_STATE), ("state",), device=True),
    Row(("nonce",), partial(parse_text, name="nonce"), ("nonce",), device=True),
    Row(("login_hint",), partial(parse_text, name="login_hint"), ("login_hint",), device=True),
    Row(("acr_values",), parse_acr_values, ("acr_values",), always=True, device=True),
    Row(("ui_locales",), parse_locales, ("ui_locales",), device=True),
    Row(IDP_HINTS, parse_hint, ("idp_hint",), device=True),
    Row(("scope",), parse_scope, ("scope",), always=True, device=True),
    Row(("prompt",), parse_prompt, ("prompt",)),
    Row(_PKCE, parse_challenge, ("code_challenge",), always=True, write=write_challenge),
    Row(("dpop_jkt",), parse_dpop_jkt, ("dpop_jkt",)),
    Row(("max_age",), parse_max_age, ("max_age",), always=True, device=True),
    Row(("claims",), parse_wanted, ("claims", "essential_acr", "hinted_sub"), device=True, write=write_wanted),
    Row(("resource",), parse_resource, ("resource",), device=True, write=lambda asked: {"resource": asked.resource}),
    Row(("authorization_details",), refuse_authorization_details),
)
"""The order is that of the errors: of several the first is told."""
_ELSEWHERE = ("client_id", "redirect_uri", "id_token_hint", "request", "request_uri")
_IGNORED = ("display", "claims_locales")
KNOWN = tuple(
    name for name in (*_ELSEWHERE, *(name for row in ROWS for name in row.names), *_IGNORED) if name != MULTIPLE
)
"""What is sent once (RFC 6749 section 3.1); of what is unknown nobody asks how often it comes."""
_NOT_OF_DEVICES = frozenset({"state", "nonce", "login_hint", "ui_locales", "idp_hint"})  # bounded, and left out
_DEVICE_ROWS = tuple(
    replace(row, fields=()) if _NOT_OF_DEVICES.issuperset(row.fields) else row for row in ROWS if row.device
)


def build_request(params: Parameters, target: VerifiedRedirect, *, hinted_sub: str = "") -> AuthorizationRequest:
    """The checked request. `hinted_sub` is the subject of a verified id_token_hint. Raises RequestError.

    `to_params` is its inverse: `build_request(to_params(request), target) == request`.
    """
    params.check_single(KNOWN)
    return _build(ROWS, params, target.client, redirect_uri=target.redirect_uri, hinted_sub=hinted_sub)


def build_device_request(params: Parameters, client: Client) -> AuthorizationRequest:
    """The checked request of a device (RFC 8628 section 3.1); raises RequestError."""
    params.check_single(params.repeated)
    if GrantType.DEVICE_CODE not in client.grants:
        raise UnauthorizedClient(f"this client is not registered for the grant {GrantType.DEVICE_CODE}")
    return _build(_DEVICE_ROWS, params, client)


def build_exchange_request(params: Parameters, client: Client) -> AuthorizationRequest:
    """What is wanted for a posted credential (RFC 8693 section 2.1), `openid` where nothing is; raises RequestError."""
    apis = [(MULTIPLE, uri) for uri in params.values_of(MULTIPLE)]
    wanted = Parameters([("scope", params.get("scope", Scope.OPENID)), *apis])
    return _build([row for row in ROWS if wanted.keys() & set(row.names)], wanted, client)


def _build(
    rows: Iterable[Row], params: Parameters, client: Client, *, redirect_uri: str = "", hinted_sub: str = ""
) -> AuthorizationRequest:
    sent, proved = params.keys(), dict[str, Any]()
    for row in rows:
        if row.always or not sent.isdisjoint(row.names):
            proved.update(row.prove(params, client))
    proved["hinted_sub"] = one_person(hinted_sub, proved.get("hinted_sub", ""))
    return AuthorizationRequest(client_id=client.id, redirect_uri=redirect_uri, **proved)


def to_params(request: AuthorizationRequest) -> Sent:
    """The request as parameters that ask for exactly this again, at `/authorize`.

    Of a pushed or signed request that is its name, with what it has now that a page of ours may add to it.
    """
    sent: dict[str, str | tuple[str, ...]] = {"client_id": request.client_id}
    if request.request_uri:
        hint = request.idp_hint or ANY_PROVIDER
        sent |= {"request_uri": request.request_uri, "ui_locales": " ".join(request.ui_locales), "idp_hint": hint}
        sent["prompt"] = Prompt.SELECT_ACCOUNT if Prompt.SELECT_ACCOUNT in request.prompt else ""
    else:
        sent["redirect_uri"] = request.redirect_uri
        for row in ROWS:
            sent.update(row.say(request))
    return {name: value for name, value in sent.items() if value}


def add_to_kept(request: AuthorizationRequest, params: Parameters, client: Client) -> AuthorizationRequest:
    """A request kept under a name, with what our own pages add: languages, a provider, the wish to choose anew."""
    locales, hint = parse_locales(params, client), parse_hint(params, client) or request.idp_hint
    added = request.replace(idp_hint="" if hint == ANY_PROVIDER else hint, ui_locales=locales or request.ui_locales)
    return choosing(added) if Prompt.SELECT_ACCOUNT in params.words("prompt") else added
