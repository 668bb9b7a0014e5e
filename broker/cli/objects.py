"""An object of a use case on the command line: `--set key=value`, or a file of YAML or JSON."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from broker.cli.common import fail

_PAIR = re.compile(r"([a-z][a-z0-9_]{0,63})=(.*)", re.DOTALL)
_SAID, _FROM = "said", "from_file"


def object_options(about: str) -> Iterator[click.Parameter]:
    """What says it. The last word on a key has --set."""
    help_ = f"{about} One key, with a value of YAML: text, true, [a, b]; nothing: as usual. Repeatable."
    yield click.Option(["--set", _SAID], metavar="KEY=VALUE", multiple=True, help=help_)
    yield click.Option(["--from", _FROM], metavar="FILE", help="The same from a file of YAML or JSON; - is stdin.")


def take_object(given: dict[str, Any], client_id: str) -> dict[str, Any] | None:
    """What was said, taken out of the values; None for nothing. Ends the command where it cannot be read.

    A file may have it below the `client_id`, as config.yaml has.
    """
    pairs, file = given.pop(_SAID, ()), given.pop(_FROM, None)
    if not pairs and not file:
        return None
    read: dict[str, Any] = dict(_read_file(file, client_id)) if file else {}
    for pair in pairs:
        found = _PAIR.fullmatch(pair)
        if found is None:
            fail([f"--set {pair.partition('=')[0][:40]!a}: write key=value, with a key of `clients` in config.yaml"])
        read |= _parse(f"{found[1]}: {found[2]}", f"--set {found[1]}")
    return read


def _read_file(file: str, client_id: str) -> Mapping[str, Any]:
    from pathlib import Path

    from broker.config.source import read_text
    from broker.core.errors import ConfigError

    try:
        text = sys.stdin.read() if file == "-" else read_text(Path(file))
    except ConfigError as error:
        fail(error.shown)
    read = _parse(text, file)
    inner = read.get(client_id)
    return inner if len(read) == 1 and isinstance(inner, dict) else read


def _parse(text: str, name: str) -> dict[str, Any]:
    """As a configuration is read: scalars but null stay text, whose kind the setting knows."""
    from broker.config.source import parse
    from broker.core.errors import ConfigError

    try:
        return dict(parse(text, name).data)
    except ConfigError as error:
        fail(error.shown)
