"""Client metadata (RFC 7591 section 2): the kinds of values there are, and how each is read when a stranger sends it.

Which member says which setting of a client stands beside that setting, in `broker.core.clients.client`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from broker.core.clients.display_name import check_display_name
from broker.core.wire.addresses import check_redirect_uri

Metadata = dict[str, Any]
Held = TypeVar("Held")
Held_co = TypeVar("Held_co", covariant=True)
Word = TypeVar("Word", bound=StrEnum)

MAX_URIS = 20
MAX_URI = 2000  # characters
_MEMBER = "member"
_WORD = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")


@dataclass(frozen=True, slots=True)
class Kind(Generic[Held_co]):
    """A kind of value. `read`: what a stranger sent, as it is kept in JSON; raises ValueError that says why not.

    `made`: what a client holds of a value that is kept.
    """

    read: Callable[[object], Any]
    made: Callable[[Any], Held_co]


@dataclass(frozen=True, slots=True)
class Member:
    """The member of client metadata that says a setting."""

    name: str
    kind: Kind[Any]


def said_by(name: str, kind: Kind[Any]) -> Mapping[str, Member]:
    """The metadata of a dataclass field: which member of client metadata says what it holds."""
    return {_MEMBER: Member(name, kind)}


def member(name: str, kind: Kind[Held], default: Held) -> Held:
    """A setting with a default that apps may say of themselves when they register, as this member."""
    made: Held = field(default=default, metadata=said_by(name, kind))
    return made


def member_of(metadata: Mapping[str, Any]) -> Member | None:
    """What `said_by` has left in the metadata of a field; None for a setting that is the operator's alone."""
    return metadata.get(_MEMBER)


def read_name(value: object) -> str:
    """Text that people will read, exactly what it looks like."""
    if not isinstance(value, str):
        raise ValueError("must be text")
    check_display_name(value)
    return value.strip()


def _read_flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _read_word(value: object) -> str:
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise ValueError("must be one word")
    return value


def _read_list(value: object, what: str) -> list[Any]:
    if not isinstance(value, list) or len(value) > MAX_URIS:
        raise ValueError(f"must be a list of at most {MAX_URIS} {what}")
    return value


def _read_words(value: object) -> list[str]:
    return list(dict.fromkeys(map(_read_word, _read_list(value, "words"))))


def _read_scope(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_URI or not all(map(_WORD.fullmatch, value.split(" "))):
        raise ValueError("must be scopes with one space between them")
    return value


def _read_seconds(value: object) -> int:
    if type(value) is not int or not 0 <= value < 10**9:
        raise ValueError("must be a whole number of seconds")
    return value


def _read_uri(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_URI:
        raise ValueError(f"must be a URI of at most {MAX_URI} characters")
    return check_redirect_uri(value)


def _read_web_uri(value: object) -> str:
    uri = _read_uri(value)
    if not uri.startswith("https:"):
        raise ValueError("needs https")
    return uri


def _read_called_uri(value: object) -> str:
    uri = _read_uri(value)
    if urlsplit(uri).scheme not in {"https", "http"}:
        raise ValueError("needs https")
    return uri


def _read_redirect_uris(value: object) -> list[str]:
    if not isinstance(value, list) or not value or len(value) > MAX_URIS:
        raise ValueError(f"must be a list of 1 to {MAX_URIS} URIs")
    return list(dict.fromkeys(_read_uri(uri) for uri in value))


def _read_request_uris(value: object) -> list[str]:
    uris = _read_list(value, "URIs")
    for uri in uris:
        _read_uri(uri.partition("#")[0] if isinstance(uri, str) else uri)
    return list(dict.fromkeys(uris))


def _read_jwks(value: object) -> Metadata:
    if not isinstance(value, dict) or not isinstance(value.get("keys"), list):
        raise ValueError("must be a JWK set: an object with a list of keys")
    return value


def _read_contacts(value: object) -> list[str]:
    return [read_name(contact) for contact in _read_list(value, "texts")]


def _host(uri: str) -> str:
    return urlsplit(uri).hostname or ""


def _alone(word: str) -> frozenset[str]:
    return frozenset({word})


def _split(scope: str) -> frozenset[str]:
    return frozenset(scope.split(" "))


def one_of(words: type[Word]) -> Kind[Word]:
    """A word of a specification, of which the broker knows these; whether it is one of them, the checks say."""
    return Kind(_read_word, words)


def some_of(words: type[Word]) -> Kind[frozenset[Word]]:
    """A list of such words, each once."""
    return Kind(_read_words, lambda kept: frozenset(map(words, kept)))


FLAG: Kind[bool] = Kind(_read_flag, bool)
NAME: Kind[str] = Kind(read_name, str)
CONTACTS: Kind[tuple[str, ...]] = Kind(_read_contacts, tuple)  # ways to reach somebody, for the operator
WORD: Kind[str] = Kind(_read_word, str)
WORD_ALONE: Kind[frozenset[str]] = Kind(_read_word, _alone)  # one word where an operator may write several
WORDS: Kind[tuple[str, ...]] = Kind(_read_words, tuple)
SCOPE: Kind[frozenset[str]] = Kind(_read_scope, _split)  # with a space between them (RFC 6749 section 3.3)
SECONDS: Kind[int] = Kind(_read_seconds, int)
JWKS: Kind[Mapping[str, Any]] = Kind(_read_jwks, dict)  # a set of public keys (RFC 7517 section 5)
WEB_URI: Kind[str] = Kind(_read_web_uri, str)  # a browser of anybody's may be sent there, and we never fetch it
CALLED_URI: Kind[str] = Kind(_read_called_uri, str)
"""A URI we call, behind the address guard: https, or http where the guard lets it on this machine."""
CALLED_HOST: Kind[str] = Kind(_read_called_uri, _host)
REDIRECT_URIS: Kind[tuple[str, ...]] = Kind(_read_redirect_uris, tuple)
"""Where browsers may be sent; nothing that two parsers could read in two ways."""
REQUEST_URIS: Kind[tuple[str, ...]] = Kind(_read_request_uris, tuple)
"""Where request objects may be fetched from; a fragment is part of the name (OIDC Core 6.2)."""
