"""The upstream of the bench: the token endpoint and the keys of an OpenID Provider, on a bare asyncio protocol.

It stands in for Telegram's OpenID Connect, because that adapter takes both ES256 and RS256. The browser of the bench
never calls its authorization endpoint: a code says by itself for whom, for which nonce and for which challenge it is.
"""

from __future__ import annotations

import asyncio
import re
import time
from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256
from typing import Any, cast
from urllib.parse import parse_qs

import orjson
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

ISSUER = "https://oauth.telegram.org"
AUTHORIZE = f"{ISSUER}/auth"
CLIENT_ID, CLIENT_SECRET = "7012345678", "bench-upstream-secret-0123456789abcdef"
_BASIC = b"Basic " + b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode())
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_ES256, _RS256, _SHA256 = ec.ECDSA(SHA256()), padding.PKCS1v15(), SHA256()
_LIFETIME = 3600  # seconds


def build_code(subject: int, challenge: str, nonce: str) -> str:
    """The code this upstream gives to `subject` for one login."""
    return f"{subject}.{challenge}.{nonce}"


class Issuer:
    """Signs ID tokens and counts what it was asked."""

    def __init__(self, algorithm: str) -> None:
        """`algorithm`: ES256 or RS256."""
        self.algorithm = algorithm
        self.connections = self.key_fetches = self.exchanges = 0
        self._private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
        if algorithm == "ES256":
            self._private = ec.generate_private_key(ec.SECP256R1())
        else:
            self._private = rsa.generate_private_key(65537, 2048)
        self._header = _b64(orjson.dumps({"alg": algorithm, "kid": "bench", "typ": "JWT"})) + b"."
        self.jwks = orjson.dumps({"keys": [self._public_jwk()]})

    def exchange(self, authorization: bytes, form: dict[str, list[str]]) -> bytes | None:
        """The token response for a code, or None when client, verifier or code do not fit."""
        subject, challenge, nonce = form["code"][0].split(".")
        proof = _b64(sha256(form["code_verifier"][0].encode()).digest()).decode()
        if authorization != _BASIC or proof != challenge:
            return None
        self.exchanges += 1
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": CLIENT_ID,
            "sub": f"1{subject}",
            "id": int(subject),
            "iat": now,
            "exp": now + _LIFETIME,
            "nonce": nonce,
            "name": f"User {subject}",
            "preferred_username": f"user_{subject}",
            "picture": f"https://cdn.example/u/{subject}.jpg",
        }
        return orjson.dumps(
            {"access_token": f"t{subject}", "token_type": "Bearer", "expires_in": 3600, "id_token": self._sign(claims)}
        )

    def _sign(self, claims: dict[str, Any]) -> str:
        message = self._header + _b64(orjson.dumps(claims))
        if isinstance(self._private, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(self._private.sign(message, _ES256))
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        else:
            signature = self._private.sign(message, _RS256, _SHA256)
        return (message + b"." + _b64(signature)).decode()

    def _public_jwk(self) -> dict[str, str]:
        numbers = self._private.public_key().public_numbers()
        shape = {"kid": "bench", "use": "sig", "alg": self.algorithm}
        if isinstance(numbers, ec.EllipticCurvePublicNumbers):
            point = {"x": _uint(numbers.x, 32), "y": _uint(numbers.y, 32)}
            return shape | {"kty": "EC", "crv": "P-256"} | point
        return shape | {"kty": "RSA", "n": _uint(numbers.n, 256), "e": _uint(numbers.e, 3)}


class UpstreamProtocol(asyncio.Protocol):
    """One kept connection: POST is a token request, GET asks for the keys."""

    def __init__(self, issuer: Issuer) -> None:
        """`issuer` answers."""
        self._issuer = issuer
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but the base class
        self._issuer.connections += 1

    def data_received(self, data: bytes) -> None:
        """Answer every whole request in the buffer."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(self._buffer, 0, end)
            whole = end + 4 + (int(found[1]) if found else 0)
            if len(self._buffer) < whole:
                return
            head, body = self._buffer[:end], self._buffer[end + 4 : whole]
            self._buffer = self._buffer[whole:]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        assert self._transport is not None
        if head.startswith(b"GET "):
            self._issuer.key_fetches += 1
            answer: bytes | None = self._issuer.jwks
        else:
            answer = self._issuer.exchange(_header(head, b"authorization"), parse_qs(body.decode()))
        status = b"200 OK" if answer is not None else b"400 Bad Request"
        content = answer or b'{"error":"invalid_grant"}'
        headers = b"content-type: application/json\r\ncache-control: max-age=3600\r\ncontent-length: %d" % len(content)
        self._transport.write(b"HTTP/1.1 %s\r\n%s\r\n\r\n%s" % (status, headers, content))


def _header(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n")[1:]:
        field, _, value = line.partition(b":")
        if field.lower() == name:
            return value.strip()
    return b""


def _b64(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


def _uint(number: int, size: int) -> str:
    return _b64(number.to_bytes(size, "big")).decode()
