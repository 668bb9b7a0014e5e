"""JSON of an upstream, read so that it has one meaning only."""

from __future__ import annotations

import json
from typing import Any

import orjson

from broker.core.errors import UpstreamInvalid

DEPTH_LIMIT = 16


def parse_json(raw: bytes | str, what: str) -> Any:
    """The value; raises UpstreamInvalid for whatever two readers could understand differently.

    Refused: anything but RFC 8259 in UTF-8 (a byte order mark, NaN, lone surrogates, numbers beyond a double), members
    named twice (RFC 8259 section 4 leaves their meaning open) and more than 16 levels. Whole numbers stay exact.
    """
    try:
        # orjson is the strict reader, but it rounds large whole numbers and keeps the last of two equal members.
        check_depth(orjson.loads(raw), what)
        return json.loads(raw, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        # The text is left out: it may hold tokens, and an exception text ends up in a log.
        raise UpstreamInvalid(f"{what}: not valid JSON, or a member is named twice") from None


def parse_object(raw: bytes | str, what: str) -> dict[str, Any]:
    """The JSON object in `raw`; errors as `parse_json`."""
    value = parse_json(raw, what)
    if not isinstance(value, dict):
        raise UpstreamInvalid(f"{what}: not a JSON object")
    return value


def check_depth(value: object, what: str, left: int = DEPTH_LIMIT) -> None:
    """Raise UpstreamInvalid where lists and objects are nested deeper than 16 levels."""
    if not isinstance(value, (dict, list)):
        return
    if left == 0:
        raise UpstreamInvalid(f"{what}: nested too deeply")
    for inner in value.values() if isinstance(value, dict) else value:
        check_depth(inner, what, left - 1)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is named twice")
    return found
