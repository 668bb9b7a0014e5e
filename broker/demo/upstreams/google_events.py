"""Google's Cross-Account Protection (RISC). From developers.google.com/identity/protocols/risc (read 2026-11)."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from broker.demo.call import Call
from broker.demo.people import Person
from broker.demo.rules import documented, guessed
from broker.demo.upstreams.answers import json_answer
from broker.demo.upstreams.base import RegisteredApp
from broker.demo.upstreams.control import UnknownEvent
from broker.demo.upstreams.events import Claims, Message, Signs, statement
from broker.demo.upstreams.id_tokens import falsified

ISSUER: Final = "https://accounts.google.com/"
DOCUMENT: Final = "/.well-known/risc-configuration"
_RISC, _OAUTH = (f"https://schemas.openid.net/secevent/{family}/event-type/" for family in ("risc", "oauth"))
_KINDS: Final = {
    **{kind: f"{_RISC}{kind}" for kind in ("sessions-revoked", "account-disabled", "account-enabled", "verification")},
    "account-credential-change-required": f"{_RISC}account-credential-change-required",
    **{kind: f"{_OAUTH}{kind}" for kind in ("tokens-revoked", "token-revoked")},
}

RISC_RULES: Final = (
    documented("`/.well-known/risc-configuration` says how the issuer of events spells itself, which ends in a slash"),
    documented("events are RS256 by the keys of ID tokens, have `jti` and no `exp`, and come as the body of a POST"),
    guessed("`typ` of an event is `secevent+jwt`"),
)


async def show_configuration(call: Call) -> Response:
    """Who signs events, and with which keys."""
    return json_answer({"issuer": ISSUER, "jwks_uri": "https://www.googleapis.com/oauth2/v3/certs"})


def security_event(google: Signs, app: RegisteredApp, person: Person, kind: str) -> Message:
    """One of this kind, by the last part of its name; raises UnknownEvent."""
    if kind not in _KINDS:
        raise UnknownEvent(f"no event {kind}; there are {', '.join(sorted(_KINDS))}")
    about: Claims = {"subject": {"subject_type": "iss-sub", "iss": ISSUER, "sub": google.subject(person)}}
    if kind == "verification":
        about = {"state": "asked for by hand"}
    if kind == "token-revoked":
        about["subject"] = {"subject_type": "oauth_token", "token_type": "refresh_token"}
        about["subject"] |= {"token_identifier_alg": "prefix", "token": "1//0EXAMPLE-refr"}
    if kind == "account-disabled":
        about["reason"] = "hijacking"
    told = {"events": {_KINDS[kind]: about}}
    claims = statement(ISSUER, app, now=google.now(), jti=google.mint(), told=told)
    token = google.signer().sign(falsified(claims, google.faults), typ="secevent+jwt")
    return Message(token, "application/secevent+jwt")
