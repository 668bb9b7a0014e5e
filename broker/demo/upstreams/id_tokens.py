"""ID tokens as an OpenID upstream issues them, and every way one can be wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from broker.demo.faults import Faults
from broker.demo.upstreams.base import RegisteredApp
from broker.demo.upstreams.control import KitOrder, UnknownApp
from broker.demo.upstreams.keys import Key, key, mac_signed, unsigned

Claims = dict[str, object]

ID_TOKEN_FAULTS: Final = (
    "wrong_nonce",
    "no_nonce",
    "wrong_issuer",
    "wrong_audience",
    "expired_token",
    "future_token",
    "wrong_signature",
    "alg_none",
    "alg_hs256",
    "rotated_keys",
    "unknown_kid",
    "no_id_token",
    "no_id",
)
"""What every OpenID upstream can get wrong."""


def _moved(claims: Claims, seconds: int) -> Claims:
    times = {name: claims[name] for name in ("iat", "exp") if name in claims}
    return claims | {name: value + seconds for name, value in times.items() if isinstance(value, int)}


Changes = Mapping[str, Callable[[Claims], Claims]]
_CHANGES: Final[Changes] = {
    "wrong_nonce": lambda c: {**c, "nonce": "a-nonce-of-somebody-else"},
    "no_nonce": lambda c: {n: v for n, v in c.items() if n != "nonce"},
    "wrong_issuer": lambda c: {**c, "iss": "https://accounts.example.com"},
    "bare_issuer": lambda c: {**c, "iss": str(c["iss"]).removeprefix("https://")},
    "wrong_audience": lambda c: {**c, "aud": "another-app"},
    "number_audience": lambda c: {**c, "aud": int(str(c["aud"]))},
    "many_audiences": lambda c: {**c, "aud": ["another-app", str(c["aud"]), "the-project"]},
    "no_iat": lambda c: {n: v for n, v in c.items() if n != "iat"},
    "wrong_azp": lambda c: {**c, "azp": "another-app"},
    "wrong_at_hash": lambda c: {**c, "at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    "expired_token": lambda c: _moved(c, -86400),
    "future_token": lambda c: _moved(c, 86400),
    "email_as_text": lambda c: {**c, "email_verified": str(c.get("email_verified", False)).lower()},
}


def falsified(claims: Claims, faults: Faults, changes: Changes = _CHANGES) -> Claims:
    """The claims after those of the faults that are on."""
    for name, change in changes.items():
        if faults.on(name):
            claims = change(claims)
    return claims


def kit_claims(order: KitOrder, apps: Iterable[RegisteredApp], now: int) -> Claims:
    """For whom a kit's token is, since when, and with which nonce; raises UnknownApp.

    An app knows its upstream by `client_id` from its server, and by one of `native_client_ids` from phones.
    """
    server = order.server or order.app
    if not any({order.app, server} <= _ids_of(app) for app in apps):
        raise UnknownApp(f"{order.app} and {server} are not registered by one developer")
    made_at = now - order.issued_ago
    claims: Claims = {"azp": order.app, "aud": server, "iat": made_at, "exp": made_at + 3600}
    return claims | ({"nonce": order.nonce} if order.nonce else {})


def _ids_of(app: RegisteredApp) -> set[str]:
    return {app.client_id, *app.extras.get("native_client_ids", "").split()}


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for an upstream whose current keys are `current`; after a rotation they are `rotated`."""

    faults: Faults
    current: tuple[Key, ...]
    rotated: tuple[Key, ...]

    def published(self) -> tuple[Key, ...]:
        """The keys of the JWKS now."""
        return self.rotated if self.faults.active("rotated_keys") else self.current

    def sign(self, claims: Claims, *, alg: str = "RS256", typ: str | None = "JWT") -> str:
        """A compact JWS by the published key of `alg`, or what a fault makes of it."""
        chosen = next(k for k in reversed(self.published()) if k.alg == alg)
        header: dict[str, object] = {"typ": typ} if self.faults.on("no_kid") else {"kid": chosen.kid, "typ": typ}
        if self.faults.on("alg_none"):
            return unsigned(claims)
        if self.faults.on("alg_hs256"):
            return mac_signed(claims, chosen.pem(), **header)
        if self.faults.on("unknown_kid"):
            return chosen.sign(claims, **{**header, "kid": "nobody-published-this"})
        if self.faults.on("wrong_signature"):
            return key("stranger", alg).sign(claims, **header)
        return chosen.sign(claims, **header)
