"""VK ID: OAuth 2.1 with three inventions of its own: `device_id`, a second `state`, errors with status 200.

Endpoints, fields: id.vk.ru/about/business/go/docs/ru/vkid/latest/vk-id/connection (read 2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, SecretStr

from broker import upstream as sdk

_VERIFIER = re.compile(r"[A-Za-z0-9_\-]{43,128}")
_LANGUAGES = {"ru": "0", "uk": "1", "en": "3", "es": "4", "de": "6", "pl": "15", "fr": "16", "uz": "65", "kk": "97"}


class VKSettings(sdk.PostedCodeSettings):
    """A web application of the VK ID cabinet."""

    scopes: tuple[str, ...] = Field(default=("vkid.personal_info", "email"), description="`phone` where VK allowed it")
    service_token: SecretStr | None = Field(default=None, description="The service access key of a confidential app")
    provider: Literal["vkid", "ok_ru", "mail_ru"] = Field(
        default="vkid", description="Which login form is shown first; the person is a VK ID account in each case"
    )
    id_token_key: str | None = Field(
        default=None, description="PEM of VK's RS256 key: check the id_token too (docs/providers/vk.md has the key)"
    )


class VK(sdk.PostedCodeProvider):
    """The key of a person is `user_id`, the same number in the token response and in user_info."""

    Settings: ClassVar[type[sdk.ProviderSettings]] = VKSettings
    title: ClassVar[Mapping[str, str]] = {"ru": "VK ID", "en": "VK ID"}
    label: ClassVar[Mapping[str, str]] = {"ru": "Войти с VK ID", "en": "Sign in with VK ID"}
    brand = sdk.Brand(sdk.Shade("#0071f2", "#ffffff", glyph=sdk.Glyph.WHITE))
    authorize_url = "https://id.vk.ru/authorize"
    token_url = "https://id.vk.ru/oauth2/auth"
    info_url = "https://id.vk.ru/oauth2/user_info"
    client_auth = "none"
    challenge_method = "s256"  # quirk(vk): lower case in every official SDK (read 2026-11)

    def authorize_params(self, flow: sdk.Flow) -> dict[str, str]:
        """The request with the first screen and the language VK knows by number."""
        form = self.settings.provider
        # quirk(vk): a verifier with `.` or `~` would be refused at the exchange, when the person has logged in already
        if _VERIFIER.fullmatch(flow.code_verifier) is None:
            raise sdk.UpstreamInvalid("VK knows no such characters in a code_verifier")
        # quirk(vk): its own SDK asks for a login whenever it shows one of the other two forms
        prompts = {"login", "consent", "select_account"} & set(flow.wishes.prompt)
        prompts |= {"login"} if form != "vkid" else set()
        more = {"provider": form, "lang_id": _LANGUAGES.get(flow.ui_locale, "3")}
        return super().authorize_params(flow) | more | ({"prompt": " ".join(sorted(prompts))} if prompts else {})

    @staticmethod
    def unpack(params: Mapping[str, str]) -> Mapping[str, str]:
        """The reply's parameters, those inside a JSON `payload` included; one that says two things is refused."""
        if "payload" not in params:
            return params
        inner = sdk.parse_object(params["payload"], "payload")
        packed = {name: str(value) for name, value in inner.items() if isinstance(value, (str, int))}
        if any(params.get(name, value) != value for name, value in packed.items()):
            raise sdk.UpstreamInvalid("the reply and its payload contradict each other")
        return {**params, **packed}

    @property
    def native_redirect_uri(self) -> str:
        """quirk(vk): what its kits for phones send, unasked (their source, read 2026-11)."""
        return f"vk{self.settings.client_id}://vk.ru/blank.html"

    def token_params(self, flow: sdk.Flow, params: Mapping[str, str]) -> dict[str, str]:
        """The exchange repeats the device and carries a state that must be echoed."""
        more = {"device_id": sdk.Fields(params, "reply").text("device_id"), "state": flow.state}
        if self.settings.service_token is not None:
            more["service_token"] = self.settings.service_token.get_secret_value()
        return super().token_params(flow, params) | more

    async def knock(self, flow: sdk.Flow) -> sdk.Fields:
        return await self.exchange(flow, {"code": sdk.MADE_UP, "device_id": sdk.MADE_UP})

    async def identity(self, flow: sdk.Flow, tokens: sdk.Fields) -> sdk.Identity:
        """user_info of the token, about the same person as the token response."""
        if not sdk.same(tokens.text("state"), flow.state):
            raise sdk.UpstreamInvalid("token response: state is not echoed")
        form = {"client_id": self.settings.client_id, "access_token": tokens.text("access_token")}
        user = (await self.http.post_form(self.info_url, form)).sub("user")
        if (user_id := user.decimal_id("user_id")) != tokens.decimal_id("user_id"):
            raise sdk.UpstreamInvalid("token response and user_info are about two people")
        if self.settings.id_token_key is not None:
            self._check_id_token(tokens.text("id_token"), user_id)
        return sdk.Identity(user_id, describe(user), raw_ids={"vk_user_id": user_id})

    def _check_id_token(self, token: str, user_id: str) -> None:
        # Further evidence only: without a nonce and valid for 360 days it never logs anybody in by itself.
        claims = self.tools.jwt.verify_pinned(token, public_key=self.settings.id_token_key, algorithm="RS256")
        # quirk(vk): `iis` is spelt so and `app` stands for aud; there is neither iss nor aud (samples read 2026-11)
        parties = (claims.text("iis"), claims.decimal_id("app"), claims.decimal_id("sub"))
        if parties != ("VK", self.settings.client_id, user_id):
            raise sdk.UpstreamInvalid("id_token is of another issuer, app or person")
        if claims.integer("exp") <= (now := self.tools.now()) or abs(now - claims.integer("iat")) > 300:
            raise sdk.UpstreamInvalid("id_token is not of this login")


def describe(user: sdk.Fields) -> dict[str, object]:
    """Claims of user_info; no flag says that an address was checked (`verified` is a badge), so none is verified."""
    # quirk(vk): a phone number has no plus (vendor docs read 2026-11)
    phone = sdk.international(user.shown("phone"))
    return (
        sdk.person(None, user.shown("first_name"), user.shown("last_name"), picture=user.shown("avatar"))
        | sdk.contact(email=user.shown("email"), email_verified=False, phone=phone if len(phone or "") > 11 else None)
        | {
            "gender": {1: "female", 2: "male"}.get(user.shown_number("sex") or 0),
            "birthdate": sdk.dotted_date(user.shown("birthday")),
        }
    )
