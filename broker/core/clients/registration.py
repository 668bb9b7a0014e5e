"""Dynamic client registration (RFC 7591, OIDC Registration 1.0): what a stranger sends, read and checked as a whole.

What nobody knows is left out (RFC 7591 section 2). What is known has one type and one meaning, or is refused by name.
What must hold in every client is in `broker.core.clients.rules`; here is what only a registration has to answer for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from broker.core.clients.broken import Broken
from broker.core.clients.client import MEMBERS as SETTINGS
from broker.core.clients.metadata import CALLED_URI, CONTACTS, FLAG, NAME, WORD, WORDS, Kind, Metadata
from broker.core.clients.registered import (
    RegisteredClient,
    RegistrationRules,
    build_as_said,
    folded_names,
    proved_host,
)
from broker.core.clients.rules import find_broken, name_of
from broker.core.errors import InvalidClientMetadata, InvalidRedirectUri, UnapprovedSoftwareStatement
from broker.core.terms import REQUEST_OBJECT_ALGORITHMS, Algorithm, AuthMethod, GrantType, Scope, SubjectType

_LANGUAGE = re.compile(r"[a-z]{2,3}")
_GRANTS = frozenset(GrantType) - {GrantType.CLIENT_CREDENTIALS, GrantType.TOKEN_EXCHANGE}
_ENCRYPTED = ("id_token_encrypted_response_alg", "userinfo_encrypted_response_alg", "request_object_encryption_alg")
MEMBERS: Mapping[str, Kind[Any]] = {
    "client_name": NAME,
    **{member.name: member.kind for member in SETTINGS.values()},
    "application_type": WORD,
    "response_types": WORDS,
    "contacts": CONTACTS,
    "logo_uri": CALLED_URI,
    "require_auth_time": FLAG,
    "backchannel_logout_session_required": FLAG,
    "frontchannel_logout_session_required": FLAG,
    "software_id": NAME,
    "software_version": NAME,
    **dict.fromkeys(_ENCRYPTED, WORD),
    "tls_client_certificate_bound_access_tokens": FLAG,
}
"""Every member there is: those that say a setting of the client, and those that are kept and told, or refused."""


def parse_metadata(sent: Mapping[str, Any]) -> Metadata:
    """The members we know, each of its type; raises InvalidClientMetadata or InvalidRedirectUri, naming the member."""
    if sent.get("software_statement") is not None:
        raise UnapprovedSoftwareStatement("software_statement is not accepted here; send the metadata themselves")
    found: Metadata = {}
    for name, value in sent.items():
        member, _, language = name.partition("#")
        kind = MEMBERS.get(member) if not language else _translated(member, language)
        if kind is None or value is None:
            continue
        try:
            found[name] = kind.read(value)
        except ValueError as problem:
            failure = InvalidRedirectUri if name == "redirect_uris" else InvalidClientMetadata
            raise failure(f"{member} {problem}") from None
    return found


def _translated(member: str, language: str) -> Kind[Any] | None:
    return MEMBERS[member] if member == "client_name" and _LANGUAGE.fullmatch(language) else None


def complete(metadata: Metadata, rules: RegistrationRules) -> Metadata:
    """The metadata with every default filled in (OIDC Registration 2), checked as a whole.

    Raises InvalidClientMetadata or InvalidRedirectUri.
    """
    whole: Metadata = {
        "application_type": "web",
        "response_types": ["code"],
        "grant_types": [GrantType.AUTHORIZATION_CODE.value],
        "token_endpoint_auth_method": AuthMethod.BASIC.value,
        "subject_type": SubjectType.PUBLIC.value,
        "id_token_signed_response_alg": _default_algorithm(rules),
    } | metadata
    whole["scope"] = _narrow(whole, rules)
    for check in _WORDS_CHECKED:
        check(whole, rules)
    _check_rules(whole, rules)
    for check in _CLAIMS_CHECKED:
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


def _check_rules(metadata: Metadata, rules: RegistrationRules) -> None:
    """The rules of every client, for the one that this would be."""
    entry = RegisteredClient("", metadata, secret="", token_digest="", sector=_named_host(metadata), created_at=0)
    client = build_as_said(entry, "", rules)
    for broken in find_broken(client):
        if not broken.setting:
            raise InvalidClientMetadata(f"the client {broken.text}")
        failure = InvalidRedirectUri if broken.setting == "redirect_uris" else InvalidClientMetadata
        raise failure(f"{name_of(broken.setting, client)}{_inside(broken)}: {broken.text}")


def _inside(broken: Broken) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in broken.within)


def _check_grants(metadata: Metadata, _: RegistrationRules) -> None:
    """Only what exists (RFC 7591 section 2.1)."""
    if metadata["response_types"] not in (["code"], []):
        raise InvalidClientMetadata(
            'response_types must be ["code"]; nothing else comes from the authorization endpoint'
        )
    if set(metadata["grant_types"]) - _GRANTS:
        raise InvalidClientMetadata(f"grant_types may hold: {', '.join(sorted(_GRANTS))}")


def _check_kind(metadata: Metadata, _: RegistrationRules) -> None:
    """The way back is of the application's kind (OIDC Registration 2)."""
    kind = metadata["application_type"]
    if kind not in {"web", "native"}:
        raise InvalidClientMetadata("application_type must be web or native")
    if kind == "web" and not all(uri.startswith(("https:", "http:")) for uri in metadata.get("redirect_uris", [])):
        raise InvalidRedirectUri("redirect_uris: a private-use scheme needs application_type native")


