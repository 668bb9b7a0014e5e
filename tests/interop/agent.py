"""oidc-agent: keeps people's tokens for programs of the command line. Its daemon, `oidc-gen` and `oidc-token`."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from time import monotonic, sleep

import pytest

PASSPHRASE = "a passphrase of this test"


class Refused(Exception):
    """The text is what `oidc-gen` printed."""


@dataclass(frozen=True, slots=True)
class Agent:
    """A running daemon; `environment` is what its programs find it by."""

    environment: Mapping[str, str]

    def generate(self, *options: str, visit: Callable[[str, Callable[[], str]], None]) -> str:
        """What `oidc-gen` prints; `visit` is given the address it asks to visit, and a way to read its next line.

        Raises Refused when it gives up before.
        """
        command = ["oidc-gen", *options, "--pw-env", "--no-url-call", "--no-scheme", "--prompt=none"]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, env=self.environment, stdin=subprocess.DEVNULL, stdout=pipe, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout is not None
            try:
                printed = ""
                while not (line := process.stdout.readline()).startswith("http"):
                    printed += line
                    if not line:
                        raise Refused(printed)
                visit(line.strip(), process.stdout.readline)
                printed += line + process.communicate(timeout=30)[0]
            finally:
                process.kill()
        assert process.returncode == 0, printed
        return printed

    def token(self, *options: str) -> subprocess.CompletedProcess[str]:
        """What `oidc-token` prints."""
        return subprocess.run(
            ["oidc-token", *options], env=self.environment, capture_output=True, text=True, timeout=30, check=False
        )


@contextlib.contextmanager
def running_agent(folder: Path) -> Iterator[Agent]:
    """A daemon of its own: `folder` is its home and knows no account yet."""
    if shutil.which("oidc-agent") is None:
        pytest.fail("missing: apt-get install oidc-agent-cli", pytrace=False)
    socket, accounts = folder / "socket", folder / "accounts"
    accounts.mkdir()
    environment = {**os.environ, "HOME": str(folder), "OIDC_CONFIG_DIR": str(accounts), "OIDC_SOCK": str(socket)}
    environment["OIDC_ENCRYPTION_PW"] = PASSPHRASE
    command = ["oidc-agent", "--console", "--quiet", "--no-scheme", "--always-allow-idtoken"]
    command += ["--no-autoreauthenticate", "--socket-path", str(socket)]
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        deadline = monotonic() + 60
        while not socket.exists():
            assert process.poll() is None, (folder / "out").read_text()
            assert monotonic() < deadline
            sleep(0.02)  # it says nothing when it listens
        yield Agent(environment)
    finally:
        for started in _processes(str(socket)):
            os.kill(started, SIGKILL)
        process.wait(timeout=60)


def _processes(argument: str) -> list[int]:
    """The daemon and its web servers for redirects, which are in sessions of their own: all carry the argument."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just ended
            if argument.encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found
