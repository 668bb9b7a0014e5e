"""Relying parties that authenticate in every way the broker has (OIDC Core 9, RFC 6749 section 2.3)."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from broker.core.authorize.pkce import build_challenge
from broker.core.clients.assertion import ASSERTION_TYPE
from broker.core.jose.own_keys import mint_key
from broker.core.terms import Algorithm
from broker.demo.visitor import Visitor
from tests.conformance.openid_provider import HOME, Operator
from tests.conformance.relying_party import Answer, RelyingParty
from tests.core.own_tokens import encode
from tests.services.client_app import published, signed

KEY: Final = mint_key(Algorithm.ES256)
_SCOPES = ["openid", "profile", "email", "phone", "address", "offline_access"]


def _client(name: str, **more: object) -> dict[str, object]:
    uris = [f"{HOME}{name}/callback", f"{HOME}{name}/second"]
    requested = {"id_token_claims": "requested"}
    return {"name": name, "redirect_uris": uris, "scopes": _SCOPES, "first_party": True, **requested, **more}


AUTH_CLIENTS: Final[Mapping[str, Mapping[str, object]]] = {
    "signing": _client(
        "signing",
        auth_method="private_key_jwt",
        jwks=published(KEY),
        assertion_audience="legacy",
        pkce="optional",
    ),
    "sharing": _client(
        "sharing",
        auth_method="client_secret_jwt",
        secret="f" * 40,
        assertion_audience="legacy",
        pkce="optional",
    ),
    "public": _client("public", auth_method="none"),
}
"""Besides the two that send a secret: one with a key, one that signs with its secret, one that has nothing.

The suite's OpenID Connect plans name the token endpoint as an assertion's audience, so an operator has to allow it.
"""

METHODS: Final[Mapping[str, str]] = {
    "client_secret_basic": "first",
    "client_secret_post": "posting",
    "client_secret_jwt": "sharing",
    "private_key_jwt": "signing",
    "none": "public",
}
"""Every way, and the client that goes it."""


class AuthenticatingParty(RelyingParty):
    """Goes its client's way. `audience` of an assertion: the token endpoint, as in the suite, unless changed."""

    def __init__(self, op: Operator, browser: Visitor, client_id: str) -> None:
        """`client_id` is one of METHODS' values."""
        super().__init__(op, browser, client_id)
        self.audience: str = op.metadata["token_endpoint"]
        self.verifier = secrets.token_urlsafe(48)

    def build(self, wishes: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """A client without a secret uses PKCE."""
        pkce: dict[str, str | None] = {}
        if self.auth_method == "none":
            pkce = {"code_challenge": build_challenge(self.verifier), "code_challenge_method": "S256"}
        return super().build({**pkce, **(wishes or {})})

    async def redeem_raw(self, answer: Answer, **more: str) -> tuple[int, dict[str, object]]:
        """With the verifier, where there is one."""
        if self.auth_method == "none":
            more.setdefault("code_verifier", self.verifier)
        return await super().redeem_raw(answer, **more)

    def authenticate(self, form: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """Headers and body."""
        own = {"client_id": self.client.client_id}
        if self.auth_method == "none":
            return {}, {**form, **own}
        if self.auth_method.endswith("_jwt"):
            said = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self.assert_itself()}
            return {}, {**form, **said}
        return super().authenticate(form)

    def assert_itself(self) -> str:
        """A fresh assertion (RFC 7523 section 3)."""
        own, now = self.client.client_id, int(self.op.clock())
        claims = {"iss": own, "sub": own, "aud": self.audience, "iat": now, "exp": now + 60}
        claims["jti"] = secrets.token_urlsafe(12)
        if self.auth_method == "private_key_jwt":
            return signed(KEY, claims)
        message = f"{encode({'alg': 'HS256'})}.{encode(claims)}"
        return f"{message}.{encode(hmac.digest(self.client.client_secret.encode(), message.encode(), sha256))}"
