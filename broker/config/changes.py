"""What differs between two configurations, for people to read; and what of it a running broker cannot take over."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, SecretStr

from broker.config.model import Config
from broker.config.show import plain, written
from broker.config.source import KeyPath, dotted

_LONGEST = 120  # characters of one value

NEEDS_RESTART: tuple[KeyPath, ...] = (
    ("version",),
    ("issuer",),
    ("server", "listen"),
    ("server", "management"),
    ("server", "tls"),
    ("server", "shutdown_grace"),
    ("storage",),
    ("keys",),
    ("network",),
    ("limits", "request_body"),
    ("logging", "format"),
    ("logging", "audit"),
)
"""What the process stands on. Everything else is made anew by a reload."""

_WHO_PEOPLE_ARE = {
    "clients": {"subject_type", "sector"},
    "providers": {"subject_claim", "subject_within", "subject_path"},
}
"""Keys of a client or provider by which the same people get other ids there."""


class _Absent:
    """Not in this configuration."""


@dataclass(frozen=True, slots=True)
class Change:
    """One key that is another, was added, or is gone. Shows no secret."""

    path: KeyPath
    before: object
    after: object

    @property
    def line(self) -> str:
        """`~ tokens.code_ttl: 60s -> 90s`, `+ clients.shop`, `- providers.vk`."""
        key = dotted(self.path)
        if isinstance(self.before, _Absent):
            return f"+ {key}"
        if isinstance(self.after, _Absent):
            return f"- {key}"
        if isinstance(self.before, SecretStr) and isinstance(self.after, SecretStr):
            return f"~ {key}: another secret"
        return f"~ {key}: {_shown(self.before)} -> {_shown(self.after)}"

    @property
    def needs_restart(self) -> bool:
        """Whether a running broker cannot take it over."""
        return any(self.path[: len(path)] == path for path in NEEDS_RESTART)

    @property
    def estranges(self) -> bool:
        """Whether the people of a client or provider, which was there and stays, would be somebody new."""
        section, last = self.path[0], str(self.path[-1])
        there = not isinstance(self.before, _Absent) and not isinstance(self.after, _Absent)
        return there and last in _WHO_PEOPLE_ARE.get(str(section), ()) and len(self.path) == 3


def compare(before: Config, after: Config) -> tuple[Change, ...]:
    """Every key that differs, in the order of the sections; a provider or client that comes or goes is one change."""
    return tuple(_changes((), before, after))


def _changes(path: KeyPath, before: object, after: object) -> Iterator[Change]:
    if before == after:
        return
    if not (isinstance(before, BaseModel | Mapping) and isinstance(after, BaseModel | Mapping)):
        yield Change(path, before, after)
        return
    was, now = _members(before), _members(after)
    for key in dict.fromkeys([*was, *now]):
        yield from _changes((*path, key), was.get(key, _Absent()), now.get(key, _Absent()))


def _members(value: BaseModel | Mapping[Any, Any]) -> Mapping[str, Any]:
    if isinstance(value, BaseModel):
        return {name: written(getattr(value, name), field) for name, field in type(value).model_fields.items()}
    return {str(key): inner for key, inner in value.items()}


def _shown(value: object) -> str:
    known = plain(value)
    text = known if isinstance(known, str) and known else json.dumps(known, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
