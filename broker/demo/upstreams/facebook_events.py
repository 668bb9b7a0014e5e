"""Facebook's two callbacks by `signed_request`. From developers.facebook.com (read 2026-11)."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode

import orjson

from broker.core.jose.compact import b64url
from broker.demo.people import Person
from broker.demo.rules import documented
from broker.demo.upstreams.base import RegisteredApp
from broker.demo.upstreams.control import UnknownEvent
from broker.demo.upstreams.events import Message, Tells

_PATHS: Final = {"deauthorize": "", "deletion": "/deletion"}

SIGNED_REQUEST_RULES: Final = (
    documented("`signed_request` is HMAC-SHA256 by the app secret over the encoded payload, in a form"),
    documented("both callbacks are signed alike; that for data deletion is answered by JSON with a page and a code"),
)


def callback(facebook: Tells, app: RegisteredApp, person: Person, kind: str) -> Message:
    """One of this kind; raises UnknownEvent."""
    if kind not in _PATHS:
        raise UnknownEvent(f"no event {kind}; there are {', '.join(sorted(_PATHS))}")
    told = {"user_id": facebook.subject(person), "algorithm": "HMAC-SHA256", "issued_at": facebook.now()}
    secret = "another-secret" if facebook.faults.on("wrong_signature") else app.client_secret
    form = urlencode({"signed_request": signed_request(told, secret)})
    return Message(form, "application/x-www-form-urlencoded", _PATHS[kind])


def signed_request(told: dict[str, object], secret: str) -> str:
    """What the app secret signs, in Meta's form."""
    payload = b64url(orjson.dumps(told))
    return f"{b64url(hmac.new(secret.encode(), payload.encode(), sha256).digest())}.{payload}"
