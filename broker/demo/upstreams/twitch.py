"""Twitch as an OpenID Provider. From dev.twitch.tv/docs/authentication/getting-tokens-oidc (read 2026-11)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from starlette.responses import Response

from broker.demo.call import Call
from broker.demo.people import Person
from broker.demo.rules import documented, guessed, measured
from broker.demo.upstreams.answers import json_answer
from broker.demo.upstreams.base import Handler, RegisteredApp
from broker.demo.upstreams.id_tokens import Claims
from broker.demo.upstreams.oidc_logins import Granted
from broker.demo.upstreams.oidc_service import OidcService

_KNOWN = ("email", "email_verified", "picture", "preferred_username", "updated_at")


@dataclass(frozen=True, slots=True)
class Wanted(Granted):
    """`names`: the claims that the request named for the ID token."""

    names: tuple[str, ...] = _KNOWN

    @classmethod
    def asked(cls, call: Call, person: Person, app: RegisteredApp) -> Self:
        """With the names in the `claims` parameter (OIDC Core 5.5)."""
        asked = json.loads(call.get("claims") or "{}").get("id_token", {})
        return replace(
            super(Wanted, cls).asked(call, person, app), names=tuple(name for name in _KNOWN if name in asked)
        )


class Twitch(OidcService):
    """id.twitch.tv/oauth2."""

    type = "twitch"
    port = 8430
    settings: ClassVar[Mapping[str, object]] = {"client_id": "test-twitch-app", "client_secret": "test-twitch-secret"}
    title = "Twitch"
    colour = "#9146ff"
    fronts = ("/authorize",)
    kept = Wanted
    home = "https://id.twitch.tv/oauth2"
    places: ClassVar[Mapping[str, str]] = {
        "authorization_endpoint": "/authorize",
        "token_endpoint": "/token",
        "userinfo_endpoint": "/userinfo",
        "jwks_uri": "/keys",
    }
    document: ClassVar[Mapping[str, object]] = {
        "claims_parameter_supported": True,
        "claims_supported": ["exp", "iss", "sub", "azp", "aud", "iat", *_KNOWN],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["id_token", "code", "token", "code id_token", "token id_token"],
        "scopes_supported": ["openid"],
        "subject_types_supported": ["public"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    }
    renews = True
    plain = True
    works = (
        "discovery, code flow, ID tokens with the claims that were named, userinfo; `/helix/users` for apps without "
        "OpenID Connect"
    )
    rules = (
        documented("a claim beside the standard ones is told only where the `claims` parameter names it"),
        documented("a refresh token comes with every answer"),
        documented("`sub` is the number of the person; the document names no method of PKCE"),
        documented("`/helix/users` wants the id of the app beside its token, as `Client-Id`"),
        measured("an address needs the scope `user:read:email`; `scope` in the token answer is a list"),
        guessed("`preferred_username` is the name people chose for show"),
        guessed("`email_verified` is true for Ada alone; a verifier that fits a challenge is taken"),
    )

    def claims_of(self, granted: Granted) -> Claims:
        person = granted.person
        found: Claims = {
            "azp": granted.app.client_id,
            "preferred_username": person.name,
            "updated_at": "2026-01-02T03:04:05Z",
        }
        found |= {"picture": f"https://static-cdn.jtvnw.net/jtv_user_pictures/{person.key}-profile_image-300x300.png"}
        address = person.email_at(self.type)
        if address and "user:read:email" in granted.scope:
            found |= {"email": address, "email_verified": person.key == "ada"}
        names = granted.names if isinstance(granted, Wanted) else _KNOWN
        return {name: value for name, value in found.items() if name == "azp" or name in names}

    def beside(self, granted: Granted) -> Claims:
        return {"scope": list(granted.scope), "token_type": "bearer"}

    @property
    def _all_scopes(self) -> tuple[str, ...]:
        return ("openid", "user:read:email")

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        return [*super().routes(), ("/helix/users", ("GET",), self._users)]

    async def _users(self, call: Call) -> Response:
        """Of its API (dev.twitch.tv/docs/api/reference, Get Users): whose token it is."""
        granted = self.tokens.look(call.headers.get("authorization", "").partition(" ")[2])
        if granted is None or call.headers.get("client-id") != granted.app.client_id:
            said = "Invalid OAuth token" if granted is None else "Client ID and OAuth token do not match"
            return json_answer({"error": "Unauthorized", "status": 401, "message": said}, 401)
        person = granted.person
        found: Claims = {"id": self.subject(person), "login": person.username or person.key}
        found |= {"display_name": person.name, "type": "", "broadcaster_type": "", "description": ""}
        if "user:read:email" in granted.scope:
            found["email"] = person.email_at(self.type)
        return json_answer({"data": [self.told(person, found)]})
