"""Addresses in one spelling, so that two that mean the same compare equal (RFC 3986 sections 6.2.2 and 6.2.3)."""

from __future__ import annotations

import re

_HTTP = re.compile(r"(https?)://([^/?#@\\]+?)(?::([0-9]{0,5}))?(/[^?#\\]*)?(?:\?[^#\\]*)?(?:#.*)?", re.IGNORECASE)
_PRINTABLE = re.compile(r"[\x21-\x7e]*")
_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_DEFAULT_PORTS = {"http": "80", "https": "443"}


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
