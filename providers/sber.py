"""Sber ID (beta): a code flow over mutual TLS, with ID tokens whose signature nobody outside the bank can check.

Endpoints, fields: developers.sber.ru/docs/ru/sberid/service, api.developer.sber.ru/product/SberbankID (read 2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from secrets import token_hex
from typing import ClassVar

from pydantic import Field, field_validator

from broker import upstream as sdk


class SberSettings(sdk.EndpointSettings, sdk.CertifiedSettings, sdk.ConfidentialSettings, sdk.TokenSettings):
    """An organisation in Sber ID's cabinet, with the certificate that it issued."""

    scopes: tuple[str, ...] = Field(
        default=("openid", "name", "email", "mobile"), description="`openid` first; the rest is what your package has"
    )
    trust_phone: bool = Field(default=False, description="Call the number verified: the bank sends its SMS there")
    id_token_key: str | None = Field(default=None, description="PEM of an RS256 key, which is then checked")
    issuers: tuple[str, ...] = Field(
        default=("https://online.sberbank.ru/CSAFront/index.do",), min_length=1, description="`iss` of ID tokens"
    )
    timeout: float = Field(default=10.0, gt=0, le=10, description="Seconds one call may take; Sber itself says 10")
    authorize_url: sdk.Address = Field(
        default="https://online.sberbank.ru/CSAFront/oidc/authorize.do", description="Where people are sent"
    )
    token_url: sdk.Address = Field(
        default="https://oauth.sber.ru/ru/prod/tokens/v2/oidc", description="Where codes are redeemed, by mutual TLS"
    )
    info_url: sdk.Address = Field(
        default="https://oauth.sber.ru/ru/prod/sberbankid/v2.1/userinfo", description="Where the profile is, likewise"
    )
    completed_url: sdk.Address | None = Field(
        default="https://oauth.sber.ru/api/v2/auth/completed", description="Told of every login; null: not at all"
    )

    @field_validator("scopes")
    @classmethod
    def _openid_first(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if scopes[:1] != ("openid",):
            raise ValueError("openid has to stand first: Sber refuses any other order")
        return scopes


class Sber(sdk.OAuth2Provider):
    """The key of a person is `sub`, the same in ID token and profile; passport, INN and SNILS are not asked for."""

    Settings: ClassVar[type[sdk.ProviderSettings]] = SberSettings
    title: ClassVar[Mapping[str, str]] = {"ru": "Сбер ID", "en": "Sber ID"}
    label: ClassVar[Mapping[str, str]] = {"ru": "Войти по Сбер ID", "en": "Sign in with Sber ID"}
    brand = sdk.Brand(sdk.Shade("#1c8830", "#ffffff", glyph=sdk.Glyph.WHITE))

    async def begin(self, flow: sdk.Flow) -> sdk.Redirect | sdk.Widget:
        """quirk(sber): a space between scopes is `%20`, a plus is not understood (public clients, read 2026-11)."""
        step = await super().begin(flow)
        where, mark, query = step.url.partition("?")
        return replace(step, url=f"{where}{mark}{query.replace('+', '%20')}")

    def authorize_params(self, flow: sdk.Flow) -> dict[str, str]:
        """The request with a nonce, which is all that ties an ID token to this browser."""
        return super().authorize_params(flow) | {"client_type": "PRIVATE", "nonce": flow.nonce}

    async def ask_tokens(self, form: Mapping[str, str], metadata: sdk.Metadata) -> sdk.Fields:
        """The token response; credentials go in the form, beside the certificate."""
        sent = {**form, **self.by_secret("post").form}
        return await self.http.post_form(metadata.token_endpoint, sent, headers={"rquid": token_hex(16)})

    async def identity(self, flow: sdk.Flow, tokens: sdk.Fields) -> sdk.Identity:
        """The profile of the token, about whom the ID token of this attempt is about."""
        token, id_token, ours = tokens.text("access_token"), tokens.text("id_token"), self.settings.client_id
        if self.settings.id_token_key is not None:
            self.tools.jwt.verify_pinned(id_token, public_key=self.settings.id_token_key, algorithm="RS256")
        rules = sdk.IdTokenRules(self.settings.issuers, ours, (), "", flow.nonce, issued_after=flow.started_at)
        # quirk(sber): signed by gost34-10.2012 or not at all; what counts is the mutual TLS (OIDC Core 3.1.3.7 point 6)
        signed = self.tools.jwt.read_direct(id_token, rules)
        # quirk(sber): 32 hexadecimal digits that every call has anew, by which the bank's support finds it
        bearer = {"Authorization": f"Bearer {token}"}
        headers = {**bearer, "x-introspect-rquid": token_hex(16)}
        me = await self.http.get_json(self.settings.info_url, headers=headers)
        if (subject := me.text("sub")) != signed.text("sub"):
            raise sdk.UpstreamInvalid("ID token and userinfo are about two people")
        if (issued_to := me.text("aud")) != ours:
            raise sdk.UpstreamInvalid(f"userinfo: it is for another app ({sdk.quote(issued_to)})")
        if self.settings.completed_url is not None:
            self.http.tell(self.settings.completed_url, headers={**bearer, "rquid": token_hex(16)})
        merged = signed.shown("sub_alt") or signed.shown("alt_sub")
        raw_ids = {"sber_sub": subject} | ({"sber_alt_sub": merged} if merged else {})
        return sdk.Identity(subject, describe(me, self.settings.trust_phone), raw_ids=raw_ids)


def describe(me: sdk.Fields, trust_phone: bool) -> dict[str, object]:
    """Claims of userinfo: what the bank checked, and an address that the person typed."""
    digits = re.sub(r"[^0-9]", "", me.shown("phone_number") or "")  # quirk(sber): `+7 (000) 0000000`
    phone = sdk.international(re.sub(r"^8(?=[0-9]{10}$)", "7", digits))
    return (
        sdk.person(None, me.shown("given_name"), me.shown("family_name"))
        | sdk.contact(
            email=me.shown("email"),
            email_verified=me.flag("email_verified") is True,
            phone=phone,
            phone_verified=trust_phone,
        )
        | {
            "middle_name": me.shown("middle_name"),
            "gender": {1: "male", 2: "female"}.get(me.shown_number("gender") or 0),
            "birthdate": sdk.dashed_date(me.shown("birthdate")),
        }
    )
