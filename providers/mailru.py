"""Mail.ru (OAuth Mail): OAuth 2.0 whose errors are sentences with a number, and a profile for tokens of every app.

Endpoints: id.vk.ru/about/business/go/docs/ru/vkid/latest/oauth/oauth-mail, biz.mail.ru/developer (read 2026-11).
What the official pages do not show rests on public clients: docs/providers/mailru.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from broker import upstream as sdk

_OWN_DOMAINS = ("mail.ru", "bk.ru", "list.ru", "inbox.ru", "internet.ru", "mail.ua", "xmail.ru")


class MailRuSettings(sdk.EndpointSettings, sdk.AudibleTokenSettings, sdk.TokenSettings):
    """An application of Mail's cabinet, o2.mail.ru/app."""

    scopes: tuple[str, ...] = Field(
        default=("userinfo",),
        description="`profile` where the app was made by the newer form; never `mail.imap`, which opens the mailbox",
    )
    trust_email_domains: tuple[str, ...] = Field(
        default=_OWN_DOMAINS, description="Domains whose mailboxes are Mail.ru's own, so that it may vouch for them"
    )
    authorize_url: sdk.Address = Field(
        default="https://oauth.mail.ru/login", description="Where people are sent; it has moved before"
    )
    token_url: sdk.Address = Field(default="https://oauth.mail.ru/token", description="Where codes are redeemed")
    info_url: sdk.Address = Field(default="https://oauth.mail.ru/userinfo", description="Where the profile is")


class MailRu(sdk.AudibleTokenProvider):
    """The key of a person is `id`: an address may be given to somebody else when its mailbox was deleted."""

    Settings: ClassVar[type[sdk.ProviderSettings]] = MailRuSettings
    title: ClassVar[Mapping[str, str]] = {"ru": "Mail.ru", "en": "Mail.ru"}
    label: ClassVar[Mapping[str, str]] = {"ru": "Войти через Mail.ru", "en": "Sign in with Mail.ru"}
    brand = sdk.Brand(sdk.Shade("#005ff9", "#ffffff", glyph=sdk.Glyph.WHITE))
    client_auth = "basic"
    # quirk(mailru): errors are sentences, and a wrong code has the one of a wrong secret (public clients read 2026-11)
    grant_refused = frozenset({"token_not_found", "invalid_grant"})
    client_refused = frozenset({"invalid_username_or_password", "invalid_client"})

    def authorize_params(self, flow: sdk.Flow) -> dict[str, str]:
        """The request; `prompt_force` shows the consent page again, which is the most that can be asked for."""
        force = {"prompt_force": "1"} if flow.wishes.prompt else {}
        return super().authorize_params(flow) | force

    async def knock(self, flow: sdk.Flow) -> sdk.Fields:
        """By a refresh token, which is refused otherwise than a client is."""
        form = {"grant_type": "refresh_token", "refresh_token": sdk.MADE_UP}
        return await self.ask_tokens(form, await self.metadata())

    async def identity(self, flow: sdk.Flow, tokens: sdk.Fields) -> sdk.Identity:
        """The profile of the token, if the token is one of ours."""
        # quirk(mailru): the token goes in the query; no official page shows a header (vendor docs read 2026-11)
        token = {"access_token": tokens.text("access_token")}
        me = await self.http.get_json(self.settings.info_url, params=token)
        # quirk(mailru): userinfo answers for the tokens of every app; only client_id says whose it is
        if (issued_to := me.text("client_id")) != self.settings.client_id:
            raise sdk.UpstreamInvalid(f"userinfo: the token was issued to another app ({sdk.quote(issued_to)})")
        subject = me.decimal_id("id")
        return sdk.Identity(subject, self._describe(me), raw_ids={"mailru_id": subject})

    def _describe(self, me: sdk.Fields) -> dict[str, object]:
        """Claims of userinfo; the local part of an address is no name, as it is another person's at another domain."""
        given, family, email = me.shown("first_name"), me.shown("last_name"), me.shown("email")
        whole, nickname, picture = me.shown("name"), me.shown("nickname"), me.shown("image")
        known = sdk.person(whole, given, family, nickname=nickname, picture=picture)
        # No flag says that an address was checked: a mailbox of Mail's own is the account itself.
        verified = sdk.hosted(email, self.settings.trust_email_domains)
        locale = me.shown("locale")
        return (
            known
            | sdk.contact(email=email, email_verified=verified)
            | {
                "gender": {"m": "male", "f": "female"}.get(me.shown("gender") or ""),
                "birthdate": sdk.dotted_date(me.shown("birthday")),
                "locale": locale and locale.replace("_", "-"),  # quirk(mailru): `ru_RU`
            }
        )
