"""What a page may do, said in headers: the content security policy, and which addresses a link or form may lead to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

HEADERS = MappingProxyType(
    {
        "cache-control": "no-store",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }
)
"""On every page, whatever its policy."""

_SOURCE = re.compile(r"https?://[A-Za-z0-9.\-]+(?::\d{1,5})?(?:/[A-Za-z0-9/_\-]*)?")
_WEB = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.\-]+)(:\d{1,5})?(?:[/?#]|$)")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}")
_WAY_OUT = re.compile(
    r"x-safari-https?://[A-Za-z0-9.:\-]+/[^#]*|intent://[A-Za-z0-9.:\-]+/[^#]*#Intent;scheme=https?;"
    r"action=android\.intent\.action\.VIEW;category=android\.intent\.category\.BROWSABLE;"
    r"S\.browser_fallback_url=[A-Za-z0-9%._~\-]+;end"
)
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")


def safe_href(href: str) -> str:
    """`href` if a click on it can only navigate, else "".

    Allowed are paths of ours, http, https, mailto, private-use schemes (those with a dot, RFC 8252 section 7.1), and
    what opens a web address in the browser of a phone.
    """
    if _UNSAFE.search(href):
        return ""
    if href.startswith("/"):
        return "" if href.startswith("//") else href
    scheme = _SCHEME.match(href)
    if scheme is None:
        return ""
    name = scheme[1].lower()
    if name in {"http", "https"}:
        return href if _WEB.match(href) else ""
    return href if name == "mailto" or "." in name or _WAY_OUT.fullmatch(href) else ""


def form_target(action: str) -> str:
    """The CSP source for a form that goes to `action`: its exact origin, or its scheme where CSP cannot say it."""
    web = _WEB.match(action)
    if web and web[2].startswith("["):
        return f"{web[1]}:"  # CSP knows no IPv6 hosts (CSP level 3, section 2.3.1, host-part)
    if web:
        return f"{web[1]}://{web[2]}{web[3] or ''}"
    scheme = _SCHEME.match(action)
    if scheme is None or not safe_href(action):
        raise ValueError("a form needs an absolute target")
    return f"{scheme[1]}:"


def own_picture(href: str) -> str:
    """A picture that stands in the page itself, or "" for anything else."""
    return href if _PICTURE.fullmatch(href) else ""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a page needs beyond plain HTML; everything else is shut.

    Sources are origins, or addresses: a path that ends in a slash stands for all below it.
    """

    script: bool = False
    style: bool = False
    asks_us: bool = False  # its script may ask this service, and nobody else
    form_action: str = "'self'"
    script_origins: Sequence[str] = ()
    frame_origins: Sequence[str] = ()
    style_sources: Sequence[str] = ()
    connect_sources: Sequence[str] = ()
    frame_ancestors: str = "'none'"

    def text(self, nonce: str) -> str:
        """The Content-Security-Policy header (CSP level 3)."""
        named = (*self.script_origins, *self.frame_origins, *self.style_sources, *self.connect_sources)
        if not all(map(_SOURCE.fullmatch, named)):
            raise ValueError("a page names an origin or address that is none")
        once = f"'nonce-{nonce}'"
        scripts = " ".join(([once] if self.script else []) + list(self.script_origins)) or "'none'"
        styles = " ".join(["'self'", *([once] if self.style else []), *self.style_sources])
        rules = [
            "default-src 'none'",
            f"style-src {styles}",
            "img-src 'self' data:",
            "font-src 'self'",
            f"script-src {scripts}",
            f"form-action {self.form_action}",
            "base-uri 'none'",
            f"frame-ancestors {self.frame_ancestors}",
        ]
        if asked := (*(["'self'"] if self.asks_us else []), *self.connect_sources):
            rules.append(f"connect-src {' '.join(asked)}")
        if self.frame_origins:
            rules.append(f"frame-src {' '.join(self.frame_origins)}")
        return "; ".join(rules)
