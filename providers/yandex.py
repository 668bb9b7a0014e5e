"""Yandex ID: OAuth 2.0 with a profile call of its own scheme.

Endpoints, fields: yandex.ru/dev/id/doc (codes/code-and-token, user-information; read 2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, field_validator

from broker import upstream as sdk

# Mailboxes of these domains are the Yandex account itself; any other address is hosted by somebody else.
_OWN_DOMAINS = frozenset({"yandex.ru", "yandex.com", "yandex.by", "yandex.kz", "yandex.ua", "yandex.com.tr", "ya.ru"})
_AVATAR = re.compile(r"[A-Za-z0-9/_.\-]{1,200}")


class YandexSettings(sdk.AudibleTokenSettings, sdk.TokenSettings):
    """An app of the kind `for user login` at oauth.yandex.ru."""

    scopes: tuple[str, ...] = Field(
        default=("login:info", "login:email", "login:avatar"),
        description="`login:birthday` and `login:default_phone` where the app has them",
    )
    trust_email_domains: tuple[str, ...] = Field(
        default=(), description="Further domains whose addresses Yandex may vouch for, for example your Yandex 360 one"
    )
    trust_phone: bool = Field(default=False, description="Call the phone number verified")

    @field_validator("token_scopes")
    @classmethod
    def _one_set_of_rights(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        # quirk(yandex): a token with other rights ends the one before it (vendor docs read 2026-11)
        if scopes:
            raise ValueError("at Yandex an app has one set of rights per person: put them into scopes")
        return scopes


class Yandex(sdk.AudibleTokenProvider):
    """The key of a person is `id`; logins are given out again and `psuid` changes with the client id."""

    Settings: ClassVar[type[sdk.ProviderSettings]] = YandexSettings
    title: ClassVar[Mapping[str, str]] = {"ru": "Яндекс ID", "en": "Yandex ID"}
    label: ClassVar[Mapping[str, str]] = {"ru": "Войти с Яндекс ID", "en": "Sign in with Yandex ID"}
    brand = sdk.Brand(sdk.Shade("#000000", "#ffffff"))
    authorize_url = "https://oauth.yandex.ru/authorize"
    token_url = "https://oauth.yandex.ru/token"
    info_url = "https://login.yandex.ru/info"
    client_auth = "basic"
    grant_refused = sdk.OAuth2Provider.grant_refused | {"bad_verification_code"}

    def authorize_params(self, flow: sdk.Flow) -> dict[str, str]:
        """Account choice where the client asked for a fresh login; there is no `prompt` (vendor docs read 2026-11)."""
        params = super().authorize_params(flow)
        if flow.wishes.login_hint:
            params["login_hint"] = flow.wishes.login_hint
        return params | ({"force_confirm": "yes"} if flow.wishes.prompt else {})

    async def identity(self, flow: sdk.Flow, tokens: sdk.Fields) -> sdk.Identity:
        """The profile of the token, if the token is one of ours."""
        # quirk(yandex): the scheme is `OAuth` although token_type says bearer (vendor docs read 2026-11)
        headers = {"Authorization": f"OAuth {tokens.text('access_token')}"}
        me = await self.http.get_json(self.info_url, params={"format": "json"}, headers=headers)
        # quirk(yandex): info answers for the tokens of every app; only client_id says whose it is
        if (issued_to := me.text("client_id")) != self.settings.client_id:
            raise sdk.UpstreamInvalid(f"info: the token was issued to another app ({sdk.quote(issued_to)})")
        psuid = me.shown("psuid")
        return sdk.Identity(
            me.decimal_id("id"),
            _person(me) | self._contact(me),
            raw_ids={"yandex_id": me.decimal_id("id")} | ({"yandex_psuid": psuid} if psuid else {}),
        )

    def _contact(self, me: sdk.Fields) -> dict[str, object]:
        emails = me.raw("emails")
        first = emails[0] if isinstance(emails, list) and emails and isinstance(emails[0], str) else None
        email = me.shown("default_email") or first
        phone = me.shown_object("default_phone").shown("number")
        return sdk.contact(
            email=email,
            email_verified=sdk.hosted(email, {*_OWN_DOMAINS, *self.settings.trust_email_domains}),
            phone=phone,
            phone_verified=self.settings.trust_phone,
        )


def _person(me: sdk.Fields) -> dict[str, object]:
    sex = me.shown("sex")
    given, family = me.shown("first_name"), me.shown("last_name")
    whole = me.shown("real_name") or (None if given or family else me.shown("display_name"))
    known = sdk.person(
        whole, given, family, nickname=me.shown("display_name"), username=me.shown("login"), picture=_picture(me)
    )
    return known | {
        "gender": sex if sex in {"male", "female"} else None,
        "birthdate": sdk.dashed_date(me.shown("birthday")),
    }


def _picture(me: sdk.Fields) -> str | None:
    avatar = me.shown("default_avatar_id")
    # quirk(yandex): 0/0-0 is a stub too; the slash inside an id stays as it is
    if me.flag("is_avatar_empty") or avatar in {None, "0/0-0"} or _AVATAR.fullmatch(avatar) is None:
        return None
    return f"https://avatars.yandex.net/get-yapic/{avatar}/islands-200"
