"""A client of ours: its settings, each declared once, and what it may do.

A setting has one name here and in config.yaml. Where apps may say it of themselves when they register (RFC 7591), the
member of client metadata stands beside it. Redirect URIs are compared, never parsed to be compared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from broker.core.access import NO_POLICY, AccessPolicy
from broker.core.clients import metadata as kinds
from broker.core.clients.metadata import Member, member, member_of, said_by
from broker.core.terms import (
    Algorithm,
    AuthMethod,
    GrantType,
    IdTokenClaims,
    Pkce,
    Profile,
    ResponseMode,
    Scope,
    SubjectType,
    TokenFormat,
)
from broker.core.wire.addresses import check_redirect_uri, is_on_this_machine, origin_of

ABOUT_GROUPS: Mapping[str, Mapping[str, str]] = {
    Scope.GROUPS: {"groups": "groups", "roles": "roles", "entitlements": "entitlements"}
}
"""What the scope `groups` brings at a client of which nobody says otherwise."""
_FREE_PORT = re.compile(r"http://(127\.0\.0\.1|\[::1\])(?::([1-9][0-9]{0,4}))?(/[^?#]*)?(\?[^#]*)?")
_ANYWHERE_HERE = re.compile(r"http://(?:127\.0\.0\.1|\[::1\]|localhost)(?::[1-9][0-9]{0,4})?(?:[/?][^#]*)?")


@dataclass(frozen=True, slots=True)
class AssertionPolicy:
    """How it proves itself by a signed assertion (RFC 7523), and whose keys sign what it sends.

    `jwks` are its public keys by value, `jwks_uri` where they are; at most one is set. `shared_secrets` are raw, for
    client_secret_jwt. `assertion_algs` are those it may sign with, empty: every one that fits. `legacy_audience`: the
    assertion may name an endpoint of ours as its audience, which RFC 10070 forbids.
    """

    jwks: Mapping[str, Any] | None = member("jwks", kinds.JWKS, None)
    jwks_uri: str = member("jwks_uri", kinds.CALLED_URI, "")
    shared_secrets: tuple[str, ...] = field(default=(), repr=False)
    assertion_algs: frozenset[str] = member("token_endpoint_auth_signing_alg", kinds.WORD_ALONE, frozenset())
    legacy_audience: bool = False


@dataclass(frozen=True, slots=True)
class RequestPolicy:
    """How its authorization requests must look.

    `request_uris` are the places request objects may be fetched from, compared byte for byte. `resources` are the
    APIs it may ask tokens for (RFC 8707). `max_age` in seconds and `acr_values` count where a request says nothing.
    """

    require_par: bool = member("require_pushed_authorization_requests", kinds.FLAG, False)
    require_signed_request_object: bool = member("require_signed_request_object", kinds.FLAG, False)
    request_object_signing_alg: str = member("request_object_signing_alg", kinds.WORD, "")
    request_uris: tuple[str, ...] = member("request_uris", kinds.REQUEST_URIS, ())
    resources: tuple[str, ...] = ()
    max_age: int | None = member("default_max_age", kinds.SECONDS, None)
    acr_values: tuple[str, ...] = member("default_acr_values", kinds.WORDS, ())


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """What its tokens are like. `serves` are the APIs it is itself: it may look into tokens meant for them.

    `sector` is the host that clients with common pairwise subjects share (OIDC Core 8.1), or the client's own; it names
    sessions as well, whatever `subject_type` is. `userinfo_alg`: the signature of its userinfo answers, None:
    plain JSON. `refresh_rotated`: its refresh tokens count once each. `id_token_claims`: whether the claims of scopes
    are in its ID tokens, too, or in userinfo alone. `extra_claims`: what each scope brings beside the standard claims,
    by the name it has at this client the one it is kept under; `access_token_claims` are those of its names that its
    access tokens say, and introspection of them, for the APIs it calls.
    """

    dpop_bound_access_tokens: bool = member("dpop_bound_access_tokens", kinds.FLAG, False)
    refresh_rotated: bool = True
    serves: tuple[str, ...] = ()
    subject_type: SubjectType = member("subject_type", kinds.one_of(SubjectType), SubjectType.PUBLIC)
    sector: str = member("sector_identifier_uri", kinds.CALLED_HOST, "")
    userinfo_alg: Algorithm | None = member("userinfo_signed_response_alg", kinds.one_of(Algorithm), None)
    id_token_claims: IdTokenClaims = IdTokenClaims.SCOPE
    extra_claims: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: ABOUT_GROUPS)
    access_token_claims: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LogoutPolicy:
    """Where people go after a logout, and where it is told that somebody logged out."""

    post_logout_redirect_uris: tuple[str, ...] = member("post_logout_redirect_uris", kinds.REDIRECT_URIS, ())
    backchannel_logout_uri: str = member("backchannel_logout_uri", kinds.CALLED_URI, "")
    frontchannel_logout_uri: str = member("frontchannel_logout_uri", kinds.WEB_URI, "")

    @property
    def hears(self) -> bool:
        """Whether it wants to hear when a session ends that it knows of."""
        return bool(self.backchannel_logout_uri or self.frontchannel_logout_uri)


@dataclass(frozen=True, slots=True)
class IdentityPolicy:
    """What it may do about the ways in of people, which no app is let do by itself.

    `account_linking`: send somebody to `/link`, so that they add a way in. `lookup_identities`: ask whose an upstream's
    subject is, whether or not they ever used it.
    """

    account_linking: bool = False
    lookup_identities: bool = False


@dataclass(frozen=True, slots=True)
class DrfPolicy:
    """What it may call of drf-social-oauth2's API: nothing, unless `drf_backends` name providers as its apps do.

    `drf_without_nonce` are those providers whose ID tokens it may bring though no challenge was taken for them.
    """

    drf_backends: Mapping[str, str] = field(default_factory=dict)
    drf_without_nonce: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the client comes from: `registered` by itself (RFC 7591), or named by the operator.

    `policy_uri` and `tos_uri` are its own words and shown as such, never fetched. `picture` is its logo,
    fetched when it registered, as a `data:` URI: no page tells its host who looks.
    """

    registered: bool = False
    policy_uri: str = member("policy_uri", kinds.WEB_URI, "")
    tos_uri: str = member("tos_uri", kinds.WEB_URI, "")
    picture: str = ""
    profile: Profile = Profile.STANDARD


