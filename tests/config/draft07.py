"""A reader of the part of JSON Schema draft-07 that our schema uses: what an editor would underline."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from broker.config.source import Raw

_KINDS = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}


def as_yaml(value: Raw) -> Any:
    """Plain scalars as an editor's YAML reader types them."""
    if isinstance(value, dict):
        return {key: as_yaml(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_yaml(inner) for inner in value]
    return json.loads(value) if value and (value in {"true", "false"} or value.isdecimal()) else value


def faults(schema: Any, value: Any, at: str = "", *, root: Any = None) -> Iterator[str]:
    """Paths at which a value breaks the schema."""
    root = root or schema
    if "$ref" in schema:
        yield from faults(root["definitions"][schema["$ref"].removeprefix("#/definitions/")], value, at, root=root)
    elif "anyOf" in schema:
        if all(list(faults(option, value, at, root=root)) for option in schema["anyOf"]):
            yield at
    elif _breaks(schema, value):
        yield at
    elif isinstance(value, dict):
        yield from _inside(schema, value, at, root)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from faults(schema.get("items", {}), inner, f"{at}[{index}]", root=root)


def _breaks(schema: Any, value: Any) -> bool:
    if "type" in schema and not isinstance(value, _KINDS.get(schema["type"], object)):
        return True
    if value != schema.get("const", value) or value not in schema.get("enum", [value]):
        return True
    if isinstance(value, dict) and not set(schema.get("required", [])) <= set(value):
        return True
    return isinstance(value, str) and not re.search(schema.get("pattern", ""), value)


def _inside(schema: Any, value: dict[str, Any], at: str, root: Any) -> Iterator[str]:
    for key, inner in value.items():
        below = schema.get("properties", {}).get(key, schema.get("additionalProperties", {}))
        if below is False:
            yield f"{at}.{key}"
        elif isinstance(below, dict):
            yield from faults(below, inner, f"{at}.{key}", root=root)
