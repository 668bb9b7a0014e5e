"""T-ID (T-Bank, formerly Tinkoff ID): OAuth 2.0 for partners, where people untick what they do not want to share.

Endpoints, fields: developer.tbank.ru/products/scenarios/TID/w2w, tinkoff.github.io/tinkoff-id (read 2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from broker import upstream as sdk


class TIDSettings(sdk.EndpointSettings, sdk.AudibleTokenSettings, sdk.TokenSettings):
    """What the bank sent after the partner's application form."""

    required_scopes: tuple[str, ...] = Field(
        default=(), description="Whoever unticked one of these (`profile`, `phone`, `email`) is not let in"
    )
    pkce: bool = Field(default=True, description="Send a challenge; T-Bank's pages name it for apps on phones only")
    issuers: tuple[str, ...] = Field(
        default=("https://id.tinkoff.ru/", "https://id.tbank.ru/"),
        min_length=1,
        description="What introspection may call the issuer; it kept the bank's former name",
    )
    authorize_url: sdk.Address = Field(
        default="https://id.tbank.ru/auth/authorize", description="Where people are sent; it has moved before"
    )
    token_url: sdk.Address = Field(default="https://id.tbank.ru/auth/token", description="Where codes are redeemed")
    introspect_url: sdk.Address = Field(
        default="https://id.tbank.ru/auth/introspect", description="Where a token is asked what it is good for"
    )
    info_url: sdk.Address = Field(default="https://id.tbank.ru/userinfo/userinfo", description="Where the profile is")


class TID(sdk.AudibleTokenProvider):
    """The key of a person is `sub`, the same in introspection and profile; whether partners share it is not said."""

    Settings: ClassVar[type[sdk.ProviderSettings]] = TIDSettings
    title: ClassVar[Mapping[str, str]] = {"ru": "T-ID", "en": "T-ID"}
    label: ClassVar[Mapping[str, str]] = {"ru": "Войти с T-ID", "en": "Sign in with T-ID"}
    brand = sdk.Brand(sdk.Shade("#ffdd2d", "#333333"))
    client_auth = "basic"
    revocation_url = "https://id.tbank.ru/auth/revoke"
    scopes = ()  # quirk(tid): none is sent; what a partner may read is in its form (vendor docs read 2026-11)

    def authorize_params(self, flow: sdk.Flow) -> dict[str, str]:
        """The request without a scope; there is no `prompt` and no hint (vendor docs read 2026-11)."""
        params = super().authorize_params(self._challenged(flow))
        return {name: value for name, value in params.items() if name != "scope"}

    def token_params(self, flow: sdk.Flow, params: Mapping[str, str]) -> dict[str, str]:
        """A verifier goes where a challenge went before."""
        return super().token_params(self._challenged(flow), params)

    def _challenged(self, flow: sdk.Flow) -> sdk.Flow:
        return flow if self.settings.pkce else replace(flow, code_verifier="")

    async def identity(self, flow: sdk.Flow, tokens: sdk.Fields) -> sdk.Identity:
        """The profile of the token, once introspection has said that it is ours and what was ticked."""
        token, ours = tokens.text("access_token"), self.by_secret("basic")
        granted = await self.http.post_form(self.settings.introspect_url, {"token": token}, basic=ours.basic)
        self._check(granted)
        # quirk(tid): a POST, with the token in the header and the app's credentials in the body
        headers = {"Authorization": f"Bearer {token}"}
        me = await self.http.post_form(self.settings.info_url, self.by_secret("post").form, headers=headers)
        if (subject := me.text("sub")) != granted.text("sub"):
            raise sdk.UpstreamInvalid("introspection and userinfo are about two people")
        return sdk.Identity(subject, describe(me), raw_ids={"tid_sub": subject})

    def _check(self, granted: sdk.Fields) -> None:
        """Raise where the token is not live, not of the bank, not ours, or not good for what is required."""
        if granted.flag("active") is not True:
            raise sdk.UpstreamInvalid("introspection: the token is not active")
        if (issued_to := granted.text("client_id")) != self.settings.client_id:
            raise sdk.UpstreamInvalid(f"introspection: the token was issued to another app ({sdk.quote(issued_to)})")
        # `aud` is a list of services of the bank, so it is not compared with anything.
        if (issuer := granted.text("iss")) not in self.settings.issuers:
            raise sdk.UpstreamInvalid(f"introspection: another issuer ({sdk.quote(issuer)})")
        # quirk(tid): `scope` is a list; text is what RFC 7662 has
        scope = granted.raw("scope")
        ticked = scope.split() if isinstance(scope, str) else scope if isinstance(scope, list) else []
        if missing := [name for name in self.settings.required_scopes if name not in ticked]:
            raise sdk.UpstreamDenied(f"the person did not tick {', '.join(missing)}")


def describe(me: sdk.Fields) -> dict[str, object]:
    """Claims of userinfo, by their own names; an address or number is verified where its flag says so."""
    # quirk(tid): `name` has the family name first, so it is made of its parts
    given, family, gender = me.shown("given_name"), me.shown("family_name"), me.shown("gender")
    whole = None if given or family else me.shown("name")
    return (
        sdk.person(whole, given, family)
        | sdk.contact(
            email=me.shown("email"),
            email_verified=me.flag("email_verified") is True,
            phone=me.shown("phone_number"),
            phone_verified=me.flag("phone_number_verified") is True,
        )
        | {
            "middle_name": me.shown("middle_name"),
            "gender": gender if gender in {"male", "female"} else None,
            "birthdate": sdk.dashed_date(me.shown("birthdate")),
        }
    )
