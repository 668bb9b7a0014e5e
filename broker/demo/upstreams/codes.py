"""What a code is worth, at every emulated service that keeps to RFC 6749 section 4.1.3 and RFC 7636 section 4.6.

And how a bank spells an id.
"""

from __future__ import annotations

from hashlib import sha256
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


def as_uuid(text: str) -> str:
    """The same UUID for the same text (RFC 9562 version 8)."""
    digits = sha256(text.encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"
