"""Authorization requests that wait for their browser (RFC 9126), and the names they are called by."""

from __future__ import annotations

from broker.core.records import AuthorizationRequest, Record

PREFIX = "urn:ietf:params:oauth:request_uri:"
"""What a `request_uri` of ours begins with (RFC 9126 section 2.2)."""


class PushedRequest(Record, frozen=True, tag="pushed"):
    """A checked request without its own name.

    `until`: the epoch second to which the signed object it came in is good, 0 for one that was pushed. `shown`: a
    browser has come with it. `expires_at`: the epoch second it ends at the latest, however often it is shown.
    """

    request: AuthorizationRequest
    until: int = 0
    shown: bool = False
    expires_at: int = 0


def is_pushed(request_uri: str) -> bool:
    """Whether it has the form of ours, alive or not."""
    return request_uri.startswith(PREFIX)
