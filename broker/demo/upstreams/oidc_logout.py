"""How the emulated OpenID Provider ends sessions: RP-Initiated Logout 1.0 and Back-Channel Logout 1.0."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp

from broker.demo.faults import Faults
from broker.demo.upstreams.base import RegisteredApp
from broker.demo.upstreams.id_tokens import Claims, Signer, falsified
from broker.demo.upstreams.oidc_logins import Granted
from broker.demo.visitor import LocalhostResolver

EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_FAULTS: Final = ("logout_nonce", "logout_no_event", "logout_wrong_event", "logout_about_nobody")
"""What a logout token can get wrong besides what an ID token can."""

Post = Callable[[str, Mapping[str, str]], Awaitable[int]]

_CHANGES: Final[Mapping[str, Callable[[Claims], Claims]]] = {
    "logout_nonce": lambda c: {**c, "nonce": "a-nonce"},
    "logout_no_event": lambda c: {n: v for n, v in c.items() if n != "events"},
    "logout_wrong_event": lambda c: {**c, "events": {"http://schemas.openid.net/event/other": {}}},
    "logout_about_nobody": lambda c: {n: v for n, v in c.items() if n not in {"sub", "sid"}},
}


async def post_form(url: str, form: Mapping[str, str]) -> int:
    """Post a form to an app on this machine; the status of the answer, 0 where nobody answers."""
    connector, timeout = aiohttp.TCPConnector(resolver=LocalhostResolver()), aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as http:
        try:
            async with http.post(url, data=form, allow_redirects=False) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0


@dataclass(frozen=True, slots=True)
class Told:
    """A logout token that was sent to an app, and the status it answered with."""

    client_id: str
    token: str
    status: int


def logout_claims(granted: Granted, issuer: str, *, now: int, jti: str, everywhere: bool) -> Claims:
    """The claims of a logout token (section 2.4): about one session, or about all of a person."""
    claims: Claims = {"iss": issuer, "aud": granted.app.client_id, "iat": now, "exp": now + 120, "jti": jti}
    claims |= {"sub": granted.person.ids["oidc"], "events": {EVENT: {}}}
    return claims if everywhere else {**claims, "sid": granted.sid}


async def tell(app: RegisteredApp, claims: Claims, signer: Signer, faults: Faults, post: Post) -> Told | None:
    """Send the app a logout token with the faults that are on; None where the app hears of none."""
    where = app.extras.get("backchannel_logout_uri", "")
    if not where:
        return None
    for name, change in _CHANGES.items():
        if faults.on(name):
            claims = change(claims)
    token = signer.sign(falsified(claims, faults), typ="logout+jwt")
    return Told(app.client_id, token, await post(where, {"logout_token": token}))
