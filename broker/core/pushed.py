"""Authorization requests that wait for their browser (RFC 9126), and the names they are called by."""

from __future__ import annotations

from dataclasses import dataclass

from broker.core.records import Record

PREFIX = "urn:ietf:params:oauth:request_uri:"
"""What a `request_uri` of ours begins with (RFC 9126 section 2.2)."""


@dataclass(frozen=True, slots=True)
class PushedRequest(Record):
    """A checked request without its own name. `request` is an AuthorizationRequest as bytes in text."""

    kind = "pushed"

    request: str


def is_pushed(request_uri: str) -> bool:
    """Whether it has the form of ours, alive or not."""
    return request_uri.startswith(PREFIX)
