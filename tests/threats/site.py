"""A whole running broker: `broker serve` in a process of its own, its database in a file, emulated upstreams beside it.

Nothing of the broker runs in the test's process: what a test sees is what an attacker on the network sees, plus the
files, the log and the memory of the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM
from time import monotonic, sleep
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit
from urllib.request import urlopen

from broker.cli.common import resolve
from broker.config.load import load
from broker.demo.emulation import build_emulators
from broker.demo.servers import Port, serving, take_port
from broker.demo.switches import Switches
from broker.demo.upstreams import EMULATORS, Emulator, Options
from tests.ports import free_port
from tests.threats.settings import base_config

Result = TypeVar("Result")
CANARY: Final = "upstreamcanary"


@dataclass
class Site:
    """The running broker and everything an investigator may look at. Times in seconds."""

    config: dict[str, Any]
    folder: Path
    issuer: str
    management: str
    emulators: Mapping[str, Switches]
    raw_emulators: Mapping[str, Emulator]
    ran: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """Of the public listener."""
        return urlsplit(self.issuer).port or 0

    @property
    def host(self) -> str:
        """As in a Host header."""
        return urlsplit(self.issuer).netloc

    @property
    def pid(self) -> int:
        """Of the broker's process."""
        assert self._process is not None
        return self._process.pid

    @property
    def database(self) -> Path:
        """The SQLite file; its WAL lies beside it."""
        return self.folder / "broker.db"

    def secret(self, client_id: str) -> str:
        """A client's secret, "" for a public one."""
        return str(self.config["clients"][client_id].get("secret", ""))

    def redirect_uri(self, client_id: str = "app") -> str:
        """A client's first redirect URI."""
        return str(self.config["clients"][client_id]["redirect_uris"][0])

    def start(self) -> None:
        """Start `broker serve` over the configuration and database as they are now; returns when it answers."""
        path = self.folder / "config.yaml"
        path.write_text(json.dumps(self.config))
        path.chmod(0o600)
        self.ran += 1
        with (self.folder / f"stdout-{self.ran}").open("wb") as out, (self.folder / "stderr").open("ab") as err:
            command = [sys.executable, "-m", "broker", "serve", "--config", str(path)]
            command += ["--create"] if self.ran == 1 else []
            environment = {**os.environ, **self.environment}
            self._process = subprocess.Popen(command, stdout=out, stderr=err, cwd=self.folder, env=environment)
        deadline = monotonic() + 120
        while not _answers(f"{self.management}/livez"):
            assert self._process.poll() is None, (self.folder / "stderr").read_text()
            assert monotonic() < deadline, "the broker does not answer"
            sleep(0.05)  # a process cannot be awaited; the test is not in an event loop here

    def stop(self) -> None:
        """SIGTERM, and the exit code must be 0."""
        assert self._process is not None
        self._process.send_signal(SIGTERM)
        assert self._process.wait(40) == 0

    def kill(self) -> None:
        """Whatever state it is in."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)

    def log(self) -> list[dict[str, Any]]:
        """The events of this start, one per line; a line that is none fails the test."""
        return [json.loads(line) for line in self.log_bytes().splitlines()]

    def log_bytes(self) -> bytes:
        """What this start wrote to stdout."""
        return (self.folder / f"stdout-{self.ran}").read_bytes()

    def database_bytes(self) -> bytes:
        """The database file and its WAL."""
        found = (path for path in sorted(self.folder.glob("broker.db*")) if path.is_file() and path.suffix != ".key")
        return b"".join(path.read_bytes() for path in found)

    def rows(self, table: str) -> int:
        """How many rows a table has, read beside the running broker."""
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as reader:
            (count,) = reader.execute(f"SELECT count(*) FROM {table}").fetchone()
            return int(count)

    def write(self, statement: str, values: tuple[object, ...] = ()) -> None:
        """Change the database beside the running broker."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=20)) as writer, writer:
            assert writer.execute(statement, values).rowcount != 0

    def script(self, statements: str) -> None:
        """Change the schema beside the running broker."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=20)) as writer:
            writer.executescript(statements)

    def memory(self) -> int:
        """Resident memory of the broker, bytes."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def clear(self) -> None:
        """All emulators as at the start."""
        for emulator in self.emulators.values():
            emulator.clear()


@contextlib.contextmanager
def running_site(
    folder: Path,
    change: Callable[[dict[str, Any]], None] = lambda _: None,
    *,
    path: str = "",
    environment: Mapping[str, str] | None = None,
) -> Iterator[Site]:
    """A running site; `change` edits the configuration before the start, `path` is the issuer's."""
    ports = {name: take_port(name, "127.0.0.1") for name in EMULATORS}
    config = base_config()
    # The broker takes these itself, and after a kill once more.
    names = {name: f"127.0.0.1:{free_port()}" for name in ("public", "management")}
    issuer = f"http://{names['public']}{path}"
    config |= {"issuer": issuer, "storage": {"sqlite": {"path": str(folder / "broker.db")}}}
    config["server"] = {"listen": names["public"], "management": names["management"], "shutdown_grace": "5s"}
    _find_emulators(config, ports)
    change(config)
    _find_emulators(config, ports)
    with _closing(ports), _emulators(config, folder, ports) as (switches, raw):
        site = Site(config, folder, issuer, f"http://{names['management']}", switches, raw)
        site.environment.update(environment or {})
        try:
            site.start()
            yield site
            site.stop()
        finally:
            site.kill()


@contextlib.contextmanager
def _closing(ports: Mapping[str, Port]) -> Iterator[None]:
    try:
        yield
    finally:
        for name in EMULATORS:
            ports[name].close()


def _find_emulators(config: Mapping[str, Any], ports: Mapping[str, Port]) -> None:
    """Every provider that does not say otherwise finds its upstream on this machine."""
    for settings in config["providers"].values():
        if settings.get("type") in EMULATORS:
            number = ports[settings["type"]].number
            # Another host than the broker's, so that the way back is a cross-site one as it is in life.
            settings.setdefault("browser_base", f"http://localhost:{number}")
            settings.setdefault("server_base", f"http://127.0.0.1:{number}")


@contextlib.contextmanager
def _emulators(
    config: Mapping[str, Any], folder: Path, ports: Mapping[str, Port]
) -> Iterator[tuple[dict[str, Switches], dict[str, Emulator]]]:
    known = {name: keys for name, keys in config["providers"].items() if keys["type"] in EMULATORS}
    path = folder / "emulated.yaml"
    path.write_text(json.dumps({**config, "providers": known, "login": {}}))
    path.chmod(0o600)
    emulators = build_emulators(
        load(str(path), resolve), Options(mint=lambda: f"{CANARY}{secrets.token_urlsafe(24)}".replace("-", "_"))
    )
    with background_loop() as loop:
        served = serving([(ports[kind], emulator.app) for kind, emulator in emulators.items()])
        asyncio.run_coroutine_threadsafe(served.__aenter__(), loop).result(20)
        try:

            def call(function: Callable[[], Any]) -> Any:
                async def run() -> Any:
                    return function()

                return asyncio.run_coroutine_threadsafe(run(), loop).result(10)

            yield (
                {k: Switches(e, f"http://localhost:{ports[k].number}", call) for k, e in emulators.items()},
                emulators,
            )
        finally:
            asyncio.run_coroutine_threadsafe(served.__aexit__(None, None, None), loop).result(20)


@contextlib.contextmanager
def background_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="emulators", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
