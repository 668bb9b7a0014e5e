"""What must hold between the members of client metadata, as ordered checks; then the defaults (OIDC Registration 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from broker.core.addresses import check_frame_uri, is_on_device, sector_hosts
from broker.core.client_assertion import ALGORITHMS as ASSERTION_ALGORITHMS
from broker.core.display_name import fold_name
from broker.core.errors import InvalidClientMetadata, InvalidRedirectUri
from broker.core.jwk import PRIVATE_MEMBERS, parse_key, parse_keys
from broker.core.registration import Metadata
from broker.core.request_object import ALGORITHMS as REQUEST_ALGORITHMS
from broker.core.strict_json import Malformed
from broker.core.terms import Algorithm, AuthMethod, GrantType, IdTokenClaims, Pkce, Scope, SubjectType

_GRANTS = frozenset(GrantType) - {GrantType.CLIENT_CREDENTIALS}
_ENCRYPTED = ("id_token_encrypted_response_alg", "userinfo_encrypted_response_alg", "request_object_encryption_alg")


@dataclass(frozen=True, slots=True)
class RegistrationRules:
    """What the operator lets those have who register themselves.

    `algorithms` are those a key of ours is held for. `legacy_audience` as in `AssertionPolicy`, `id_token_claims` as in
    `TokenPolicy`: metadata has no member for it. `reserved_names` are folded: of this service, of its providers and of
    the operator's own clients.
    """

    scopes: tuple[Scope, ...]
    algorithms: tuple[Algorithm, ...]
    pkce: Pkce = Pkce.REQUIRED
    legacy_audience: bool = False
    id_token_claims: IdTokenClaims = IdTokenClaims.SCOPE
    reserved_names: frozenset[str] = frozenset()


Check = Callable[[Metadata, RegistrationRules], None]


def complete(metadata: Metadata, rules: RegistrationRules) -> Metadata:
    """The metadata with every default filled in, checked as a whole; raises InvalidClientMetadata or its like."""
    whole: Metadata = {
        "application_type": "web",
        "response_types": ["code"],
        "grant_types": [GrantType.AUTHORIZATION_CODE.value],
        "token_endpoint_auth_method": AuthMethod.BASIC.value,
        "subject_type": SubjectType.PUBLIC.value,
        "id_token_signed_response_alg": _default_algorithm(rules),
    } | metadata
    whole["scope"] = _narrow(whole, rules)
    for check in CHECKS:
        check(whole, rules)
    return whole


def _default_algorithm(rules: RegistrationRules) -> str:
    """RS256 (OIDC Registration 2), where the operator holds such a key."""
    return (Algorithm.RS256 if Algorithm.RS256 in rules.algorithms else rules.algorithms[0]).value


def _narrow(metadata: Metadata, rules: RegistrationRules) -> str:
    """What was asked for, as far as it is there to be had; nothing asked is everything."""
    asked = metadata["scope"].split(" ") if "scope" in metadata else [str(scope) for scope in rules.scopes]
    refreshes = GrantType.REFRESH_TOKEN in metadata["grant_types"]
    allowed = {scope for scope in rules.scopes if scope is not Scope.OFFLINE_ACCESS or refreshes}
    return " ".join(scope for scope in dict.fromkeys(asked) if scope in allowed)


def check_grants(metadata: Metadata, _: RegistrationRules) -> None:
    """Only what exists, and only what fits together (RFC 7591 section 2.1)."""
    if metadata["response_types"] not in (["code"], []):
        raise InvalidClientMetadata(
            'response_types must be ["code"]; nothing else comes from the authorization endpoint'
        )
    unknown = set(metadata["grant_types"]) - _GRANTS
    if unknown:
        raise InvalidClientMetadata(f"grant_types may hold: {', '.join(sorted(_GRANTS))}")
    if not metadata["grant_types"]:
        raise InvalidClientMetadata("grant_types is empty: nothing could be done")
    if metadata["grant_types"] == [GrantType.REFRESH_TOKEN]:
        raise InvalidClientMetadata("grant_types: refresh_token alone gives nobody a first token")


def check_redirects(metadata: Metadata, _: RegistrationRules) -> None:
    """Where people log in there is a way back, and it is of the application's kind (OIDC Registration 2)."""
    uris = metadata.get("redirect_uris", [])
    if not uris and GrantType.AUTHORIZATION_CODE in metadata["grant_types"]:
        raise InvalidRedirectUri("redirect_uris is required with the authorization_code grant")
    kind = metadata["application_type"]
    if kind not in {"web", "native"}:
        raise InvalidClientMetadata("application_type must be web or native")
    if kind == "web" and not all(uri.startswith(("https:", "http:")) for uri in uris):
        raise InvalidRedirectUri("redirect_uris: a private-use scheme needs application_type native")


