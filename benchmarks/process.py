"""Server processes: started on a core of their own, watched through /proc, ended."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import STDOUT, Popen

import orjson

from benchmarks.driver import BenchError, Server, open_connection

_START_LIMIT = 90.0  # seconds
DISCOVERY = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class Cores:
    """Which core the server has and which the driver and the upstream share; None on a machine with one core."""

    server: set[int] | None
    driver: set[int] | None

    @classmethod
    def split(cls) -> Cores:
        """Two cores that this process may use."""
        usable = sorted(os.sched_getaffinity(0))
        return cls({usable[0]}, {usable[1]}) if len(usable) > 1 else cls(None, None)


@dataclass(slots=True)
class Running:
    """A server that answers; `cold_start` in seconds, from the first instruction to the first 200 of discovery."""

    process: Popen[bytes]
    server: Server
    cold_start: float

    def cpu(self) -> float:
        """Seconds of CPU the process and its children have used."""
        return sum(_cpu_of(pid) for pid in _tree(self.process.pid))

    def memory(self) -> float:
        """Resident megabytes of the process and its children."""
        return sum(_memory_of(pid) for pid in _tree(self.process.pid))

    def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


async def start(command: Sequence[str], *, port: int, environ: Mapping[str, str], log: Path, cores: Cores) -> Running:
    """Run `command` until it answers on `port`; its output goes to `log`."""
    process = _launch(command, environ, log)
    began = time.perf_counter()
    if cores.server:
        os.sched_setaffinity(process.pid, cores.server)
    try:
        while process.poll() is None and time.perf_counter() - began < _START_LIMIT:
            metadata = await _discover(port)
            if metadata is not None:
                return Running(process, Server.of(orjson.loads(metadata)), time.perf_counter() - began)
            await asyncio.sleep(0.002)
    except BaseException:
        process.kill()
        raise
    process.kill()
    raise BenchError(f"{command[0]} did not start: {_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text(encoding="utf-8")[-2000:]


def _launch(command: Sequence[str], environ: Mapping[str, str], log: Path) -> Popen[bytes]:
    # Whoever switched off compiled files did not mean to measure the compiler.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with log.open("ab") as output:
        return Popen(command, env={**inherited, **environ}, stdout=output, stderr=STDOUT)


async def _discover(port: int) -> bytes | None:
    try:
        connection = await open_connection("127.0.0.1", port)
    except OSError:
        return None
    try:
        answer = await connection.exchange(f"GET {DISCOVERY} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    except BenchError:
        return None
    finally:
        connection.close()
    return answer.body if answer.status == 200 else None


def free_port() -> int:
    """A TCP port of this machine that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _tree(int(child))


def _cpu_of(pid: int) -> float:
    # The clock of another process, in nanoseconds (clock_getcpuclockid(3)); /proc counts in ticks of ten milliseconds.
    return time.clock_gettime((~pid << 3) | 2)


def _memory_of(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
