"""Every text and secret that a configuration holds: to be checked before the start, and to be kept out of the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel, SecretStr

from broker.config.source import KeyPath


def scalars_of(value: object, path: KeyPath) -> Iterator[tuple[KeyPath, str | SecretStr]]:
    """Every text and every secret in a model, however deep, with its path."""
    if isinstance(value, str | SecretStr):
        yield path, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from scalars_of(getattr(value, name), (*path, name))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from scalars_of(inner, (*path, str(key)))
    elif isinstance(value, tuple | list):
        for index, inner in enumerate(value):
            yield from scalars_of(inner, (*path, index))


def secrets_of(value: object) -> Iterator[str]:
    """The text of each SecretStr, however deep."""
    yield from (found.get_secret_value() for _, found in scalars_of(value, ()) if isinstance(found, SecretStr))
