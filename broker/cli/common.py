"""What several commands need: the --config option, reading it, and one way to fail."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

if TYPE_CHECKING:
    from pydantic import BaseModel

    from broker.config.load import Loaded
    from broker.config.model import Config

_OVERRIDES = {"level": "BROKER_LOG_LEVEL", "format": "BROKER_LOG_FORMAT"}
Command = TypeVar("Command", bound=Callable[..., Any])


def config_option(command: Command) -> Command:
    """The option --config, from BROKER_CONFIG when it is not given."""
    return click.option(
        "--config",
        "path",
        metavar="FILE",
        envvar="BROKER_CONFIG",
        default="config.yaml",
        show_default=True,
        help="The configuration; BROKER_CONFIG names it too.",
    )(command)


def fail(lines: Iterable[str], *, code: int = 1) -> NoReturn:
    """Print what is wrong to stderr and end with this exit code."""
    for line in lines:
        click.echo(line, err=True)
    raise SystemExit(code)


def resolve(kind: str) -> type[BaseModel]:
    """The settings class of a provider type; raises LookupError."""
    from broker.registry import settings_class

    return settings_class(kind)


def read_config(path: str) -> Loaded:
    """The configuration with the environment's two overrides; ends the command with every problem of it."""
    from broker.core.errors import ConfigError

    try:
        return load_config(path)
    except ConfigError as error:
        fail(error.shown)


def load_config(path: str) -> Loaded:
    """As `read_config`; raises ConfigError with every problem."""
    from dataclasses import replace

    from broker.config.load import load_with_origins

    loaded = load_with_origins(path, resolve)
    return replace(loaded, config=override_logging(loaded.config, os.environ))


def overrides() -> dict[tuple[str | int, ...], str]:
    """The variables of the environment that win over the file, by what they set."""
    return {("logging", field): name for field, name in _OVERRIDES.items() if os.environ.get(name)}


def override_logging(config: Config, environ: Mapping[str, str]) -> Config:
    """`config` with BROKER_LOG_LEVEL and BROKER_LOG_FORMAT, where set; raises ConfigError for a value unknown."""
    from pydantic import ValidationError

    from broker.config.model import Logging
    from broker.core.errors import ConfigError

    given = {field: environ[name] for field, name in _OVERRIDES.items() if environ.get(name)}
    if not given:
        return config
    try:
        logging = Logging.model_validate(config.logging.model_dump() | given)
    except ValidationError as error:
        wrong = [str(one["loc"][0]) for one in error.errors()]
        raise ConfigError([f"{_OVERRIDES[field]}: is not one of logging.{field}'s values" for field in wrong]) from None
    return config.model_copy(update={"logging": logging})
