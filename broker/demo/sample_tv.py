"""The sample app's other half: a television that signs people in by a code (RFC 8628), on pages without a script.

A device needs three things of the broker: the addresses in discovery, a client_id without a secret, and the grant.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import httpx2
import segno
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from broker.demo.pages import environment
from broker.demo.sample_texts import TV_TEXTS

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]  # what the broker may sign with
_SLOWER = 5  # seconds that every `slow_down` adds (section 3.5)


@dataclass
class Screen:
    """What one television shows. `told` is the broker's answer to it, `ask_at` in seconds of the monotonic clock."""

    told: dict[str, Any]
    interval: int = 5
    ask_at: float = 0.0
    claims: dict[str, Any] = field(default_factory=dict)
    problem: tuple[str, str] | None = None

    @property
    def waits(self) -> bool:
        """Whether there is an answer to come."""
        return not self.claims and self.problem is None


class Television:
    """The pages at /tv. A browser stands for the television; its cookie holds a random key to its screen."""

    def __init__(self, issuer: str, client_id: str, broker: Any) -> None:
        """`broker` is Authlib's client, which knows discovery and the keys."""
        self._issuer = issuer
        self._client_id = client_id
        self._broker = broker
        self._screens: dict[str, Screen] = {}

    async def start(self, request: Request, language: str) -> Response:
        """A fresh code. Its page leads to `show` by itself, every interval."""
        self._screens.pop(request.session.pop("tv", ""), None)
        answer = await self._post("device_authorization_endpoint", {"scope": "openid profile"})
        told = answer.json()
        if answer.status_code != 200:
            return self._page(Screen({}, problem=_said(told)), language)
        key = secrets.token_urlsafe(32)
        request.session["tv"] = key
        self._screens[key] = screen = Screen(told, told.get("interval", 5))
        return self._page(screen, language)

    async def show(self, request: Request, language: str) -> Response:
        """The screen as it is; the broker is asked where that is due, however often the page is loaded."""
        screen = self._screens.get(request.session.get("tv", ""))
        if screen is not None and screen.waits and time.monotonic() >= screen.ask_at:
            await self._ask(screen)
        return self._page(screen, language)

    async def _ask(self, screen: Screen) -> None:
        screen.ask_at = time.monotonic() + screen.interval  # before the call: two tabs ask once
        form = {"grant_type": GRANT, "device_code": screen.told["device_code"]}
        answer = await self._post("token_endpoint", form)
        said = answer.json()
        if answer.status_code == 200:
            try:
                screen.claims = await self._verify(said["id_token"])
            except (JoseError, ValueError) as error:
                screen.problem = type(error).__name__, str(error)
        elif said.get("error") == "slow_down":
            screen.interval += _SLOWER
            screen.ask_at += _SLOWER
        elif said.get("error") != "authorization_pending":
            screen.problem = _said(said)

    async def _verify(self, id_token: str) -> dict[str, Any]:
        """Its claims; raises JoseError or ValueError. There is no nonce: the token answers the device's own call."""
        keys = KeySet.import_key_set(await self._broker.fetch_jwk_set())
        token = jwt.decode(id_token, keys, algorithms=_ALGORITHMS)
        jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._client_id},
            sub={"essential": True},
            exp={"essential": True},
        ).validate(token.claims)
        return dict(token.claims)

    async def _post(self, endpoint: str, form: dict[str, str]) -> httpx2.Response:
        metadata = await self._broker.load_server_metadata()
        async with httpx2.AsyncClient(trust_env=False) as http:
            return await http.post(metadata[endpoint], data=form | {"client_id": self._client_id})

    def _page(self, screen: Screen | None, language: str) -> Response:
        waits = screen is not None and screen.waits
        html = (
            environment()
            .get_template("tv.html")
            .render(
                texts=TV_TEXTS[language],
                language=language,
                other="en" if language == "ru" else "ru",
                screen=screen,
                waits=waits,
                qr=draw(screen.told["verification_uri_complete"]) if screen is not None and waits else "",
            )
        )
        status = 400 if screen is not None and screen.problem else 200
        return HTMLResponse(html, status_code=status, headers={"Cache-Control": "no-store"})


def draw(address: str) -> str:
    """A QR code as SVG, dark on light in every theme: cameras want it so."""
    return segno.make(address, error="m").svg_inline(scale=6, border=4, dark="#000", light="#fff")


def _said(answer: dict[str, Any]) -> tuple[str, str]:
    """The error code and its description; the template escapes them."""
    return str(answer.get("error", "")), str(answer.get("error_description", ""))