def check_authentication(metadata: Metadata, _: RegistrationRules) -> None:
    """The method exists, and brings what it needs."""
    method = metadata["token_endpoint_auth_method"]
    if method not in set(AuthMethod):
        raise InvalidClientMetadata(f"token_endpoint_auth_method must be one of: {', '.join(AuthMethod)}")
    if "jwks" in metadata and "jwks_uri" in metadata:
        raise InvalidClientMetadata("jwks and jwks_uri exclude each other")
    if method == "private_key_jwt" and not {"jwks", "jwks_uri"} & metadata.keys():
        raise InvalidClientMetadata("token_endpoint_auth_method private_key_jwt needs jwks or jwks_uri")
    algorithm = metadata.get("token_endpoint_auth_signing_alg")
    if algorithm is not None and algorithm not in ASSERTION_ALGORITHMS.get(AuthMethod(method), ()):
        raise InvalidClientMetadata("token_endpoint_auth_signing_alg does not fit token_endpoint_auth_method")


def check_keys(metadata: Metadata, _: RegistrationRules) -> None:
    """Public keys, and each of them strong enough (RFC 8725 section 3.5)."""
    if "jwks" not in metadata:
        return
    listed = metadata["jwks"]["keys"]
    if any(isinstance(jwk, dict) and PRIVATE_MEMBERS & jwk.keys() for jwk in listed):
        raise InvalidClientMetadata("jwks holds a private or secret key: throw it away, and send public keys only")
    try:
        parse_keys(listed)
    except Malformed:
        raise InvalidClientMetadata("jwks holds no key that can be used here") from None
    signing = [jwk for jwk in listed if not isinstance(jwk, dict) or jwk.get("use", "sig") == "sig"]
    if any(parse_key(jwk) is None for jwk in signing):
        raise InvalidClientMetadata("jwks holds a key that is malformed, too weak or of an unknown kind")


def check_algorithms(metadata: Metadata, rules: RegistrationRules) -> None:
    """Signatures we make or verify; nothing unsigned, nothing encrypted."""
    held = {algorithm.value for algorithm in rules.algorithms}
    for name in ("id_token_signed_response_alg", "userinfo_signed_response_alg"):
        if name in metadata and metadata[name] not in held:
            raise InvalidClientMetadata(f"{name} must be one of: {', '.join(sorted(held))}")
    if metadata.get("request_object_signing_alg", "RS256") not in REQUEST_ALGORITHMS:
        raise InvalidClientMetadata("request_object_signing_alg must be an asymmetric algorithm; none is not accepted")
    if any(name in metadata for name in _ENCRYPTED):
        raise InvalidClientMetadata("encryption of tokens and request objects is not supported; leave it out")
    if metadata.get("tls_client_certificate_bound_access_tokens"):
        raise InvalidClientMetadata("certificate-bound tokens are not supported; use dpop_bound_access_tokens")


