"""The provider SDK, version 1: the names a provider, ours or a plugin's, may import."""

from broker.core.errors import (
    UpstreamDenied,
    UpstreamError,
    UpstreamInvalid,
    UpstreamRejected,
    UpstreamUnavailable,
)
from broker.core.identity import Identity
from broker.upstream.fields import Fields, build_claims, contact, https_url
from broker.upstream.model import (
    AcceptsUnasked,
    Channel,
    ConfidentialSettings,
    FindsState,
    Flow,
    Http,
    IdTokenRules,
    Jwt,
    Provider,
    ProviderSettings,
    Redirect,
    Reply,
    SignedIdentity,
    SignsReplies,
    Tools,
    Widget,
)
from broker.upstream.oauth2 import OAuth2Provider
from broker.upstream.oidc import OidcProvider

SDK_VERSION = 1

__all__ = [
    "SDK_VERSION",
    "AcceptsUnasked",
    "Channel",
    "ConfidentialSettings",
    "Fields",
    "FindsState",
    "Flow",
    "Http",
    "IdTokenRules",
    "Identity",
    "Jwt",
    "OAuth2Provider",
    "OidcProvider",
    "Provider",
    "ProviderSettings",
    "Redirect",
    "Reply",
    "SignedIdentity",
    "SignsReplies",
    "Tools",
    "UpstreamDenied",
    "UpstreamError",
    "UpstreamInvalid",
    "UpstreamRejected",
    "UpstreamUnavailable",
    "Widget",
    "build_claims",
    "contact",
    "https_url",
]
