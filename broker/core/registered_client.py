"""A client that registered itself: how it is kept, and what it is to the rest of the broker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from broker.core.client import AssertionPolicy, Client, LogoutPolicy, Origin, RequestPolicy, TokenPolicy
from broker.core.records import Record
from broker.core.registration_rules import RegistrationRules, proved_host
from broker.core.subject import own_sector
from broker.core.terms import Algorithm, AuthMethod, GrantType, SubjectType

REGISTERED_PREFIX = "dc_"  # in front of every client_id made here, so that none is ever looked for elsewhere
SECRET_METHODS = frozenset({"client_secret_basic", "client_secret_post", "client_secret_jwt"})


@dataclass(frozen=True, slots=True)
class RegisteredClient(Record):
    """`secret` is sealed, "" where it has none; `token_digest` knows its registration access token. Epoch seconds.

    `sector` is the host of the document that names all its redirect URIs, "" without one. Whether that host is proved,
    and so is the sector, is found anew at every look-up: entries of before are held to the same rule. `logo` is its
    picture as a `data:` URI, "" where none was fetched.
    """

    kind = "registered-client"

    client_id: str
    metadata: Mapping[str, Any]
    secret: str
    token_digest: str
    sector: str
    created_at: int
    logo: str = ""


def build_registered(record: RegisteredClient, secret: str, rules: RegistrationRules) -> Client:
    """The client as the services know it; `secret` is the unsealed one. The operator's rules come first."""
    known = record.metadata
    method = AuthMethod(known["token_endpoint_auth_method"])
    digests = (sha256(secret.encode()).hexdigest(),) if secret else ()
    return Client(
        id=record.client_id,
        name=_names(record),
        redirect_uris=tuple(known.get("redirect_uris", ())),
        auth_method=method,
        secret_digests=digests,
        scopes=frozenset(known["scope"].split(" ")) & frozenset(rules.scopes),
        grants=frozenset(GrantType(grant) for grant in known["grant_types"]),
        pkce=rules.pkce,
        id_token_alg=_held(known["id_token_signed_response_alg"], rules),
        home_uri=known.get("client_uri", ""),
        initiate_login_uri=known.get("initiate_login_uri", ""),
        assertions=AssertionPolicy(
            jwks=known.get("jwks"),
            jwks_uri=known.get("jwks_uri", ""),
            shared_secrets=(secret,) if method == "client_secret_jwt" else (),
            assertion_algs=_chosen(known.get("token_endpoint_auth_signing_alg")),
            legacy_audience=rules.legacy_audience,
        ),
        requests=_requests(known),
        tokens=_tokens(record, rules),
        logout=_logout(record),
        origin=Origin(
            registered=True,
            policy_uri=known.get("policy_uri", ""),
            tos_uri=known.get("tos_uri", ""),
            logo=record.logo,
        ),
    )


def _names(record: RegisteredClient) -> dict[str, str]:
    known = record.metadata
    names = {name.partition("#")[2] or "en": text for name, text in known.items() if name.startswith("client_name")}
    hosts = sorted(host for uri in known.get("redirect_uris", ()) if (host := urlsplit(uri).hostname))
    return names or {"en": hosts[0] if hosts else record.client_id}


def _requests(known: Mapping[str, Any]) -> RequestPolicy:
    return RequestPolicy(
        require_par=known.get("require_pushed_authorization_requests", False),
        require_signed_request_object=known.get("require_signed_request_object", False),
        request_object_signing_alg=known.get("request_object_signing_alg", ""),
        request_uris=tuple(known.get("request_uris", ())),
        max_age=known.get("default_max_age"),
        acr_values=tuple(known.get("default_acr_values", ())),
    )


def _tokens(record: RegisteredClient, rules: RegistrationRules) -> TokenPolicy:
    known = record.metadata
    signed = known.get("userinfo_signed_response_alg")
    return TokenPolicy(
        dpop_bound_access_tokens=known.get("dpop_bound_access_tokens", False),
        subject_type=SubjectType(known["subject_type"]),
        sector=_sector(record),
        userinfo_alg=_held(signed, rules) if signed else None,
        id_token_claims=rules.id_token_claims,
    )


def _sector(record: RegisteredClient) -> str:
    return proved_host(record.metadata, record.sector) or own_sector(record.client_id)


def _logout(record: RegisteredClient) -> LogoutPolicy:
    known = record.metadata
    frame_uri = known.get("frontchannel_logout_uri", "")
    proved = urlsplit(frame_uri).hostname == _sector(record)
    return LogoutPolicy(
        post_logout_redirect_uris=tuple(known.get("post_logout_redirect_uris", ())),
        backchannel_logout_uri=known.get("backchannel_logout_uri", ""),
        frontchannel_logout_uri=frame_uri if proved else "",
    )


def _held(algorithm: str, rules: RegistrationRules) -> Algorithm:
    """The registered one, or another where the operator does not hold that key any more."""
    chosen = Algorithm(algorithm)
    return chosen if chosen in rules.algorithms else rules.algorithms[0]


def _chosen(algorithm: str | None) -> frozenset[str]:
    return frozenset({algorithm}) if algorithm else frozenset()
