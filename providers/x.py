"""X, formerly Twitter: OAuth 2.0 with PKCE, or OAuth 1.0a with signed calls. Both know a person by the same number.

Endpoints, fields, errors: docs.x.com (fundamentals/authentication, x-api/users, response codes; read 2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from broker import upstream as sdk

_ME = "https://api.x.com/2/users/me"
_NAMES = ("id", "username", "profile_image_url", "confirmed_email")
_ASKED = {"user.fields": ",".join(("name", *_NAMES))}
_OLD_ME = "https://api.x.com/1.1/account/verify_credentials.json"
_OLD_NAMES = ("id_str", "screen_name", "profile_image_url_https", "email")
_OLD_ASKED = {"include_email": "true", "include_entities": "false", "skip_status": "true"}


class XSettings(sdk.PostedCodeSettings, sdk.OAuth1Settings, sdk.TokenSettings):
    """An app of console.x.com: Client ID and Secret with `oauth2`, API key and secret with `oauth1`."""

    posted = frozenset({sdk.PostedKind.ACCESS_TOKEN, sdk.PostedKind.CODE})

    mode: Literal["oauth2", "oauth1"] = Field(default="oauth2", description="oauth1: OAuth 1.0a, by signed calls")
    scopes: tuple[str, ...] = Field(
        default=("users.read", "tweet.read", "users.email"),
        description="With oauth2: the first two are needed, `users.email` where the app may ask for addresses",
    )
    native_redirect_uri: str = Field(default="", description="With oauth2: where codes go that apps on phones post")

    @model_validator(mode="after")
    def _of_one_mode(self) -> Self:
        by_code = {sdk.PostedKind.CODE} if self.native_redirect_uri else set()
        if set(self.accept_posted) - (by_code if self.mode == "oauth2" else {sdk.PostedKind.ACCESS_TOKEN}):
            raise ValueError("accept_posted: mode oauth1 takes access_token; oauth2 code, with native_redirect_uri")
        if self.mode == "oauth1" and self.keep_tokens:
            raise ValueError("keep_tokens needs mode oauth2: tokens of oauth1 never expire and cannot be renewed")
        return self


class X(sdk.PostedCodeProvider):
    """The key of a person is the numeric id; names are given out again."""

    # quirk(x): no call says to which app an access token of OAuth 2.0 was issued, so none can be posted (read 2026-11)
    Settings: ClassVar[type[sdk.ProviderSettings]] = XSettings
    title: ClassVar[Mapping[str, str]] = {"ru": "X", "en": "X"}
    label: ClassVar[Mapping[str, str]] = {"ru": "Войти через X", "en": "Sign in with X"}
    brand = sdk.Brand(sdk.Shade("#000000", "#ffffff", glyph=sdk.Glyph.DARK), sdk.Shade("#ffffff", "#000000"))
    authorize_url = "https://x.com/i/oauth2/authorize"
    token_url = "https://api.x.com/2/oauth2/token"
    revocation_url = "https://api.x.com/2/oauth2/revoke"
    client_auth = "basic"
    grant_refused = frozenset({"invalid_request", "invalid_grant"})
    posted = XSettings.posted

    def __init__(self, settings: Any, tools: sdk.Tools) -> None:
        super().__init__(settings, tools)
        self._signed = XSigned(settings, tools) if settings.mode == "oauth1" else None

    async def begin(self, flow: sdk.Flow) -> sdk.Redirect | sdk.Widget:
        return await (self._signed.begin(flow) if self._signed else super().begin(flow))

    async def finish(self, flow: sdk.Flow, reply: sdk.Reply) -> sdk.Identity:
        return await (self._signed.finish(flow, reply) if self._signed else super().finish(flow, reply))

    async def try_credentials(self, flow: sdk.Flow) -> sdk.Verdict:
        return await (self._signed.try_credentials(flow) if self._signed else super().try_credentials(flow))

    async def verify_posted(self, posted: sdk.Posted) -> sdk.SignedIdentity:
        return await (self._signed.verify_posted(posted) if self._signed else super().verify_posted(posted))

    def scopes_of(self, flow: sdk.Flow) -> tuple[str, ...]:
        """quirk(x): a refresh token comes by this scope alone (vendor docs read 2026-11)."""
        return super().scopes_of(flow) + (("offline.access",) if flow.keeps_tokens else ())

    @property
    def native_redirect_uri(self) -> str:
        return str(self.settings.native_redirect_uri)

    async def identity(self, flow: sdk.Flow, tokens: sdk.Fields) -> sdk.Identity:
        bearer = {"Authorization": f"Bearer {tokens.text('access_token')}"}
        # quirk(x): an error may have status 200 and come as `errors`, without `data` (vendor docs read 2026-11)
        return _person((await self.http.get_json(_ME, params=_ASKED, headers=bearer)).sub("data"), *_NAMES)


class XSigned(sdk.OAuth1Provider):
    """The three steps of OAuth 1.0a."""

    request_token_url = "https://api.x.com/oauth/request_token"
    authorize_url = "https://api.x.com/oauth/authenticate"
    access_token_url = "https://api.x.com/oauth/access_token"

    def authorize_params(self, flow: sdk.Flow) -> dict[str, str]:
        return {"force_login": "true"} if {"login", "select_account"} & set(flow.wishes.prompt) else {}

    async def identity(self, flow: sdk.Flow, tokens: sdk.Fields) -> sdk.Identity:
        try:
            found = _person(await self.get_signed(_OLD_ME, tokens, _OLD_ASKED), *_OLD_NAMES)
        except sdk.UpstreamRejected as error:
            # quirk(x): calls of version 1.1 are refused to apps of most plans (vendor docs read 2026-11)
            if error.error != "453":
                raise
            found = _person((await self.get_signed(_ME, tokens, _ASKED)).sub("data"), *_NAMES)
        # quirk(x): one official sample has no user_id beside the token
        if "user_id" in tokens and tokens.decimal_id("user_id") != found.subject:
            raise sdk.UpstreamInvalid("the token and the profile are of two people")
        return found


def _person(me: sdk.Fields, key: str, username: str, picture: str, email: str) -> sdk.Identity:
    user_id, name, shown = me.decimal_id(key), me.shown(username), (me.shown(picture) or "").replace("_normal.", ".")
    claims = sdk.person(me.shown("name"), None, None, username=name, picture=shown)
    claims |= {"profile": name and sdk.https_url(f"https://x.com/{name}")}
    # An address is told only if the person confirmed it; `verified` is a badge and says nothing of addresses.
    claims |= sdk.contact(email=me.shown(email), email_verified=True)
    return sdk.Identity(user_id, claims, raw_ids={"x_id": user_id})
