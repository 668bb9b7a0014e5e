"""The whole pipeline at DEBUG, fed with every kind of secret in every way it could get there."""

from __future__ import annotations

import logging
import os
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import quote, urlencode

import pytest

from broker.core.events import Event
from broker.observe import Observer
from tests.observe.conftest import Collected
from tests.observe.test_log import root_logging

# One value per kind of secret, of the shape the real ones have; each holds a word that must never be seen.
CANARIES = {
    "code": "c0006cA1b2C3canaryD4e5F6g7H8i9J0",
    "state": "AAAAAGQcanaryZ3J1c3RzdGF0ZTEyMzQ1Njc4OTBhYmNk",
    "nonce": "n-0S6_canaryWzA2MjAxMjM0NTY3ODkw",
    "code_verifier": "dBjftJeZ4CVPcanarymB92K27uhbUJU1p1rwW1gFWFOEjXk",
    "access_token": "at0006canary3uY7Q2l8x0Zc9Vb1Nm4",
    "refresh_token": "rt_canary9f8e7d6c5b4a39281706f5e4d3c2b1a0",
    "id_token": "eyJhbGciOiJSUzI1NiJ9.eyJjYW5hcnkiOiJjYW5hcnkifQ.c2lnbmF0dXJlY2FuYXJ5",
    "client_secret": "S3cr3tcanary-7Jw0vXcT3mLzK9sYb2NfR8",
    "client_assertion": "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJjYW5hcnkifQ.Y2FuYXJ5",
    "cookie": "__Host-session=s0006canaryaBcDeFgHiJkLmNoPq",
    "authorization": "Basic " + b64encode(b"shop:canary-secret-of-a-client").decode(),
    "bot_token": "7000000001:AAcanaryZ9x8y7w6v5u4t3s2r1q0p",
    "device_id": "device-canary-1234567890abcdef",
    "tgAuthResult": b64encode(b'{"id":1,"hash":"canary"}').decode(),
    "email": "canary@example.com",
    "phone_number": "+79990001122",
}
TELLTALES = (
    "canary",
    "Canary",
    "Y2FuYXJ5",
    "jYW5hcnki",
    "NhbmFyeS",
    "79990001122",
    b64encode(b"shop:canary").decode()[:12],
)


def hits(lines: Collected) -> list[bytes]:
    """The lines in which a secret, plain or encoded, can be read."""
    return [line for line in lines.raw if any(tale.encode() in line for tale in TELLTALES)]


@pytest.mark.parametrize("kind", CANARIES)
@pytest.mark.parametrize("style", ["json", "text"])
def test_j1_no_secret_of_any_kind_reaches_the_log(
    observe: Callable[..., Observer], lines: Collected, kind: str, style: str
) -> None:
    value = CANARIES[kind]
    observer = observe(level="debug", style=style, secrets=[CANARIES["client_secret"], CANARIES["bot_token"]])
    library = logging.getLogger("some.library")
    with root_logging():
        observer.install("debug")
        for event in Event:
            observer.record(event, reason=f"bad {kind}={value}", detail=f"got {value}")
            observer.record(event, **{kind: value})
        library.debug("GET https://upstream.example/x?%s", urlencode({kind: value, "v": "1"}))
        library.info("headers: %s", {kind: value, "accept": "*/*"})
        library.warning("%s: %s", kind, quote(value))
        library.error("body %r", f'{{"{kind}": "{value}"}}'.encode())
        try:
            raise ValueError(f"unexpected {value} in {{'{kind}': '{value}'}}")
        except ValueError as error:
            library.exception("failed")
            observer.on_crash(error)
    assert len(lines.raw) == 2 * len(Event) + 6
    assert hits(lines) == []


def test_j1_the_canaries_would_be_seen(lines: Collected) -> None:
    for value in CANARIES.values():
        lines.write(value.encode())
    assert len(hits(lines)) == len(CANARIES)


def test_j1_a_configured_secret_without_any_shape_is_hidden_too(
    observe: Callable[..., Observer], lines: Collected
) -> None:
    observer = observe(level="debug", secrets=["correct horse battery staple"])
    observer.record(Event.REQUEST_REFUSED, error="x", kind="y", reason="it was correct horse battery staple")
    observer.record(Event.REQUEST_REFUSED, error="correct horse battery staple", kind="y")
    assert len(lines.raw) == 2
    assert [line for line in lines.raw if b"battery" in line] == []


def test_the_process_does_not_log_its_environment(observe: Callable[..., Observer], lines: Collected) -> None:
    observe(level="debug").record(Event.SERVER_READY)
    assert [name for name in ("PATH", "HOME") if os.environ.get(name, "-").encode() in lines.raw[0]] == []
