"""`Observer`: every event to the log, the audit stream and the metrics, as the catalogue says.

The audit stream says who did what to whom, once per action, appended and never rewritten. In a file of its own it is
readable by its owner only. On stdout its lines carry `"audit": true` and are written whatever the log level is.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client import disable_created_metrics

from broker import __version__
from broker.core.events import Event, Recorder
from broker.observe.catalogue import EVENTS
from broker.observe.log import Clock, Lines, Log, StdlibBridge
from broker.observe.metrics import Metrics
from broker.observe.redact import Redactor
from broker.observe.sink import Sink

_STDOUT = "stdout"
Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Setup:
    """What the observer is told: `logging` of config.yaml, the configured names, and secrets never to be printed."""

    level: str = "info"
    style: str = "auto"
    audit: str = _STDOUT
    providers: Iterable[str] = ()
    clients: Iterable[str] = ()
    secrets: Iterable[str] = ()


class Observer(Recorder):
    """Implements `broker.core.events.Recorder`."""

    def __init__(
        self, log: Log, audit: Log | None, metrics: Metrics, redactor: Redactor, sinks: Iterable[Sink] = ()
    ) -> None:
        """`audit` is None where the audit stream is part of the log; `redactor` is that of both."""
        self._redactor = redactor
        self._log = log
        self._audit = audit
        self._sinks = tuple(sinks)
        self.metrics = metrics
        self.metrics.set_to("broker_build_info", 1, __version__)
        self.metrics.set_to("broker_ready", 0)

    @classmethod
    def open_(cls, setup: Setup, *, clock: Clock = time.time, lines: Lines | None = None) -> Observer:
        """An observer that logs to stdout, or to `lines`; raises OSError when the audit file cannot be opened.

        The style "auto" is text on a terminal and JSON otherwise.
        """
        disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no annotations; a second series per counter
        redactor = Redactor(setup.secrets)
        sinks = []
        if lines is None:
            sinks.append(lines := Sink(sys.stdout.fileno()))
        terminal = bool(sinks) and os.isatty(sys.stdout.fileno())
        style = setup.style if setup.style != "auto" else "text" if terminal else "json"
        audit = None
        if setup.audit != _STDOUT:
            sinks.append(file := Sink.append_to(setup.audit))
            audit = Log(file, redactor, level="debug", style="json", clock=clock)
        log = Log(lines, redactor, level=setup.level, style=style, clock=clock)
        return cls(log, audit, Metrics(setup.providers, setup.clients, clock=clock), redactor, sinks)

    def record(self, event: Event, /, **fields: Value) -> None:
        try:
            entry = EVENTS[event]
            if entry.meter is not None:
                entry.meter(self.metrics, fields)
            if entry.renamed:
                fields = {entry.renamed.get(name, name): value for name, value in fields.items()}
            in_log = entry.audit and self._audit is None
            if in_log:
                fields["audit"] = True
            self._log.write(entry.level, event.value, fields, always=in_log)
            if entry.audit and self._audit is not None:
                self._audit.write("info", event.value, fields)
        except Exception as error:  # the contract: telling the operator must never fail the user
            self.metrics.count("broker_observe_errors_total")
            self._log.crash(error, "observe.error")

    def on_crash(self, error: Exception) -> None:
        """A failure nobody foresaw, with its frames."""
        self.metrics.count("broker_server_errors_total")
        self._log.crash(error, Event.SERVER_ERROR)

    def observe_request(self, route: str, status: int, seconds: float) -> None:
        """A request was answered: the route's name (never its path), the HTTP status, how long it took."""
        self.metrics.observe("http_server_request_duration_seconds", seconds, route, status)

    def expose(self) -> bytes:
        """The metrics in the Prometheus text format."""
        return self.metrics.expose(dropped=sum(sink.dropped for sink in self._sinks))

    def hide(self, secrets: Iterable[str]) -> None:
        """Never print these, from now on, whether or not their configuration comes into force."""
        self._redactor.hide(secrets)

    def follow(self, level: str, providers: Iterable[str], clients: Iterable[str]) -> None:
        """Another configuration, whose secrets are hidden already, is in force: its level of the log, its names."""
        self._redactor.follow()
        self._log.level = level
        self.install(level)
        self.metrics.follow(providers, clients)

    def install(self, level: str) -> None:
        """Let what libraries log through `logging` come out in the same shape."""
        StdlibBridge(self._log).install(level)

    def close(self) -> None:
        """Write out what is waiting."""
        for sink in self._sinks:
            sink.close()
