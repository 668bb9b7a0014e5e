"""The provider SDK, version 1: the names a provider, ours or a plugin's, may import.

`broker.upstream.fields` and `broker.upstream.strict_json` belong to it: how answers are read and claims are made.
"""

from broker.core.errors import (
    UpstreamDenied,
    UpstreamError,
    UpstreamInvalid,
    UpstreamRejected,
    UpstreamUnavailable,
)
from broker.core.identity import Identity
from broker.upstream.abilities import AcceptsUnasked, SignedIdentity
from broker.upstream.discovery import DiscoveryRules, Metadata
from broker.upstream.fields import Fields, birthdate, build_claims, contact, https_url, international, person, same
from broker.upstream.model import (
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
    SignsReplies,
    Tools,
    Widget,
)
from broker.upstream.oauth2 import OAuth2Provider
from broker.upstream.oidc import OidcProvider
from broker.upstream.signed import SignedFields, SignedReply, unpack_result
from broker.upstream.strict_json import parse_object

SDK_VERSION = 1

__all__ = [
    "SDK_VERSION",
    "AcceptsUnasked",
    "Channel",
    "ConfidentialSettings",
    "DiscoveryRules",
    "Fields",
    "FindsState",
    "Flow",
    "Http",
    "IdTokenRules",
    "Identity",
    "Jwt",
    "Metadata",
    "OAuth2Provider",
    "OidcProvider",
    "Provider",
    "ProviderSettings",
    "Redirect",
    "Reply",
    "SignedFields",
    "SignedIdentity",
    "SignedReply",
    "SignsReplies",
    "Tools",
    "UpstreamDenied",
    "UpstreamError",
    "UpstreamInvalid",
    "UpstreamRejected",
    "UpstreamUnavailable",
    "Widget",
    "birthdate",
    "build_claims",
    "contact",
    "https_url",
    "international",
    "parse_object",
    "person",
    "same",
    "unpack_result",
]