def _check_method(metadata: Metadata, _: RegistrationRules) -> None:
    if metadata["token_endpoint_auth_method"] not in set(AuthMethod):
        raise InvalidClientMetadata(f"token_endpoint_auth_method must be one of: {', '.join(AuthMethod)}")


def _check_algorithms(metadata: Metadata, rules: RegistrationRules) -> None:
    """Signatures we make or verify; nothing unsigned, nothing encrypted."""
    held = {algorithm.value for algorithm in rules.algorithms}
    for name in ("id_token_signed_response_alg", "userinfo_signed_response_alg"):
        if name in metadata and metadata[name] not in held:
            raise InvalidClientMetadata(f"{name} must be one of: {', '.join(sorted(held))}")
    if metadata.get("request_object_signing_alg", "RS256") not in REQUEST_OBJECT_ALGORITHMS:
        raise InvalidClientMetadata("request_object_signing_alg must be an asymmetric algorithm; none is not accepted")
    if any(name in metadata for name in _ENCRYPTED):
        raise InvalidClientMetadata("encryption of tokens and request objects is not supported; leave it out")
    if metadata.get("tls_client_certificate_bound_access_tokens"):
        raise InvalidClientMetadata("certificate-bound tokens are not supported; use dpop_bound_access_tokens")


def _check_subject(metadata: Metadata, _: RegistrationRules) -> None:
    """A sector that nothing proves is refused, not made up (OIDC Core 8.1)."""
    if metadata["subject_type"] not in set(SubjectType):
        raise InvalidClientMetadata("subject_type must be public or pairwise")
    named = metadata["subject_type"] == SubjectType.PAIRWISE and "sector_identifier_uri" in metadata
    if named and not proved_host(metadata, _named_host(metadata)):
        raise InvalidClientMetadata(
            "sector_identifier_uri proves nothing with the device grant or with redirect_uris on the person's own "
            "device; leave it out: the app then has pairwise subjects of its own"
        )


def _named_host(metadata: Metadata) -> str:
    """Where the document would be that vouches for the redirect URIs; it is read before anything is kept."""
    return urlsplit(metadata.get("sector_identifier_uri", "")).hostname or ""


def _check_names(metadata: Metadata, rules: RegistrationRules) -> None:
    """Nobody goes by the name of somebody whom people here trust already."""
    if folded_names(metadata) & rules.reserved_names:
        raise InvalidClientMetadata(
            "client_name is, or looks like, that of this service, of a sign-in service or of another app here"
        )


def _check_frame(metadata: Metadata, _: RegistrationRules) -> None:
    """A frame is a GET in the person's browser: nobody sends one to a host by merely naming it."""
    uri = metadata.get("frontchannel_logout_uri")
    if uri is not None and urlsplit(uri).hostname != proved_host(metadata, _named_host(metadata)):
        raise InvalidClientMetadata(
            "frontchannel_logout_uri needs the host that all redirect_uris have, or that of sector_identifier_uri, and "
            "no device grant; use backchannel_logout_uri"
        )


_Check = Callable[[Metadata, RegistrationRules], None]
_WORDS_CHECKED: tuple[_Check, ...] = (_check_grants, _check_kind, _check_method, _check_algorithms, _check_subject)
"""Afterwards every word is one that the core knows, so that there is a client to apply its rules to."""
_CLAIMS_CHECKED: tuple[_Check, ...] = (_check_names, _check_frame)
"""What an app claims about itself that others would have to believe."""