@dataclass(frozen=True, slots=True)
class Client:
    """A downstream application, from config.yaml or registered.

    `secret_digests` are SHA-256 in hexadecimal, up to two live at once; with `secret_either_way` it comes in the header
    or in the form. `loopback_redirects`: it may be anywhere on this machine, as only the demo allows.
    `providers` is the allow-list in display order, None for all, and `access` what it demands of their people;
    `accept_posted` are those of which it may bring what their kits gave to it (RFC 8693), `mini_apps` those whose Mini
    App may be a page of ours for it, `upstream_tokens` those whose own tokens it may have, each with the scopes of
    these. `one_tap`: its login page may show Google's own prompt. `origins` may call from browsers, and get answers as
    messages. `name` and `languages` are for people.
    `email_fallback` is the opt-in template for people without an address, "{sub}@…".
    `scopes` are about people, and of them `required_scopes` nobody may leave out; `service_scopes` are what it may get
    for itself by client credentials. The rest is by theme, above.
    """

    id: str
    name: Mapping[str, str]
    redirect_uris: tuple[str, ...] = field(metadata=said_by("redirect_uris", kinds.REDIRECT_URIS))
    auth_method: AuthMethod = member("token_endpoint_auth_method", kinds.one_of(AuthMethod), AuthMethod.BASIC)
    secret_either_way: bool = False
    secret_digests: tuple[str, ...] = ()
    scopes: frozenset[str] = member("scope", kinds.SCOPE, frozenset({"openid", "profile", "email"}))
    required_scopes: frozenset[str] = frozenset()
    service_scopes: tuple[str, ...] = ()
    loopback_redirects: bool = False
    grants: frozenset[GrantType] = member(
        "grant_types", kinds.some_of(GrantType), frozenset({GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN})
    )
    providers: tuple[str, ...] | None = None
    access: AccessPolicy = NO_POLICY
    accept_posted: tuple[str, ...] = ()
    upstream_tokens: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    one_tap: bool = False
    mini_apps: tuple[str, ...] = ()
    first_party: bool = False
    pkce: Pkce = Pkce.AUTO
    id_token_alg: Algorithm = member("id_token_signed_response_alg", kinds.one_of(Algorithm), Algorithm.RS256)
    access_token_format: TokenFormat = TokenFormat.OPAQUE
    origins: frozenset[str] = frozenset()
    logo: str = ""
    languages: tuple[str, ...] = ()
    home_uri: str = member("client_uri", kinds.WEB_URI, "")
    initiate_login_uri: str = member("initiate_login_uri", kinds.WEB_URI, "")
    email_fallback: str = ""
    response_modes: frozenset[str] = frozenset(ResponseMode)
    assertions: AssertionPolicy = field(default_factory=AssertionPolicy)
    requests: RequestPolicy = field(default_factory=RequestPolicy)
    tokens: TokenPolicy = field(default_factory=TokenPolicy)
    logout: LogoutPolicy = field(default_factory=LogoutPolicy)
    identities: IdentityPolicy = field(default_factory=IdentityPolicy)
    drf: DrfPolicy = field(default_factory=DrfPolicy)
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

    def is_registered(self, unverified_redirect_uri: str) -> bool:
        """Whether the URI is registered, byte for byte.

        The one exception: for a registered `http://127.0.0.1/...` or `http://[::1]/...` any port fits (RFC 8252 7.3).
        A client of the demo may be anywhere on this machine.
        """
        if unverified_redirect_uri in self.redirect_uris or self.may_be_at(unverified_redirect_uri):
            return True
        sent = _FREE_PORT.fullmatch(unverified_redirect_uri)
        if sent is None or int(sent[2] or 0) >= 65536:
            return False
        known = filter(None, map(_FREE_PORT.fullmatch, self.redirect_uris))
        return any((one[1], one[3], one[4]) == (sent[1], sent[3], sent[4]) for one in known)

    def answers_by(self, mode: str, redirect_uri: str) -> bool:
        """Whether answers to this redirect URI may travel by this response mode.

        As a message they reach whatever script listens at its origin, not one page: that origin has to be one of
        `origins`, from which the app calls us anyhow.
        """
        heard = mode != ResponseMode.WEB_MESSAGE or origin_of(redirect_uri) in self.origins - {""}
        return mode in self.response_modes and heard

    def may_be_at(self, uri: str) -> bool:
        """Whether it has `loopback_redirects`, and `uri` could be registered and is http on this machine."""
        if not self.loopback_redirects or _ANYWHERE_HERE.fullmatch(uri) is None:
            return False
        try:
            check_redirect_uri(uri)
        except ValueError:
            return False
        return True


