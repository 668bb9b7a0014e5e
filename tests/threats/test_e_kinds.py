"""Threat E8: every kind of token in every place where one is taken. What each is good for is said once, here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from broker.core.clients.assertion import ASSERTION_TYPE
from tests.threats.journeys import (
    back,
    code_for,
    introspect,
    own_token,
    redeem,
    refresh,
    sign_in,
    tokens_for,
    userinfo,
)
from tests.threats.kinds import BYE, JWTS, Stand

pytestmark = pytest.mark.anyio
ACCEPTED: Final[dict[str, set[str]]] = {
    "opaque access token": {"userinfo", "introspection"},
    "opaque client's token": {"introspection"},
    "refresh token": {"refresh"},
    "code": {"code"},
    "ID token": {"hint", "hint at logout"},
    "access token": {"userinfo", "introspection"},
    "client's access token": {"introspection"},
    "userinfo": set(),
    "logout token": set(),
    "event": set(),
    "upstream's ID token": set(),
    "upstream's logout token": {"upstream's logout"},
    "client assertion": {"client_assertion"},
    "DPoP proof": {"DPoP header"},
    "request object": {"request"},
}
OWNER: Final = {"opaque client's token": "robot", "access token": "teller", "client's access token": "teller"}
"""Whose it is; the app's where nothing is said."""


BY_THE_MINUTE: Final = ("client assertion", "DPoP proof", "request object", "upstream's logout token")
"""Made anew for every place: they do not count for long, nor twice."""

Place = Callable[[Stand, str, str], Awaitable[bool]]


async def at_userinfo(stand: Stand, token: str, _: str) -> bool:
    """As a bearer."""
    return (await userinfo(stand.site, stand.client, token)).status_code == 200


async def at_introspection(stand: Stand, token: str, owner: str) -> bool:
    """As something a resource server would honour."""
    return "token_type" in await introspect(stand.site, stand.client, token, owner)


async def as_hint(stand: Stand, token: str, _: str) -> bool:
    """Of somebody who is logged in."""
    return "code" in back(await sign_in(stand.site, stand.visitor, prompt="none", id_token_hint=token))


async def as_refresh(stand: Stand, token: str, owner: str) -> bool:
    """At the token endpoint."""
    return (await refresh(stand.site, stand.client, token, "app" if owner == "robot" else owner)).status_code == 200


async def as_code(stand: Stand, token: str, owner: str) -> bool:
    """At the token endpoint."""
    return (await redeem(stand.site, stand.client, token, "app" if owner == "robot" else owner)).status_code == 200


async def as_secret(stand: Stand, token: str, _: str) -> bool:
    """In place of a client's secret."""
    form = {"client_id": "robot", "client_secret": token, "grant_type": "client_credentials"}
    return (await stand.client.post("/token", data=form)).status_code == 200


async def as_logout(stand: Stand, token: str, _: str) -> bool:
    """As an upstream's word that somebody logged out."""
    return (await stand.client.post("/backchannel/company", data={"logout_token": token})).status_code == 200


async def as_proof(stand: Stand, token: str, _: str) -> bool:
    """Of possessing the key that a token is to be bound to."""
    form = {"client_id": "robot", "client_secret": stand.site.secret("robot"), "grant_type": "client_credentials"}
    answer = await stand.client.post("/token", data=form, headers={"DPoP": token})
    assert answer.status_code != 200 or answer.json()["token_type"] == "DPoP"
    return answer.status_code == 200


async def as_assertion(stand: Stand, token: str, _: str) -> bool:
    """As a client's proof of itself."""
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE, "client_assertion": token}
    return (await stand.client.post("/token", data=form)).status_code == 200


async def as_logout_hint(stand: Stand, token: str, _: str) -> bool:
    """Of an app that sends people on after the logout."""
    params = {"id_token_hint": token, "post_logout_redirect_uri": BYE}
    return (await stand.client.get("/logout", params=params)).headers.get("location", "").startswith(BYE)


async def as_request(stand: Stand, token: str, _: str) -> bool:
    """As what an app asks for at the authorization endpoint."""
    answer = await stand.client.get("/authorize", params={"client_id": "signer", "request": token})
    return answer.status_code in {200, 303} and "error=" not in answer.headers.get("location", "")


PLACES: Final[dict[str, Place]] = {
    "userinfo": at_userinfo,
    "introspection": at_introspection,
    "hint": as_hint,
    "hint at logout": as_logout_hint,
    "secret": as_secret,
    "refresh": as_refresh,
    "code": as_code,
    "upstream's logout": as_logout,
    "DPoP header": as_proof,
    "client_assertion": as_assertion,
    "request": as_request,
}


async def test_e8_every_token_counts_in_its_own_place_only(stand: Stand) -> None:
    tokens = await tokens_for(stand.site, visitor=stand.visitor)
    values = {kind: await make(stand) for kind, make in JWTS.items() if kind not in BY_THE_MINUTE}
    values |= {
        "opaque access token": tokens["access_token"],
        "opaque client's token": await own_token(stand.site, stand.client),
        "refresh token": tokens["refresh_token"],
        "code": await code_for(stand.site, stand.visitor),
    }
    found: dict[str, set[str]] = {kind: set() for kind in (*values, *BY_THE_MINUTE)}
    for kind, places in found.items():
        for place, offer in PLACES.items():
            value = values[kind] if kind in values else await JWTS[kind](stand)
            if await offer(stand, value, OWNER.get(kind, "app")):
                places.add(place)
    assert found == ACCEPTED
