"""The provider SDK, version 1: every name that a provider, ours or a plugin's, may import. The modules below are not.

Shapes to inherit from first, then what they exchange with the broker, then how answers are read and claims are made.
"""

from broker.core.errors import (
    UpstreamDenied,
    UpstreamError,
    UpstreamInvalid,
    UpstreamRejected,
    UpstreamUnavailable,
    quote,
)
from broker.core.expressions import find
from broker.core.notify import Button, Fate, Message, Outcome
from broker.core.people.identity import Identity, UpstreamSession
from broker.core.records import Wishes
from broker.core.terms import PostedKind
from broker.core.upstream_tokens import UpstreamTokens
from broker.upstream.abilities import (
    Abilities,
    AcceptsUnasked,
    EndsSession,
    HasAbilities,
    Heard,
    HearsEvents,
    KeepsTokens,
    Meaning,
    PagePost,
    PagePrompt,
    PromptsOnPage,
    ReceivesLogout,
    RefreshesIdentity,
    SignedIdentity,
    SignsInByBot,
    TriesCredentials,
    UpstreamEvent,
    UpstreamLogout,
    WritesMessages,
)
from broker.upstream.assertion import AssertionKey, ES256Key
from broker.upstream.bot import Bot, Calls
from broker.upstream.bot_signed import BotSettings, BotSigned, unpack_widget
from broker.upstream.bot_start import BotStartSettings, StartBot
from broker.upstream.brand import Brand, Glyph, Shade
from broker.upstream.client_auth import ProofSettings, ProvingProvider
from broker.upstream.credentials_check import MADE_UP, Verdict
from broker.upstream.discovery import Address, DiscoveryRules, IssuerAddress, Metadata
from broker.upstream.encryption import EncryptionSettings, Opener
from broker.upstream.events import RISC_EVENTS, EventSettings, EventTokenProvider
from broker.upstream.fields import (
    Fields,
    birthdate,
    contact,
    dashed_date,
    dotted_date,
    hosted,
    https_url,
    international,
    parse_object,
    person,
    same,
)
from broker.upstream.generic.described import Part, PeopleSettings
from broker.upstream.generic.people import Describing
from broker.upstream.generic.provider import GenericOAuth2Provider
from broker.upstream.generic.settings import GenericOAuth2Settings
from broker.upstream.generic.values import AnswerName, Expression
from broker.upstream.issuer import IssuerSettings
from broker.upstream.model import (
    Channel,
    ConfidentialSettings,
    Credentials,
    EndpointSettings,
    Flow,
    Http,
    IdTokenRules,
    Jwt,
    MailDomain,
    Origin,
    Provider,
    ProviderSettings,
    Redirect,
    Reply,
    SignsReplies,
    Tools,
    UnpacksReplies,
    Widget,
)
from broker.upstream.oauth1 import OAuth1Provider, OAuth1Settings, Signer
from broker.upstream.oauth2 import OAuth2Provider
from broker.upstream.oidc import NativeSettings, OidcProvider
from broker.upstream.oidc_request import AskingProvider, RequestSettings
from broker.upstream.oidc_session import SessionOidcProvider, SessionSettings
from broker.upstream.posted import (
    AcceptsPosted,
    AudibleTokenProvider,
    AudibleTokenSettings,
    Posted,
    PostedCodeProvider,
    PostedCodeSettings,
)
from broker.upstream.preset import preset_class
from broker.upstream.signed import SignedFields, SignedReply, unpack_query, unpack_result
from broker.upstream.signed_request import SignedRequestProvider, SignedRequestSettings
from broker.upstream.standard_claims import ExtraParams, Scopes, Signature, Wish, standard_identity, within
from broker.upstream.tls import CertifiedSettings, TlsSettings, UpstreamTls
from broker.upstream.tokens import RefusalSettings, TokenSettings

SDK_VERSION = 1

__all__ = [
    "MADE_UP",
    "RISC_EVENTS",
    "SDK_VERSION",
    "Abilities",
    "AcceptsPosted",
    "AcceptsUnasked",
    "Address",
    "AnswerName",
    "AskingProvider",
    "AssertionKey",
    "AudibleTokenProvider",
    "AudibleTokenSettings",
    "Bot",
    "BotSettings",
    "BotSigned",
    "BotStartSettings",
    "Brand",
    "Button",
    "Calls",
    "CertifiedSettings",
    "Channel",
    "ConfidentialSettings",
    "Credentials",
    "Describing",
    "DiscoveryRules",
    "ES256Key",
    "EncryptionSettings",
    "EndpointSettings",
    "EndsSession",
    "EventSettings",
    "EventTokenProvider",
    "Expression",
    "ExtraParams",
    "Fate",
    "Fields",
    "Flow",
    "GenericOAuth2Provider",
    "GenericOAuth2Settings",
    "Glyph",
    "HasAbilities",
    "Heard",
    "HearsEvents",
    "Http",
    "IdTokenRules",
    "Identity",
    "IssuerAddress",
    "IssuerSettings",
    "Jwt",
    "KeepsTokens",
    "MailDomain",
    "Meaning",
    "Message",
    "Metadata",
    "NativeSettings",
    "OAuth1Provider",
    "OAuth1Settings",
    "OAuth2Provider",
    "OidcProvider",
    "Opener",
    "Origin",
    "Outcome",
    "PagePost",
    "PagePrompt",
    "Part",
    "PeopleSettings",
    "Posted",
    "PostedCodeProvider",
    "PostedCodeSettings",
    "PostedKind",
    "PromptsOnPage",
    "ProofSettings",
    "Provider",
    "ProviderSettings",
    "ProvingProvider",
    "ReceivesLogout",
    "Redirect",
    "RefreshesIdentity",
    "RefusalSettings",
    "Reply",
    "RequestSettings",
    "Scopes",
    "SessionOidcProvider",
    "SessionSettings",
    "Shade",
    "Signature",
    "SignedFields",
    "SignedIdentity",
    "SignedReply",
    "SignedRequestProvider",
    "SignedRequestSettings",
    "Signer",
    "SignsInByBot",
    "SignsReplies",
    "StartBot",
    "TlsSettings",
    "TokenSettings",
    "Tools",
    "TriesCredentials",
    "UnpacksReplies",
    "UpstreamDenied",
    "UpstreamError",
    "UpstreamEvent",
    "UpstreamInvalid",
    "UpstreamLogout",
    "UpstreamRejected",
    "UpstreamSession",
    "UpstreamTls",
    "UpstreamTokens",
    "UpstreamUnavailable",
    "Verdict",
    "Widget",
    "Wish",
    "Wishes",
    "WritesMessages",
    "birthdate",
    "contact",
    "dashed_date",
    "dotted_date",
    "find",
    "hosted",
    "https_url",
    "international",
    "parse_object",
    "person",
    "preset_class",
    "quote",
    "same",
    "standard_identity",
    "unpack_query",
    "unpack_result",
    "unpack_widget",
    "within",
]
