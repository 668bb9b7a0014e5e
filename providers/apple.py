"""Sign in with Apple: OpenID Connect with a form for an answer, a secret that we sign, and a name that comes once.

Endpoints and claims: developer.apple.com/documentation/signinwithapplerestapi (read 2026-11).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from broker import upstream as sdk

_ISSUER = "https://appleid.apple.com"
_OFF = "apple_email_disabled"
_LIFE = 300  # seconds that a code counts, and a secret of ours; Apple would take half a year
# quirk(apple): the name comes with the first authorization, the address not with every ID token (read 2026-11)
_TOLD_TOGETHER = ("name", "given_name", "family_name"), ("email", "email_verified", "apple_private_email"), (_OFF,)
_TAKEN_BACK, _GONE = sdk.Meaning.WITHDRAWN, sdk.Meaning.GONE


class AppleSettings(sdk.NativeSettings, sdk.TokenSettings, sdk.EventSettings):
    """A Services ID of a team, and a key of that team for Sign in with Apple."""

    posted = sdk.NativeSettings.posted | {sdk.PostedKind.CODE}

    team_id: str = Field(pattern=r"^[A-Z0-9]{10}$", description="The id of the developer team, 10 characters")
    key_id: str = Field(pattern=r"^[A-Z0-9]{10}$", description="The id of the key in `private_key`, 10 characters")
    private_key: sdk.ES256Key = Field(description="The text of the .p8 file; line breaks may be missing")
    scopes: tuple[Literal["name", "email"], ...] = Field(default=("name", "email"), description="What is asked for")

    @model_validator(mode="after")
    def _one_app_of_codes(self) -> Self:
        if sdk.PostedKind.CODE in self.accept_posted and len(self.native_client_ids) != 1:
            raise ValueError("accept_posted: code needs one of native_client_ids: the app that Apple gives the codes")
        if self.token_scopes:
            raise ValueError("at Apple tokens have no rights of their own: leave token_scopes out")
        return self

    def identity_namespace(self) -> str:
        """quirk(apple): `sub` is the same at every client id of a team, and another in every other team."""
        return self.namespace or f"apple:{self.team_id}"


class Apple(sdk.EventTokenProvider):
    """The key of a person is `sub`, within the team."""

    Settings: ClassVar[type[sdk.ProviderSettings]] = AppleSettings
    channels: ClassVar[frozenset[sdk.Channel]] = frozenset({sdk.Channel.FORM_POST})
    title: ClassVar[Mapping[str, str]] = {"ru": "Apple", "en": "Apple"}
    label: ClassVar[Mapping[str, str]] = {"ru": "Вход с Apple", "en": "Sign in with Apple"}
    brand = sdk.Brand(sdk.Shade("#000000", "#ffffff", glyph=sdk.Glyph.DARK), sdk.Shade("#ffffff", "#000000"))
    authorize_url = f"{_ISSUER}/auth/authorize"
    token_url = f"{_ISSUER}/auth/token"
    revocation_url = f"{_ISSUER}/auth/revoke"
    jwks_uri = f"{_ISSUER}/auth/keys"
    # quirk(apple): discovery has said account.apple.com since June 2025, tokens have not, so nobody reads it
    issuers = (_ISSUER,)
    challenge_method = ""  # quirk(apple): PKCE is not documented; the nonce ties the code to the browser
    denied = frozenset({"user_cancelled_authorize"})
    hashed_nonce = True  # quirk(apple): several wrappers of its kit hash what they are given
    posted = challenged = AppleSettings.posted
    # quirk(apple): both spellings of the last are about (read 2026-11)
    event_kinds: ClassVar = {"consent-revoked": _TAKEN_BACK, "account-deleted": _GONE, "account-delete": _GONE}
    event_marks: ClassVar = {"email-disabled": {_OFF: "true"}, "email-enabled": {_OFF: None}}
    events_expire, event_member, event_status = True, "payload", 200

    def __init__(self, settings: Any, tools: sdk.Tools) -> None:
        super().__init__(settings, tools)
        self._key = sdk.AssertionKey.parse(settings.private_key, "ES256")

    def read_events(self, claims: sdk.Fields) -> Iterable[sdk.UpstreamEvent]:
        """quirk(apple): one event, as a JSON text (read 2026-11)."""
        told = claims.shown_document("events")
        return (self.event(told.text("type"), told.text("sub")),)

    def authorize_params(self, flow: sdk.Flow) -> dict[str, str]:
        """quirk(apple): whoever asks for a name or an address is answered by a form, and by nothing else."""
        return super().authorize_params(flow) | {"response_mode": "form_post"}

    async def begin(self, flow: sdk.Flow) -> sdk.Redirect | sdk.Widget:
        """quirk(apple): a space is %20; with + some of its pages fail (read 2026-11)."""
        step = await super().begin(flow)
        return replace(step, url=step.url.replace("+", "%20"))

    async def credentials(self, metadata: sdk.Metadata, native: str = "") -> sdk.Credentials:
        """A secret made for this one request of the web's id, or of the app's on a phone."""
        now, us = int(self.tools.now()), native or self.settings.client_id
        claims = {"iss": self.settings.team_id, "iat": now, "exp": now + _LIFE, "aud": _ISSUER, "sub": us}
        secret = self._key.sign(claims, kid=self.settings.key_id)
        return sdk.Credentials({"client_id": us, "client_secret": secret})

    async def finish(self, flow: sdk.Flow, reply: sdk.Reply) -> sdk.Identity:
        """With the name that the form may bring: nobody signed it, so it is a name and nothing else (threats C5)."""
        identity = await super().finish(flow, reply)
        name = sdk.Fields(reply.params, "reply", self.tools.odd).shown_document("user").shown_object("name")
        known = sdk.person(None, name.shown("firstName"), name.shown("lastName"))
        return replace(identity, claims={**identity.claims, **known})

    def describe(self, claims: sdk.Fields) -> sdk.Identity:
        """quirk(apple): flags are booleans or texts; an address may be a relay's, which a flag says, or missing."""
        subject, email = claims.text("sub"), claims.shown("email")
        private = {"apple_private_email": "true"} if email and claims.affirmed("is_private_email") else {}
        known = sdk.contact(email=email, email_verified=claims.affirmed("email_verified"))
        ids, lasting = {"apple_sub": subject} | private, tuple(map(frozenset, _TOLD_TOGETHER))
        return sdk.Identity(subject, known, raw_ids=ids, auth_time=claims.maybe_integer("auth_time"), lasting=lasting)

    async def verify_posted(self, posted: sdk.Posted) -> sdk.SignedIdentity:
        """quirk(apple): a code is redeemed as the app that got it; its ID token has our nonce, or the hash of that."""
        native = self.settings.native_client_ids
        if posted.kind is sdk.PostedKind.ID_TOKEN:
            return await self.verify_native(posted, native)
        proof = await self.credentials(await self.metadata(), native[0])
        form = {"grant_type": "authorization_code", "code": posted.token, **proof.form}
        tokens = await self.http.post_form(self.token_url, form)
        signed = await self.verify_native(replace(posted, token=tokens.text("id_token")), native)
        return replace(signed, replay_key=posted.token, expires_at=int(self.tools.now()) + _LIFE)
