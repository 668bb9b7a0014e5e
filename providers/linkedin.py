"""LinkedIn: OpenID Connect with neither nonce nor PKCE, by its product "Sign In with LinkedIn using OpenID Connect".

Endpoints, claims: learn.microsoft.com/en-us/linkedin (consumer/integrations/self-serve/sign-in-with-linkedin-v2,
shared/authentication/authorization-code-flow, shared/authentication/token-introspection); read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from broker import upstream as sdk

_BETWEEN_SCOPES = re.compile(r"[ ,]+")


class LinkedInSettings(sdk.AudibleTokenSettings):
    """An app of linkedin.com/developers that has the product."""

    scopes: sdk.Scopes = Field(default=("openid", "profile", "email"), description="`openid` is needed")


class LinkedIn(sdk.OidcProvider, sdk.AudibleTokenProvider):
    """The key of a person is `sub`, which another app of the same owner does not know."""

    Settings: ClassVar[type[sdk.ProviderSettings]] = LinkedInSettings
    title: ClassVar[Mapping[str, str]] = {"ru": "LinkedIn", "en": "LinkedIn"}
    label: ClassVar[Mapping[str, str]] = {"ru": "Войти через LinkedIn", "en": "Sign in with LinkedIn"}
    brand = sdk.Brand(sdk.Shade("#0a66c2", "#ffffff"))
    authorize_url = "https://www.linkedin.com/oauth/v2/authorization"
    token_url = "https://www.linkedin.com/oauth/v2/accessToken"
    introspection_url = "https://www.linkedin.com/oauth/v2/introspectToken"
    userinfo_url = "https://api.linkedin.com/v2/userinfo"
    jwks_uri = "https://www.linkedin.com/oauth/openid/jwks"
    # quirk(linkedin): it was the second until 2024, while discovery lay below the first already (read 2026-11)
    issuers = ("https://www.linkedin.com/oauth", "https://www.linkedin.com")
    # quirk(linkedin): a code_verifier ends the exchange with `invalid_client`, challenge or not (threads read 2026-11)
    challenge_method = ""
    # quirk(linkedin): it takes a nonce and does not give it back; one that comes back all the same must be ours
    nonce_optional = True
    # quirk(linkedin): that is what it calls a code that it does not know, and one that is over (read 2026-11)
    grant_refused = frozenset({"invalid_request", "invalid_redirect_uri"})
    denied = frozenset({"user_cancelled_login", "user_cancelled_authorize"})

    def wants_userinfo(self, claims: sdk.Fields) -> bool:
        """The ID token has all that userinfo has, as a rule; the address is missing where it was not asked for."""
        wanted = ("name", "email") if "email" in self.settings.scopes else ("name",)
        return any(claims.raw(name) in (None, "") for name in wanted)

    def describe(self, claims: sdk.Fields) -> sdk.Identity:
        """An address is verified by LinkedIn's own word; the person is not, as it says itself."""
        subject, verified = claims.text("sub"), claims.raw("email_verified")
        known = sdk.person(
            claims.shown("name"),
            claims.shown("given_name"),
            claims.shown("family_name"),
            picture=claims.shown("picture"),
        )
        # quirk(linkedin): text in the ID token, a boolean at userinfo (vendor docs read 2026-11)
        checked = verified is True or (isinstance(verified, str) and verified.lower() == "true")
        contact = sdk.contact(email=claims.shown("email"), email_verified=checked)
        return sdk.Identity(subject, known | contact | {"locale": _locale(claims)}, raw_ids={"linkedin_sub": subject})

    async def owner_of(self, token: str) -> str:
        """Introspection tells the app and not the member. quirk(linkedin): a token of another app is not active."""
        form = {**self.by_secret("post").form, "token": token}
        found = await self.http.post_form(self.introspection_url, form)
        if found.flag("active") is not True or found.text("client_id") != self.settings.client_id:
            raise sdk.UpstreamInvalid("introspection: the token is not active, or another app's")
        if found.text("auth_type") != "3L" or "openid" not in _BETWEEN_SCOPES.split(found.text("scope")):
            raise sdk.UpstreamInvalid("introspection: the token is not of a member, or was not asked for with openid")
        return ""

    async def identity_by(self, posted: sdk.Posted) -> sdk.Identity:
        """With an access token alone, userinfo says who it is."""
        bearer = {"Authorization": f"Bearer {posted.token}"}
        return self.describe(await self.http.get_json(self.userinfo_url, headers=bearer))


def _locale(claims: sdk.Fields) -> str | None:
    # quirk(linkedin): an object at userinfo, `en_US` in the ID token (vendor docs read 2026-11)
    if not isinstance(claims.raw("locale"), dict):
        return (claims.shown("locale") or "").replace("_", "-") or None
    parts = claims.shown_object("locale")
    return "-".join(filter(None, (parts.shown("language"), parts.shown("country")))) or None
