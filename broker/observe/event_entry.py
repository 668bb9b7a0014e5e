"""What is said about one event of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from broker.observe.metrics import Fields, Metrics

Meter = Callable[[Metrics, Fields], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """What becomes of one event. `renamed` maps a field to its name in the log where its own would be redacted."""

    level: str
    audit: bool
    fields: tuple[str, ...]
    about: str
    meter: Meter | None = None
    renamed: Mapping[str, str] | None = None


def count(name: str, *labels: str, **fixed: str) -> Meter:
    """Counts under the fields named, then under fixed values."""

    def meter(metrics: Metrics, fields: Fields) -> None:
        metrics.count(name, *map(fields.get, labels), *fixed.values())

    return meter
