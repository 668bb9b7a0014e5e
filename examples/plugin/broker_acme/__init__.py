"""Acme ID: OAuth 2.0 with a profile call. Documentation: acme.example/docs (read 2026-11)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from broker import upstream as sdk

TEXTS = {
    "en": {"question": "Acme will ask for your number.", "button": "Continue to Acme"},
    "ru": {"question": "Acme спросит ваш номер.", "button": "Продолжить в Acme"},
}


class AcmeSettings(sdk.ConfidentialSettings):
    """An app at acme.example/apps."""

    scopes: tuple[str, ...] = Field(default=("profile",), description="What is asked for")
    explain: bool = Field(default=False, description="Show a page of ours before Acme's")


class Acme(sdk.OAuth2Provider):
    """The key of a person is `id`, which Acme never gives to somebody else."""

    Settings = AcmeSettings
    assets = Path(__file__).with_name("assets")
    title: ClassVar = {"ru": "Acme", "en": "Acme"}
    label: ClassVar = {"ru": "Войти через Acme", "en": "Sign in with Acme"}
    brand = "#aa3300"
    authorize_url = "https://acme.example/oauth/authorize"
    token_url = "https://api.acme.example/oauth/token"

    async def begin(self, flow: sdk.Flow) -> sdk.Redirect | sdk.Widget:
        """Straight to Acme, or by a page that says what comes."""
        step = await super().begin(flow)
        if not self.settings.explain:
            return step
        return sdk.Widget("acme/explain.html", TEXTS.get(flow.ui_locale, TEXTS["en"]), step.url)

    async def identity(self, flow: sdk.Flow, tokens: sdk.Fields) -> sdk.Identity:
        """The profile of the token."""
        bearer = {"Authorization": f"Bearer {tokens.text('access_token')}"}
        me = await self.http.get_json("https://api.acme.example/me", headers=bearer)
        # quirk(acme): the profile answers for every app's tokens, and says whose one is (read 2026-11)
        if me.text("client_id") != self.settings.client_id:
            raise sdk.UpstreamInvalid("the token is of another app")
        claims = {"name": me.shown("name"), "picture": sdk.https_url(me.shown("avatar"))}
        address = sdk.contact(email=me.shown("email"), email_verified=False)
        return sdk.Identity(me.text("id"), claims | address, raw_ids={"acme_id": me.text("id")})
