"""`broker healthcheck`: for a container's HEALTHCHECK. Standard library only, so that it answers at once."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from pathlib import Path

import click

from broker.cli.common import config_option, fail

DEFAULT = "127.0.0.1:9400"
_TIMEOUT = 2.0  # seconds
_SETTING = r"(?m)^[^#\n]*?\b%s:[ \t]*[\"']?([^\s\"'#,}]+)"


@click.command()
@config_option
@click.option("--address", metavar="HOST:PORT", help="Ask here; otherwise what the configuration says.")
def healthcheck(path: str, address: str | None) -> None:
    """Ask a running broker on this machine whether it is alive: exit code 0, or 1 with the reason.

    Asks /livez on the management listener; /healthz on the public one where there is no management listener.
    """
    where, what = (address, "/livez") if address else find_listener(path)
    try:
        status = ask(where, what)
    except OSError as error:
        fail([f"{where}: {error.strerror or error}"])
    if status != 200:
        fail([f"{where}{what}: answered {status}"])


def find_listener(path: str) -> tuple[str, str]:
    """Address and path to ask. The file is only glanced at: to read it properly takes longer than the whole check."""
    text = ""
    with suppress(OSError, UnicodeDecodeError):
        text = Path(path).read_text("utf-8")
    management, listen = (re.search(_SETTING % key, text) for key in ("management", "listen"))
    if management is not None and management[1] in {"null", "~"}:
        return (listen[1] if listen is not None else "127.0.0.1:8080"), "/healthz"
    return (management[1] if management is not None and "${" not in management[1] else DEFAULT), "/livez"


def ask(address: str, path: str) -> int:
    """The HTTP status of a GET; raises OSError."""
    if address.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(_TIMEOUT)
        connection.connect(address.removeprefix("unix:"))
    else:
        host, _, port = address.rpartition(":")
        host = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}.get(host, host.strip("[]"))  # noqa: S104 - turned into loopback
        connection = socket.create_connection((host, int(port)), _TIMEOUT)
    with connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = connection.recv(64)
    found = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)
    if found is None:
        raise OSError("did not answer in HTTP")
    return int(found[1])
