"""Every text and secret that a configuration holds: to be checked before the start, and to be kept out of the log."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping

import orjson
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


def mark_of(value: object, key: bytes) -> str:
    """What is the same for the same settings, secrets and all, on every node with this key, and tells nobody any."""
    told = orjson.dumps(_revealed(value), default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hmac.digest(key, told, "sha256").hex()[:12]


def _revealed(value: object) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        return {name: _revealed(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(key): _revealed(inner) for key, inner in value.items()}
    if isinstance(value, frozenset):
        return sorted(map(str, value))
    return [_revealed(inner) for inner in value] if isinstance(value, list | tuple) else value
