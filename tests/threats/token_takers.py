"""Apps that may have upstreams' own tokens, and others that may not: a broker for them over real sockets."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx2

from broker.core.terms import GrantType, TokenType
from broker.demo.background import PROVIDERS as PLAIN
from broker.demo.background import RunningBroker, running_in_background
from broker.upstream.exchange import tls_context
from tests.core.prover import Prover

CALENDAR: Final = "https://www.googleapis.com/auth/calendar.readonly"
SECRET: Final = "a-secret-of-somebodys-app-of-32-characters"
PROVIDERS: Final[Mapping[str, Mapping[str, object]]] = {
    "google": {**PLAIN["google"], "keep_tokens": True, "token_scopes": [CALENDAR]},
    "yandex": {**PLAIN["yandex"], "keep_tokens": True},
    "oidc": {**PLAIN["oidc"], "keep_tokens": True, "token_scopes": ["offline_access"]},
    "vk": PLAIN["vk"],
    "mean": {**PLAIN["google"], "type": "google"},
}
_APP: Final[Mapping[str, object]] = {
    "name": "Planner",
    "redirect_uris": ["http://127.0.0.1/callback"],
    "secret": SECRET,
    "scopes": ["openid", "profile", "offline_access"],
    "grants": ["authorization_code", "refresh_token", GrantType.TOKEN_EXCHANGE.value],
}
CLIENTS: Final[Mapping[str, Mapping[str, object]]] = {
    "planner": {**_APP, "upstream_tokens": ["google", "yandex", "oidc"]},
    "other": {**_APP, "name": "Other", "upstream_tokens": ["yandex"]},
    "ours": {**_APP, "name": "Ours", "first_party": True, "upstream_tokens": ["google"]},
    "plain": {**_APP, "name": "Plain", "grants": ["authorization_code", "refresh_token"]},
}


@dataclass
class Clock:
    """The time of the day, until a test moves it on; broker and upstreams go by it."""

    ahead: float = 0.0

    def __call__(self) -> float:
        """Epoch seconds."""
        return time.time() + self.ahead


@dataclass(frozen=True)
class Takers:
    """The broker as these apps see it."""

    broker: RunningBroker
    http: httpx2.Client
    clock: Clock
    database: Path
    provers: dict[str, Prover] = field(default_factory=dict)

    def somebody(self) -> str:
        """A person whom nobody knows yet."""
        name = f"p{uuid4().hex[:12]}"
        self.broker.people.add(name, given_name="Nora")
        return name

    def sign_in(self, person: str, provider: str = "google", client_id: str = "planner", **more: str) -> str:
        """The access token that this app has of somebody after a login."""
        scope = "openid offline_access"
        return str(self.broker.login(provider, person, client_id=client_id, scope=scope, **more).tokens["access_token"])

    def ask(
        self, token: str, audience: str = "google", client_id: str = "planner", /, **changed: str | None
    ) -> httpx2.Response:
        """The answer to an app that shows a token of its own."""
        form: dict[str, str | None] = {
            "grant_type": GrantType.TOKEN_EXCHANGE.value,
            "subject_token": token,
            "subject_token_type": TokenType.ACCESS_TOKEN.value,
            "requested_token_type": TokenType.ACCESS_TOKEN.value,
            "audience": audience,
        }
        sent = {name: value for name, value in (form | changed).items() if value is not None}
        return self.http.post(f"{self.broker.issuer}/token", data=sent, auth=(client_id, SECRET))

    def take(self, token: str, audience: str = "google", client_id: str = "planner", /) -> dict[str, Any]:
        """What it gets."""
        answer = self.ask(token, audience, client_id)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store"), answer.text
        found: dict[str, Any] = answer.json()
        return found

    def refusal(
        self, token: str, audience: str = "google", client_id: str = "planner", /, **changed: str | None
    ) -> str:
        """The error that it gets instead."""
        answer = self.ask(token, audience, client_id, **changed)
        assert answer.status_code in {400, 503}, answer.text
        return str(answer.json()["error"])

    def renewals(self, provider: str) -> int:
        """How often this upstream was asked for other tokens since the last `clear`."""
        seen = self.broker.emulators[provider].log()
        return sum(
            isinstance(one["params"], dict) and one["params"].get("grant_type") == "refresh_token" for one in seen
        )

    def events(self, name: str) -> list[dict[str, Any]]:
        """What the log has of an event."""
        return [line for line in self.broker.log if line["event"] == name]


@contextmanager
def takers(folder: Path) -> Iterator[Takers]:
    """A broker of its own, whose database is a file in this folder."""
    clock, path = Clock(), folder / "broker.db"
    sections: dict[str, dict[str, object]] = {
        "storage": {"sqlite": {"path": str(path)}},
        "tokens": {"access_token_ttl": "1h"},
    }
    with (
        running_in_background(CLIENTS, clock, providers=PROVIDERS, sections=sections) as broker,
        httpx2.Client(trust_env=False, timeout=60, verify=tls_context(None)) as http,
    ):
        yield Takers(broker, http, clock, path)
