"""A login tried by hand: what an upstream answers can be looked at, with everything secret in it masked."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from broker.core.errors import UpstreamError
from broker.core.jose.compact import decode_segment
from broker.upstream.exchange import Request
from broker.upstream.fields import Fields

_SECRET: Final = re.compile(r"(?i)(^|_)(token|secret|secret_key|code|hash|password|assertion)$")
_SHOWN: Final = 4  # characters of a secret: enough to tell two of them apart, and of no use to anybody


def shown(request: Request, outcome: object) -> Any:
    """What a call came to, as JSON to be looked at: the answer with its secrets masked, or why there is none."""
    if isinstance(outcome, UpstreamError):
        return outcome.detail
    if isinstance(outcome, tuple):  # a document and how long it may be kept
        outcome = outcome[0]
    told = {name: outcome.raw(name) for name in outcome} if isinstance(outcome, Fields) else outcome
    # Where tokens come by names that nobody knows beforehand, the names are all that is shown.
    return dict.fromkeys(told, "…") if request.once and isinstance(told, dict) else mask(told)


def mask(value: Any) -> Any:
    """A JSON value with every secret cut to its first characters, and of an ID token the claims that stand in it."""
    if isinstance(value, list):
        return [mask(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: _mask_member(name, one) for name, one in value.items()}


def _mask_member(name: str, value: Any) -> Any:
    if not isinstance(value, str) or _SECRET.search(name) is None:
        return mask(value)
    hidden = f"{value[:_SHOWN]}… ({len(value)} characters)"
    if name != "id_token":
        return hidden
    try:
        claims = json.loads(decode_segment(value.split(".")[1]))
    except (ValueError, IndexError):
        return hidden
    return {"token": hidden, "claims": mask(claims)}
