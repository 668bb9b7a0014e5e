"""Facebook: OAuth 2.0 with signed Graph calls, and Limited Login, by which iPhones get an ID token instead.

Calls: developers.facebook.com/documentation/facebook-login, /docs/graph-api/reference/debug_token (read 2026-11).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, ClassVar

from pydantic import Field

from broker import upstream as sdk

_FIELDS = "id,name,first_name,middle_name,last_name,picture.width(256).height(256),email"


class FacebookSettings(sdk.AudibleTokenSettings, sdk.SignedRequestSettings):
    """An app of developers.facebook.com with Facebook Login, set to require the app secret."""

    posted = sdk.AudibleTokenSettings.posted | {sdk.PostedKind.ID_TOKEN}

    scopes: tuple[str, ...] = Field(default=("public_profile", "email"), description="`public_profile` is needed")
    version: str = Field(default="v25.0", pattern=r"^v\d{1,3}\.\d$", description="Of the Graph API; always sent")
    trust_email: bool = Field(default=False, description="Call addresses verified, which Facebook itself never does")


class Facebook(sdk.SignedRequestProvider, sdk.AudibleTokenProvider):
    """The key of a person is `id`, which is another one in every app of Facebook's."""

    Settings: ClassVar[type[sdk.ProviderSettings]] = FacebookSettings
    title: ClassVar[Mapping[str, str]] = {"ru": "Facebook", "en": "Facebook"}
    label: ClassVar[Mapping[str, str]] = {"ru": "Войти через Facebook", "en": "Continue with Facebook"}
    brand = sdk.Brand(sdk.Shade("#0866ff", "#ffffff", glyph=sdk.Glyph.WHITE))
    # quirk(facebook): PKCE goes with OpenID Connect only, which is called a test there; state binds (read 2026-11)
    challenge_method, scope_separator = "", ","
    grant_refused, client_refused = frozenset({"100"}), frozenset({"1", "101"})
    # quirk(facebook): limits of calls come as status 400 and a number (read 2026-11)
    not_now = sdk.OAuth2Provider.not_now | {"4", "17", "32", "613"}
    posted, challenged = FacebookSettings.posted, frozenset({sdk.PostedKind.ID_TOKEN})

    def __init__(self, settings: Any, tools: sdk.Tools) -> None:
        super().__init__(settings, tools)
        self._graph = f"https://graph.facebook.com/{settings.version}"
        self._limited = _LimitedLogin(settings, tools)

    async def metadata(self) -> sdk.Metadata:
        """Places of one version; without it they would be those of the oldest that the app may use."""
        dialog = f"https://www.facebook.com/{self.settings.version}/dialog/oauth"
        # quirk(facebook): documented is a GET, which an HTTP client may repeat and a proxy's log has (read 2026-11)
        return sdk.Metadata(dialog, f"{self._graph}/oauth/access_token")

    def authorize_params(self, flow: sdk.Flow) -> dict[str, str]:
        """quirk(facebook): it has one `auth_type` and no prompt; who declined a permission is asked by it alone."""
        asked = {"login": "reauthenticate", "consent": "rerequest"}
        wanted = [kind for prompt, kind in asked.items() if prompt in flow.wishes.prompt]
        return super().authorize_params(flow) | ({"auth_type": wanted[0]} if wanted else {})

    def read(self, flow: sdk.Flow, reply: sdk.Reply) -> Mapping[str, str]:
        """quirk(facebook): some refusals have an `error_code` and no `error` (social-core, read 2026-11)."""
        named = {"error": code} if (code := reply.params.get("error_code")) is not None else {}
        return super().read(flow, sdk.Reply(reply.via, {**named, **reply.params}))

    async def identity(self, flow: sdk.Flow, tokens: sdk.Fields) -> sdk.Identity:
        """The profile of the token, in a call that only this app can sign."""
        token = tokens.text("access_token")
        signed = {"fields": _FIELDS, "appsecret_proof": proof_of(token, self.settings.client_secret.get_secret_value())}
        me = await self.http.get_json(f"{self._graph}/me", params=signed, headers={"Authorization": f"Bearer {token}"})
        photo = me.shown_object("picture").shown_object("data")
        picture = None if photo.flag("is_silhouette") else photo.shown("url")
        known = _claims(me, "first_name", "last_name", picture, self.settings.trust_email)
        return sdk.Identity(key := me.decimal_id("id"), known, raw_ids={"facebook_id": key})

    async def owner_of(self, token: str) -> str:
        """Whose token it is, once Facebook says that it is a person's, valid, and of this app (threats C7)."""
        ours, secret = self.settings.client_id, self.settings.client_secret.get_secret_value()
        asked = {"input_token": token, "access_token": f"{ours}|{secret}"}
        data = (await self.http.get_json(f"{self._graph}/debug_token", params=asked)).sub("data")
        if data.flag("is_valid") is not True:
            raise sdk.UpstreamInvalid("debug_token: Facebook says that the token is not valid")
        # quirk(facebook): a number in its documentation, a text in life (read 2026-11)
        if (issued_to := data.decimal_id("app_id")) != ours:
            raise sdk.UpstreamInvalid(f"debug_token: the token was issued to another app ({issued_to})")
        if data.text("type") != "USER" or 0 < data.integer("expires_at") <= self.tools.now():
            raise sdk.UpstreamInvalid("debug_token: the token is not one of a person, or has expired")
        return data.decimal_id("user_id")

    async def verify_posted(self, posted: sdk.Posted) -> sdk.SignedIdentity:
        """An access token, or the ID token of Limited Login, which iOS gives where tracking was declined."""
        if posted.kind is sdk.PostedKind.ID_TOKEN:
            return await self._limited.verify_native(posted, ())
        return await super().verify_posted(posted)


class _LimitedLogin(sdk.OidcProvider):
    """The ID tokens of Facebook's kit for iOS; nobody is sent anywhere by it."""

    # quirk(facebook): the first was observed, the others are hosts that its kit for iOS accepts (read 2026-11)
    issuers = ("https://www.facebook.com", "https://facebook.com", "https://limited.facebook.com")
    jwks_uri = "https://limited.facebook.com/.well-known/oauth/openid/jwks/"
    authorize_url, token_url, hashed_nonce = "", "", True

    def describe(self, claims: sdk.Fields) -> sdk.Identity:
        """quirk(facebook): `sub` is the id that the Graph has, and no word says that an address was checked."""
        known = _claims(claims, "given_name", "family_name", claims.shown("picture"), self.settings.trust_email)
        return sdk.Identity(key := claims.decimal_id("sub"), known, raw_ids={"facebook_id": key})


def _claims(told: sdk.Fields, given: str, family: str, picture: str | None, trusted: bool) -> dict[str, Any]:
    known = sdk.person(told.shown("name"), told.shown(given), told.shown(family), picture=picture)
    email = sdk.contact(email=told.shown("email"), email_verified=trusted)
    return known | email | {"middle_name": told.shown("middle_name")}


def proof_of(token: str, secret: str) -> str:
    """`appsecret_proof`: HMAC-SHA256 of the token by the app secret, in lower-case hexadecimal."""
    return hmac.new(secret.encode(), token.encode(errors="surrogatepass"), sha256).hexdigest()
