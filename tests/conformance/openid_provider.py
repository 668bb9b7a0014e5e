"""The OpenID Provider under test: its clients, its clock, its documents."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from joserfc.jwk import KeySet

from broker.demo.background import ClientData, RunningBroker

HOME: Final = "https://rp.example.com/"  # another site than the broker's, so SameSite counts; nothing is sent there
_SCOPES = ["openid", "profile", "email", "phone", "address", "offline_access"]


def _client(path: str, letter: str, **more: object) -> dict[str, object]:
    uris = [f"{HOME}{path}/callback", f"{HOME}{path}/second"]
    bye = {"post_logout_redirect_uris": [f"{HOME}{path}/bye"]}
    return {
        "name": path,
        "redirect_uris": uris,
        "secret": letter * 40,
        "scopes": _SCOPES,
        "pkce": "optional",
        **bye,
        **more,
    }


CLIENTS: Final[Mapping[str, Mapping[str, object]]] = {
    "first": _client("first", "a", first_party=True),
    "second": _client("second", "b"),
    "hearing": _client("hearing", "d", first_party=True, backchannel_logout_session_required=True),
    "framed": _client("framed", "e", first_party=True, frontchannel_logout_uri=f"{HOME}framed/out"),
    "posting": _client("posting", "c", first_party=True, auth_method="client_secret_post"),
}
"""Two confidential clients, the second of a third party, one that sends its secret in the body, and two that hear of
logouts: one on a back channel, whose address is known when it listens, and one in a frame."""


class Clock:
    """The system's time plus what a test jumped over, so that nobody waits thirty seconds for a code to be old."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        """Epoch seconds."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """It is that much later, for everybody."""
        self._ahead += seconds


@dataclass(frozen=True, slots=True)
class Operator:
    """A running OpenID Provider and what is known of it."""

    broker: RunningBroker
    clock: Clock
    response_mode: str
    http: aiohttp.ClientSession
    metadata: Mapping[str, Any]
    _given: set[str] = field(default_factory=set)

    @classmethod
    async def discover(
        cls, broker: RunningBroker, clock: Clock, response_mode: str, http: aiohttp.ClientSession
    ) -> Operator:
        """By the discovery document, as every relying party does."""
        async with http.get(broker.discovery) as answer:
            assert answer.status == 200
            return cls(broker, clock, response_mode, http, await answer.json())

    @property
    def issuer(self) -> str:
        """The text every `iss` must equal."""
        return self.broker.issuer

    def client(self, client_id: str) -> ClientData:
        """A registered client."""
        return self.broker.client(client_id)

    def check_new(self, secret: str) -> None:
        """No code and no token is given twice."""
        assert secret not in self._given
        self._given.add(secret)

    def sent_to(self, provider: str, path: str) -> list[dict[str, Any]]:
        """The parameters of every request an emulated upstream saw at `path`, in order."""
        seen: list[dict[str, Any]] = self.broker.emulators[provider].log()
        return [request["params"] for request in seen if request["path"] == path]

    async def keys(self) -> KeySet:
        """The published keys, fetched now."""
        async with self.http.get(self.metadata["jwks_uri"]) as answer:
            assert answer.status == 200
            # aiohttp does not know application/jwk-set+json (RFC 7517 section 8.5.1) for the JSON it is.
            return KeySet.import_key_set(await answer.json(content_type=None))
