"""JSON read so that it has one meaning only: what two readers could understand differently is refused."""

from __future__ import annotations

import json
from typing import Any

import orjson

DEPTH_LIMIT = 16


class Malformed(ValueError):
    """Not of the required form. The text never holds the value: an error text ends up in a log."""


def parse_json(raw: bytes | str, *, depth: int = DEPTH_LIMIT) -> Any:
    """The value; raises Malformed.

    Refused: anything but RFC 8259 in UTF-8 (a byte order mark, NaN, lone surrogates, numbers beyond a double), members
    named twice (RFC 8259 section 4 leaves their meaning open) and more than `depth` levels. Whole numbers stay exact.
    """
    try:
        # orjson is the strict reader, but it rounds large whole numbers and keeps the last of two equal members.
        _check_depth(orjson.loads(raw), depth)
        return json.loads(raw, object_pairs_hook=_once)
    except Malformed:
        raise
    except ValueError:
        raise Malformed("not valid JSON, or a member is named twice") from None


def parse_object(raw: bytes | str, *, depth: int = DEPTH_LIMIT) -> dict[str, Any]:
    """The JSON object in `raw`; raises Malformed as `parse_json`."""
    value = parse_json(raw, depth=depth)
    if not isinstance(value, dict):
        raise Malformed("not a JSON object")
    return value


def _check_depth(value: Any, depth: int) -> None:
    level: list[Any] = [[value]]
    for _ in range(depth + 1):
        inside = [inner for outer in level for inner in (outer.values() if isinstance(outer, dict) else outer)]
        level = [inner for inner in inside if isinstance(inner, dict | list)]
        if not level:
            return
    raise Malformed("nested too deeply")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a JSON object that names a member twice")
    return found
