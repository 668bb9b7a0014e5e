"""JSON Schema of config.yaml for editors: draft-07, with the installed provider types.

Whatever is not plain text may also be written as `${...}`, so numbers, booleans, enumerations and patterns are
widened to "or a text with a placeholder".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from broker.config.model import Config

Schema = dict[str, Any]

_PLACEHOLDER: Schema = {"type": "string", "pattern": r"\$\{[^}]+\}"}
_NARROW = frozenset({"enum", "pattern", "const"})
_KEPT_OUTSIDE = ("title", "description", "default")


def build_schema(settings: Mapping[str, type[BaseModel]]) -> Schema:
    """The schema of a configuration whose providers have these types."""
    models = [(Config, "validation"), *((model, "validation") for model in settings.values())]
    refs, combined = models_json_schema(models, ref_template="#/definitions/{model}")  # type: ignore[arg-type]  # a list of a Literal
    definitions: Schema = combined["$defs"]
    root = definitions.pop(_name(refs[Config, "validation"]))
    providers = []
    for kind, model in sorted(settings.items()):
        name = _name(refs[model, "validation"])
        definitions[f"provider {kind}"] = _of_type(definitions[name], kind)
        providers.append({"$ref": f"#/definitions/provider {kind}"})
    root["properties"]["providers"] |= {"additionalProperties": {"anyOf": providers}}
    built: Schema = _widened(root | {"definitions": definitions})
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "config.yaml of the identity broker"} | {
        key: value for key, value in built.items() if key != "title"
    }


def _name(reference: Mapping[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _of_type(model: Schema, kind: str) -> Schema:
    properties = model["properties"] | {"type": {"const": kind, "description": "The kind of upstream"}}
    return model | {"title": f"provider of type {kind}", "properties": properties}


def _widened(node: Any, *, named: str = "") -> Any:
    if isinstance(node, list):
        return [_widened(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    if "prefixItems" in node:
        node = {key: value for key, value in node.items() if key != "prefixItems"} | {"items": node["prefixItems"]}
    inner = {
        key: ({name: _widened(value, named=name) for name, value in part.items()})
        if key in {"properties", "definitions"}
        else part
        if key in {"default", "enum", "required"}
        else _widened(part)
        for key, part in node.items()
    }
    if named == "type" or not (inner.get("type") in {"integer", "number", "boolean"} or _NARROW & set(inner)):
        return inner
    outside = {key: inner.pop(key) for key in _KEPT_OUTSIDE if key in inner}
    return outside | {"anyOf": [inner, _PLACEHOLDER]}
