"""JSON values as lines for a person at a terminal: members one to a line, lists of objects as tables, times in UTC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from broker.cli.desk import columns, minute


def show(told: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """The lines."""
    for name, value in told.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield f"{indent}{name}:"
            yield from _entries(value, f"{indent}  ")
        elif isinstance(value, dict) and value:
            yield f"{indent}{name}:"
            yield from show(value, f"{indent}  ")
        else:
            yield f"{indent}{name}: {_plain(name, value)}"


def _entries(entries: Sequence[Mapping[str, Any]], indent: str) -> Iterator[str]:
    """A table, unless one of them holds a list of others: then one after the other, with a blank line before it."""
    if any(
        isinstance(value, list) and value and isinstance(value[0], dict) for one in entries for value in one.values()
    ):
        for one in entries:
            yield ""
            yield from show(one, indent)
        return
    heads = list(dict.fromkeys(name for one in entries for name in one))
    rows = [tuple(head.upper() for head in heads)]
    rows += [tuple(_plain(head, one[head]) if head in one else "-" for head in heads) for one in entries]
    yield from (indent + line for line in columns(rows))


def _plain(name: str, value: object) -> str:
    """What an upstream or an app chose is one line here, whatever it holds."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and (name == "at" or name.endswith("_at")):
        return minute(value)
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text) or "-"
