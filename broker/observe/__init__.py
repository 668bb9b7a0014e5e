"""What the operator sees: the log, the audit stream and the metrics, all fed by events (`broker.core.events`)."""

from broker.observe.recorder import Observer, Setup

__all__ = ["Observer", "Setup"]
