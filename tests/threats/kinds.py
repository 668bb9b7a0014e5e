"""Every kind of signed token there is around a broker, each as good as its maker can make it."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import httpx2

from broker.core.terms import GrantType
from broker.demo.servers import take_port
from broker.demo.upstreams.keys import Key, key
from broker.demo.upstreams.oidc import ISSUER
from broker.demo.upstreams.oidc_logins import EVENT
from broker.demo.visitor import Visitor
from tests.conformance.hearing_app import listening
from tests.threats.journeys import new_visitor, own_token, request_for, tokens_for, userinfo
from tests.threats.site import Site
from tests.threats.tours import broker_command

APP_KEY: Final = "app-key"
BYE: Final = "https://app.example.com/bye"
PROOF, ASSERTION, REQUEST = "dpop+jwt", "client-authentication+jwt", "oauth-authz-req+jwt"


INITIAL: Final = f"it_{secrets.token_urlsafe(32)}"
"""What the operator hands to those whose apps may register themselves."""


def add_kinds(config: dict[str, Any]) -> None:
    """Clients that get, or make, what the others do not."""
    everything = ["openid", "profile", "offline_access"]
    config["registration"] = {"token_hashes": [f"sha256:{sha256(INITIAL.encode()).hexdigest()}"]}
    config["clients"]["teller"] = {
        "name": "Teller",
        "redirect_uris": ["https://teller.example.com/cb"],
        "secret": secrets.token_urlsafe(32),
        "first_party": True,
        "scopes": everything,
        "grants": ["authorization_code", "refresh_token", "client_credentials"],
        "service_scopes": ["orders:read"],
        "access_token_format": "jwt",
        "userinfo_alg": "RS256",
        "backchannel_logout_uri": f"http://127.0.0.1:{_port()}/backchannel",
    }
    config["providers"]["google-two"]["linking"] = "confirm"
    config["clients"]["app"]["post_logout_redirect_uris"] = [BYE]
    config["clients"]["app"]["grants"] = ["authorization_code", "refresh_token", str(GrantType.DEVICE_CODE)]
    config["webhooks"] = {"app": {"url": f"http://127.0.0.1:{_port()}/events", "events": ["account.created"]}}
    config["webhooks"]["app"]["client"] = "app"
    config["network"] = {"client_networks": ["127.0.0.0/8"]}
    config["clients"]["signer"] = {
        "name": "Signer",
        "redirect_uris": ["https://signer.example.com/cb"],
        "auth_method": "private_key_jwt",
        "jwks": {"keys": [app_key().jwk(use="sig")]},
        "first_party": True,
        "scopes": everything,
        "grants": ["authorization_code", "refresh_token", "client_credentials"],
        "service_scopes": ["orders:read"],
    }
    config["providers"]["company"] = {
        "type": "oidc",
        "issuer": ISSUER,
        "client_id": "company",
        "client_secret": secrets.token_urlsafe(32),
        "logout": {"backchannel": True},
    }
    config["clients"]["robot"] = {
        "name": "Robot",
        "secret": secrets.token_urlsafe(32),
        "auth_method": "client_secret_post",
        "grants": ["client_credentials"],
        "service_scopes": ["orders:read"],
    }


def _port() -> int:
    """One where nobody listens yet."""
    with closing(take_port("teller", "127.0.0.1")) as port:
        return port.number


def app_key() -> Key:
    """The key an app signs with, whatever it signs."""
    return key(APP_KEY, "ES256")


@dataclass
class Stand:
    """A broker, an app's tool, a browser, the address of an app's entry, and two cookies when there are any."""

    site: Site
    client: httpx2.AsyncClient
    visitor: Visitor
    entry: str = ""
    session: str = ""
    browser: str = ""

    def url(self, path: str) -> str:
        """Of this broker."""
        return f"{self.site.issuer}{path}"

    def cookies(self) -> dict[str, str]:
        """The header of the browser that is logged in."""
        return {"Cookie": f"__Host-session={self.session}; __Host-browser={self.browser}"}

    def sign(self, typ: str, claims: dict[str, Any], **header: object) -> str:
        """A token of an app, of now, under its registered key."""
        now = int(time.time())
        fresh = {"iat": now, "exp": now + 120, "jti": secrets.token_urlsafe(16)}
        return app_key().sign(fresh | claims, kid=APP_KEY, typ=typ, **header)


Maker = Callable[[Stand], Awaitable[str]]


async def _id_token(stand: Stand) -> str:
    return str((await tokens_for(stand.site, visitor=stand.visitor))["id_token"])


async def _access(stand: Stand) -> str:
    return str((await tokens_for(stand.site, "teller", visitor=stand.visitor))["access_token"])


async def _own(stand: Stand) -> str:
    return await own_token(stand.site, stand.client, "teller")


async def _userinfo(stand: Stand) -> str:
    answer = await userinfo(stand.site, stand.client, await _access(stand))
    assert answer.headers["content-type"].startswith("application/jwt")
    return answer.text


async def _logout(stand: Stand) -> str:
    """As the teller hears it when Ada logs out elsewhere."""
    uri = stand.site.config["clients"]["teller"]["backchannel_logout_uri"]
    with listening(int(uri.rpartition(":")[2].partition("/")[0])) as app:
        async with new_visitor() as visitor:
            tokens = await tokens_for(stand.site, "teller", visitor=visitor)
            await visitor.get(f"{stand.url('/logout')}?id_token_hint={tokens['id_token']}")
        heard = await asyncio.to_thread(app.heard.get, timeout=30)
    return heard["logout_token"]


async def _event(stand: Stand) -> str:
    """As a webhook of the app hears it, signed by the key of its ID tokens."""
    uri = str(stand.site.config["webhooks"]["app"]["url"])
    with listening(int(uri.rpartition(":")[2].partition("/")[0])) as app:
        await broker_command(stand.site, "webhook", "test", "app", "--why", "to look at it")
        heard = await asyncio.to_thread(app.heard.get, timeout=30)
    return heard[""]


async def _upstream_id_token(stand: Stand) -> str:
    return _of_upstream("JWT", {"nonce": "n-1"})


async def _upstream_logout(stand: Stand) -> str:
    return _of_upstream("logout+jwt", {"events": {EVENT: {}}})


def _of_upstream(typ: str, claims: dict[str, Any]) -> str:
    now, signing = int(time.time()), key("emu-oidc-es", "ES256")
    fresh = {"iss": ISSUER, "aud": "company", "sub": "nobody", "iat": now, "exp": now + 120}
    return signing.sign(fresh | {"jti": secrets.token_urlsafe(16)} | claims, kid=signing.kid, typ=typ)


async def _assertion(stand: Stand) -> str:
    return stand.sign(ASSERTION, {"iss": "signer", "sub": "signer", "aud": stand.site.issuer})


async def _proof(stand: Stand) -> str:
    return stand.sign(PROOF, {"htm": "POST", "htu": stand.url("/token")}, jwk=app_key().jwk())


async def _request(stand: Stand) -> str:
    inner = request_for(stand.site, "signer")
    return stand.sign(REQUEST, inner | {"iss": "signer", "aud": stand.site.issuer})


JWTS: Final[dict[str, Maker]] = {
    "ID token": _id_token,
    "access token": _access,
    "client's access token": _own,
    "userinfo": _userinfo,
    "logout token": _logout,
    "event": _event,
    "upstream's ID token": _upstream_id_token,
    "upstream's logout token": _upstream_logout,
    "client assertion": _assertion,
    "DPoP proof": _proof,
    "request object": _request,
}
"""Of what is signed with one and the same key, only the kind differs."""
