"""Somebody between the broker and its clients who forges what the broker signed: who believes him checks nothing."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FORGERIES: Final = ("one_bit", "other_claims", "stranger", "other_keys")
"""A bit of the signature; the claims under the old signature; all signed anew by a stranger; a stranger's keys."""
MISADDRESSED: Final[Mapping[str, Mapping[str, str]]] = {
    "other_issuer": {"iss": "https://somebody-else.example"},
    "other_audience": {"aud": "somebody-else"},
}
"""Further forgeries, under the old signature: of somebody else, or for somebody else."""

_STRANGERS: Final[Mapping[str, Any]] = {  # PyJWT signs with any of the three kinds
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


class Meddler:
    """Passes everything on, and forges while `forgery` names one of these; `forged` counts the answers changed."""

    def __init__(self) -> None:
        self.forgery = ""
        self.forged = 0
        self._app: ASGIApp | None = None

    def before(self, app: ASGIApp) -> ASGIApp:
        """Stand in front of `app`."""
        self._app = app
        return self

    def start(self, forgery: str) -> None:
        """Forge from now on; an empty text ends it."""
        self.forgery, self.forged = forgery, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; only a forged answer is held back until it is complete."""
        if self._app is None:
            raise RuntimeError("stand before something first")
        wanted = {"": "", "other_keys": "/jwks"}.get(self.forgery, "/token")
        if scope["type"] != "http" or scope["path"] != wanted:
            await self._app(scope, receive, send)
            return
        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)

        await self._app(scope, receive, hold)
        body = self._forge(b"".join(message.get("body", b"") for message in held))
        headers = [(name, value) for name, value in held[0]["headers"] if name != b"content-length"]
        await send({**held[0], "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    def _forge(self, body: bytes) -> bytes:
        answer = orjson.loads(body)
        if "keys" in answer:
            answer["keys"] = [_other_key(key) for key in answer["keys"]]
        elif "id_token" in answer:
            answer["id_token"] = _other_token(answer["id_token"], self.forgery)
        else:
            return body
        self.forged += 1
        return orjson.dumps(answer)


def _other_key(key: dict[str, Any]) -> dict[str, Any]:
    """A stranger's key under the same names."""
    public = jwt.get_algorithm_by_name(key["alg"]).to_jwk(_STRANGERS[key["alg"]].public_key(), as_dict=True)
    return {**key, **{name: public[name] for name in ("n", "e", "x", "y") if name in public}}


def _other_token(token: str, forgery: str) -> str:
    """The token as an attacker would like it: about somebody else, or with a signature that is almost right."""
    header, payload, signature = token.split(".")
    if forgery == "one_bit":
        return f"{header}.{payload}.{_flipped(signature)}"
    claims = {**orjson.loads(_decoded(payload)), **MISADDRESSED.get(forgery, {"sub": "somebody-else"})}
    if forgery in {"other_claims", *MISADDRESSED}:
        return f"{header}.{_encoded(orjson.dumps(claims))}.{signature}"
    names = jwt.get_unverified_header(token)
    return jwt.encode(claims, _STRANGERS[names["alg"]], names["alg"], headers={"kid": names["kid"]})


def _flipped(signature: str) -> str:
    raw = bytearray(_decoded(signature))
    raw[len(raw) // 2] ^= 1
    return _encoded(bytes(raw))


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
