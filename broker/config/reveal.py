"""Every secret a configuration holds, so that the log can be kept free of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel, SecretStr


def secrets_of(value: object) -> Iterator[str]:
    """The text of each SecretStr anywhere in a model, mapping or sequence."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from secrets_of(getattr(value, name))
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from secrets_of(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from secrets_of(member)
