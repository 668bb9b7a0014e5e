"""Apple's notifications to servers. From developer.apple.com, processing changes for Sign in with Apple (2026-11)."""

from __future__ import annotations

from typing import Final, Protocol

import orjson

from broker.demo.people import Person
from broker.demo.rules import documented, guessed
from broker.demo.upstreams.base import RegisteredApp
from broker.demo.upstreams.events import Message, Signs, statement
from broker.demo.upstreams.id_tokens import falsified

ISSUER: Final = "https://appleid.apple.com"
_LIFE = 600  # seconds
_FORWARDING = frozenset({"email-disabled", "email-enabled"})
_OVER = frozenset({"consent-revoked", "account-deleted", "account-delete"})

APPLE_EVENT_RULES: Final = (
    documented("notifications are RS256 by the keys of ID tokens, `events` is one event as a JSON text"),
    guessed("`aud` of a notification is the Services ID; it expires after ten minutes"),
)


class Notifies(Signs, Protocol):
    """The emulator, as far as this needs it; `known` were asked for their name at an app."""

    known: set[tuple[str, str]]


def notification(apple: Notifies, app: RegisteredApp, person: Person, kind: str) -> Message:
    """One of this kind, whatever that is. Who took their consent back is asked for a name again."""
    event = {"type": kind, "sub": apple.subject(person), "event_time": apple.now() * 1000}
    if kind in _FORWARDING:
        event |= {"email": f"{person.key}@privaterelay.appleid.com", "is_private_email": "true"}
    if kind in _OVER:
        apple.known.discard((person.key, app.client_id))
    told = {"exp": apple.now() + _LIFE, "events": orjson.dumps(event).decode()}
    claims = statement(ISSUER, app, now=apple.now(), jti=apple.mint(), told=told)
    token = apple.signer().sign(falsified(claims, apple.faults), typ=None)
    return Message(orjson.dumps({"payload": token}).decode(), "application/json")
