"""A broker in a process of its own, on ports of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from time import monotonic

import pytest

from broker.cli.healthcheck import ask
from tests.ports import free_port

LIVE = """\
version: 1
issuer: {issuer}
server: {{listen: "{listen}", management: "127.0.0.1:{management}", shutdown_grace: 10s}}
storage: {{sqlite: {{path: broker.db}}}}
providers:
  google:
    type: google
    client_id: "123"
    client_secret: fUk0tN3vVq1yqv4mJg0qO7cC2o9n1bXz
clients:
  shop:
    name: Shop
    redirect_uris: [https://shop.example.com/cb]
    auth_method: none
"""


class Served:
    """`broker serve` as a process."""

    def __init__(self, folder: Path, *, listen: str = "", issuer: str = "", arguments: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.port, self.management = free_port(), free_port()
        self.issuer = issuer or f"http://id.localhost:{self.port}"
        self.config = folder / "config.yaml"
        listen = listen or f"127.0.0.1:{self.port}"
        self.config.write_text(LIVE.format(issuer=self.issuer, listen=listen, management=self.management))
        self._arguments = arguments
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **environ: str) -> Served:
        """Start and wait until it is ready; a process that ends instead fails the test with its output."""
        with (self.folder / "out").open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "broker", "serve", "--config", str(self.config), *self._arguments],
                stdout=out,
                stderr=subprocess.STDOUT,
                env=os.environ | {"BROKER_LOG_FORMAT": "json"} | environ,
            )
        until = monotonic() + 120
        while monotonic() < until and self.process.poll() is None:
            try:
                if ask(f"127.0.0.1:{self.management}", "/readyz") == 200 and b"server.ready" in self.output:
                    return self
            except OSError:
                pass
            with_wait(0.05)
        raise AssertionError(f"did not start: {self.output.decode()}")

    @property
    def output(self) -> bytes:
        """Everything printed so far."""
        return (self.folder / "out").read_bytes()

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(30)

    def connect(self) -> socket.socket:
        """A connection to the public listener."""
        return socket.create_connection(("127.0.0.1", self.port), 20)

    def broker(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Another command with the same configuration."""
        command = [sys.executable, "-m", "broker", *words, "--config", str(self.config)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def with_wait(seconds: float) -> None:
    """Let another process go on; there is nothing to be told by."""
    Event().wait(seconds)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Makes brokers in processes; whatever runs in the end is stopped."""
    made: list[Served] = []

    def _served(**options: object) -> Served:
        one = Served(tmp_path, **options)  # type: ignore[arg-type]  # the keywords of Served
        made.append(one)
        return one

    yield _served
    for one in made:
        if one.process is not None and one.process.poll() is None:
            one.process.kill()
            one.process.wait()
