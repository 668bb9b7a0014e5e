"""The audit stream: who did what to whom, once per action, appended and never rewritten.

In a file of its own it is readable by its owner only. On stdout its lines carry `"audit": true` and are written
whatever the log level is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker.observe.log import Clock, Lines, Log
from broker.observe.redact import Redactor
from broker.observe.sink import Sink

STDOUT = "stdout"


class Audit:
    """Where audit events go; `lines` is None when they are part of the log."""

    def __init__(self, lines: Lines | None, redactor: Redactor, *, clock: Clock) -> None:
        self._log = Log(lines, redactor, level="debug", style="json", clock=clock) if lines is not None else None

    @classmethod
    def open_(cls, target: str, redactor: Redactor, *, clock: Clock) -> tuple[Audit, Sink | None]:
        """The stream for `stdout` or a path, and the sink to close in the end; raises OSError."""
        sink = None if target == STDOUT else Sink.append_to(target)
        return cls(sink, redactor, clock=clock), sink

    @property
    def apart(self) -> bool:
        """Whether the stream is a file of its own."""
        return self._log is not None

    def write(self, event: str, fields: Mapping[str, Any]) -> None:
        """One line, when the stream is a file of its own."""
        if self._log is not None:
            self._log.write("info", event, fields)
