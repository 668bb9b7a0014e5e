"""A browser's cookie jar as far as a login depends on it: prefixes, Secure on loopback hosts, SameSite."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Cookie:
    """One stored cookie. `domain` has no leading dot; `expires_at` is in epoch seconds, None for a session cookie."""

    name: str
    value: str
    domain: str
    host_only: bool
    path: str
    secure: bool
    same_site: str
    expires_at: float | None

    def goes_to(self, host: str, path: str) -> bool:
        """Domain and path match (RFC 6265 sections 5.1.3 and 5.1.4)."""
        domain_fits = host == self.domain or (not self.host_only and host.endswith("." + self.domain))
        prefix = self.path if self.path.endswith("/") else self.path + "/"
        return domain_fits and (path == self.path or path.startswith(prefix))


def is_trustworthy(url: str) -> bool:
    """Whether Chromium treats the origin as secure: https, localhost and its sub-domains, loopback addresses."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme == "https" or host == "localhost" or host.endswith(".localhost") or host.startswith("127.")


def site_of(url: str) -> str:
    """Scheme and the last two labels of the host: a stand-in for the public suffix list that is exact on loopback."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    numeric = host.replace(".", "").isdigit()
    return f"{parts.scheme}://{host if numeric else '.'.join(host.split('.')[-2:])}"


class CookieJar:
    """Cookies of one visitor. `now` gives epoch seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._kept: dict[tuple[str, str, str], Cookie] = {}

    def store(self, url: str, headers: Iterable[str]) -> None:
        """Keep what the `Set-Cookie` values of an answer from `url` ask for and a browser would accept."""
        for header in headers:
            cookie = _parse(url, header, self._now())
            if cookie is None or not _acceptable(cookie, url):
                continue
            key = (cookie.domain, cookie.path, cookie.name)
            if cookie.expires_at is not None and cookie.expires_at <= self._now():
                self._kept.pop(key, None)
            else:
                self._kept[key] = cookie

    def header(self, url: str, *, method: str, initiator: str | None) -> str:
        """The `Cookie` header of a top-level navigation to `url`, begun by the page `initiator` (None: by the user)."""
        same_site = initiator is None or site_of(initiator) == site_of(url)
        fitting = [c for c in self.sent_to(url) if _allowed(c, method, same_site=same_site)]
        return "; ".join(f"{c.name}={c.value}" for c in sorted(fitting, key=lambda c: -len(c.path)))

    def sent_to(self, url: str) -> list[Cookie]:
        """Every live cookie for `url`, whoever begins the navigation."""
        parts = urlsplit(url)
        host, path = parts.hostname or "", parts.path or "/"
        return [
            c
            for c in self._kept.values()
            if c.goes_to(host, path)
            and (not c.secure or is_trustworthy(url))
            and (c.expires_at is None or c.expires_at > self._now())
        ]

    def clear(self) -> None:
        """A fresh browser profile."""
        self._kept.clear()


def _allowed(cookie: Cookie, method: str, *, same_site: bool) -> bool:
    return same_site or cookie.same_site == "none" or (cookie.same_site == "lax" and method == "GET")


def _acceptable(cookie: Cookie, url: str) -> bool:
    """Secure and prefix rules (RFC 6265bis section 4.1.3)."""
    if cookie.secure and not is_trustworthy(url):
        return False
    if cookie.same_site == "none" and not cookie.secure:
        return False
    if cookie.name.startswith("__Host-"):
        return cookie.secure and cookie.host_only and cookie.path == "/"
    return cookie.secure or not cookie.name.startswith("__Secure-")


def _parse(url: str, header: str, now: float) -> Cookie | None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    pair, *rest = header.split(";")
    name, equals, value = pair.partition("=")
    if not equals or not name.strip():
        return None
    attributes = {k.strip().lower(): v.strip() for k, _, v in (a.partition("=") for a in rest)}
    domain = attributes.get("domain", "").lstrip(".").lower()
    if domain and host != domain and not host.endswith("." + domain):
        return None
    path = attributes.get("path", "")
    return Cookie(
        name=name.strip(),
        value=value.strip(),
        domain=domain or host,
        host_only=not domain,
        path=path if path.startswith("/") else (parts.path.rpartition("/")[0] or "/"),
        secure="secure" in attributes,
        same_site=attributes.get("samesite", "lax").lower(),
        expires_at=_expiry(attributes, now),
    )


def _expiry(attributes: dict[str, str], now: float) -> float | None:
    if "max-age" in attributes:
        return now + int(attributes["max-age"])
    if "expires" in attributes:
        return parsedate_to_datetime(attributes["expires"]).timestamp()
    return None
