"""What proves of a posted access token that it was issued to this application (RFC 7662, and its many relatives)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker.core.errors import UpstreamInvalid, quote
from broker.core.expressions import find
from broker.upstream.generic.people import as_text
from broker.upstream.generic.settings import TokenCheck


def owner_in(check: TokenCheck, answer: Mapping[str, Any], *, client_id: str, now: float) -> str:
    """Whose token it is, "" where the check does not tell; raises UpstreamInvalid where it is not for us, or over."""
    if check.active_path is not None and find(check.active_path, answer) is not True:
        raise UpstreamInvalid("the upstream does not call the token active")
    issued_to = as_text(find(check.app_path, answer))
    if issued_to != client_id:
        raise UpstreamInvalid(f"the token was issued to another app ({quote(issued_to or 'none')})")
    _check_end(check, answer, now)
    if check.subject_path is None:
        return ""
    owner = as_text(find(check.subject_path, answer))
    if not owner:
        raise UpstreamInvalid("the upstream does not say whose token it is")
    return owner


def _check_end(check: TokenCheck, answer: Mapping[str, Any], now: float) -> None:
    """0 and nothing mean that it does not end."""
    ends = None if check.expiry_path is None else find(check.expiry_path, answer)
    if ends not in (None, 0) and (not isinstance(ends, int) or ends <= now):
        raise UpstreamInvalid("the token is over")
