"""How apps show the emulated OpenID Provider that it is them, and what is encrypted to them (OIDC Core 9, RFC 7516)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import replace
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from joserfc import jwe
from joserfc.jwk import ECKey, RSAKey
from jwt import InvalidTokenError, decode

from broker.demo.call import Call, client_credentials
from broker.demo.rules import documented, guessed
from broker.demo.upstreams.base import OneTime, RegisteredApp

SIGNATURES: Final = ("RS256", "PS256", "ES256", "EdDSA", "HS256")
METHODS: Final = (
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
    "none",
)
PROOF_RULES: Final = (
    documented(
        "RFC 7523: an assertion is by the key or the secret of the app, for the issuer or its token endpoint, for 5"
        " minutes at most, and counts once"
    ),
    documented("RFC 9126 pushed requests, RFC 7516 ID tokens as the app registered them"),
    guessed("an app without a secret or a key is believed by its id: no certificate is looked at"),
)
_PUSHED: Final = "urn:ietf:params:oauth:request_uri:"
_PUSHED_FOR: Final = 90  # seconds
_LONGEST: Final = 300  # seconds that an assertion may count


class Pushed:
    """Authorization requests that apps left here beforehand (RFC 9126)."""

    def __init__(self, clock: Callable[[], float], mint: Callable[[], str]) -> None:
        self._kept = OneTime[dict[str, str]](_PUSHED_FOR, clock, mint)

    def keep(self, call: Call, app: RegisteredApp) -> dict[str, object]:
        """The name of the request of an app that has shown who it is."""
        name = self._kept.give({**call.form, "client_id": app.client_id})
        return {"request_uri": f"{_PUSHED}{name}", "expires_in": _PUSHED_FOR}

    def unpacked(self, call: Call) -> Call:
        """The request itself where it was pushed; the page that asks who it is looks at it again."""
        name = call.get("request_uri")
        found = self._kept.look(name.removeprefix(_PUSHED)) if name.startswith(_PUSHED) else None
        if found is None or found["client_id"] != call.get("client_id"):
            return call
        return replace(call, query={**call.query, **found})


def public_half(pem: str) -> str:
    """What a console is given of a private key, PEM."""
    public = load_pem_private_key(pem.encode(), None).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def proved_app(
    call: Call, apps: Mapping[str, RegisteredApp], audiences: list[str], *, now: int, used: MutableMapping[str, str]
) -> RegisteredApp | None:
    """The app that a call is from, or None; `used` are the ids of assertions that came before.

    One without a secret is believed by its id: here nobody sees certificates.
    """
    assertion = call.get("client_assertion")
    client_id, secret = client_credentials(call)
    app = apps.get(client_id)
    if app is None:
        return None
    if not assertion:
        by_key = "assertion_key" in app.extras
        return app if secret == app.client_secret and not by_key else None
    jti = _checked(assertion, app, audiences, now)
    if not jti or jti in used:
        return None
    used[jti] = client_id
    return app


def _checked(assertion: str, app: RegisteredApp, audiences: list[str], now: int) -> str:
    """The id of a good assertion of this app (RFC 7523 section 3), else ""."""
    key: Any = app.extras.get("assertion_key") or app.client_secret
    allowed = list(SIGNATURES[:-1] if "assertion_key" in app.extras else SIGNATURES[-1:])
    options: Any = {"verify_exp": False, "verify_iat": False, "require": ["iss", "sub", "aud", "exp", "jti"]}
    try:
        claims = decode(assertion, key, algorithms=allowed, audience=audiences, options=options)
    except InvalidTokenError:
        return ""
    fresh = now < claims["exp"] <= now + _LONGEST
    return str(claims["jti"]) if claims["iss"] == claims["sub"] == app.client_id and fresh else ""


def encrypted(id_token: str, app: RegisteredApp) -> str:
    """The token as this app registered to get it."""
    if "encryption_key" not in app.extras:
        return id_token
    alg, enc = app.extras["encryption_alg"], app.extras["encryption_enc"]
    kind: Any = RSAKey if alg.startswith("RSA") else ECKey
    header = {"alg": alg, "enc": enc, "cty": "JWT"}
    return jwe.encrypt_compact(header, id_token, kind.import_key(app.extras["encryption_key"]), algorithms=[alg, enc])
