"""Instagram with Instagram Login: professional accounts (Business, Creator) alone, and no address of anybody.

Contract: developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login (business-login,
get-started); read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, field_validator

from broker import upstream as sdk

_NEEDED = "instagram_business_basic"
_USERNAME = re.compile(r"[A-Za-z0-9._]{1,60}")
_FIELDS = "id,user_id,username,name,account_type,profile_picture_url"


class InstagramSettings(sdk.ConfidentialSettings):
    """The Instagram app of a Meta app: its own id and secret, which are not those of the Meta app."""

    scopes: tuple[str, ...] = Field(default=(_NEEDED,), description=f"`{_NEEDED}` is needed")
    version: str = Field(default="v25.0", pattern=r"^v\d{1,3}\.\d$", description="Of the API; always sent")
    facebook_login: bool = Field(default=True, description="Whether Instagram's page offers to go on by Facebook")

    @field_validator("scopes")
    @classmethod
    def _with_the_basic_one(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if _NEEDED not in scopes:
            raise ValueError(f"{_NEEDED} has to be among them: without it nobody is told who signed in")
        return scopes


class Instagram(sdk.OAuth2Provider):
    """The key of a person is `user_id`, the id of the professional account; names are given out again."""

    Settings: ClassVar[type[sdk.ProviderSettings]] = InstagramSettings
    title: ClassVar[Mapping[str, str]] = {"ru": "Instagram", "en": "Instagram"}
    label: ClassVar[Mapping[str, str]] = {"ru": "Войти через Instagram", "en": "Continue with Instagram"}
    brand = sdk.Brand(sdk.Shade("#e6005e", "#ffffff", glyph=sdk.Glyph.WHITE))
    authorize_url = "https://www.instagram.com/oauth/authorize"
    token_url = "https://api.instagram.com/oauth/access_token"
    # quirk(instagram): no PKCE and no nonce are documented; state is what binds the answer (read 2026-11)
    challenge_method = ""
    # quirk(instagram): a wrong code and a wrong secret are one error with two sentences (read 2026-11)
    grant_refused = client_refused = frozenset()
    scope_separator = ","
    not_now = sdk.OAuth2Provider.not_now | {"4", "17"}

    def authorize_params(self, flow: sdk.Flow) -> dict[str, str]:
        """quirk(instagram): no prompt; a fresh login is asked for by a name of its own (read 2026-11)."""
        fresh = {"force_authentication": "1"} if {"login", "select_account"} & set(flow.wishes.prompt) else {}
        return super().authorize_params(flow) | {"enable_fb_login": str(int(self.settings.facebook_login))} | fresh

    def read(self, flow: sdk.Flow, reply: sdk.Reply) -> Mapping[str, str]:
        """quirk(instagram): a code may end in `#_`, which is no part of it (read 2026-11)."""
        params = super().read(flow, reply)
        return {**params, "code": params.get("code", "").removesuffix("#_")}

    def unwrap(self, answer: sdk.Fields) -> sdk.Fields:
        """quirk(instagram): documented as the only element of a list `data`, seen without it (read 2026-11)."""
        inner = answer.raw("data")
        first = inner[0] if isinstance(inner, list) and inner else None
        return sdk.Fields(first, "data", self.tools.odd) if isinstance(first, dict) else answer

    async def identity(self, flow: sdk.Flow, tokens: sdk.Fields) -> sdk.Identity:
        """The profile of the token, if the person allowed us to see it."""
        if _NEEDED not in _permissions(tokens.raw("permissions")):
            raise sdk.UpstreamDenied(f"the person did not allow {_NEEDED}")
        url = f"https://graph.instagram.com/{self.settings.version}/me"
        asked = {"fields": _FIELDS, "access_token": tokens.text("access_token")}
        me = self.unwrap(await self.http.get_json(url, params=asked))
        account, scoped, username = me.decimal_id("user_id"), me.shown("id"), me.shown("username")
        # quirk(instagram): the token response has a `user_id`, too, and nobody says of which kind it is (read 2026-11)
        if str(tokens.raw("user_id")) not in {account, scoped}:
            self.tools.odd("user_id")
        known = sdk.person(me.shown("name"), None, None, username=username, picture=me.shown("profile_picture_url"))
        known["profile"] = f"https://www.instagram.com/{username}/" if _USERNAME.fullmatch(username or "") else None
        ids = {"instagram_user_id": account} | ({"instagram_id": scoped} if scoped else {})
        return sdk.Identity(account, known, raw_ids=ids)


def _permissions(given: object) -> set[str]:
    """quirk(instagram): one text with commas in its documentation, a list in life (read 2026-11)."""
    listed = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else []
    return {name for name in listed if isinstance(name, str)}