_KINDS: Mapping[str, type[Any]] = {
    "": Client,
    "assertions": AssertionPolicy,
    "requests": RequestPolicy,
    "tokens": TokenPolicy,
    "logout": LogoutPolicy,
    "identities": IdentityPolicy,
    "drf": DrfPolicy,
    "origin": Origin,
}
_PARTS = {part.name: (policy, part) for policy, kind in _KINDS.items() for part in fields(kind)}
MEMBERS: Mapping[str, Member] = {
    name: said for name, (_, part) in _PARTS.items() if (said := member_of(part.metadata)) is not None
}
"""The settings that apps may say of themselves when they register, and how."""


def settle(client_id: str, name: Mapping[str, str], redirect_uris: tuple[str, ...], said: Mapping[str, Any]) -> Client:
    """A client for which everything in `said` has its place by the name of a setting: in it or in one of its policies.

    The rest is as ordinary. Whoever calls this has checked the values: they are what the setting holds, but that a
    tuple becomes a set where the setting is one.
    """
    its: dict[str, dict[str, Any]] = {policy: {} for policy in _KINDS}
    for setting, value in said.items():
        policy, part = _PARTS.get(setting, ("", None))
        if part is not None and (part.default, part.default_factory) != (MISSING, MISSING):
            is_set = isinstance(value, tuple) and isinstance(part.default, frozenset)
            its[policy][setting] = frozenset(value) if is_set else value
    own = its.pop("")
    return Client(
        client_id, name, redirect_uris, **own, **{policy: _KINDS[policy](**parts) for policy, parts in its.items()}
    )
