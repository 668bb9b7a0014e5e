"""Telegram: OpenID Connect, the older signed widget, buttons in chats and Mini Apps; one bot, one set of people.

Sources: core.telegram.org/bots/telegram-login, /widgets/login-legacy, /bots/api#loginurl, /bots/webapps (read 2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Self
from urllib.parse import urlencode

from pydantic import Field, SecretStr, model_validator

from broker import upstream as sdk

_YOUNG = 120  # seconds of an ID token of a kit that carries no nonce


class TelegramSettings(sdk.BotStartSettings):
    """A bot, moved to OpenID Connect or not."""

    posted = sdk.BotSettings.posted | {sdk.PostedKind.ID_TOKEN}

    mode: Literal["oidc", "widget"] = Field(default="oidc", description="widget: bots not moved to OpenID Connect")
    client_secret: SecretStr | None = Field(default=None, min_length=1, description="For oidc; it is not the bot token")
    kit_nonce: Literal["required", "if_present"] = Field(default="required", description="In ID tokens that are posted")
    request_phone: bool = Field(default=False, description="Ask for the phone number (oidc)")
    request_messages: bool = Field(default=False, description="Ask whether the bot may write")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.client_secret if self.mode == "oidc" else self.bot_token) is None:
            raise ValueError("mode oidc needs client_secret, mode widget needs bot_token")
        return self


class Telegram(sdk.OidcProvider):
    """The key of a person is the numeric user id, the same in all ways; `sub` is another number."""

    Settings: ClassVar[type[sdk.ProviderSettings]] = TelegramSettings
    channels = frozenset({sdk.Channel.QUERY, sdk.Channel.FRAGMENT})
    title: ClassVar[Mapping[str, str]] = {"ru": "Telegram", "en": "Telegram"}
    label: ClassVar[Mapping[str, str]] = {"ru": "Войти через Telegram", "en": "Log in with Telegram"}
    authorize_url, token_url = "https://oauth.telegram.org/auth", "https://oauth.telegram.org/token"
    jwks_uri = "https://oauth.telegram.org/.well-known/jwks.json"
    issuers, algorithms = ("https://oauth.telegram.org",), ("RS256", "ES256", "EdDSA", "ES256K")
    brand, client_auth = sdk.Brand(sdk.Shade("#1b7eae", "#ffffff", glyph=sdk.Glyph.WHITE)), "basic"
    posted, challenged = TelegramSettings.posted, frozenset({sdk.PostedKind.ID_TOKEN})
    nonce_optional = True  # quirk(telegram): perhaps not echoed; state, PKCE and our own callback bind the code flow

    @property
    def scopes(self) -> tuple[str, ...]:
        """`profile` always: without it the id might be missing."""
        more = {"phone": self.settings.request_phone, "telegram:bot_access": self.settings.request_messages}
        return ("openid", "profile", *(scope for scope, wanted in more.items() if wanted))

    def token_params(self, flow: sdk.Flow, params: Mapping[str, str]) -> dict[str, str]:
        """The client id goes into the form as well as into the header."""
        return super().token_params(flow, params) | {"client_id": self.settings.client_id}

    async def begin(self, flow: sdk.Flow) -> sdk.Redirect | sdk.Widget:
        """To OpenID Connect, to Telegram's page for the widget, or the widget on ours."""
        if self.settings.mode == "oidc":
            return await super().begin(flow)
        access = {"request_access": "write"} if self.settings.request_messages else {}
        # quirk(telegram): no state comes back, so the path of the callback carries it
        origin = "/".join(flow.redirect_uri.split("/", 3)[:3])
        asked = {"bot_id": self.settings.client_id, "origin": origin, "return_to": flow.callback_with_state} | access
        url = f"{self.tools.browser_url(self.authorize_url)}?{urlencode(asked)}"
        script, frame = map(self.tools.browser_url, ("https://telegram.org", "https://oauth.telegram.org"))
        context = {"script": f"{script}/js/telegram-widget.js?22", "bot": self.settings.bot_username}
        context |= {"auth_url": flow.callback_with_state, "lang": flow.ui_locale} | access
        embedded = sdk.Widget("telegram.html", context, url, script_origins=(script,), frame_origins=(frame,))
        return embedded if self.settings.bot_username else sdk.Redirect(url)

    async def finish(self, flow: sdk.Flow, reply: sdk.Reply) -> sdk.Identity:
        """A code in the query, or signed fields in the query or in a fragment."""
        if self.settings.mode == "widget" and reply.via in self.channels:
            return (await self.verify_unasked(sdk.unpack_widget(reply.params))).identity
        if reply.via is sdk.Channel.FRAGMENT:
            raise sdk.UpstreamInvalid("the reply came by fragment")
        return await super().finish(flow, reply)

    def describe(self, claims: sdk.Fields) -> sdk.Identity:
        """Claims of a verified ID token; the phone number is one that Telegram checked."""
        user_id, whole, username = claims.decimal_id("id"), claims.shown("name"), claims.shown("preferred_username")
        given, family, photo = claims.shown("given_name"), claims.shown("family_name"), claims.shown("picture")
        known = sdk.person(whole, given or whole, family, nickname=username or whole, username=username, picture=photo)
        # quirk(telegram): the number has no plus (vendor docs read 2026-11)
        number, flag = sdk.international(claims.shown("phone_number")), "phone_number_verified"
        phone = sdk.contact(phone=number, phone_verified=flag not in claims or claims.flag(flag) is True)
        ids = {"telegram_id": user_id, "telegram_oidc_sub": claims.text("sub")}
        return sdk.Identity(user_id, known | phone, raw_ids=ids, amr=("fed", "telegram-oidc"))

    async def verify_unasked(self, params: Mapping[str, str | bool]) -> sdk.SignedIdentity:
        """The person in signed fields: of the widget, or of a login_url button that somebody tapped."""
        return self._bot.person(params)

    async def verify_posted(self, posted: sdk.Posted) -> sdk.SignedIdentity:
        """quirk(telegram): kits and pages are known by the bot's id, and Android's has no nonce (read 2026-11)."""
        if posted.kind is not sdk.PostedKind.ID_TOKEN:
            return self._bot.posted(posted)
        younger = _YOUNG if self.settings.kit_nonce == "if_present" else 0
        return await self.verify_native(posted, (), without_nonce=younger)

    @property
    def _bot(self) -> sdk.BotSigned:
        return sdk.BotSigned(self.settings, self.tools.now, self.tools.odd)

    def abilities(self) -> sdk.Abilities:
        """With the bot's token: messages afterwards; where it is switched on, sign-in by opening the bot."""
        bot = sdk.Bot.of(self.tools.calls, "https://api.telegram.org", self.settings.bot_token)
        start = sdk.StartBot.of(bot, self.tools, self.settings, home="https://t.me")
        return sdk.Abilities(writes=bot, signs_in_by_bot=start)

    def replay_key(self, reply: sdk.Reply) -> str:
        """The signature of a widget reply: whoever sees it could use it, so it is good once."""
        return "" if self.settings.mode == "oidc" else str(sdk.unpack_widget(reply.params).get("hash", ""))
