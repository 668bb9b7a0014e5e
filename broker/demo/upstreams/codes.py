"""What a code is worth, at every emulated service that keeps to RFC 6749 section 4.1.3 and RFC 7636 section 4.6."""

from __future__ import annotations

from typing import TypeVar

from broker.demo.call import Call
from broker.demo.upstreams.base import Grant, OneTime, RegisteredApp
from broker.demo.upstreams.keys import challenge_of

AnyGrant = TypeVar("AnyGrant", bound=Grant)


def redeemed(codes: OneTime[AnyGrant], call: Call, app: RegisteredApp) -> AnyGrant | None:
    """What the code stands for, once: for the app and the address it was given to, with the verifier, if any."""
    granted = codes.take(call.get("code"))
    if granted is None or granted.app.client_id != app.client_id or granted.redirect_uri != call.get("redirect_uri"):
        return None
    proved = not granted.challenge or challenge_of(call.get("code_verifier")) == granted.challenge
    return granted if proved else None
