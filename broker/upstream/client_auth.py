"""How a token endpoint learns that it is us who asks (OIDC Core 9, RFC 7523 section 2.2, RFC 8705 section 2)."""

from __future__ import annotations

from secrets import token_urlsafe
from typing import Annotated, Any, Literal, Self, get_args

import jwt
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from broker.upstream.assertion import AssertionKey
from broker.upstream.discovery import Metadata
from broker.upstream.model import Credentials, Tools
from broker.upstream.oauth2 import OAuth2Provider
from broker.upstream.tls import TlsSettings

ByCertificate = Literal["tls_client_auth", "self_signed_tls_client_auth"]
Way = Literal[
    "auto",
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
    "none",
]
_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SHORTEST_SECRET = 32  # bytes of a secret that signs by HS256 (RFC 7518 section 3.2)


class ClientAssertion(BaseModel):
    """The token that we sign for one request (RFC 7523 section 3)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    key: SecretStr | None = Field(default=None, description="private_key_jwt: the private key, PKCS#8 PEM")
    alg: Literal["RS256", "PS256", "ES256", "EdDSA"] = Field(default="ES256", description="What `key` signs by")
    kid: str = Field(default="", max_length=256, description="What the key is called there; empty: nothing is said")
    audience: Literal["issuer", "token_endpoint"] = Field(
        default="issuer", description="Whom the token is for; token_endpoint is for older servers"
    )
    ttl: int = Field(default=60, ge=10, le=300, description="Seconds that one counts")


class ProofSettings(TlsSettings):
    """Settings of an upstream that knows us by a secret, a key, a certificate, or not at all."""

    client_secret: Annotated[SecretStr, Field(min_length=1)] | None = Field(
        default=None, description="The secret the upstream gave this application"
    )
    token_endpoint_auth_method: Way = Field(
        default="auto",
        description="How we show who we are; auto: by the secret, in the header unless the issuer knows the form only",
    )
    client_assertion: ClientAssertion = Field(
        default=ClientAssertion(), description="What is signed for private_key_jwt and client_secret_jwt"
    )

    @model_validator(mode="after")
    def _what_the_method_needs(self) -> Self:
        lacking = self._lacking() if self.enabled else ""
        if lacking:
            raise ValueError(f"token_endpoint_auth_method: {self.token_endpoint_auth_method} needs {lacking}")
        return self

    @property
    def by_certificate(self) -> bool:
        """Whether the certificate of our connections is the proof."""
        return self.token_endpoint_auth_method in get_args(ByCertificate)

    def _lacking(self) -> str:
        method, secret, key = self.token_endpoint_auth_method, self.client_secret, self.client_assertion.key
        if self.by_certificate:
            return "" if self.tls.client_cert else "tls.client_cert and tls.client_key"
        if method == "private_key_jwt":
            if key is None:
                return "client_assertion.key"
            AssertionKey.parse(key, self.client_assertion.alg)
            return ""
        if method == "none":
            return ""
        if secret is None:
            return "client_secret"
        short = len(secret.get_secret_value().encode()) < _SHORTEST_SECRET
        return f"a client_secret of {_SHORTEST_SECRET} bytes" if method == "client_secret_jwt" and short else ""


class ProvingProvider(OAuth2Provider):
    """Shows itself at every endpoint that asks, as its `ProofSettings` say."""

    def __init__(self, settings: Any, tools: Tools) -> None:
        """`settings` are ProofSettings."""
        super().__init__(settings, tools)
        chosen: ClientAssertion = settings.client_assertion
        signs = settings.token_endpoint_auth_method == "private_key_jwt" and chosen.key is not None
        self._key = AssertionKey.parse(chosen.key, chosen.alg) if signs and chosen.key else None

    async def credentials(self, metadata: Metadata) -> Credentials:
        """As configured, else by what the issuer lists; one that lists nothing means the header (Discovery 3)."""
        listed, chosen = metadata.auth_methods, self.settings.token_endpoint_auth_method
        if chosen in {"private_key_jwt", "client_secret_jwt"}:
            assertion = {"client_assertion_type": _JWT_BEARER, "client_assertion": self._signed(metadata)}
            return Credentials({"client_id": self.settings.client_id, **assertion})
        if chosen == "none" or self.settings.by_certificate:
            return self.by_secret("none")
        if chosen == "auto":
            chosen = "client_secret_post" if listed and "client_secret_basic" not in listed else "client_secret_basic"
        return self.by_secret("post" if chosen == "client_secret_post" else "basic")

    def _signed(self, metadata: Metadata) -> str:
        """For one request: the issuer, or the token endpoint, may take an id (`jti`) once."""
        chosen: ClientAssertion = self.settings.client_assertion
        now, us = int(self.tools.now()), self.settings.client_id
        audience = metadata.issuer if chosen.audience == "issuer" else ""
        claims = {"iss": us, "sub": us, "aud": audience or metadata.token_endpoint, "jti": token_urlsafe(16)}
        claims |= {"iat": now, "exp": now + chosen.ttl}
        named = {"kid": chosen.kid} if chosen.kid else {}
        if self._key is not None:
            return self._key.sign(claims, typ="JWT", **named)
        return jwt.encode(claims, self.settings.client_secret.get_secret_value(), algorithm="HS256", headers=named)
