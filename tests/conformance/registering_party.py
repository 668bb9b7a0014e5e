"""A relying party that registers itself and signs with a key of its own."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

from broker.core.clients.assertion import ASSERTION_TYPE
from broker.core.jose.own_keys import KeyPair, mint_key
from broker.core.terms import Algorithm
from broker.demo.visitor import Visitor
from tests.conformance.openid_provider import Operator
from tests.conformance.relying_party import RelyingParty
from tests.services.client_app import signed

KEY: Final = mint_key(Algorithm.RS256)
OTHER_KEY: Final = mint_key(Algorithm.RS256)


class RegisteringParty(RelyingParty):
    """`pair` signs assertions and request objects; `audience` of an assertion is the token endpoint at first."""

    def __init__(self, op: Operator, browser: Visitor, name: str) -> None:
        """`name` is that of a client that registered already."""
        super().__init__(op, browser, name)
        self.pair: KeyPair = KEY
        self.audience: str = op.metadata["token_endpoint"]

    def authenticate(self, form: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """By its key, where it registered that (RFC 7523 section 3)."""
        if self.auth_method != "private_key_jwt":
            return super().authenticate(form)
        own, now = self.client.client_id, int(self.op.clock())
        claims = {"iss": own, "sub": own, "aud": self.audience, "iat": now, "exp": now + 60}
        assertion = signed(self.pair, claims | {"jti": secrets.token_urlsafe(12)})
        return {}, {**form, "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}

    def request_object(self, request: Mapping[str, str]) -> str:
        """The request as the suite signs it: with `iss` and `aud`, and without a time."""
        return signed(self.pair, {**request, "iss": self.client.client_id, "aud": self.op.issuer})
