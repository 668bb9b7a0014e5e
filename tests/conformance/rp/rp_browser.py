"""A browser that stays logged in at the broker, and the app that it uses: for what happens after a login."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx2

from broker.core.authorize.pkce import build_challenge
from broker.demo.visitor import Page, Visitor
from broker.upstream.exchange import tls_context
from tests.conformance.rp.upstream_op import RelyingBroker

_VERIFIER = "v" * 64
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Browser:
    """One browser profile at one broker."""

    rp: RelyingBroker
    visitor: Visitor

    def log_in(self, scope: str = "openid", person: str = "ada") -> dict[str, Any]:
        """The app's tokens after a login that must succeed."""
        page = self._go(scope=scope, idp_hint="op")
        if page.has(f"person-{person}"):
            page = _wait(self.rp, self.visitor.click(f"person-{person}"))
        client = self.rp.broker.client()
        form = {"grant_type": "authorization_code", "code": page.params["code"], "code_verifier": _VERIFIER}
        tokens: dict[str, Any] = self.rp.ask_token(form | {"redirect_uri": client.redirect_uri}).json()
        return tokens

    def is_logged_in(self) -> bool:
        """Whether the broker answers the app without asking anybody."""
        return "code" in self._go(scope="openid", prompt="none").params

    def _go(self, **params: str) -> Page:
        client = self.rp.broker.client()
        request = {"response_type": "code", "client_id": client.client_id, "redirect_uri": client.redirect_uri}
        request |= {"code_challenge": build_challenge(_VERIFIER), "code_challenge_method": "S256", **params}
        return _wait(self.rp, self.visitor.get(f"{self.rp.broker.issuer}/authorize?{urlencode(request)}"))


@contextmanager
def browser_of(rp: RelyingBroker) -> Iterator[Browser]:
    """A fresh profile."""
    visitor = Visitor(stops=(rp.broker.client().redirect_uri,))
    _wait(rp, visitor.__aenter__())
    try:
        yield Browser(rp, visitor)
    finally:
        _wait(rp, visitor.__aexit__(None, None, None))


def _wait(rp: RelyingBroker, going: Coroutine[Any, Any, Result]) -> Result:
    return asyncio.run_coroutine_threadsafe(going, rp.broker.loop).result(timeout=60)


def told(rp: RelyingBroker, **order: object) -> list[int]:
    """The OpenID Provider ends a session and says so; the statuses that the broker answered."""
    answer = httpx2.post(f"{rp.op.url}/_emulator/logout", json=order, timeout=30, verify=tls_context(None))
    return [one["status"] for one in answer.json()]
