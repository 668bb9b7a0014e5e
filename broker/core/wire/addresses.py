"""URIs: which may be registered, which stay on somebody's own device, one spelling of each, an answer in the query.

Redirect URIs are compared byte for byte, never parsed to be compared; what is parsed here decides what may be one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from broker.core.wire.query import encode_query

_URI = re.compile(r"([a-z][a-z0-9+.\-]*):(//)?([^/?#]*)([^?#]*)(\?[^#]*)?")
_FORBIDDEN = re.compile(r"[^\x21-\x7e]|[\\\"<>^`{|}]")
_PRIVATE_USE = re.compile(r"[a-z][a-z0-9+\-]*(?:\.[a-z0-9+\-]+)+")  # reverse-domain form (RFC 8252 section 7.1)
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._\-]*[a-z0-9])?)(?::([1-9][0-9]{0,4}))?")
_TRAVERSAL = re.compile(r"(?:^|/)\.\.?(?:;[^/]*)?(?:/|$)|%2e|%2f|%5c|%00", re.IGNORECASE)
_HTTP = re.compile(r"(https?)://([^/?#@\\]+?)(?::([0-9]{0,5}))?(/[^?#\\]*)?(?:\?[^#\\]*)?(?:#.*)?", re.IGNORECASE)
_PRINTABLE = re.compile(r"[\x21-\x7e]*")
_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
TRIAL_PORT = 8765
"""Where the answer to a login that is tried by hand comes in, on this machine."""

_DEFAULT_PORTS = {"http": "80", "https": "443"}


def same_start(one: str, other: str) -> int:
    """How many characters two texts have in common before they first differ."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (mine, its) in pairs if mine != its), min(len(one), len(other)))


def check_redirect_uri(uri: str) -> str:
    """A URI that may be registered at all; raises ValueError that says why not.

    https everywhere; http for loopback literals and `localhost` only; private-use schemes with a dot (RFC 8252 7.1);
    nothing that two parsers could read in two ways.
    """
    if _FORBIDDEN.search(uri):
        raise ValueError("holds a character that does not belong in a URI (white space, backslash, non-ASCII)")
    if "#" in uri:
        raise ValueError("must not have a fragment (RFC 6749 section 3.1.2)")
    parts = _URI.fullmatch(uri)
    if parts is None:
        raise ValueError("is not an absolute URI with a lower-case scheme")
    scheme, slashes, authority, path = parts[1], parts[2], parts[3], parts[4]
    if _TRAVERSAL.search(path) or ";" in path:
        raise ValueError("has a path that could be read in two ways (dots, ; or an encoded slash)")
    if scheme in {"https", "http"}:
        _check_web(scheme, bool(slashes), authority)
    elif _PRIVATE_USE.fullmatch(scheme) is None:
        raise ValueError("needs https, or a private-use scheme in reverse-domain form such as com.example.app")
    return uri


def _check_web(scheme: str, slashes: bool, authority: str) -> None:
    if not slashes or not authority:
        raise ValueError("needs a host")
    if "@" in authority or "%" in authority:
        raise ValueError("must not have user information or an encoded host")
    if authority != authority.lower():
        raise ValueError("needs its host in lower case")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None or ".." in authority or int(parts[2] or 0) > 65535:
        raise ValueError("needs a host name or address, with a port from 1 to 65535 or none")
    if scheme == "http" and not is_loopback_host(parts[1]):
        raise ValueError("needs https; http is for 127.0.0.1, [::1] and localhost only")


def is_on_this_machine(uri: str) -> bool:
    """Whether a registered URI is http on the person's own machine, by any name of it: whoever listens there gets it.

    Whose port is free is another question: only the two literals have that (RFC 8252 sections 7.3 and 8.3).
    """
    parts = _URI.fullmatch(uri)
    authority = _AUTHORITY.fullmatch(parts[3]) if parts is not None and parts[1] == "http" else None
    return authority is not None and is_loopback_host(authority[1])


def is_loopback_host(host: str) -> bool:
    """Whether a host name always means this machine in a browser (RFC 6761 section 6.3 for localhost)."""
    return host in {"127.0.0.1", "[::1]", "localhost"} or host.endswith(".localhost")


def is_on_device(uri: str) -> bool:
    """Whether what is sent there stays on the person's own device, where any app may be waiting for it."""
    return not uri.startswith("https:") or _is_here(urlsplit(uri).hostname or "")


def sector_hosts(uris: Iterable[str]) -> frozenset[str]:
    """The hosts of these URIs that are somebody's: one of them makes a sector (OIDC Core 8.1).

    Loopback addresses and private-use schemes have none: they are on everybody's device, and so everybody's.
    """
    hosts = (urlsplit(uri).hostname or "" for uri in uris if uri.startswith("https:"))
    return frozenset(host for host in hosts if host and not _is_here(host))


def _is_here(host: str) -> bool:
    """Whether a host is the machine that looks it up."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return is_loopback_host(host)


def check_told_uri(uri: str) -> str:
    """An address at which an app may be told; raises ValueError that says why not."""
    if not check_redirect_uri(uri).startswith(("https:", "http:")):
        raise ValueError("needs https")
    return uri


def check_frame_uri(uri: str, redirect_uris: Iterable[str]) -> None:
    """Whether a browser may be sent there in a frame (OIDC Front-Channel Logout 2); raises ValueError.

    Scheme, host and port are those of a redirect URI. CSP knows no IPv6 hosts, and a frame needs to be named there.
    """
    check_told_uri(uri)
    place = urlsplit(uri)[:2]
    if "[" in place[1]:
        raise ValueError("must not have an IPv6 address for its host: no page may frame it")
    if place not in {urlsplit(registered)[:2] for registered in redirect_uris}:
        raise ValueError("needs scheme, host and port of one of redirect_uris (OIDC Front-Channel Logout 1.0)")


def origin_of(uri: str) -> str:
    """The origin of an http or https URI as browsers write it (RFC 6454 section 6.1), "" of any other.

    `uri` is one that `check_redirect_uri` returned.
    """
    scheme, slashes, rest = uri.partition("://")
    authority = _AUTHORITY.fullmatch(re.split("[/?]", rest, maxsplit=1)[0]) if scheme in _DEFAULT_PORTS else None
    if authority is None:
        return ""
    port = authority[2] or ""
    return f"{scheme}{slashes}{authority[1]}{'' if port in {'', _DEFAULT_PORTS[scheme]} else f':{port}'}"


def build_response_url(redirect_uri: str, params: Mapping[str, str]) -> str:
    """The redirect URI with the response in its query; a query of its own is kept (RFC 6749 section 3.1.2)."""
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{encode_query(params)}"


def normalise_uri(uri: str) -> str | None:
    """An http or https address without query and fragment, in its one spelling; None for anything else."""
    parts = _HTTP.fullmatch(uri) if _PRINTABLE.fullmatch(uri) else None
    if parts is None:
        return None
    scheme, host, port, path = parts[1].lower(), parts[2].lower(), parts[3] or "", parts[4] or "/"
    kept = "" if port in {"", _DEFAULT_PORTS[scheme]} else f":{port}"
    return f"{scheme}://{host}{kept}{_remove_dots(_ENCODED.sub(_decode, path))}"


def _decode(found: re.Match[str]) -> str:
    """What needs no encoding loses it; what needs it is spelt in capitals."""
    character = chr(int(found[1], 16))
    return character if _UNRESERVED.fullmatch(character) else found[0].upper()


def _remove_dots(path: str) -> str:
    """RFC 3986 section 5.2.4, for a path that begins with a slash."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)
