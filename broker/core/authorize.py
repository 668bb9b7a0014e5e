"""The authorization request (RFC 6749 section 4.1.1, OIDC Core 3.1.2.1) and its ordered checks.

First `verify_target`: until client and redirect URI are known to be good, a failure is a page and the browser goes
nowhere. Then `CHECKS`, one per rule, whose failures go back to the client.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from broker.core import pkce
from broker.core.claims_parameter import parse_claims, requested_sub
from broker.core.client import Client
from broker.core.dpop import is_thumbprint
from broker.core.errors import (
    BadRedirectUri,
    InvalidAuthorizationDetails,
    InvalidRequest,
    InvalidScope,
    RegistrationNotSupported,
    UnauthorizedClient,
    UnknownClient,
    UnsupportedResponseType,
    quote,
)
from broker.core.parameters import Parameters
from broker.core.records import AuthorizationRequest
from broker.core.resource import verify_resources
from broker.core.step_up import parse_essential_acr
from broker.core.terms import GrantType, Pkce, Prompt, ResponseMode, Scope

IDP_HINTS = ("idp_hint", "kc_idp_hint", "connector_id")
ANY_PROVIDER = "-"  # no provider's name; takes back the hint inside a pushed request
KNOWN = (
    "client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "display", "prompt",
    "max_age", "ui_locales", "claims_locales", "id_token_hint", "login_hint", "acr_values", "claims", "registration",
    "request", "request_uri", "authorization_details", "code_challenge", "code_challenge_method", "dpop_jkt",
    *IDP_HINTS,
)  # fmt: skip
MAX_STATE = 2048  # characters
MAX_NONCE = 1024
_MAX_AGE = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class VerifiedRedirect:
    """A place the browser may be sent to, errors included; comes out of `verify_target` only.

    `silent`: nobody looks at the browser (`prompt=none`), so every failure is told to the client. `request_uri` names
    the pushed request that an answer there ends, or "".
    """

    client: Client
    redirect_uri: str
    response_mode: ResponseMode
    state: str
    silent: bool = False
    request_uri: str = ""

    @classmethod
    def of(cls, request: AuthorizationRequest, client: Client) -> VerifiedRedirect:
        """The place of a request that was checked before; raises BadRedirectUri when it stands no longer."""
        return cls(
            client=client,
            redirect_uri=client.verify_redirect_uri(request.redirect_uri),
            response_mode=ResponseMode(request.response_mode),
            state=request.state,
            silent=Prompt.NONE in request.prompt,
            request_uri=request.request_uri,
        )


def parse_client_id(params: Parameters) -> str:
    """Whose request this says it is; raises UnknownClient."""
    if "client_id" in params.repeated or not params.text("client_id"):
        raise UnknownClient("client_id missing or repeated", public="client_id is missing or was sent more than once")
    return params.text("client_id")


def verify_target(params: Parameters, client: Client | None) -> VerifiedRedirect:
    """The verified place; raises UnknownClient or BadRedirectUri, which are never redirected.

    `client` is who `parse_client_id` named, None when we know nobody of that name.
    """
    if client is None:
        sent = params.text("client_id")
        raise UnknownClient(f"unknown client_id {quote(sent)}", public="client_id is not registered here", sent=sent)
    if "redirect_uri" in params.repeated or not params.text("redirect_uri"):
        raise BadRedirectUri(
            f"redirect_uri missing or repeated, client {client.id}",
            public="redirect_uri is missing or was sent more than once",
            client=client,
        )
    redirect_uri = client.verify_redirect_uri(params.text("redirect_uri"))
    mode = params.text("response_mode")
    usable = mode in client.response_modes and "response_mode" not in params.repeated
    state = params.text("state")
    return VerifiedRedirect(
        client=client,
        redirect_uri=redirect_uri,
        response_mode=ResponseMode(mode) if usable else ResponseMode.QUERY,
        state=state if "state" not in params.repeated and len(state) <= MAX_STATE else "",
        silent=Prompt.NONE in params.words("prompt"),
    )


def check_repeated(params: Parameters, _: Client) -> None:
    """Parameters are sent once (RFC 6749 section 3.1)."""
    params.check_single(KNOWN)


def check_registration(params: Parameters, _: Client) -> None:
    """A client does not register itself in passing (OIDC Core 7.2.1)."""
    if "registration" in params:
        raise RegistrationNotSupported("registration is not supported here")


def check_response_type(params: Parameters, client: Client) -> None:
    """`code` is the only response type (RFC 9700 section 2.1.2)."""
    if not params.text("response_type"):
        raise InvalidRequest("response_type is missing; send response_type=code")
    if params.text("response_type") != "code":
        raise UnsupportedResponseType("response_type must be code")
    if GrantType.AUTHORIZATION_CODE not in client.grants:
        raise UnauthorizedClient("this client is not registered for the authorization_code grant")


def check_response_mode(params: Parameters, client: Client) -> None:
    """`query` or `form_post`: a code never travels in a fragment."""
    mode = params.text("response_mode")
    if mode and mode not in client.response_modes:
        raise InvalidRequest("response_mode must be query or form_post")


def check_lengths(params: Parameters, _: Client) -> None:
    """What comes back to the client, or into a token, is bounded."""
    if len(params.text("state")) > MAX_STATE:
        raise InvalidRequest(f"state is longer than {MAX_STATE} characters")
    for name in ("nonce", "login_hint", "acr_values", "ui_locales", *IDP_HINTS):
        if len(params.text(name)) > MAX_NONCE:
            raise InvalidRequest(f"{name} is longer than {MAX_NONCE} characters")


def check_scope(params: Parameters, client: Client) -> None:
    """At least one scope this client may have (RFC 6749 section 3.3); others are left out of the grant."""
    if not set(params.words("scope")) & client.scopes:
        raise InvalidScope("scope names nothing this client may ask for; send at least openid")


def check_prompt(params: Parameters, _: Client) -> None:
    """Known values; `none` stands alone (OIDC Core 3.1.2.1)."""
    prompt = params.words("prompt")
    for word in prompt:
        if word not in set(Prompt):
            raise InvalidRequest(f"prompt must be of: {', '.join(Prompt)}")
    if Prompt.NONE in prompt and len(prompt) > 1:
        raise InvalidRequest("prompt none must stand alone")


def check_pkce(params: Parameters, client: Client) -> None:
    """S256 or nothing; nothing only where a nonce or the operator allows it (RFC 7636 4.3, RFC 9700 2.1.1)."""
    challenge, method = params.text("code_challenge"), params.text("code_challenge_method")
    if not challenge:
        if method:
            raise InvalidRequest("code_challenge_method without code_challenge")
        _check_tied(params, client)
        return
    if method != "S256":
        raise InvalidRequest("code_challenge_method must be S256; plain is not supported")
    if not pkce.is_challenge(challenge):
        raise InvalidRequest("code_challenge must be the 43 characters of a base64url SHA-256")


def _check_tied(params: Parameters, client: Client) -> None:
    """A code that leaked is no use to whoever injects it (RFC 9700 section 4.5.3), challenge or not.

    A nonce does that only where an ID token comes back that repeats it.
    """
    if client.public or client.pkce is Pkce.REQUIRED:
        raise InvalidRequest("code_challenge is missing; switch on PKCE with S256 in the library of this app")
    nonce_returns = "nonce" in params and Scope.OPENID in params.words("scope")
    if client.pkce is Pkce.AUTO and not nonce_returns:
        raise InvalidRequest(
            "code_challenge and nonce are missing; switch on PKCE with S256, or else nonce, in the library of this app"
        )


def check_dpop_jkt(params: Parameters, _: Client) -> None:
    """The thumbprint of the key the code is bound to (RFC 9449 section 10)."""
    if "dpop_jkt" in params and not is_thumbprint(params["dpop_jkt"]):
        raise InvalidRequest("dpop_jkt must be the base64url SHA-256 thumbprint of the DPoP key (RFC 7638)")


def check_max_age(params: Parameters, _: Client) -> None:
    """A whole number of seconds (OIDC Core 3.1.2.1)."""
    if "max_age" in params and _MAX_AGE.fullmatch(params["max_age"]) is None:
        raise InvalidRequest("max_age must be a whole number of seconds")


def check_claims(params: Parameters, _: Client) -> None:
    """The `claims` parameter parses, names at most one person and levels that are texts (OIDC Core 5.5)."""
    claims = parse_claims(params.text("claims"))
    requested_sub(claims)
    parse_essential_acr(claims)


def check_resource(params: Parameters, client: Client) -> None:
    """APIs this client may have tokens for (RFC 8707 section 2)."""
    verify_resources(params, client.requests.resources)


def check_authorization_details(params: Parameters, _: Client) -> None:
    """No type of rich authorization requests is known (RFC 9396 section 5)."""
    if "authorization_details" in params:
        raise InvalidAuthorizationDetails("authorization_details is not supported here; ask by scope and resource")


Check = Callable[[Parameters, Client], None]
CHECKS: tuple[Check, ...] = (
    check_repeated,
    check_registration,
    check_response_type,
    check_response_mode,
    check_lengths,
    check_scope,
    check_prompt,
    check_pkce,
    check_dpop_jkt,
    check_max_age,
    check_claims,
    check_resource,
    check_authorization_details,
)
