"""What is said of one event in the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from broker.observe.meters import Meter

BOTH = ("provider", "client_id")


@dataclass(frozen=True, slots=True)
class Entry:
    """What becomes of one event. `renamed` maps a field to its name in the log where its own would be redacted."""

    level: str
    audit: bool
    fields: tuple[str, ...]
    about: str
    meter: Meter | None = None
    renamed: Mapping[str, str] | None = None
