"""Values to models. What is wrong in one part does not hide what is wrong in another."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from broker.config.model import Config, Sqlite
from broker.config.report import Report, closest, did_you_mean
from broker.config.shape import Shape
from broker.config.source import KeyPath, Raw

Resolve = Callable[[str], type[BaseModel]]
_TYPE = re.compile(r"[a-z][a-z0-9_.\-]{0,40}")

_WORDING = {
    "missing": "is required",
    "int_parsing": "should be a whole number",
    "float_parsing": "should be a number",
    "bool_parsing": "should be true or false",
    "string_too_short": "should not be empty",
    "too_short": "should not be empty",
    "tuple_type": "should be a list",
    "dict_type": "should be a mapping",
    "model_type": "should be a mapping",
    "model_attributes_type": "should be a mapping",
    "is_instance_of": "has the wrong shape",
}


_STAND_IN_CLIENT = "stand-in"


class StandIn(BaseModel):
    """In place of a provider whose own settings are wrong, so that the rest can be looked at."""


@dataclass(frozen=True, slots=True)
class Validated:
    """A Config; `stand_ins` are the parts that are not the file's because the file's are wrong."""

    config: Config
    stand_ins: frozenset[KeyPath]


def resolve_settings(data: Mapping[str, Raw], resolve: Resolve, report: Report) -> dict[str, type[BaseModel]]:
    """The settings class of every provider whose type is known; reports the others."""
    settings: dict[str, type[BaseModel]] = {}
    for name, value in _mapping(data.get("providers")).items():
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(kind, str):
            report.problem(("providers", name), "needs a `type`, for example `type: google`", of_key=True)
            continue
        if _TYPE.fullmatch(kind) is None:  # whatever slipped in here is not repeated: it may be a secret
            report.problem(("providers", name, "type"), "a type is one word in lower case, for example google")
            continue
        try:
            settings[name] = resolve(kind)
        except LookupError as error:
            report.problem(("providers", name, "type"), str(error.args[0]) if error.args else "unknown provider type")
    return settings


def find_disabled(data: Mapping[str, Raw]) -> frozenset[str]:
    """The providers that are switched off."""
    providers = _mapping(data.get("providers"))
    return frozenset(name for name, value in providers.items() if _is_off(_mapping(value).get("enabled")))


def validate(data: Mapping[str, Raw], shape: Shape, report: Report, base: Path) -> Validated | None:
    """The Config of the valid parts of `data`; every error is reported. None when nothing can be made of it.

    What `report` is deaf to has no value to be judged. Of a provider that is switched off this is no error: the shape
    of the rest is checked, and it may wait for its secrets.
    """
    context = {"base": base}
    values: dict[str, Any] = deepcopy(dict(data))
    _place_database(values)
    broken: set[KeyPath] = set()
    if isinstance(data.get("providers"), dict):
        values["providers"] = _providers(_mapping(data["providers"]), shape, report, context)
        broken |= {("providers", name) for name, made in values["providers"].items() if isinstance(made, StandIn)}
    try:
        return Validated(Config.model_validate(values, context=context), frozenset(broken))
    except ValidationError as error:
        found = [_explain(one, (), data, shape, report) for one in _errors(error, (), data, shape)]
    broken |= {path[:2] if path[0] == "clients" else path[:1] for path in found if path}
    broken.add(("clients", _STAND_IN_CLIENT))
    try:
        return Validated(Config.model_validate(_repaired(values, broken), context=context), frozenset(broken))
    except ValidationError:
        return None


def _providers(raw: Mapping[str, Raw], shape: Shape, report: Report, context: dict[str, Path]) -> dict[str, BaseModel]:
    made: dict[str, BaseModel] = {}
    for name, value in raw.items():
        kind = shape.settings.get(name)
        made[name] = StandIn()
        if kind is None:
            continue
        try:
            made[name] = kind.model_validate(value, context=context)
        except ValidationError as error:
            before = len(report.problems)
            explain_all(error, ("providers", name), {"providers": dict(raw)}, shape, report)
            if len(report.problems) == before and _is_off(_mapping(value).get("enabled")):
                made[name] = _without_values(kind, _mapping(value), shape, name)
    return made


def _without_values(kind: type[BaseModel], value: Mapping[str, Raw], shape: Shape, name: str) -> BaseModel:
    """Settings of a provider that is switched off and lacks a value: nobody reads more of them than that."""
    shown = {key: text for key, text in value.items() if not shape.is_secret(("providers", name, key))}
    return kind.model_construct(None, **{**shown, "enabled": False})


def _is_off(value: Raw) -> bool:
    try:
        return value is not None and TypeAdapter(bool).validate_python(value) is False
    except ValidationError:
        return False


def _place_database(values: dict[str, Any]) -> None:
    """Write the default out, so that it is beside the file like every other relative path."""
    inner: Any = values
    for key in ("storage", "sqlite"):
        inner = inner.setdefault(key, {}) if isinstance(inner, dict) else None
    if isinstance(inner, dict):
        inner.setdefault("path", Sqlite.model_fields["path"].default)


def _repaired(values: dict[str, Any], broken: set[KeyPath]) -> dict[str, Any]:
    for path in broken:
        parent = values if len(path) == 1 else values.get(str(path[0]))
        if path[0] != "providers" and isinstance(parent, dict):
            parent.pop(str(path[-1]), None)
    clients = values.get("clients") or {_STAND_IN_CLIENT: {"name": "-", "redirect_uris": ["https://stand-in.invalid/"]}}
    return (
        {"version": 1, "issuer": "https://stand-in.invalid", "providers": {"-": StandIn()}}
        | values
        | {"clients": clients}
    )


def _errors(error: ValidationError, prefix: KeyPath, data: Mapping[str, Any], shape: Shape) -> list[ErrorDetails]:
    """The errors without those that only follow from another: one mistake, one line.

    A list is "too short" of the items that were refused; a key is "missing" because it was misspelt beside.
    """
    errors = error.errors(include_url=False)
    inner = {one["loc"][:end] for one in errors for end in range(len(one["loc"]))}
    misspelt = set()
    for one in errors:
        if one["type"] == "extra_forbidden":
            path = _path((*prefix, *one["loc"]), data, missing=False)
            misspelt.add((*path[:-1], closest(str(path[-1]), shape.keys(path[:-1]))))
    return [
        one
        for one in errors
        if not (one["type"] == "too_short" and one["loc"] in inner)
        and not (one["type"] == "missing" and _path((*prefix, *one["loc"]), data, missing=True) in misspelt)
    ]


def explain_all(error: ValidationError, prefix: KeyPath, data: Mapping[str, Any], shape: Shape, report: Report) -> None:
    """Report what is wrong with the value at `prefix` of `data`, as the shape has it."""
    for one in _errors(error, prefix, data, shape):
        _explain(one, prefix, data, shape, report)


def _explain(error: ErrorDetails, prefix: KeyPath, data: Mapping[str, Any], shape: Shape, report: Report) -> KeyPath:
    """Report one error of pydantic under the path people see; returns that path."""
    path = _path((*prefix, *error["loc"]), data, missing=error["type"] == "missing")
    if error["type"] == "extra_forbidden":
        text = "unknown key" + did_you_mean(str(path[-1]), shape.keys(path[:-1]))
        report.problem(path, text, of_key=True)
    else:
        report.problem(path, report.without_secrets(_wording(error, path, shape, report)))
    return path


def _path(location: tuple[str | int, ...], data: Any, *, missing: bool) -> KeyPath:
    """pydantic's location without the names of union members and validators that it puts in between."""
    path: list[str | int] = []
    for index, step in enumerate(location):
        inside = isinstance(data, dict) and step in data
        inside = inside or (isinstance(data, list) and isinstance(step, int) and step < len(data))
        if inside:
            data = data[step]
            path.append(step)
        elif missing and index == len(location) - 1:
            path.append(step)
    return tuple(path)


def _wording(error: ErrorDetails, path: KeyPath, shape: Shape, report: Report) -> str:
    kind = error["type"]
    if error["input"] is None and kind != "missing":
        return "has no value" + ("; what follows # is a comment: quote it" if report.is_commented_out(path) else "")
    if kind == "string_pattern_mismatch":
        return f"is not what belongs here: {shape.description(path) or 'see docs/reference/config.md'}"
    if kind == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    if kind == "string_type":
        return "should be text"
    text = _WORDING.get(kind) or error["msg"].replace("Input should", "should").replace("after validation, ", "")
    return text[:1].lower() + text[1:]


def _mapping(value: Raw) -> dict[str, Raw]:
    return value if isinstance(value, dict) else {}
