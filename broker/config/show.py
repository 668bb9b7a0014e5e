"""The effective configuration as YAML, without secrets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, BeforeValidator, SecretStr
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML

from broker.config.load import Loaded
from broker.config.source import KeyPath, dotted
from broker.config.substitute import Origin, SourceKind
from broker.config.values import parse_duration, parse_rate, parse_size

_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
_SIZES = ((1024 * 1024, "MiB"), (1024, "KiB"), (1, "B"))
Origins = Mapping[KeyPath, tuple[Origin, ...]]
NOWHERE: Mapping[KeyPath, Any] = MappingProxyType({})
_RATES = ((3600, "h"), (60, "min"), (1, "s"))


def render(loaded: Loaded) -> str:
    """YAML with every key. A secret is shown as ‹env:NAME›, ‹file:PATH›, ‹credential:NAME› or ‹hidden›."""
    out = StringIO()
    yaml = YAML()
    yaml.width = 120
    yaml.dump(plain(loaded.config, (), loaded.origins), out)
    return out.getvalue()


def as_written(model: BaseModel, keys: Iterable[str]) -> dict[str, Any]:
    """These keys of a model as the file would have them: text, numbers, lists, mappings. Secrets are hidden.

    Of a section within, only what was said of it: a default is not frozen by being written down.
    """
    wanted, said = set(keys), model.model_dump(exclude_unset=True)
    return {key: _said(value, said.get(key)) for key, value in plain(model).items() if key in wanted}


def _said(value: Any, said: Any) -> Any:
    if not (isinstance(value, dict) and isinstance(said, dict)):
        return value
    return {key: _said(inner, said[key]) for key, inner in value.items() if key in said}


def plain(value: Any, path: KeyPath = (), origins: Origins = NOWHERE) -> Any:
    """`value` as YAML or JSON shows it, no secret in it."""
    if isinstance(value, SecretStr):
        return _secret(path, origins)
    if isinstance(value, BaseModel):
        return {
            name: plain(written(getattr(value, name), field), (*path, name), origins)
            for name, field in type(value).model_fields.items()
        }
    if isinstance(value, Mapping):
        return {str(key): plain(inner, (*path, key), origins) for key, inner in value.items()}
    if isinstance(value, list | tuple | frozenset):
        return [plain(inner, (*path, index), origins) for index, inner in enumerate(value)]
    return str(value) if isinstance(value, str) else value


def rows(loaded: Loaded, overrides: Mapping[KeyPath, str] = NOWHERE) -> Iterator[tuple[str, str, str]]:
    """Key, value and origin of everything in force: file and line, what was put in there, or that it is the default.

    `overrides`: variables of the environment that win, by the path of what they set.
    """
    for path, value in _leaves((), plain(loaded.config, (), loaded.origins)):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        yield dotted(path), text, overrides.get(path) or _origin(loaded, path)


def _leaves(path: KeyPath, value: Any) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves((*path, key), inner)
    else:
        yield path, value


def _origin(loaded: Loaded, path: KeyPath) -> str:
    if path not in loaded.document.keys:
        return "default"
    place = f"{loaded.document.file}:{loaded.document.keys[path].line}"
    within = [one for at, found in loaded.origins.items() if at[: len(path)] == path for one in found]
    named = [f"{one.kind}:{one.name}" for one in within if one.kind is not SourceKind.LITERAL]
    return " ".join([place, *named])


def _secret(path: KeyPath, origins: Origins) -> str:
    # A single text may stand where a list of secrets is wanted: its origin is known under the list's path.
    sources = [origin for origin in origins.get(path) or origins.get(path[:-1], ())]
    named = [f"‹{one.kind}:{one.name}›" for one in sources if one.kind is not SourceKind.LITERAL]
    return "".join(named) or "‹hidden›"


def written(value: Any, field: FieldInfo) -> Any:
    """A duration, size or rate as it is written in the file."""
    parsers = {found.func for found in field.metadata if isinstance(found, BeforeValidator)}
    if parse_duration in parsers:
        return _in_units(value, _UNITS)
    if parse_size in parsers:
        return _in_units(value, _SIZES)
    if parse_rate in parsers:
        window = _in_units(value[1], _RATES)
        return f"{value[0]}/{window.removeprefix('1') if window[1:].isalpha() else window}"
    return value


def _in_units(value: int, units: tuple[tuple[int, str], ...]) -> str:
    size, unit = next(((size, unit) for size, unit in units if value and value % size == 0), units[-1])
    return f"{value // size}{unit}"
