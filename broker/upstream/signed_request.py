"""What Facebook tells apps by `signed_request`: a person removed the app, or wants their data deleted.

Form: developers.facebook.com/documentation/facebook-login/guides/advanced/manual-flow,
developers.facebook.com/docs/development/create-an-app/app-dashboard/data-deletion-callback (read 2026-11).
"""

from __future__ import annotations

import hmac
from dataclasses import replace
from hashlib import sha256
from typing import Any

from broker.core.errors import UpstreamInvalid
from broker.core.jose.compact import b64url, decode_segment
from broker.core.wire.parameters import parse_form
from broker.core.wire.strict_json import Malformed
from broker.upstream.abilities import Abilities, Heard, Meaning, UpstreamEvent
from broker.upstream.events import EventSettings
from broker.upstream.fields import Fields, parse_object, same
from broker.upstream.model import ConfidentialSettings
from broker.upstream.oauth2 import OAuth2Provider

MAX_AGE = 86400  # seconds: nobody says for how long one is repeated
_SKEW = 60  # seconds that clocks may differ
_WHAT = "signed_request"
_OF_BROWSERS = ("code", "oauth_token", "access_token")


class SignedRequestSettings(EventSettings, ConfidentialSettings):
    """Settings of such a service: the app secret signs."""


class SignedRequestProvider(OAuth2Provider):
    """A service whose people are known by a decimal `user_id`, in what it signs as at a login."""

    def abilities(self) -> Abilities:
        """With the word that somebody removed the app, or wants to be forgotten, where they are switched on."""
        if not self.settings.events:
            return super().abilities()
        removed = _SignedRequests(self.settings, self.tools.now, "deauthorize", Meaning.WITHDRAWN)
        deleted = _SignedRequests(self.settings, self.tools.now, "deletion", Meaning.GONE)
        return replace(super().abilities(), hears=removed, deletes=deleted)


class _SignedRequests:
    """HearsEvents: what it means is said by the address alone that a request comes to."""

    status = 200

    def __init__(self, settings: SignedRequestSettings, now: Any, kind: str, meaning: Meaning) -> None:
        self._settings, self._now = settings, now
        self._kind, self._meaning = kind, meaning

    async def hear(self, body: bytes) -> Heard:
        given = parse_form(body).get(_WHAT, "")
        told = read_signed_request(given, self._settings.client_secret.get_secret_value(), now=self._now())
        event = UpstreamEvent(self._kind, self._meaning, told.decimal_id("user_id"))
        return Heard((event,), f"{self._kind} {given}")


def read_signed_request(given: str, secret: str, *, now: float) -> Fields:
    """What the service says of somebody; raises UpstreamInvalid. `now` in epoch seconds.

    What its script gives to a browser at a login is signed the same way. It has a code or a token beside the person's
    id, and whoever gets hold of it is not the service: it is refused.
    """
    signature, _, payload = given.partition(".")
    mac = hmac.new(secret.encode(), payload.encode(errors="surrogatepass"), sha256).digest()
    if not same(signature, b64url(mac)):
        raise UpstreamInvalid(f"{_WHAT}: the signature does not fit")
    try:
        told = Fields(parse_object(decode_segment(payload), _WHAT), _WHAT)
    except Malformed as problem:
        raise UpstreamInvalid(f"{_WHAT}: {problem}") from None
    if told.text("algorithm") != "HMAC-SHA256":
        raise UpstreamInvalid(f"{_WHAT}: another algorithm than HMAC-SHA256")
    if any(name in told for name in _OF_BROWSERS):
        raise UpstreamInvalid(f"{_WHAT}: it was made for a browser")
    ahead = told.integer("issued_at") - now
    if not -MAX_AGE <= ahead <= _SKEW:
        raise UpstreamInvalid(f"{_WHAT}: issued_at is {ahead:+.0f} s from now; check both clocks")
    return told
