"""A broker as operators run it: `broker serve` in a process of its own, over https, with real upstreams only."""

from __future__ import annotations

import contextlib
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from broker.cli.dev_tls import DevTls, make_certificate
from broker.config.model import Config
from broker.demo.servers import take_port
from broker.demo.visitor import Visitor


@dataclass(frozen=True, slots=True)
class Place:
    """Where a broker will be: a directory, an https issuer on this machine, certificates that vouch for it."""

    folder: Path
    issuer: str
    tls: DevTls

    def visitor(self) -> Visitor:
        """A browser that trusts this machine's own authority."""
        return Visitor(tls=ssl.create_default_context(cafile=str(self.tls.authority)))


@dataclass(frozen=True, slots=True)
class Deployed:
    """A running broker."""

    place: Place

    def told(self, event: str, **fields: str) -> dict[str, Any]:
        """The first line of the log about such an event; the log is written a moment after the answer."""
        wanted = {"event": event, **fields}
        deadline = monotonic() + 60
        while monotonic() < deadline:
            text = (self.place.folder / "out").read_text(encoding="utf-8")
            for line in (json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")):
                if wanted.items() <= line.items():
                    found: dict[str, Any] = line
                    return found
            sleep(0.02)
        raise AssertionError(f"no {wanted} in {text}")


def choose_place(folder: Path) -> Place:
    """A free port, and certificates for it; upstreams on this machine may serve with them as well."""
    with contextlib.closing(take_port("broker", "127.0.0.1")) as port:
        issuer = f"https://localhost:{port.number}"
    needed = {"version": 1, "issuer": issuer, "providers": {"any": None}, "clients": {"any": _ANY}}
    config = Config.model_validate({**needed, "storage": {"sqlite": {"path": str(folder / "broker.db")}}})
    return Place(folder, issuer, make_certificate(config))


_ANY = {"name": "Any", "auth_method": "none", "redirect_uris": ["http://127.0.0.1/callback"]}


@contextlib.contextmanager
def deployed(
    place: Place, providers: Mapping[str, Mapping[str, Any]], clients: Mapping[str, Mapping[str, Any]], **more: Any
) -> Iterator[Deployed]:
    """`providers` and `clients` as in config.yaml, whose further sections are `more`."""
    config = {
        "version": 1,
        "issuer": place.issuer,
        "server": {"listen": place.issuer.replace("https://localhost", "127.0.0.1"), "management": None},
        "storage": {"sqlite": {"path": "broker.db"}},
        "network": {"ca_file": str(place.tls.authority)},
        "logging": {"format": "json"},
        "providers": providers,
        "clients": clients,
        **more,
    }
    path = place.folder / "config.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")
    path.chmod(0o600)  # there are secrets in it
    command = [sys.executable, "-m", "broker", "serve", "--dev-tls", "--config", str(path)]
    with (place.folder / "out").open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            _wait(process, place)
            yield Deployed(place)
        finally:
            process.terminate()
            assert process.wait(timeout=90) == 0


def _wait(process: subprocess.Popen[bytes], place: Place) -> None:
    deadline = monotonic() + 120
    while '"server.ready"' not in (said := (place.folder / "out").read_text(encoding="utf-8")):
        assert process.poll() is None, said
        assert monotonic() < deadline, said
        sleep(0.05)  # a process cannot be awaited; the test is not in an event loop here


def aside(function: Any, *arguments: Any) -> Any:
    """The result of `function`, called in a thread of its own, where no other test's event loop runs."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments).result(timeout=90)
