"""Tell systemd how it goes (sd_notify(3)); nothing happens when systemd did not start us."""

from __future__ import annotations

import os
import socket


def notify(state: str, address: str | None = None) -> None:
    """Send `READY=1` or `STOPPING=1` to the socket in NOTIFY_SOCKET; a systemd that does not listen is no failure."""
    address = address or os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as out:
            out.connect("\0" + address[1:] if address.startswith("@") else address)
            out.sendall(state.encode())
    except OSError:
        return  # the server runs as well without a supervisor that hears it
