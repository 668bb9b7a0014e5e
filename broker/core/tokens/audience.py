"""Resource indicators (RFC 8707): which APIs a token is for. They are compared, never parsed to be compared."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from broker.core.errors import InvalidTarget
from broker.core.wire.parameters import Parameters

MAX_RESOURCES: Final = 8  # in one request
MAX_RESOURCE: Final = 512  # characters
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.\-]*:[\x21\x24-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e\x25]+")


def check_resource_uri(uri: str) -> str:
    """A URI that may name an API; raises ValueError that says why not (RFC 8707 section 2)."""
    if "#" in uri:
        raise ValueError("must not have a fragment (RFC 8707 section 2)")
    if len(uri) > MAX_RESOURCE:
        raise ValueError(f"is longer than {MAX_RESOURCE} characters")
    if _ABSOLUTE.fullmatch(uri) is None:
        raise ValueError("is not an absolute URI with a lower-case scheme, as https://api.example.com")
    return uri


def parse_resources(params: Parameters) -> tuple[str, ...]:
    """The APIs named, each once, in the order sent; raises InvalidTarget."""
    named = tuple(dict.fromkeys(params.values_of("resource")))
    if len(named) > MAX_RESOURCES:
        raise InvalidTarget(f"resource was sent more than {MAX_RESOURCES} times")
    for uri in named:
        try:
            check_resource_uri(uri)
        except ValueError as problem:
            raise InvalidTarget(f"a resource {problem}") from None
    return named


def verify_resources(params: Parameters, allowed: Iterable[str]) -> tuple[str, ...]:
    """The APIs named, all of them `allowed`, byte for byte; raises InvalidTarget."""
    named = parse_resources(params)
    if not set(named) <= set(allowed):
        raise InvalidTarget("resource names an API that this client may not have, or was not given at the login")
    return named


def build_audience(granted: tuple[str, ...], named: tuple[str, ...], *, issuer: str, openid: bool) -> tuple[str, ...]:
    """Whom a token is for: what was `named`, else all that was `granted`. Empty: ours alone.

    Where nothing is named an OpenID token is for us, too, so that userinfo answers it.
    """
    if named or not granted:
        return named
    return (*granted, issuer) if openid else granted


def say_audience(audience: tuple[str, ...], issuer: str) -> str | list[str]:
    """As `aud` of a token and of what introspection tells about it (RFC 7519 section 4.1.3)."""
    return list(audience) if len(audience) > 1 else next(iter(audience), issuer)


def parse_audience(said: object, issuer: str) -> tuple[str, ...] | None:
    """The audience that `say_audience` said so; None for what it never says."""
    if said == issuer:
        return ()
    listed = said if isinstance(said, list) and len(said) > 1 else [said]
    texts = tuple(word for word in listed if isinstance(word, str) and _ABSOLUTE.fullmatch(word))
    return texts if len(texts) == len(listed) else None
