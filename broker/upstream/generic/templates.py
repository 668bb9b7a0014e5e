"""Texts with places to fill: `{access_token}`, `{token.user_id}`, `{client.id}`. What is put in stays a value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator

from broker.core.errors import UpstreamInvalid
from broker.upstream.discovery import check_address

_PLACE: Final = re.compile(r"\{([a-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)\}")
_HEADER: Final = re.compile(r"[\x20-\x7e]{1,4096}")
_IN_PATH: Final = re.compile(r"(?!.*(?:^|/)\.{0,2}(?:/|$))[\x21-\x7e]{1,500}", re.DOTALL)


def _check_url(value: str) -> str:
    """Placeholders only behind the host: nothing an upstream says may choose where a token is sent."""
    plain = _PLACE.sub("x", value)
    if set("{}") & set(urlsplit(value).netloc) or set("{}") & set(plain):
        raise ValueError("a placeholder is {access_token}, {client.id} or {token.name}, and never part of the host")
    check_address(plain)
    return value


def _check_text(value: str) -> str:
    if set("{}") & set(_PLACE.sub("", value)):
        raise ValueError("a placeholder is {access_token}, {client.id} or {token.name}")
    return value


UrlTemplate = Annotated[str, AfterValidator(_check_url)]
Template = Annotated[str, AfterValidator(_check_text)]


def fill(template: str, document: Mapping[str, Any], escape: Callable[[str], str] = str) -> str:
    """The text with its places filled from `document`; raises UpstreamInvalid where one is missing or not plain."""
    return _PLACE.sub(lambda found: escape(_plain(found[1], document)), template)


def fill_url(template: str, document: Mapping[str, Any]) -> str:
    """As `fill`, every value percent-encoded whole."""
    return fill(template, document, lambda value: quote(value, safe=""))


def fill_header(template: str, document: Mapping[str, Any]) -> str:
    """As `fill`; raises UpstreamInvalid for what is no value of a header."""
    value = fill(template, document)
    if _HEADER.fullmatch(value) is None:
        raise UpstreamInvalid("a value does not fit into a header")
    return value


def fill_link(template: str, document: Mapping[str, Any]) -> str | None:
    """As `fill_url`, for links that are shown: slashes stay. None where a value is missing or leaves its place."""

    def escape(value: str) -> str:
        if _IN_PATH.fullmatch(value) is None:
            raise UpstreamInvalid("a value does not fit into a link")
        return quote(value, safe="/")

    try:
        return fill(template, document, escape)
    except UpstreamInvalid:
        return None


def _plain(path: str, document: Mapping[str, Any]) -> str:
    value: Any = document
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise UpstreamInvalid(f"{path} is missing, empty or no plain value")
    return str(value)
