"""Any OpenID Provider with a discovery document: Keycloak, ZITADEL, Gitea, authentik, Okta and their kin.

OpenID Connect Core 1.0 and Discovery 1.0 (openid.net), RFC 9207 (rfc-editor.org); read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import Field

from broker import upstream as sdk


class OidcSettings(sdk.NativeSettings, sdk.SessionSettings, sdk.TlsSettings):
    """A confidential client at the issuer. Issuer, client id and secret are enough; the rest is for odd servers."""

    issuer: sdk.IssuerAddress = Field(description="Exactly as the discovery document has it, final / included")
    discovery_url: sdk.Address | None = Field(default=None, description="Where the document lies, if not at the issuer")
    endpoint_origins: tuple[sdk.Origin, ...] = Field(
        default=(), description="Where else than at the issuer endpoints lie"
    )
    token_endpoint_auth_method: Literal["auto", "client_secret_basic", "client_secret_post"] = Field(
        default="auto", description="auto: in the header, unless the issuer knows the form only"
    )
    scopes: sdk.Scopes = Field(default=("openid", "profile", "email"), description="`openid` is needed")
    pkce: Literal["auto", "required"] = Field(
        default="auto", description="auto: unless the issuer lists other methods only; required: it must list S256"
    )
    nonce: Literal["required", "if_present"] = Field(default="required", description="if_present: it may be left out")
    algorithms: tuple[sdk.Signature, ...] = Field(
        default=("RS256", "PS256", "ES256", "EdDSA"), min_length=1, description="Signatures of ID tokens we accept"
    )
    response_mode: Literal["query", "form_post"] = Field(default="query", description="How the answer comes back")
    forward: tuple[sdk.Wish, ...] = Field(
        default=("prompt", "max_age", "login_hint", "ui_locales"), description="Wishes of the app that are passed on"
    )
    extra_authorize_params: sdk.ExtraParams = Field(default={}, description="Sent along to the authorization endpoint")

    @property
    def discovery(self) -> sdk.DiscoveryRules:
        """Where the document lies and what it may say."""
        return sdk.DiscoveryRules(self.issuer, self.discovery_url or "", self.endpoint_origins)

    def identity_namespace(self) -> str:
        """The same client id at two issuers means two sets of people."""
        return self.namespace or f"oidc:{self.issuer}:{self.client_id}"


class Oidc(sdk.SessionOidcProvider):
    """The key of a person is `sub`, or another claim that the operator knows never to change."""

    Settings: ClassVar[type[sdk.ProviderSettings]] = OidcSettings
    channels: ClassVar[frozenset[sdk.Channel]] = frozenset({sdk.Channel.QUERY, sdk.Channel.FORM_POST})
    title: ClassVar[Mapping[str, str]] = {"ru": "OpenID Connect", "en": "OpenID Connect"}
    label: ClassVar[Mapping[str, str]] = {"ru": "Войти через OpenID Connect", "en": "Sign in with OpenID Connect"}
    brand = "#334155"
    posted = challenged = OidcSettings.posted
    # quirk(zitadel): aud is every client of the project and the project itself (zitadel#9200, read 2026-11)
    sole_audience = False

    def __init__(self, settings: Any, tools: sdk.Tools) -> None:
        """`settings` are OidcSettings. Nothing is fetched before somebody logs in."""
        super().__init__(settings, tools)
        self.issuers, self.algorithms, self.skew = (settings.issuer,), settings.algorithms, settings.clock_skew
        self.nonce_optional, self.forwards = settings.nonce == "if_present", frozenset(settings.forward)

    async def metadata(self) -> sdk.Metadata:
        """What the issuer says of itself."""
        return await self.tools.metadata(self.settings.discovery)

    async def begin(self, flow: sdk.Flow) -> sdk.Redirect | sdk.Widget:
        """Without a challenge only where the issuer names methods and S256 is not among them."""
        methods = (await self.metadata()).challenge_methods
        if self.settings.pkce == "required" and "S256" not in methods:
            raise sdk.UpstreamUnavailable("the issuer does not say that it knows S256, and pkce is required")
        if "S256" in methods or not methods:
            return await super().begin(flow)
        return replace(await super().begin(replace(flow, code_verifier="")), memo={"pkce": "none"})

    async def finish(self, flow: sdk.Flow, reply: sdk.Reply) -> sdk.Identity:
        """A verifier goes where a challenge went before."""
        return await super().finish(replace(flow, code_verifier="") if "pkce" in flow.memo else flow, reply)

    def authorize_params(self, flow: sdk.Flow) -> dict[str, str]:
        """The operator's parameters first, so that ours win whatever they are called."""
        ours = super().authorize_params(flow)
        if self.settings.response_mode != "query":
            ours["response_mode"] = self.settings.response_mode
        return {**self.settings.extra_authorize_params, **ours}

    def read(self, flow: sdk.Flow, reply: sdk.Reply) -> Mapping[str, str]:
        """Only by the way that was asked for."""
        if reply.via != self.settings.response_mode:
            raise sdk.UpstreamInvalid(f"the reply came by {reply.via}")
        return super().read(flow, reply)

    async def credentials(self, metadata: sdk.Metadata) -> sdk.Credentials:
        """As configured, else by what the issuer lists; one that lists nothing means the header (Discovery 3)."""
        listed, chosen = metadata.auth_methods, self.settings.token_endpoint_auth_method
        if chosen == "auto":
            chosen = "client_secret_post" if listed and "client_secret_basic" not in listed else "client_secret_basic"
        return self.by_secret("post" if chosen == "client_secret_post" else "basic")

    async def verify_posted(self, posted: sdk.Posted) -> sdk.SignedIdentity:
        """An ID token for one of the apps that the issuer knows beside us."""
        return await self.verify_native(posted, self.settings.native_client_ids)

    def describe(self, claims: sdk.Fields) -> sdk.Identity:
        """Standard claims, where the operator does not say otherwise."""
        return sdk.standard_identity(
            claims, self.settings.subject_claim, self.settings.claims, self.settings.email_trust
        )
