"""A client of ours and what it may do. Redirect URIs are compared, never parsed to be compared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.core.client_policy import AssertionPolicy, LogoutPolicy, Origin, RequestPolicy, TokenPolicy
from broker.core.errors import BadRedirectUri, quote
from broker.core.terms import Algorithm, AuthMethod, GrantType, Pkce, TokenFormat

_FREE_PORT = re.compile(r"http://(127\.0\.0\.1|\[::1\])(?::([1-9][0-9]{0,4}))?(/[^?#]*)?(\?[^#]*)?")
_ANYWHERE_HERE = re.compile(r"http://(?:127\.0\.0\.1|\[::1\]|localhost)(?::[1-9][0-9]{0,4})?(?:[/?][^#]*)?")
_URI = re.compile(r"([a-z][a-z0-9+.\-]*):(//)?([^/?#]*)([^?#]*)(\?[^#]*)?")
_FORBIDDEN = re.compile(r"[^\x21-\x7e]|[\\\"<>^`{|}]")
_PRIVATE_USE = re.compile(r"[a-z][a-z0-9+\-]*(?:\.[a-z0-9+\-]+)+")  # reverse-domain form (RFC 8252 section 7.1)
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._\-]*[a-z0-9])?)(?::([1-9][0-9]{0,4}))?")
_TRAVERSAL = re.compile(r"(?:^|/)\.\.?(?:;[^/]*)?(?:/|$)|%2e|%2f|%5c|%00", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Client:
    """A downstream application, from config.yaml or registered.

    `secret_digests` are SHA-256 in hexadecimal, up to two live at once; with `secret_either_way` it comes in the header
    or in the form. `loopback_redirects`: it may be anywhere on this machine, as only the demo allows.
    `providers` is the allow-list in display order, None for all. `origins` may call from browsers. `name` and
    `languages` are for people. `email_fallback` is the opt-in template for people without an address, "{sub}@…".
    `scopes` are about people; `service_scopes` are what it may get for itself by client credentials. The rest is by
    theme in `broker.core.client_policy`.
    """

    id: str
    name: Mapping[str, str]
    redirect_uris: tuple[str, ...]
    auth_method: AuthMethod = AuthMethod.BASIC
    secret_either_way: bool = False
    secret_digests: tuple[str, ...] = ()
    scopes: frozenset[str] = frozenset({"openid", "profile", "email"})
    service_scopes: tuple[str, ...] = ()
    loopback_redirects: bool = False
    grants: frozenset[GrantType] = frozenset({GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN})
    providers: tuple[str, ...] | None = None
    first_party: bool = False
    pkce: Pkce = Pkce.AUTO
    id_token_alg: Algorithm = Algorithm.RS256
    access_token_format: TokenFormat = TokenFormat.OPAQUE
    origins: frozenset[str] = frozenset()
    logo: str = ""
    languages: tuple[str, ...] = ()
    home_uri: str = ""
    initiate_login_uri: str = ""
    email_fallback: str = ""
    response_modes: frozenset[str] = frozenset({"query", "form_post"})
    assertions: AssertionPolicy = field(default_factory=AssertionPolicy)
    requests: RequestPolicy = field(default_factory=RequestPolicy)
    tokens: TokenPolicy = field(default_factory=TokenPolicy)
    logout: LogoutPolicy = field(default_factory=LogoutPolicy)
    origin: Origin = field(default_factory=Origin)

    def proves_by(self, method: AuthMethod) -> bool:
        """Whether it may prove itself so: by its method, or by header and form where the secret may come either way."""
        either = self.secret_either_way and method in {AuthMethod.BASIC, AuthMethod.POST}
        return either or method is self.auth_method

    @property
    def public(self) -> bool:
        """Whether it has no secret (RFC 6749 section 2.1)."""
        return self.auth_method is AuthMethod.NONE

    @property
    def native(self) -> bool:
        """Whether another app on the device could take its answers (RFC 8252 section 8.6).

        So it is with private-use schemes, and with every address of this machine where no secret protects the code.
        """
        return any(
            not uri.startswith(("https:", "http:")) or (self.public and is_on_this_machine(uri))
            for uri in self.redirect_uris
        ) or (self.public and self.loopback_redirects)

    def verify_redirect_uri(self, unverified_redirect_uri: str) -> str:
        """The URI itself when it is registered, byte for byte; raises BadRedirectUri.

        The one exception: for a registered `http://127.0.0.1/...` or `http://[::1]/...` any port fits (RFC 8252 7.3).
        A client of the demo may be anywhere on this machine.
        """
        if unverified_redirect_uri in self.redirect_uris or self.may_be_at(unverified_redirect_uri):
            return unverified_redirect_uri
        sent = _FREE_PORT.fullmatch(unverified_redirect_uri)
        if sent and int(sent[2] or 0) < 65536:
            for registered in self.redirect_uris:
                known = _FREE_PORT.fullmatch(registered)
                if known and (known[1], known[3], known[4]) == (sent[1], sent[3], sent[4]):
                    return unverified_redirect_uri
        nearest = max(self.redirect_uris, key=lambda uri: same_start(uri, unverified_redirect_uri), default="")
        raise BadRedirectUri(
            f"redirect_uri {quote(unverified_redirect_uri)} is not registered for client {self.id}; nearest: {nearest}",
            public="redirect_uri is not one of the URIs registered for this client, byte for byte",
            client=self,
            sent=unverified_redirect_uri,
            nearest=nearest,
        )

    def may_be_at(self, uri: str) -> bool:
        """Whether it has `loopback_redirects`, and `uri` could be registered and is http on this machine."""
        if not self.loopback_redirects or _ANYWHERE_HERE.fullmatch(uri) is None:
            return False
        try:
            check_redirect_uri(uri)
        except ValueError:
            return False
        return True

    def display_name(self, locale: str) -> str:
        """The name in this language, else English, else any."""
        return self.name.get(locale) or self.name.get("en") or next(iter(self.name.values()), self.id)


def same_start(one: str, other: str) -> int:
    """How many characters two texts have in common before they first differ."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (mine, its) in pairs if mine != its), min(len(one), len(other)))


def check_redirect_uri(uri: str) -> None:
    """Whether a URI may be registered at all; raises ValueError that says why not.

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
