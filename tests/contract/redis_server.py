"""A real redis-server of our own, on a socket only we know."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from time import monotonic

import pytest


class RedisServer:
    """Started at once; `kill`, `freeze` and `start` as a test needs them; `stop` removes everything."""

    def __init__(self, *options: str) -> None:
        """`options`: further command line arguments, as in `--maxmemory-policy allkeys-lru`."""
        program = shutil.which("redis-server")
        if program is None:
            pytest.fail("redis-server is missing: install it with `apt-get install redis-server`", pytrace=False)
        # A process that is killed loses nothing that it wrote, waited for the disk or not; other tests keep that busy.
        # Not pytest's tmp_path: the name of a Unix socket may not be longer than 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self._socket = self.folder / "s"
        self._command = [program, "--port", "0", "--unixsocket", str(self._socket), "--dir", str(self.folder)]
        self._command += ["--save", "", "--appendonly", "yes", "--appendfsync", "no", *options]
        self.start()

    @property
    def path(self) -> str:
        """Of the Unix socket."""
        return str(self._socket)

    @property
    def url(self) -> str:
        """As in config.yaml."""
        return f"unix://{self._socket}"

    def start(self) -> None:
        """Start over what was kept on disk; returns when the server answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = monotonic() + 20
        while self.ask("PING") != b"+PONG\r\n":
            if monotonic() > deadline or self._process.poll() is not None:
                pytest.fail(f"redis-server does not start: {(self.folder / 'log').read_text()[-500:]}")

    def ask(self, *words: str) -> bytes:
        """The raw first bytes of an answer, over a connection of its own; empty when there is no server."""
        request = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words)
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(0.5)
            try:
                line.connect(str(self._socket))
                line.sendall(request)
                return line.recv(65536)
            except OSError:
                # Waits where there is nothing to connect to yet, so that asking again is no busy loop.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(0.02)
                return b""

    def kill(self) -> None:
        """As the kernel does when memory is short."""
        self._process.kill()
        self._process.wait()

    def remember(self) -> Path:
        """A copy of what is on disk now, for `go_back`. Nothing may be writing meanwhile."""
        copy = self.folder / f"copy{len(list(self.folder.glob('copy*')))}"
        shutil.copytree(self.folder / "appendonlydir", copy)
        return copy

    def go_back(self, copy: Path) -> None:
        """What happened since is forgotten: an older file was put back, or a replica that lagged was promoted."""
        self.kill()
        shutil.rmtree(self.folder / "appendonlydir")
        shutil.copytree(copy, self.folder / "appendonlydir")
        self.start()

    def freeze(self) -> None:
        """The server keeps its connections and answers nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Undo `freeze`."""
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """For good."""
        self.kill()
        shutil.rmtree(self.folder)