def proved_host(metadata: Mapping[str, Any], vouched: str) -> str:
    """The host this client has proved to be at, or "". `vouched`: whose document names its redirect URIs, or "".

    A redirect URI proves a host only where every token has gone through it: a device gets its tokens without, and what
    goes to a person's own device may be anybody's. Whoever merely names a host shares nothing with it.
    """
    uris = metadata.get("redirect_uris", [])
    if GrantType.DEVICE_CODE in metadata["grant_types"] or not uris or any(map(is_on_device, uris)):
        return ""
    hosts = sector_hosts(uris)
    return vouched or (next(iter(hosts)) if len(hosts) == 1 else "")


def check_subject(metadata: Metadata, _: RegistrationRules) -> None:
    """A pairwise subject has exactly one sector (OIDC Core 8.1); one that nothing proves is refused, not made up."""
    if metadata["subject_type"] not in set(SubjectType):
        raise InvalidClientMetadata("subject_type must be public or pairwise")
    if metadata["subject_type"] == SubjectType.PUBLIC:
        return
    if "sector_identifier_uri" in metadata:
        if not proved_host(metadata, _named_host(metadata)):
            raise InvalidClientMetadata(
                "sector_identifier_uri proves nothing with the device grant or with redirect_uris on the person's own "
                "device; leave it out: the app then has pairwise subjects of its own"
            )
    elif len(sector_hosts(metadata.get("redirect_uris", []))) > 1:
        raise InvalidClientMetadata("subject_type pairwise with several hosts needs sector_identifier_uri")


def _named_host(metadata: Metadata) -> str:
    """Where the document would be that vouches for the redirect URIs; it is read before anything is kept."""
    return urlsplit(metadata.get("sector_identifier_uri", "")).hostname or ""


def check_scope(metadata: Metadata, _: RegistrationRules) -> None:
    """People who log in are told apart."""
    if Scope.OPENID not in metadata["scope"].split(" "):
        raise InvalidClientMetadata("scope must hold openid")


def check_initiation(metadata: Metadata, _: RegistrationRules) -> None:
    """Signed requests need a key to verify them with."""
    needs_key = metadata.get("require_signed_request_object") or "request_object_signing_alg" in metadata
    if needs_key and not {"jwks", "jwks_uri"} & metadata.keys():
        raise InvalidClientMetadata("signed request objects need jwks or jwks_uri")


def folded_names(metadata: Mapping[str, Any]) -> frozenset[str]:
    """Its names in every language, as they look at a glance."""
    return frozenset(fold_name(text) for name, text in metadata.items() if name.partition("#")[0] == "client_name")


def check_names(metadata: Metadata, rules: RegistrationRules) -> None:
    """Nobody goes by the name of somebody whom people here trust already."""
    if folded_names(metadata) & rules.reserved_names:
        raise InvalidClientMetadata(
            "client_name is, or looks like, that of this service, of a sign-in service or of another app here"
        )


def check_frames(metadata: Metadata, _: RegistrationRules) -> None:
    """A page of ours may frame the app at a place of its own only (OIDC Front-Channel Logout 2), and a proved one.

    A frame is a GET in the person's browser: nobody sends one to a host by merely naming it.
    """
    uri = metadata.get("frontchannel_logout_uri")
    if uri is None:
        return
    try:
        check_frame_uri(uri, metadata.get("redirect_uris", []))
    except ValueError as problem:
        raise InvalidClientMetadata(f"frontchannel_logout_uri {problem}") from None
    if urlsplit(uri).hostname != proved_host(metadata, _named_host(metadata)):
        raise InvalidClientMetadata(
            "frontchannel_logout_uri needs the host that all redirect_uris have, or that of sector_identifier_uri, and "
            "no device grant; use backchannel_logout_uri"
        )


CHECKS: tuple[Check, ...] = (
    check_grants,
    check_redirects,
    check_authentication,
    check_keys,
    check_algorithms,
    check_subject,
    check_scope,
    check_initiation,
    check_names,
    check_frames,
)
