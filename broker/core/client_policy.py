"""What is particular to one client, by theme. Every default is the ordinary case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from broker.core.terms import Algorithm, IdTokenClaims, Profile, SubjectType


@dataclass(frozen=True, slots=True)
class AssertionPolicy:
    """How it proves itself by a signed assertion (RFC 7523), and whose keys sign what it sends.

    `jwks` are its public keys by value, `jwks_uri` where they are; at most one is set. `shared_secrets` are raw, for
    client_secret_jwt. `algorithms` are those it may sign with, empty: every one that fits. `legacy_audience`: the
    assertion may name an endpoint of ours as its audience, which RFC 10070 forbids.
    """

    jwks: Mapping[str, Any] | None = None
    jwks_uri: str = ""
    shared_secrets: tuple[str, ...] = field(default=(), repr=False)
    algorithms: frozenset[str] = frozenset()
    legacy_audience: bool = False


@dataclass(frozen=True, slots=True)
class RequestPolicy:
    """How its authorization requests must look.

    `request_uris` are the places request objects may be fetched from, compared byte for byte. `resources` are the
    APIs it may ask tokens for (RFC 8707). `max_age` in seconds and `acr_values` count where a request says nothing.
    """

    par_required: bool = False
    signed_required: bool = False
    object_algorithm: str = ""
    request_uris: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    max_age: int | None = None
    acr_values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """What its tokens are like. `serves` are the APIs it is itself: it may look into tokens meant for them.

    `sector` is the host that clients with common pairwise subjects share (OIDC Core 8.1), or the client's own; it names
    sessions as well, whatever `subject_type` is. `userinfo_algorithm`: the signature of its userinfo answers, None:
    plain JSON. `refresh_rotated`: its refresh tokens count once each. `id_token_claims`: whether the claims of scopes
    are in its ID tokens, too, or in userinfo alone.
    """

    dpop_required: bool = False
    refresh_rotated: bool = True
    serves: tuple[str, ...] = ()
    subject_type: SubjectType = SubjectType.PUBLIC
    sector: str = ""
    userinfo_algorithm: Algorithm | None = None
    id_token_claims: IdTokenClaims = IdTokenClaims.SCOPE


@dataclass(frozen=True, slots=True)
class LogoutPolicy:
    """Where people go after a logout, and where it is told that somebody logged out."""

    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_uri: str = ""
    backchannel_session_required: bool = False
    frontchannel_uri: str = ""
    frontchannel_session_required: bool = False

    @property
    def hears(self) -> bool:
        """Whether it wants to hear when a session ends that it knows of."""
        return bool(self.backchannel_uri or self.frontchannel_uri)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the client comes from: `registered` by itself (RFC 7591), or named by the operator.

    `policy_uri` and `tos_uri` are its own words and shown as such, never fetched. `logo` is the picture that was
    fetched when it registered, as a `data:` URI: no page tells its host who looks.
    """

    registered: bool = False
    policy_uri: str = ""
    tos_uri: str = ""
    logo: str = ""
    profile: Profile = Profile.STANDARD
