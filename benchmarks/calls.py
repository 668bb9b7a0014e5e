"""What an app asks the back channel for besides codes: tokens of its own, what a token is worth, a pushed request."""

from __future__ import annotations

import time
from base64 import urlsafe_b64encode
from os import urandom

import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks.driver import App, BenchError, Visitor, build_request

SERVICE_SCOPE = "bench:read"
_ES256 = ec.ECDSA(SHA256())


async def get_own_token(visitor: Visitor, app: App, *, proof: bytes = b"") -> None:
    """Client credentials (RFC 6749 section 4.4); with a proof the token is bound to its key (RFC 9449 section 5)."""
    form = {"grant_type": "client_credentials", "scope": SERVICE_SCOPE}
    tokens = (await visitor.post("token_endpoint", app, form, headers=proof)).json()
    if tokens["scope"] != SERVICE_SCOPE or tokens["token_type"] != ("DPoP" if proof else "Bearer"):
        raise BenchError(f"wrong token response: {tokens}")


async def introspect(visitor: Visitor, app: App, token: str) -> None:
    """An access token of this app, alive (RFC 7662)."""
    if not (await visitor.post("introspection_endpoint", app, {"token": token})).json()["active"]:
        raise BenchError("a token that lives is told to be dead")


async def push(visitor: Visitor, app: App) -> None:
    """An authorization request sent ahead (RFC 9126)."""
    form = build_request(app, _b64(urandom(32)), _b64(urandom(32)), _b64(urandom(32)))
    answer = await visitor.post("pushed_authorization_request_endpoint", app, form)
    if answer.status != 201 or not orjson.loads(answer.body)["request_uri"]:
        raise BenchError(f"{answer.status}: {answer.body[:300]!r}")


class Prover:
    """Signs DPoP proofs for one endpoint, each of them new."""

    def __init__(self, url: str) -> None:
        """`url` of the endpoint."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        numbers = self._key.public_key().public_numbers()
        jwk = {"kty": "EC", "crv": "P-256"} | {
            name: _b64(value.to_bytes(32)) for name, value in (("x", numbers.x), ("y", numbers.y))
        }
        self._header = _b64(orjson.dumps({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}))
        self._claims = {"htm": "POST", "htu": url}

    def prove(self) -> bytes:
        """A header line."""
        claims = self._claims | {"jti": _b64(urandom(16)), "iat": int(time.time())}
        signed = f"{self._header}.{_b64(orjson.dumps(claims))}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), _ES256))
        return f"DPoP: {signed}.{_b64(r.to_bytes(32) + s.to_bytes(32))}\r\n".encode()


def _b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
