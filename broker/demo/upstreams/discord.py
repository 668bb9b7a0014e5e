"""Discord. From docs.discord.com/developers (topics/oauth2, resources/user; read 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from starlette.responses import Response

from broker.demo.call import Call
from broker.demo.faults import OAUTH
from broker.demo.rules import documented, guessed, measured
from broker.demo.upstreams.answers import json_answer
from broker.demo.upstreams.base import Grant, Handler
from broker.demo.upstreams.oauth2 import OAuth2, Paths


class Discord(OAuth2):
    """discord.com."""

    type = "discord"
    port = 8428
    settings: ClassVar[Mapping[str, object]] = {
        "client_id": "157730590492196864",
        "client_secret": "test-discord-secret",
    }
    title = "Discord"
    colour = "#5865f2"
    works = "code flow with PKCE, refresh with rotation, `/users/@me`, `/oauth2/@me`, revocation"
    rules = (
        documented("`/oauth2/@me` tells of a token which application it is for, its scopes, its end and whose it is"),
        documented("`email` and `verified` come with the scope `email` only; `global_name` may be null"),
        measured("the former `/api/oauth2/authorize`, as allauth, python-social-auth and passport-discord have it"),
        guessed("`verified` is true for Ada alone"),
        guessed("a verifier has to fit its challenge, also beside a secret"),
    )
    fronts = ("/oauth2/authorize", "/api/oauth2/authorize")
    faults_known = (*OAUTH, "no_id", "unauthorized", "refresh_refused", "inactive_token", "other_app")
    paths = Paths(
        "/oauth2/authorize",
        "/api/oauth2/token",
        "/api/users/@me",
        check="/api/oauth2/@me",
        revoke="/api/oauth2/token/revoke",
    )
    lifetime = 604800

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        """Those of any service of OAuth 2.0, and the page under its former address."""
        return (*super().routes(), ("/api/oauth2/authorize", ("GET",), self._authorize))

    def profile(self, granted: Grant) -> dict[str, object]:
        """The user object (docs.discord.com, resources/user)."""
        person = granted.person
        found: dict[str, object] = {
            "id": self.subject(person),
            "username": person.username or person.key,
            "discriminator": "0",
            "global_name": person.name,
            "avatar": "8342729096ea3675442027381ff50dfe" if person.picture else None,
            "locale": "ru" if person.locale == "ru" else "en-US",
            "mfa_enabled": False,
        }
        if "email" in granted.scope:
            found |= {"email": person.email_at(self.type) or None, "verified": person.key == "ada"}
        return found

    def more(self, granted: Grant) -> dict[str, object]:
        """Nothing."""
        return {}

    def checked(self, granted: Grant, client_id: str) -> dict[str, object]:
        """The current authorization, as `/oauth2/@me` tells it."""
        ends = datetime.fromtimestamp(self.now() + self.lifetime, UTC).isoformat()
        short = {name: value for name, value in self.profile(granted).items() if name in {"id", "username", "avatar"}}
        return {
            "application": {"id": client_id, "name": "Example"},
            "scopes": list(granted.scope),
            "expires": ends,
            "user": short,
        }

    def not_active(self) -> Response:
        """The refusal of its API, with the status 401."""
        return json_answer({"message": "401: Unauthorized", "code": 0}, 401)

    def _checked(self, call: Call) -> Grant | None:
        """Asked with the token itself."""
        return self.tokens.look(call.headers.get("authorization", "").partition(" ")[2])
