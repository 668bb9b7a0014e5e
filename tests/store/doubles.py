"""A clock and a recorder tests hold in their hand."""

from __future__ import annotations

from broker.core.events import Event
from tests.contract.people import NOW


class Clock:
    """Stands still until told otherwise."""

    def __init__(self) -> None:
        """It is NOW."""
        self.now = float(NOW)

    def __call__(self) -> float:
        """Epoch seconds."""
        return self.now


class Notes:
    """A Recorder that remembers."""

    def __init__(self) -> None:
        """Nothing happened yet."""
        self.events: list[Event] = []
        self.details: list[str] = []

    def record(self, event: Event, /, **fields: str | int | float | bool | None) -> None:
        """Take note."""
        self.events.append(event)
        self.details.append(str(fields.get("detail", "")))
