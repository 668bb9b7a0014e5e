"""What the models say about a path: which keys may stand there, and whether its value is a secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr

from broker.config.model import Config
from broker.config.source import KeyPath

Settings = Mapping[str, type[BaseModel]]


class Shape:
    """The models of one file: Config, and below `providers` the settings class of each provider by its name."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def keys(self, path: KeyPath) -> tuple[str, ...]:
        """The keys that may stand in the mapping at `path`; empty where any may."""
        names = [name for kind in self._at(path) if _is_model(kind) for name in kind.model_fields]
        return tuple(dict.fromkeys(names))

    def is_secret(self, path: KeyPath) -> bool:
        """Whether the value at `path` must never be shown; a single text where a list of secrets may stand counts."""
        kinds = self._at(path)
        items = [item for kind in kinds if get_origin(kind) is not dict for item in _inside(kind, 0)]
        return any(isinstance(kind, type) and issubclass(kind, SecretStr) for kind in (*kinds, *items))

    def is_public(self, path: KeyPath) -> bool:
        """Whether the value at `path` may be repeated in a message: its key is known, and no secret belongs there."""
        return bool(self._at(path)) and Any not in self._at(path) and not self.is_secret(path)

    def description(self, path: KeyPath) -> str:
        """What the models say the key at `path` is for; "" where they say nothing."""
        holders = [kind for kind in self._at(path[:-1]) if _is_model(kind)]
        fields = [kind.model_fields.get(str(path[-1])) for kind in holders]
        return next((field.description for field in fields if field is not None and field.description), "")

    def _at(self, path: KeyPath) -> tuple[Any, ...]:
        kinds: tuple[Any, ...] = (Config,)
        for depth, step in enumerate(path):
            if depth == 2 and path[0] == "providers":
                kinds = (self.settings[str(path[1])],) if path[1] in self.settings else ()
            kinds = tuple(inner for kind in kinds for inner in _inside(kind, step))
        if len(path) == 2 and path[0] == "providers":
            kinds = (self.settings[str(path[1])],) if path[1] in self.settings else ()
        return kinds


def _inside(kind: Any, step: str | int) -> Iterator[Any]:
    if _is_model(kind):
        field = kind.model_fields.get(str(step))
        if field is not None:
            yield from _plain(field.annotation)
        return
    arguments = get_args(kind)
    if get_origin(kind) is dict and len(arguments) == 2:
        yield from _plain(arguments[1])
    elif get_origin(kind) in {tuple, list, frozenset, set} and arguments:
        yield from _plain(arguments[0])


def _plain(annotation: Any) -> Iterator[Any]:
    """The annotation without Annotated and Union around it."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _plain(get_args(annotation)[0])
    elif origin in {Union, UnionType}:
        for member in get_args(annotation):
            yield from _plain(member)
    else:
        yield annotation


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
