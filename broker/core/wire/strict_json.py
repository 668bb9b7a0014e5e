"""JSON read so that it has one meaning only: what two readers could understand differently is refused."""

from __future__ import annotations

import json
from typing import Any

import orjson

DEPTH_LIMIT = 16
_NEVER = 1 << 40  # more texts than fit into memory


class Malformed(ValueError):
    """Not of the required form. The text never holds the value: an error text ends up in a log."""


def parse_json(raw: bytes | str, *, depth: int = DEPTH_LIMIT) -> Any:
    """The value; raises Malformed.

    Refused: anything but RFC 8259 in UTF-8 (a byte order mark, NaN, lone surrogates, numbers beyond a double), members
    named twice (RFC 8259 section 4 leaves their meaning open) and more than `depth` levels. Whole numbers stay exact.
    """
    try:
        # orjson is the strict reader, but it rounds large whole numbers and keeps the last of two equal members.
        sent = raw.encode() if isinstance(raw, str) else raw
        value = orjson.loads(sent)
        texts = _count_texts([value], depth + 1)
        # Without an escaped quote, two quotes are a text: when as many were read as there are, none was dropped.
        whole = b"\\" not in sent and sent.count(b'"') == 2 * texts
        return value if whole else json.loads(sent, object_pairs_hook=_once)
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


def _count_texts(value: dict[str, Any] | list[Any], left: int) -> int:
    """How many texts and names are in it; less than none when a number in it may have been rounded.

    Raises Malformed where lists and objects are nested deeper than `left` levels.
    """
    if left == 0:
        raise Malformed("nested too deeply")
    found, inside = (len(value), value.values()) if isinstance(value, dict) else (0, value)
    for inner in inside:
        kind = type(inner)
        if kind is str:
            found += 1
        elif kind is dict or kind is list:
            found += _count_texts(inner, left - 1)
        elif kind is float:
            found -= _NEVER
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a JSON object that names a member twice")
    return found
