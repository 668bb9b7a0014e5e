"""Spotify. From developer.spotify.com/documentation/web-api (authorization code flow, current user; read 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from broker.demo.faults import OAUTH
from broker.demo.rules import documented, guessed
from broker.demo.upstreams.base import Grant
from broker.demo.upstreams.oauth2 import OAuth2, Paths


class Spotify(OAuth2):
    """accounts.spotify.com and api.spotify.com."""

    type = "spotify"
    port = 8431
    settings: ClassVar[Mapping[str, object]] = {"client_id": "test-spotify-app", "client_secret": "test-spotify-secret"}
    title = "Spotify"
    colour = "#1db954"
    works = "code flow with PKCE, refresh with rotation, `/v1/me`"
    rules = (
        documented("`email` comes with the scope `user-read-email` only, and nobody has proved it"),
        documented("a code is good once, for its app and its redirect URI"),
        guessed("a verifier has to fit its challenge, also beside a secret; refresh tokens change at every use"),
        guessed("apps in development mode, which get no address, are not told apart"),
    )
    fronts = ("/authorize",)
    faults_known = (*OAUTH, "no_id", "unauthorized", "refresh_refused")
    paths = Paths("/authorize", "/api/token", "/v1/me")

    def profile(self, granted: Grant) -> dict[str, object]:
        """The current user's profile."""
        person, number = granted.person, self.subject(granted.person)
        found: dict[str, object] = {
            "id": number,
            "display_name": person.name,
            "external_urls": {"spotify": f"https://open.spotify.com/user/{number}"},
            "href": f"https://api.spotify.com/v1/users/{number}",
            "images": [{"url": f"https://i.scdn.co/image/{person.key}", "height": 300, "width": 300}]
            if person.picture
            else [],
            "type": "user",
            "uri": f"spotify:user:{number}",
        }
        address = person.email_at(self.type)
        return found | ({"email": address} if address and "user-read-email" in granted.scope else {})

    def more(self, granted: Grant) -> dict[str, object]:
        """Nothing."""
        return {}
