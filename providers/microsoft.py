"""Microsoft: work, school and personal accounts by OpenID Connect, with a tenant in every issuer.

Endpoints and claims: learn.microsoft.com/entra/identity-platform (v2-protocols-oidc, id-token-claims; read 2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from broker import upstream as sdk

_PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad"  # the tenant of all personal accounts
_GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NOBODY = "00000000-0000-0000-0000-000000000000"

TenantId = Annotated[str, Field(pattern=f"^{_GUID}$")]


class MicrosoftSettings(sdk.NativeSettings, sdk.TokenSettings, sdk.ConfidentialSettings):
    """An app registration at Entra with the platform Web."""

    tenant: str = Field(
        default="common",
        pattern=f"^(?:common|organizations|consumers|{_GUID})$",
        description="Whose accounts: everybody's, those of work and school, personal ones, or the id of one tenant",
    )
    tenants: tuple[TenantId, ...] = Field(default=(), description="Of those, the ids of the only tenants; empty: all")
    authority: sdk.Origin = Field(default="https://login.microsoftonline.com", description="That of another cloud")
    scopes: sdk.Scopes = Field(default=("openid", "profile", "email"), description="`openid` is needed")
    subject: Literal["oid", "sub"] = Field(
        default="oid", description="A person's key: in their tenant, for all your apps, or for this client id alone"
    )
    domain_hint: str = Field(default="", description="A domain, `organizations` or `consumers`: the form shown first")
    trust_personal_email: bool = Field(default=True, description="Call addresses of personal accounts verified")
    trust_tenant_domains: dict[TenantId, tuple[sdk.MailDomain, ...]] = Field(
        default={}, description="By the id of a tenant: domains whose addresses it may vouch for, yours for example"
    )

    @model_validator(mode="after")
    def _one_key_everywhere(self) -> Self:
        if self.accept_posted and self.subject == "sub":
            raise ValueError(
                "subject: sub differs between a phone's app and this one; accept_posted needs subject: oid"
            )
        return self


class Microsoft(sdk.OidcProvider):
    """The key of a person is `oid` within `tid`; what people are called and how they are reached, any admin changes."""

    Settings: ClassVar[type[sdk.ProviderSettings]] = MicrosoftSettings
    title: ClassVar[Mapping[str, str]] = {"ru": "Microsoft", "en": "Microsoft"}
    label: ClassVar[Mapping[str, str]] = {"ru": "Войти через Microsoft", "en": "Sign in with Microsoft"}
    brand = sdk.Brand(sdk.Shade("#ffffff", "#5e5e5e", "#8c8c8c"), sdk.Shade("#2f2f2f", "#ffffff"))
    authorize_url = "https://login.microsoftonline.com/common/oauth2/v2.0/authorize"
    token_url = "https://login.microsoftonline.com/common/oauth2/v2.0/token"
    jwks_uri = "https://login.microsoftonline.com/common/discovery/v2.0/keys"
    tenant_claim = "tid"
    forwards = frozenset({"prompt", "login_hint"})
    posted = challenged = MicrosoftSettings.posted

    def __init__(self, settings: Any, tools: sdk.Tools) -> None:
        super().__init__(settings, tools)
        # quirk(microsoft): an issuer is a template, which the `tid` of each token fills (vendor docs read 2026-11)
        tenant = settings.tenant if re.fullmatch(_GUID, settings.tenant) else "{tenantid}"
        self.issuers = (f"{settings.authority}/{tenant}/v2.0",)

    async def metadata(self) -> sdk.Metadata:
        """Where the tenant is served, in the cloud that it is in."""
        at = f"{self.settings.authority}/{self.settings.tenant}"
        return sdk.Metadata(f"{at}/oauth2/v2.0/authorize", f"{at}/oauth2/v2.0/token", f"{at}/discovery/v2.0/keys")

    def authorize_params(self, flow: sdk.Flow) -> dict[str, str]:
        """quirk(microsoft): `prompt` is one word; the strongest of those that are wanted is sent (read 2026-11)."""
        params = super().authorize_params(flow)
        wanted = params.pop("prompt", "").split()
        prompt = next((word for word in ("login", "select_account", "consent") if word in wanted), "")
        more = {"prompt": prompt, "domain_hint": self.settings.domain_hint}
        return params | {name: value for name, value in more.items() if value}

    async def verify_posted(self, posted: sdk.Posted) -> sdk.SignedIdentity:
        """An ID token for another app registration of yours. An access token is for Graph, and says nothing to us."""
        return await self.verify_native(posted, self.settings.native_client_ids)

    def describe(self, claims: sdk.Fields) -> sdk.Identity:
        """quirk(microsoft): `oid` is a person in one tenant; a guest has another one in each (read 2026-11)."""
        if claims.text("ver") != "2.0":
            raise sdk.UpstreamInvalid("ID token: it is not of version 2.0")
        tenant, sub, oid = self._tenant(claims), claims.text("sub"), claims.shown("oid") or ""
        if self.settings.subject == "oid" and (re.fullmatch(_GUID, oid) is None or oid == _NOBODY):
            raise sdk.UpstreamInvalid("ID token: oid is missing or nobody's")
        given, family = claims.shown("given_name"), claims.shown("family_name")
        known = sdk.person(claims.shown("name"), given, family, username=claims.shown("preferred_username"))
        ids = {"microsoft_tid": tenant, "microsoft_sub": sub} | ({"microsoft_oid": oid} if oid else {})
        return sdk.Identity(
            f"{oid}.{tenant}" if self.settings.subject == "oid" else sub,
            known | sdk.contact(email=claims.shown("email"), email_verified=self._is_proved(claims, tenant)),
            raw_ids=ids,
            auth_time=claims.maybe_integer("auth_time"),
        )

    def _tenant(self, claims: sdk.Fields) -> str:
        """The tenant; raises UpstreamDenied for one that the operator does not admit (threats C4)."""
        tenant, chosen = claims.text("tid"), self.settings
        kinds = {"common": True, "organizations": tenant != _PERSONAL, "consumers": tenant == _PERSONAL}
        if not kinds.get(chosen.tenant, tenant == chosen.tenant) or tenant not in (chosen.tenants or (tenant,)):
            raise sdk.UpstreamDenied("the account is of a tenant that is not admitted")
        return tenant

    def _is_proved(self, claims: sdk.Fields, tenant: str) -> bool:
        """quirk(microsoft): any admin writes any address; a claim that has to be asked for says who owns the domain."""
        if "xms_edov" in claims:  # seen as true, 1 and both as text
            return claims.affirmed("xms_edov") or claims.raw("xms_edov") in (1, "1")
        domain = (claims.shown("email") or "").rpartition("@")[2].lower()
        ours = "idp" not in claims and domain in self.settings.trust_tenant_domains.get(tenant, ())
        return ours or (tenant == _PERSONAL and bool(self.settings.trust_personal_email))
