"""Google: OpenID Connect with two spellings of its issuer and a rule for whose e-mail it may vouch for.

Endpoints and claims: developers.google.com/identity/openid-connect/openid-connect (read 2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from broker import upstream as sdk

_CONSUMER = frozenset({"gmail.com", "googlemail.com"})
_POST = sdk.PagePost(credential="credential", challenge="state", pair="g_csrf_token")


class GoogleSettings(sdk.NativeSettings, sdk.TokenSettings, sdk.ConfidentialSettings, sdk.EventSettings):
    """A `Web application` client of the Google Auth Platform."""

    posted = sdk.NativeSettings.posted | {sdk.PostedKind.CREDENTIAL}

    scopes: tuple[str, ...] = Field(default=("openid", "email", "profile"), description="`openid` is needed")
    hosted_domains: tuple[str, ...] = Field(
        default=(), description="Only accounts of these Workspace domains may sign in; empty: everybody"
    )
    trust_any_verified_email: bool = Field(
        default=False,
        description="Call addresses verified that Google checked once but does not host (outside gmail.com and "
        "Workspace); their mailbox may have changed hands",
    )
    one_tap: bool | Literal["button"] = Field(
        default=False,
        description="Show Google's own prompt on login pages of clients with `one_tap`; button: and its button, too",
    )


class Google(sdk.EventTokenProvider):
    """The key of a person is `sub`; e-mail, name and domain change."""

    Settings: ClassVar[type[sdk.ProviderSettings]] = GoogleSettings
    title: ClassVar[Mapping[str, str]] = {"ru": "Google", "en": "Google"}
    label: ClassVar[Mapping[str, str]] = {"ru": "Войти через Google", "en": "Sign in with Google"}
    brand = sdk.Brand(sdk.Shade("#ffffff", "#1f1f1f", "#747775"), sdk.Shade("#131314", "#e3e3e3", "#8e918f"))
    authorize_url = "https://accounts.google.com/o/oauth2/v2/auth"
    token_url = "https://oauth2.googleapis.com/token"
    revocation_url = "https://oauth2.googleapis.com/revoke"
    jwks_uri = "https://www.googleapis.com/oauth2/v3/certs"
    # quirk(google): both spellings are in use, the metadata has the first (vendor docs read 2026-11)
    issuers = ("https://accounts.google.com", "accounts.google.com")
    # quirk(google): events have a third spelling, which only this document tells for sure (vendor docs read 2026-11)
    events_described_at = "https://accounts.google.com/.well-known/risc-configuration"
    forwards = frozenset({"login_hint"})
    posted = challenged = GoogleSettings.posted
    refuses_embedded = True  # quirk(google): `disallowed_useragent` in web views (vendor docs read 2026-11)

    def authorize_params(self, flow: sdk.Flow) -> dict[str, str]:
        """`hl` picks the language, `hd` only narrows the account chooser: who may come in is checked in `describe`."""
        # quirk(google): a refresh token comes by this parameter, and after a consent alone (vendor docs read 2026-11)
        kept = {"access_type": "offline" if flow.keeps_tokens else "online"}
        params = super().authorize_params(flow) | {"hl": flow.ui_locale} | kept
        # quirk(google): there is no prompt=login; the chooser is the most that can be asked for
        wanted = {"select_account" if prompt in {"login", "create"} else prompt for prompt in flow.wishes.prompt}
        wanted |= {"consent"} if flow.keeps_tokens else set()
        prompts = sorted(wanted & {"consent", "select_account"})
        if len(self.settings.hosted_domains) == 1:
            params["hd"] = self.settings.hosted_domains[0]
        return params | ({"prompt": " ".join(prompts)} if prompts else {})

    async def verify_posted(self, posted: sdk.Posted) -> sdk.SignedIdentity:
        """quirk(google): Android's kit names our web client in `aud`, its own in `azp` (vendor docs read 2026-11)."""
        of_page = posted.kind is sdk.PostedKind.CREDENTIAL  # of the script in a page: `azp` is us, too
        return await self.verify_native(posted, () if of_page else self.settings.native_client_ids)

    def abilities(self) -> sdk.Abilities:
        """With `one_tap`: a prompt on our own login page. Its button on pages of apps may post to us."""
        posts = _POST if sdk.PostedKind.CREDENTIAL in self.settings.accept_posted else None
        return replace(super().abilities(), prompts=self if self.settings.one_tap else None, posts=posts)

    def prompt(self, flow: sdk.Flow) -> sdk.PagePrompt:
        """Google Identity Services and what its script loads (developers.google.com/identity/gsi/web, read 2026-11)."""
        gsi = self.tools.browser_url("https://accounts.google.com/gsi/")
        ours, button = self.settings.client_id, self.settings.one_tap == "button"
        return sdk.PagePrompt(flow.callback_with_state, f"{gsi}client", ours, flow.nonce, button, gsi, f"{gsi}style")

    def describe(self, claims: sdk.Fields) -> sdk.Identity:
        """Claims by their own names; a number in `sub` would be refused, it is text."""
        domain = self._hosted_domain(claims)
        subject, given = claims.text("sub"), claims.shown("given_name")
        known = sdk.person(
            claims.shown("name"), given, claims.shown("family_name"), nickname=given, picture=claims.shown("picture")
        )
        methods = claims.raw("amr") if isinstance(claims.raw("amr"), list) else []
        return sdk.Identity(
            subject,
            known | {"locale": claims.shown("locale")} | self._email(claims, domain),
            raw_ids={"google_sub": subject} | ({"google_hd": domain} if domain else {}),
            auth_time=claims.maybe_integer("auth_time"),
            amr=("fed", *(method for method in methods if isinstance(method, str))),
        )

    def _hosted_domain(self, claims: sdk.Fields) -> str:
        """The Workspace domain, "" for a consumer account; raises UpstreamDenied where the operator admits others."""
        domain = (claims.shown("hd") or "").lower()
        if domain in _CONSUMER:
            domain = ""  # quirk(google): one official sample shows hd gmail.com for a consumer account
        admitted = {name.lower() for name in self.settings.hosted_domains}
        if admitted and domain not in admitted:
            raise sdk.UpstreamDenied("the account is not of an admitted Workspace domain")
        return domain

    def _email(self, claims: sdk.Fields, domain: str) -> dict[str, object]:
        """Verified only where Google hosts the mailbox: gmail.com, or a Workspace domain (vendor docs read 2026-11)."""
        email = claims.shown("email")
        checked = claims.affirmed("email_verified")  # quirk(google): some samples have it as text
        hosted = bool(domain) or (email or "").lower().endswith("@gmail.com")
        return sdk.contact(email=email, email_verified=checked and (hosted or self.settings.trust_any_verified_email))
