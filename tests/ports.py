"""Ports for processes that are started, killed and started again at the same place."""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress


def free_port() -> int:
    """A port nobody listens on just now, below those the system gives away: no connection takes it meanwhile."""
    for _ in range(100):
        with socket.socket() as sock, suppress(OSError):
            sock.bind(("127.0.0.1", 20_000 + secrets.randbelow(12_000)))
            return int(sock.getsockname()[1])
    raise AssertionError("no port is free")
