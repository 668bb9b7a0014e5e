"""Any OpenID Provider with a discovery document: Keycloak, ZITADEL, Gitea, authentik, Okta and their kin.

OpenID Connect Core 1.0 and Discovery 1.0 (openid.net), RFC 9207 (rfc-editor.org); read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from broker import upstream as sdk


class OidcSettings(
    sdk.NativeSettings, sdk.SessionSettings, sdk.RequestSettings, sdk.RefusalSettings, sdk.IssuerSettings
):
    """A client at the issuer. Issuer, client id and secret are enough; the rest is for odd servers."""

    scopes: sdk.Scopes = Field(default=("openid", "profile", "email"), description="`openid` is needed")
    pkce: Literal["auto", "listed", "required"] = Field(
        default="auto",
        description="auto: unless the issuer lists other methods only; listed: where it lists S256; required: it must",
    )
    nonce: Literal["required", "if_present"] = Field(default="required", description="if_present: it may be left out")
    algorithms: tuple[sdk.Signature, ...] = Field(
        default=("RS256", "PS256", "ES256", "EdDSA"), min_length=1, description="Signatures of ID tokens we accept"
    )
    id_token_encryption: sdk.EncryptionSettings = Field(
        default=sdk.EncryptionSettings(), description="ID tokens that the issuer encrypts to us; off without a key"
    )

    @model_validator(mode="after")
    def _nothing_but_pkce(self) -> Self:
        if self.token_endpoint_auth_method == "none" and self.pkce != "required":
            raise ValueError("token_endpoint_auth_method: none needs pkce: required, or a stolen code would do")
        return self

    def identity_namespace(self) -> str:
        """The same client id at two issuers means two sets of people."""
        return self.namespace or f"{self.type}:{self.issuer}:{self.client_id}"


class Oidc(sdk.AskingProvider, sdk.ProvingProvider, sdk.SessionOidcProvider):
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
        self.issuers = (settings.issuer, *settings.issuer_aliases)
        self.algorithms, self.skew = settings.algorithms, settings.clock_skew
        self.nonce_optional, self.forwards = settings.nonce == "if_present", frozenset(settings.forward)
        self.hear_words(settings)
        encrypted = settings.id_token_encryption
        self._opener = None if encrypted.key is None else sdk.Opener(encrypted)

    async def metadata(self) -> sdk.Metadata:
        """What the issuer says of itself, as far as the operator does not know better."""
        rules = self.settings.discovery
        found = self.settings.without_document if rules is None else await self.tools.metadata(rules)
        return replace(found, **self.settings.endpoints.given())

    async def begin(self, flow: sdk.Flow) -> sdk.Redirect | sdk.Widget:
        """Without a challenge only where S256 is not among the methods that it names; see `pkce` if it names none."""
        if await self._takes_challenges():
            return await super().begin(flow)
        return replace(await super().begin(replace(flow, code_verifier="")), memo={"pkce": "none"})

    async def finish(self, flow: sdk.Flow, reply: sdk.Reply) -> sdk.Identity:
        """A verifier goes where a challenge went before."""
        return await super().finish(replace(flow, code_verifier="") if "pkce" in flow.memo else flow, reply)

    async def knock(self, flow: sdk.Flow) -> sdk.Fields:
        """With a verifier only where a login has one."""
        return await super().knock(flow if await self._takes_challenges() else replace(flow, code_verifier=""))

    async def _takes_challenges(self) -> bool:
        methods = (await self.metadata()).challenge_methods
        if self.settings.pkce == "required" and "S256" not in methods:
            raise sdk.UpstreamUnavailable("the issuer does not say that it knows S256, and pkce is required")
        return "S256" in methods or (not methods and self.settings.pkce == "auto")

    def opened(self, id_token: str) -> str:
        """One that is not encrypted is refused where that was registered (OIDC Core 3.1.3.7 point 1)."""
        return id_token if self._opener is None else self._opener.open(id_token)

    async def verify_posted(self, posted: sdk.Posted) -> sdk.SignedIdentity:
        """An ID token for one of the apps that the issuer knows beside us."""
        return await self.verify_native(posted, self.settings.native_client_ids)

    def describe(self, claims: sdk.Fields) -> sdk.Identity:
        """Standard claims, where the operator does not say otherwise."""
        chosen = self.settings
        found = sdk.standard_identity(claims, chosen.subject_claim, chosen.claims, chosen.email_trust, chosen.type)
        return sdk.within(found, claims, chosen.subject_within) if chosen.subject_within else found
