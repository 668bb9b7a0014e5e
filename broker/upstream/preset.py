"""A preset: options of a type that settings describe, in a file of ours, so that an operator says an id and a secret.

Its keys are those that the type has in config.yaml. What the operator writes counts in their place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from broker.core.terms import PostedKind
from broker.upstream.brand import Brand
from broker.upstream.model import Provider, ProviderSettings

_OPERATORS: Final = {"client_id": "an-id", "client_secret": "a-secret-of-the-operator-and-not-of-ours"}
_ABOUT_THE_KEY: Final = frozenset({"missing", "extra_forbidden"})

Texts = Annotated[dict[Literal["ru", "en"], str], Field(min_length=2)]


class Preset(BaseModel):
    """A file `<type>.yaml`: whose options these are, how the service is called, which posted kinds it can prove."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    like: str
    title: Texts
    label: Texts
    brand: Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")] | Brand
    posted: frozenset[PostedKind] = frozenset()
    options: dict[str, Any]

    def flat(self) -> Iterator[tuple[str, Any]]:
        """Every option with its key as operators write it: `authorize.url`."""
        yield from _flat(self.options)


class PresetSettings(ProviderSettings):
    """Settings of a described type, most of which a file of ours says."""

    preset: ClassVar[Preset]

    @model_validator(mode="wrap")
    @classmethod
    def _completed(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(given, Mapping):
            return handler(given)
        try:
            return handler(merged(cls.preset.options, given))
        except ValidationError as problem:
            raise _told(problem, cls.preset.options, given, cls.__name__) from None


def read_preset(path: Path) -> Preset:
    """The file; raises ValueError for one that is no preset."""
    from ruamel.yaml import YAML  # only who names a preset waits for it

    return Preset.model_validate(YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")))


def preset_class(path: Path, engines: Callable[[str], type[Provider]]) -> type[Provider]:
    """The type that a file makes of one of the described types; raises ValueError where its options do not fit."""
    preset = read_preset(path)
    engine = engines(preset.like)
    name = path.stem.title()
    members = {
        "__doc__": f"What {path.name} says, as a type.",
        "__module__": engine.__module__,
        "Settings": _settings(f"{name}Settings", preset, engine.Settings, path.stem),
        "title": preset.title,
        "label": preset.label,
        "brand": preset.brand,
        "posted": preset.posted,
        "challenged": preset.posted & getattr(engine, "challenged", frozenset()),
        "source": path,  # for who asks where it is written
    }
    return type(name, (engine,), members)


def merged(ours: Mapping[str, Any], theirs: Mapping[str, Any], *, inside: bool = False) -> dict[str, Any]:
    """Our options with the operator's in their place: mappings key by key, lists and values whole.

    Inside an option `null` takes away what we say there, and so what the type itself has counts.
    """
    found = {**ours, **theirs}
    for name in ours.keys() & theirs.keys():
        own, other = ours[name], theirs[name]
        if isinstance(own, Mapping) and isinstance(other, Mapping):
            found[name] = merged(own, other, inside=True)
        elif inside and other is None and own is not None:
            del found[name]
    return found


def _settings(name: str, preset: Preset, base: type[ProviderSettings], kind: str) -> type[ProviderSettings]:
    """The settings of the described type, where what the preset says is the default."""
    checked = base.model_validate({"type": kind, **_OPERATORS, **preset.options})
    fields: dict[str, Any] = {}
    for option in preset.options:
        field = copy(base.model_fields[option])
        field.default = getattr(checked, option)
        fields[option] = (field.annotation, field)
    create: Any = create_model  # mypy takes what is assigned from it for a class of its own
    made: type[PresetSettings] = create(name, __base__=(PresetSettings, base), __module__=base.__module__, **fields)
    made.__doc__ = base.__doc__
    made.preset, made.posted = preset, preset.posted
    return made


def _told(problem: ValidationError, ours: Mapping[str, Any], theirs: Mapping[str, Any], title: str) -> ValidationError:
    """The same errors, each about what no operator wrote with the words that it is the preset's."""
    lines: list[InitErrorDetails] = []
    for error in problem.errors(include_url=False):
        blamed = _of_ours(error, ours, theirs)
        more = f" ({', '.join(blamed)}: what the preset says; say it yourself to say something else)" if blamed else ""
        text = PydanticCustomError(error["type"], "{text}", {"text": error["msg"] + more})
        lines.append(InitErrorDetails(type=text, loc=error["loc"], input=error["input"]))
    return ValidationError.from_exception_data(title, lines, hide_input=True)


def _of_ours(error: ErrorDetails, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """The keys an error is about that only the preset has."""
    if error["type"] in _ABOUT_THE_KEY:
        return []
    if not error["loc"]:  # about several keys at once, and the text names them
        words = set(re.findall(r"\w+_\w+|\w+(?=\.\w)", error["msg"]))  # a `token` in a sentence need not be the key
        return [name for name in ours if name in words and name not in theirs]
    mine: Any = ours
    other: Any = theirs
    for depth, step in enumerate(error["loc"], start=1):
        mine, other = (part.get(step) if isinstance(part, Mapping) else None for part in (mine, other))
        if other is None and mine is not None:
            return [".".join(map(str, error["loc"][:depth]))]
    return []


def _flat(options: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in options.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
