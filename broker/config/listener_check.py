"""What must hold of the addresses the broker listens on."""

from __future__ import annotations

from broker.config.model import Config
from broker.config.report import Report
from broker.core.wire.addresses import is_loopback_host


def check_listeners(config: Config, report: Report) -> None:
    """What is for operators is on another listener than what is for everybody."""
    server = config.server
    if server.management is not None and server.management == server.listen:
        report.problem(("server", "management"), "is the public listener too: metrics would be public")
    if server.admin_api:
        _check_admin(server.management, report)
    if server.tls is not None and server.listen.startswith("unix:"):
        report.problem(("server", "tls"), "a unix socket does not speak TLS")


def _check_admin(listen: str | None, report: Report) -> None:
    """A token lets its bearer look after everybody, and this listener speaks plain HTTP."""
    if listen is None:
        report.problem(("server", "admin_api"), "needs server.management: it has no listener of its own")
    elif not listen.startswith("unix:") and not is_loopback_host(listen.rpartition(":")[0]):
        text = "is on an address that others reach, and its tokens travel in clear: put TLS in front of it"
        report.warn(("server", "admin_api"), text)
