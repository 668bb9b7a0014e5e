"""The broker as a relying party: a running broker whose one provider is an OpenID Provider that a module commands."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from broker.demo.background import RunningBroker, running_in_background
from broker.demo.headless import Login, LoginFailed
from broker.demo.switches import Switches
from broker.upstream.exchange import tls_context

ISSUER = "https://op.example.com"
_SUCCESSES = frozenset({"login.succeeded", "account.created", "session.started", "code.issued", "token.issued"})


@dataclass
class Clock:
    """Seconds ahead of the machine's clock, for broker and OpenID Provider alike."""

    ahead: float = 0.0

    def __call__(self) -> float:
        """Epoch seconds."""
        return time.time() + self.ahead


@dataclass(frozen=True, slots=True)
class RelyingBroker:
    """A started broker that knows the issuer by its address, a client id and a secret."""

    broker: RunningBroker
    clock: Clock

    @property
    def op(self) -> Switches:
        """The OpenID Provider."""
        return self.broker.emulators["oidc"]

    def log_in(self, person: str = "ada") -> Login:
        """A login that must succeed, up to the tokens of the app behind the broker."""
        return self.broker.login("op", person, scope="openid profile email phone")

    def userinfo(self, login: Login) -> dict[str, Any]:
        """What the app behind the broker is told."""
        bearer = {"Authorization": f"Bearer {login.tokens['access_token']}"}
        claims: dict[str, Any] = httpx2.get(
            f"{self.broker.issuer}/userinfo", headers=bearer, verify=tls_context(None)
        ).json()
        return claims

    def asked_userinfo(self, tokens: Mapping[str, Any]) -> httpx2.Response:
        """What the app's access token opens."""
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        return httpx2.get(f"{self.broker.issuer}/userinfo", headers=bearer, verify=tls_context(None))

    def ask_token(self, form: Mapping[str, str]) -> httpx2.Response:
        """A token request of the app."""
        client = self.broker.client()
        return httpx2.post(
            f"{self.broker.issuer}/token",
            data=dict(form),
            auth=(client.client_id, client.client_secret),
            timeout=30,
            verify=tls_context(None),
        )

    def refresh(self, tokens: Mapping[str, Any]) -> httpx2.Response:
        """The app refreshes."""
        return self.ask_token({"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]})

    def log_in_at_last(self) -> None:
        """A login that somebody tries until it works."""
        until = time.monotonic() + 60
        while True:
            try:
                self.log_in()
            except LoginFailed:
                assert time.monotonic() < until, "the upstream is not asked again"
                time.sleep(0.5)  # the broker runs in a thread of its own
            else:
                return

    def refuse(self, outcome: str = "UpstreamInvalid") -> None:
        """A login that must fail for this reason and leave nothing behind."""
        before = len(self.broker.log)
        with pytest.raises(LoginFailed):
            self.log_in()
        events = self.broker.log[before:]
        assert [line["outcome"] for line in events if line["event"] == "login.failed"] == [outcome]
        assert [line["event"] for line in events if line["event"] in _SUCCESSES] == []

    def calls(self, path: str) -> list[dict[str, Any]]:
        """What the OpenID Provider saw at `path`, in order."""
        seen: list[dict[str, Any]] = self.op.log()
        return [request for request in seen if request["path"] == path]


@contextmanager
def relying_broker(response_mode: str, settings: Mapping[str, object]) -> Iterator[RelyingBroker]:
    """Freshly started, so that nothing of another module is cached; `response_mode` as in the provider's settings."""
    provider: dict[str, object] = {"type": "oidc", "issuer": ISSUER, "client_id": "rp", "client_secret": "rp-secret"}
    provider |= {"response_mode": response_mode, "scopes": ["openid", "profile", "email", "phone"], **settings}
    clock = Clock()
    with running_in_background({}, clock, providers={"op": provider}) as running:
        yield RelyingBroker(running, clock)
