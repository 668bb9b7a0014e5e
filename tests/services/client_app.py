"""An app that signs: its keys, where it publishes them, and the tokens it makes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from broker.core.errors import FetchFailed
from broker.core.jose.own_keys import KeyPair
from tests.core.own_tokens import encode

JWKS_URI = "https://app.test/jwks.json"


def published(*pairs: KeyPair) -> dict[str, Any]:
    """A JWK set with these keys."""
    return {"keys": [dict(pair.public_jwk) for pair in pairs]}


def signed(pair: KeyPair, claims: Mapping[str, Any] | str, **header: Any) -> str:
    """A token with a right signature over whatever it says; a header member of `...` is left out."""
    chosen = {"alg": pair.algorithm.value, "kid": pair.kid} | header
    head = f"{encode({name: value for name, value in chosen.items() if value is not ...})}.{encode(claims)}"
    return f"{head}.{encode(pair.sign(head.encode()))}"


@dataclass
class Web:
    """What is outside: answers by URL, and how often each was fetched. What is not there fails."""

    answers: dict[str, bytes] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)

    def publish(self, *pairs: KeyPair, url: str = JWKS_URI) -> None:
        """Put a JWK set at the URL."""
        self.answers[url] = json.dumps(published(*pairs)).encode()

    async def fetch(self, url: str, *, accept: str = "application/json", limit: int = 64 * 1024) -> bytes:
        """As the guarded client would."""
        self.fetched.append(url)
        await asyncio.sleep(0)  # as a real call would, so that others get their turn
        if url not in self.answers:
            raise FetchFailed("refused")
        assert accept
        assert len(self.answers[url]) <= limit
        return self.answers[url]

    async def deliver(self, url: str, form: Mapping[str, str]) -> int:
        """Nothing is delivered in these tests."""
        raise AssertionError((url, form))

    async def push(self, url: str, text: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Nor pushed."""
        raise AssertionError((url, text, headers))
