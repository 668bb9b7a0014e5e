"""The broker as a relying party: a running broker whose one provider is an OpenID Provider that a module commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from broker.demo.background import RunningBroker, Switches, running_in_background
from broker.demo.headless import Login, LoginFailed

ISSUER = "https://op.example.com"
_SUCCESSES = frozenset({"login.succeeded", "account.created", "session.started", "code.issued", "token.issued"})


@dataclass(frozen=True, slots=True)
class RelyingBroker:
    """A started broker that knows the issuer by its address, a client id and a secret."""

    broker: RunningBroker

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
        claims: dict[str, Any] = httpx2.get(f"{self.broker.issuer}/userinfo", headers=bearer).json()
        return claims

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
    provider = {"type": "oidc", "issuer": ISSUER, "client_id": "rp", "client_secret": "rp-secret", **settings}
    provider |= {"response_mode": response_mode, "scopes": ["openid", "profile", "email", "phone"]}
    with running_in_background({}, providers={"op": provider}) as running:
        yield RelyingBroker(running)
