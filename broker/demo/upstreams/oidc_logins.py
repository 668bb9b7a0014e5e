"""What the emulated OpenID Provider knows of a login, what it says of it, and how it ends one (RP-Initiated and
Back-Channel Logout 1.0).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from broker.demo.call import Call
from broker.demo.faults import Faults
from broker.demo.upstreams.base import Grant, RegisteredApp
from broker.demo.upstreams.id_tokens import Changes, Claims, Signer, falsified
from broker.demo.upstreams.keys import challenge_of
from broker.demo.upstreams.oidc_clients import METHODS, SIGNATURES

LEVELS = ("urn:example:gold", "urn:example:silver")
_TOLD = ("name", "given_name", "family_name", "gender", "locale")


@dataclass(frozen=True, slots=True)
class Granted(Grant):
    """`auth_time` in epoch seconds, None where nobody asked for it."""

    auth_time: int | None = None
    sid: str = ""
    acr: str = ""


KindOfGrant = type[Granted]


def level_of(call: Call, faults: Faults) -> str:
    """The level reached: the first one asked for that is known here, a lower one under a fault; "" unasked."""
    asked = [level for level in call.get("acr_values").split() if level in LEVELS]
    return "" if not asked else LEVELS[-1] if faults.on("weak_acr") else asked[0]


def problem_of(call: Call, *, plain: bool = False) -> str:
    """The error of an authorization request, or ""; `plain`: one without ID token is as good (RFC 6749 alone)."""
    if call.get("response_type") != "code":
        return "unsupported_response_type"
    if not plain and "openid" not in call.get("scope").split():
        return "invalid_scope"
    if call.get("code_challenge") and call.get("code_challenge_method") != "S256":
        return "invalid_request"
    return "" if call.get("response_mode") in {"", "query", "form_post"} else "invalid_request"


def fits(granted: Granted, app: RegisteredApp, call: Call) -> bool:
    """Whether a code is this app's, for this redirect URI, and its verifier came along (or neither was there)."""
    verifier = call.get("code_verifier")
    proof = challenge_of(verifier) if verifier else ""
    return (granted.app, granted.redirect_uri, granted.challenge) == (app, call.get("redirect_uri"), proof)


def profile(granted: Granted) -> Claims:
    """The members of userinfo; what a person does not have is not there."""
    person = granted.person
    found: Claims = {"sub": person.ids["oidc"]}
    if "profile" in granted.scope:
        found |= {name: getattr(person, name) for name in _TOLD} | {"preferred_username": person.username}
        found |= {"birthdate": person.birthday.replace("--", "0000-")}
        found |= {name: value for name, value in person.more.items() if name != "address"}
    if "address" in granted.scope:
        found |= {"address": person.more.get("address", "")}
    if "email" in granted.scope and person.email:
        found |= {"email": person.email_at("oidc"), "email_verified": person.key == "ada"}
    if "phone" in granted.scope and person.phone:
        found |= {"phone_number": person.phone, "phone_number_verified": True}
    return {name: value for name, value in found.items() if value != ""}


def discovery_of(issuer: str) -> Claims:
    """The document (OIDC Discovery 3, RP-Initiated Logout 2.1, Back-Channel Logout 2.1)."""
    base = issuer.removesuffix("/")
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/token",
        "userinfo_endpoint": f"{base}/userinfo",
        "jwks_uri": f"{base}/jwks",
        "end_session_endpoint": f"{base}/logout",
        "revocation_endpoint": f"{base}/revoke",
        "pushed_authorization_request_endpoint": f"{base}/par",
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "scopes_supported": ["openid", "profile", "email", "phone", "address", "offline_access"],
        "token_endpoint_auth_methods_supported": list(METHODS),
        "token_endpoint_auth_signing_alg_values_supported": list(SIGNATURES),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "acr_values_supported": list(LEVELS),
    }


EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_FAULTS: Final = ("logout_nonce", "logout_no_event", "logout_wrong_event", "logout_about_nobody")
"""What a logout token can get wrong besides what an ID token can."""

Post = Callable[[str, Mapping[str, str]], Awaitable[int]]

_CHANGES: Final[Changes] = {
    "logout_nonce": lambda c: {**c, "nonce": "a-nonce"},
    "logout_no_event": lambda c: {n: v for n, v in c.items() if n != "events"},
    "logout_wrong_event": lambda c: {**c, "events": {"http://schemas.openid.net/event/other": {}}},
    "logout_about_nobody": lambda c: {n: v for n, v in c.items() if n not in {"sub", "sid"}},
}


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
    token = signer.sign(falsified(falsified(claims, faults, _CHANGES), faults), typ="logout+jwt")
    return Told(app.client_id, token, await post(where, {"logout_token": token}))
