"""JSON of an upstream, read so that it has one meaning only; how is said in `broker.core.strict_json`."""

from __future__ import annotations

from typing import Any

from broker.core import strict_json
from broker.core.errors import UpstreamInvalid


def parse_json(raw: bytes | str, what: str) -> Any:
    """The value; raises UpstreamInvalid, naming `what`, for whatever two readers could understand differently."""
    try:
        return strict_json.parse_json(raw)
    except strict_json.Malformed as problem:
        # The text is left out: it may hold tokens, and an exception text ends up in a log.
        raise UpstreamInvalid(f"{what}: {problem}") from None


def parse_object(raw: bytes | str, what: str) -> dict[str, Any]:
    """The JSON object in `raw`; errors as `parse_json`."""
    value = parse_json(raw, what)
    if not isinstance(value, dict):
        raise UpstreamInvalid(f"{what}: not a JSON object")
    return value
