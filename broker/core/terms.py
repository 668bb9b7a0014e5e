"""The words of the specifications, spelt as they spell them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    """OIDC Core 5.4 and 11. Ours: those of `identities` (docs/reference/identities-api.md), and `groups`."""

    OPENID = "openid"
    PROFILE = "profile"
    EMAIL = "email"
    PHONE = "phone"
    ADDRESS = "address"
    OFFLINE_ACCESS = "offline_access"
    IDENTITIES = "identities"
    IDENTITIES_MANAGE = "identities.manage"
    GROUPS = "groups"


CLAIMS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    Scope.PROFILE: (
        "name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
        "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
    ),
    Scope.EMAIL: ("email", "email_verified"),
    Scope.PHONE: ("phone_number", "phone_number_verified"),
    Scope.ADDRESS: ("address",),
    Scope.IDENTITIES: ("identities",),
}  # fmt: skip
"""The claims that a scope brings at every client (OIDC Core 5.4)."""


class Prompt(StrEnum):
    """OIDC Core 3.1.2.1; what the last word means upstream, each provider says."""

    NONE = "none"
    LOGIN = "login"
    CONSENT = "consent"
    SELECT_ACCOUNT = "select_account"
    CREATE = "create"  # Initiating User Registration via OpenID Connect 1.0


class GrantType(StrEnum):
    """RFC 6749 sections 4.1, 6 and 4.4; RFC 8628 section 3.4; RFC 8693 section 2.1."""

    AUTHORIZATION_CODE = "authorization_code"
    REFRESH_TOKEN = "refresh_token"
    CLIENT_CREDENTIALS = "client_credentials"
    DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
    TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


class ResponseMode(StrEnum):
    """OAuth 2.0 Multiple Response Type Encoding Practices 2.1, Form Post Response Mode 1, Web Message Response Mode."""

    QUERY = "query"
    FORM_POST = "form_post"
    WEB_MESSAGE = "web_message"


class AuthMethod(StrEnum):
    """How a client proves itself at the token endpoint (OIDC Core 9)."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    SECRET_JWT = "client_secret_jwt"
    PRIVATE_KEY_JWT = "private_key_jwt"
    NONE = "none"


class Algorithm(StrEnum):
    """Signature algorithms for our tokens (RFC 7518 3.1, RFC 8037 3.1)."""

    RS256 = "RS256"
    PS256 = "PS256"
    ES256 = "ES256"
    EDDSA = "EdDSA"


class TokenFormat(StrEnum):
    """What an access token looks like to a client; both are opaque to it by contract (RFC 6749 1.4)."""

    OPAQUE = "opaque"
    JWT = "jwt"


class SubjectType(StrEnum):
    """Whether clients see the same `sub` for a person (OIDC Core 8)."""

    PUBLIC = "public"
    PAIRWISE = "pairwise"


class IdTokenClaims(StrEnum):
    """Which claims about a person an ID token has (OIDC Core 5.4): those of the scopes, or only those named for it."""

    SCOPE = "scope"
    REQUESTED = "requested"


class Pkce(StrEnum):
    """Whether a client must use PKCE (RFC 9700 section 2.1.1); a public one must, whatever is written.

    `auto`: PKCE, or the `nonce` that its ID token repeats.
    """

    AUTO = "auto"
    REQUIRED = "required"
    OPTIONAL = "optional"


class Profile(StrEnum):
    """A set of rules switched on together. `fapi2`: FAPI 2.0 Security Profile, with private_key_jwt and DPoP."""

    STANDARD = "standard"
    FAPI2 = "fapi2"


REQUEST_OBJECT_ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
"""What a request object may be signed with (RFC 9101 section 6.2): whoever registers a client is held to it, too."""


class PostedKind(StrEnum):
    """What an app may post. The values are those of `accept_posted` in config.yaml."""

    CODE = "code"
    ID_TOKEN = "id_token"
    ACCESS_TOKEN = "access_token"
    WIDGET = "widget"
    INIT_DATA = "init_data"
    CREDENTIAL = "credential"


class TokenType(StrEnum):
    """What is exchanged, and what for (RFC 8693 section 3); the last four are ours, for what has no such name."""

    ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
    ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
    JWT = "urn:ietf:params:oauth:token-type:jwt"
    CODE = "urn:broker:token-type:code"
    WIDGET = "urn:broker:token-type:widget"
    INIT_DATA = "urn:broker:token-type:init_data"
    CREDENTIAL = "urn:broker:token-type:credential"
