"""Logging out: what an app asks for, what apps are told, and what is kept in between. Times in epoch seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from broker.core.clients.client import Client
from broker.core.deliveries import Delivery
from broker.core.errors import BadRedirectUri, InvalidRequest
from broker.core.records import Record
from broker.core.wire.addresses import build_response_url
from broker.core.wire.parameters import Parameters

LOGOUT_TOKEN_TYPE: Final = "logout+jwt"
LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
TOKEN_TTL: Final = 120  # seconds (OIDC Back-Channel Logout 2.4: at most two minutes)
MAX_STATE: Final = 2048  # characters
DELIVERED_WITHIN: Final = 86_400  # seconds that an app which does not answer is tried again
_KNOWN = ("id_token_hint", "logout_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales")


class Telling(StrEnum):
    """How far an app has been told that somebody logged out."""

    TOLD = "told"  # it has confirmed
    WAITING = "waiting"  # it has not answered yet, and will be tried again
    FAILED = "failed"  # it refused, or can be told no more
    BY_BROWSER = "by_browser"  # the person's browser is telling it; nobody hears whether it worked


@dataclass(frozen=True, slots=True)
class SessionClient:
    """A client that knows of a session and has to hear when it ends. `sub` is the person as that client knows them.

    `sid` is our own name of the session, which no client sees; see `broker.services.people.subjects`.
    `backchannel`: it has an address that we call ourselves.
    """

    sid: str
    client_id: str
    sub: str
    backchannel: bool
    expires_at: int


class LogoutTicket(Record, frozen=True, tag="logout"):
    """A question put to one session, sealed into the page that asks it; what follows when the answer is yes."""

    session: str
    client_id: str
    redirect_uri: str
    expires_at: int


class LogoutDone(Record, frozen=True, tag="logged-out"):
    """What came of a logout, for the way back from the upstream. `apps` are the outcomes by client_id."""

    client_id: str
    redirect_uri: str
    apps: Mapping[str, str]


def build_logout_token(delivery: Delivery, *, issuer: str, now: int, sid: str) -> dict[str, Any]:
    """The claims of a logout token (OIDC Back-Channel Logout 2.4); it never has a `nonce`.

    `sid` is the session as the app knows it, which is not the delivery's.
    """
    return {
        "iss": issuer,
        "aud": delivery.receiver,
        "sub": delivery.sub,
        "sid": sid,
        "iat": now,
        "exp": now + TOKEN_TTL,
        "jti": delivery.id,
        "events": {LOGOUT_EVENT: {}},
    }


def build_frame_url(uri: str, *, issuer: str, sid: str) -> str:
    """What a browser loads to tell an app, with `iss` and its own `sid` (OIDC Front-Channel Logout 2)."""
    return build_response_url(uri, {"iss": issuer, "sid": sid})


def build_return_url(redirect_uri: str, state: str) -> str:
    """Where the browser goes after the logout, with the app's `state` if it sent one (OIDC RP-Initiated Logout 2)."""
    return build_response_url(redirect_uri, {"state": state}) if state else redirect_uri


def check_logout_request(params: Parameters) -> None:
    """Raise InvalidRequest where a parameter could be read in two ways."""
    params.check_single(_KNOWN)
    if len(params.get("state", "")) > MAX_STATE:
        raise InvalidRequest(f"state is longer than {MAX_STATE} characters")


def verify_post_logout_uri(client: Client, unverified_uri: str) -> str:
    """The URI itself when it is registered, byte for byte; raises BadRedirectUri. Any port is no exception here."""
    if unverified_uri not in client.logout.post_logout_redirect_uris and not client.may_be_at(unverified_uri):
        raise BadRedirectUri(
            f"post_logout_redirect_uri is not registered for client {client.id}",
            public="post_logout_redirect_uri is not one of the post_logout_redirect_uris registered for this client, "
            "byte for byte",
        )
    return unverified_uri
