"""The metadata document (OIDC Discovery 3, RFC 8414 section 2): exactly what works, nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from broker.core.clients.assertion import EVERY_ALGORITHM
from broker.core.terms import REQUEST_OBJECT_ALGORITHMS, AuthMethod, GrantType, Prompt, ResponseMode, Scope, SubjectType
from broker.core.tokens.claims import SUPPORTED
from broker.core.tokens.dpop import ALGORITHMS as DPOP_ALGORITHMS

_OF_THE_LOGIN = ("iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "former_subs")
OPENID_PATH = "/.well-known/openid-configuration"
OAUTH_PATH = "/.well-known/oauth-authorization-server"


def build_metadata(
    issuer: str,
    *,
    algorithms: Iterable[str],
    languages: Iterable[str],
    registration: bool = False,
    levels: Iterable[str] = (),
    posted: bool = False,
    upstream_tokens: bool = False,
    notify: bool = False,
) -> dict[str, Any]:
    """The document for this issuer; `algorithms` are those a key is held for, `languages` those pages exist in.

    `registration`: whether anybody may register just now. `levels`: the `acr` that an upstream can be asked to reach.
    `posted`: whether some client may bring credentials that vendors' kits gave to it (RFC 8693); `upstream_tokens`:
    whether some client may have upstreams' own tokens.
    `notify`: whether some client may order messages to people.
    """
    exchanges = posted or upstream_tokens
    optional: dict[str, Any] = {"registration_endpoint": f"{issuer}/register"} if registration else {}
    optional |= {"acr_values_supported": list(levels)} if levels else {}
    optional |= {"challenge_endpoint": f"{issuer}/challenge"} if posted else {}
    optional |= {"notification_endpoint": f"{issuer}/notify"} if notify else {}
    return {
        "issuer": issuer,
        **_endpoints(issuer),
        **optional,
        **_authentication(),
        **_requests(),
        "grant_types_supported": [one for one in GrantType if exchanges or one is not GrantType.TOKEN_EXCHANGE],
        "scopes_supported": [scope for scope in Scope if scope is not Scope.GROUPS],
        "subject_types_supported": list(SubjectType),
        "id_token_signing_alg_values_supported": list(algorithms),
        "userinfo_signing_alg_values_supported": list(algorithms),
        "claim_types_supported": ["normal"],
        "claims_supported": [*SUPPORTED, *_OF_THE_LOGIN],
        "display_values_supported": ["page"],
        "ui_locales_supported": list(languages),
    }


def with_extra_claims(metadata: Mapping[str, Any], extra: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """The document of a broker that tells some client claims beside the standard ones: `extra` has them by scope.

    The scope `groups` is one of ours, and there where it brings something.
    """
    told = dict.fromkeys((*metadata["claims_supported"], *chain.from_iterable(extra.values())))
    more = {"claims_supported": list(told)} if extra else {}
    scopes = {"scopes_supported": [*metadata["scopes_supported"], Scope.GROUPS]} if Scope.GROUPS in extra else {}
    return {**metadata, **more, **scopes}


def _endpoints(issuer: str) -> dict[str, Any]:
    return {
        "authorization_endpoint": f"{issuer}/authorize",
        "pushed_authorization_request_endpoint": f"{issuer}/par",
        "device_authorization_endpoint": f"{issuer}/device_authorization",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "revocation_endpoint": f"{issuer}/revoke",
        "introspection_endpoint": f"{issuer}/introspect",
        "identities_endpoint": f"{issuer}/identities",
        "account_linking_endpoint": f"{issuer}/link",
        "account_management_uri": f"{issuer}/account",
        "identity_lookup_endpoint": f"{issuer}/identities/lookup",
        "end_session_endpoint": f"{issuer}/logout",
        "jwks_uri": f"{issuer}/jwks",
    }


def _authentication() -> dict[str, Any]:
    """How clients prove themselves (RFC 8414 section 2); nobody proves anything by the method none."""
    proving = [method for method in AuthMethod if method is not AuthMethod.NONE]
    methods = {"token": list(AuthMethod), "revocation": list(AuthMethod), "introspection": proving}
    found: dict[str, Any] = {}
    for endpoint, supported in methods.items():
        found[f"{endpoint}_endpoint_auth_methods_supported"] = supported
        found[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] = list(EVERY_ALGORITHM)
    return found


def _requests() -> dict[str, Any]:
    return {
        "response_types_supported": ["code"],
        "response_modes_supported": list(ResponseMode),
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": list(DPOP_ALGORITHMS),
        "claims_parameter_supported": True,
        "request_parameter_supported": True,
        "request_uri_parameter_supported": True,
        "require_request_uri_registration": True,
        "request_object_signing_alg_values_supported": list(REQUEST_OBJECT_ALGORITHMS),
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "prompt_values_supported": list(Prompt),
    }


def metadata_paths(issuer: str) -> tuple[str, ...]:
    """Where the document is served: appended (OIDC Discovery 4) and inserted (RFC 8414 section 3.1)."""
    path = urlsplit(issuer).path
    return tuple(
        dict.fromkeys((f"{path}{OPENID_PATH}", f"{path}{OAUTH_PATH}", f"{OAUTH_PATH}{path}", f"{OPENID_PATH}{path}"))
    )
