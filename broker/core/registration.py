"""Client metadata as a stranger sends it (RFC 7591 section 2, OIDC Registration 2), read member by member.

What nobody knows is left out (RFC 7591 section 2). What is known has one type and one meaning, or is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from broker.core.addresses import check_redirect_uri
from broker.core.display_name import check_display_name
from broker.core.errors import InvalidClientMetadata, InvalidRedirectUri, UnapprovedSoftwareStatement

MAX_URIS = 20
MAX_URI = 2000  # characters
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_WORD = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")
Metadata = dict[str, Any]
Reader = Callable[[object], Any]


def parse_metadata(sent: Mapping[str, Any]) -> Metadata:
    """The members we know, each of its type; raises InvalidClientMetadata or InvalidRedirectUri, naming the member."""
    if sent.get("software_statement") is not None:
        raise UnapprovedSoftwareStatement("software_statement is not accepted here; send the metadata themselves")
    found: Metadata = {}
    for name, value in sent.items():
        member, _, language = name.partition("#")
        reader = MEMBERS.get(member) if not language else _translated(member, language)
        if reader is None or value is None:
            continue
        try:
            found[name] = reader(value)
        except ValueError as problem:
            failure = InvalidRedirectUri if name == "redirect_uris" else InvalidClientMetadata
            raise failure(f"{member} {problem}") from None
    return found


def _translated(member: str, language: str) -> Reader | None:
    return MEMBERS[member] if member == "client_name" and _LANGUAGE.fullmatch(language) else None


def read_name(value: object) -> str:
    """Text that people will read, exactly what it looks like."""
    if not isinstance(value, str):
        raise ValueError("must be text")
    check_display_name(value)
    return value.strip()


def read_flag(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def read_word(value: object) -> str:
    """A short word of the specifications."""
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise ValueError("must be one word")
    return value


def read_words(value: object) -> list[str]:
    """A list of such words, each once."""
    if not isinstance(value, list) or len(value) > MAX_URIS:
        raise ValueError(f"must be a list of at most {MAX_URIS} words")
    return list(dict.fromkeys(read_word(word) for word in value))


def read_scope(value: object) -> str:
    """Scopes with a space between them (RFC 6749 section 3.3)."""
    if not isinstance(value, str) or len(value) > MAX_URI or not all(map(_WORD.fullmatch, value.split(" "))):
        raise ValueError("must be scopes with one space between them")
    return value


def read_seconds(value: object) -> int:
    """A whole number of seconds."""
    if type(value) is not int or not 0 <= value < 10**9:
        raise ValueError("must be a whole number of seconds")
    return value


def read_web_uri(value: object) -> str:
    """An https URI, which a browser of anybody's may be sent to, and we never fetch."""
    uri = _read_uri(value)
    if not uri.startswith("https:"):
        raise ValueError("needs https")
    return uri


def read_redirect_uris(value: object) -> list[str]:
    """Where browsers may be sent; nothing that two parsers could read in two ways."""
    if not isinstance(value, list) or not value or len(value) > MAX_URIS:
        raise ValueError(f"must be a list of 1 to {MAX_URIS} URIs")
    return list(dict.fromkeys(_read_uri(uri) for uri in value))


def read_request_uris(value: object) -> list[str]:
    """Where request objects may be fetched from; a fragment is part of the name (OIDC Core 6.2)."""
    if not isinstance(value, list) or len(value) > MAX_URIS:
        raise ValueError(f"must be a list of at most {MAX_URIS} URIs")
    for uri in value:
        _read_uri(uri.partition("#")[0] if isinstance(uri, str) else uri)
    return list(dict.fromkeys(value))


def read_called_uri(value: object) -> str:
    """A URI we call, behind the address guard: https, or http where the guard lets it on this machine."""
    uri = _read_uri(value)
    if urlsplit(uri).scheme not in {"https", "http"}:
        raise ValueError("needs https")
    return uri


def read_jwks(value: object) -> Metadata:
    """A set of public keys (RFC 7517 section 5)."""
    if not isinstance(value, dict) or not isinstance(value.get("keys"), list):
        raise ValueError("must be a JWK set: an object with a list of keys")
    return value


def read_contacts(value: object) -> list[str]:
    """Ways to reach somebody, for the operator."""
    if not isinstance(value, list) or len(value) > MAX_URIS:
        raise ValueError(f"must be a list of at most {MAX_URIS} texts")
    return [read_name(contact) for contact in value]


def _read_uri(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_URI:
        raise ValueError(f"must be a URI of at most {MAX_URI} characters")
    check_redirect_uri(value)
    return value


MEMBERS: Mapping[str, Reader] = {
    "client_name": read_name,
    "redirect_uris": read_redirect_uris,
    "application_type": read_word,
    "response_types": read_words,
    "grant_types": read_words,
    "scope": read_scope,
    "contacts": read_contacts,
    "client_uri": read_web_uri,
    "logo_uri": read_called_uri,
    "policy_uri": read_web_uri,
    "tos_uri": read_web_uri,
    "initiate_login_uri": read_web_uri,
    "token_endpoint_auth_method": read_word,
    "token_endpoint_auth_signing_alg": read_word,
    "jwks_uri": read_called_uri,
    "jwks": read_jwks,
    "subject_type": read_word,
    "sector_identifier_uri": read_called_uri,
    "id_token_signed_response_alg": read_word,
    "userinfo_signed_response_alg": read_word,
    "request_object_signing_alg": read_word,
    "request_uris": read_request_uris,
    "require_pushed_authorization_requests": read_flag,
    "require_signed_request_object": read_flag,
    "dpop_bound_access_tokens": read_flag,
    "default_max_age": read_seconds,
    "default_acr_values": read_words,
    "require_auth_time": read_flag,
    "post_logout_redirect_uris": read_redirect_uris,
    "backchannel_logout_uri": read_called_uri,
    "backchannel_logout_session_required": read_flag,
    "frontchannel_logout_uri": read_web_uri,
    "frontchannel_logout_session_required": read_flag,
    "software_id": read_name,
    "software_version": read_name,
    "id_token_encrypted_response_alg": read_word,
    "userinfo_encrypted_response_alg": read_word,
    "request_object_encryption_alg": read_word,
    "tls_client_certificate_bound_access_tokens": read_flag,
}
