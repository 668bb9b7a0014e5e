"""The OpenID Provider under test: its clients, its clock, its documents."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

import aiohttp
from joserfc.jwk import KeySet

from broker.demo.background import PROVIDERS, RunningBroker
from broker.demo.headless import ClientData

HOME: Final = "https://rp.example.com/"  # another site than the broker's, so SameSite counts; nothing is sent there
INITIAL_TOKEN: Final = "an-initial-access-token-for-the-suite"
_SCOPES = ["openid", "profile", "email", "phone", "address", "offline_access"]


def _client(path: str, letter: str, **more: object) -> dict[str, object]:
    uris = [f"{HOME}{path}/callback", f"{HOME}{path}/second"]
    bye = {"post_logout_redirect_uris": [f"{HOME}{path}/bye"]}
    return {
        "name": f"The operator's {path}",
        "redirect_uris": uris,
        "secret": letter * 40,
        "scopes": _SCOPES,
        "pkce": "optional",
        "id_token_claims": "requested",
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

SECTIONS: Final[Mapping[str, Mapping[str, object]]] = {
    "registration": {
        "token_hashes": [f"sha256:{sha256(INITIAL_TOKEN.encode()).hexdigest()}"],
        "scopes": _SCOPES,
        "pkce": "optional",
        "assertion_audience": "legacy",
        "id_token_claims": "requested",
    }
}
"""What an operator sets for plans that register their own clients; such plans name the token endpoint as audience."""


UPSTREAMS: Final[Mapping[str, Mapping[str, object]]] = {
    **PROVIDERS,
    "oidc": {
        "issuer": "https://sso.example.com",
        "client_id": "conformance",
        "client_secret": "a-secret-of-the-conformance-broker",
        "scopes": ("openid", "profile", "email", "phone", "address"),
    },
}
"""Those of every test, and one that tells every claim of OIDC Core 5.1."""


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
    _registered: dict[str, ClientData] = field(default_factory=dict)

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

    def client(self, name: str) -> ClientData:
        """The client that registered itself under this name, else the operator's of this id."""
        return self._registered.get(name) or self.broker.client(name)

    def asks(self, name: str) -> bool:
        """Whether people are asked before this client gets anything: nobody vouches for it."""
        return name in self._registered

    async def register(self, name: str, **metadata: object) -> dict[str, Any]:
        """What comes back when a client registers itself; from then on it is the client of this name."""
        status, entry = await self.register_raw(name, **metadata)
        assert status == 201, entry
        self.check_new(entry["client_id"])
        self._registered[name] = ClientData(
            entry["client_id"],
            entry.get("client_secret", ""),
            next(iter(entry["redirect_uris"])),
            entry["token_endpoint_auth_method"],
        )
        return entry

    async def register_raw(self, name: str, **metadata: object) -> tuple[int, dict[str, Any]]:
        """Status and body for client metadata, right or wrong."""
        sent = {
            "client_name": name,
            "redirect_uris": [f"{HOME}{name}/callback", f"{HOME}{name}/second"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            **metadata,
        }
        headers = {"Authorization": f"Bearer {INITIAL_TOKEN}"}
        async with self.http.post(self.metadata["registration_endpoint"], json=sent, headers=headers) as answer:
            assert "no-store" in answer.headers["Cache-Control"]
            return answer.status, await answer.json()

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
