"""An invented service of OAuth 1.0a: three steps, and a signed call that tells who it is. RFC 5849 (read 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from starlette.responses import PlainTextResponse, Response

from broker.demo.call import Call
from broker.demo.faults import OAUTH
from broker.demo.rules import documented, guessed
from broker.demo.upstreams.answers import json_answer
from broker.demo.upstreams.base import Handler
from broker.demo.upstreams.control import KitOrder
from broker.demo.upstreams.oauth1_server import HandedOut, OAuth1Emulator

_PROBLEMS: Mapping[str, tuple[int, str]] = {  # as the OAuth Problem Reporting extension names them
    "header": (400, "parameter_absent"),
    "client": (401, "consumer_key_unknown"),
    "time": (401, "timestamp_refused"),
    "nonce": (401, "nonce_used"),
    "signature": (401, "signature_invalid"),
    "token": (401, "token_rejected"),
    "callback": (400, "parameter_rejected"),
}


class OAuth1(OAuth1Emulator):
    """signed.example.com. Extras of an app: `private_key`, whose public half the service knows (RSA-SHA1)."""

    type = "oauth1"
    port = 8427
    settings: ClassVar[Mapping[str, object]] = {
        "client_id": "test-signed",
        "client_secret": "test-signed-secret",
        "request_token_url": "https://signed.example.com/oauth/request_token",
        "authorize_url": "https://signed.example.com/oauth/authorize",
        "access_token_url": "https://signed.example.com/oauth/access_token",
        "userinfo": [{"url": "https://signed.example.com/oauth/identity"}],
        "claims": {"sub": "me.id", "preferred_username": "me.username", "name": "me.name", "email": "me.email"},
        "types": {"sub": "decimal"},
    }
    title = "OAuth 1.0a"
    colour = "#334155"
    fronts = ("/oauth/authorize",)
    bases = ("https://signed.example.com",)
    works = "an invented one: the three steps by POST or GET, every way of signing, one signed profile call"
    rules = (
        documented("RFC 5849: what is signed and how; a request token is good once, for its app and its verifier"),
        documented("a nonce counts once, a time within five minutes; an access token goes with its own application"),
        guessed("the service is invented, and so are its paths and the names of its members"),
        guessed("errors are named as the OAuth Problem Reporting extension does; a refusal comes as `denied`"),
    )
    faults_known = (
        *OAUTH,
        "no_id",
        "other_user_id",
        "callback_unconfirmed",
        "other_request_token",
        "no_user_id",
        "unauthorized",
    )

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        return (
            ("/oauth/request_token", ("GET", "POST"), self.request_token),
            ("/oauth/authorize", ("GET",), self.authorize),
            ("/oauth/access_token", ("GET", "POST"), self._access_token),
            ("/oauth/identity", ("GET",), self._identity),
            ("/_emulator/kit", ("POST",), self._kit),
        )

    def problem(self, name: str) -> Response:
        status, word = _PROBLEMS[name]
        return PlainTextResponse(f"oauth_problem={word}", status_code=status)

    def about(self, held: HandedOut) -> Mapping[str, str]:
        return {} if self.faults.on("no_user_id") else {"user_id": self.subject(held.person)}

    async def _access_token(self, call: Call) -> Response:
        if self.faults.on("error_200"):
            return PlainTextResponse("oauth_problem=token_rejected")
        return await self.access_token(call)

    async def _identity(self, call: Call) -> Response:
        held = self.holder(call)
        if self.faults.on("unauthorized"):
            return self.problem("token")
        person = (held.of_somebody_else() if self.faults.on("other_user_id") else held).person
        found: dict[str, object] = {
            "id": None if self.faults.on("no_id") else int(self.subject(person)),
            "username": person.username or person.key,
            "name": person.name,
            "email": person.email_at("oauth1") or None,
        }
        return json_answer(self.told(person, found))

    async def _kit(self, call: Call) -> Response:
        """What an app on a phone has that went the three steps by itself."""
        return json_answer(self.of_kit(KitOrder.model_validate(call.json)))
