"""Apps made of nothing but the documented code, with an entry as `broker client add --for` writes it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final, TypeVar

from broker.cli.client_entry import NewClient, needs_of
from broker.cli.snippets import SNIPPETS
from broker.config.source import parse
from broker.demo.background import RunningBroker, running_in_background
from tests.interop.world import free_ports

Result = TypeVar("Result")
HERE: Final = Path(__file__).parent
SECRET: Final = "session-0123456789abcdef"
"""What every app seals its own session with; 24 characters, as oauth2-proxy wants them."""


@dataclass(frozen=True, slots=True)
class Shop:
    """One app: its entry, its secret, and the site where it answers."""

    library: str
    client: NewClient
    port: int

    @property
    def site(self) -> str:
        """Another host than the broker's, so that their cookies are apart."""
        return f"http://localhost:{self.port}"

    def entry(self) -> Mapping[str, object]:
        """As `broker client add` writes it into config.yaml."""
        found = parse(self.client.entry(0), "entry").data
        assert isinstance(found, dict)
        entry = found[self.library]
        assert isinstance(entry, dict)
        return entry

    def code(self, issuer: str) -> str:
        """As `broker client add` prints it, listening on a port of the test's."""
        return SNIPPETS[self.library].fill(issuer, self.library, self.client.redirect_uris[0])

    def environment(self) -> dict[str, str]:
        """What the printed lines export, and that plain http is meant."""
        snippet = SNIPPETS[self.library]
        own = dict.fromkeys(snippet.environment, SECRET)
        return {**os.environ, **own, snippet.secret: self.client.secret, "OAUTHLIB_INSECURE_TRANSPORT": "1"}


@dataclass(frozen=True, slots=True)
class Street:
    """A broker and the apps it knows, by the names of `--for`."""

    broker: RunningBroker
    shops: Mapping[str, Shop]

    def run(self, going: Coroutine[Any, Any, Result]) -> Result:
        """The result of something asynchronous."""
        return asyncio.run_coroutine_threadsafe(going, self.broker.loop).result(timeout=90)


@contextlib.contextmanager
def opened(libraries: Sequence[str], **sections: Mapping[str, object]) -> Iterator[Street]:
    """The broker with an entry for each, and further `sections` of config.yaml; none of the apps runs yet."""
    shops = {name: _shop(name, port) for name, port in free_ports(libraries).items()}
    with running_in_background({name: shop.entry() for name, shop in shops.items()}, sections=sections) as broker:
        yield Street(broker, shops)


def _shop(library: str, port: int) -> Shop:
    uri = f"http://localhost:{port}{SNIPPETS[library].path}"
    return Shop(library, needs_of(library, NewClient(library, "Shop", (uri,), f"{library}-{'0123456789' * 4}")), port)


@contextlib.contextmanager
def running(command: Sequence[str], folder: Path, shop: Shop) -> Iterator[None]:
    """The app as a process in `folder`, from its first answer on; what it printed is shown when it ends too soon."""
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, env=shop.environment(), stdout=out, stderr=out)
    try:
        _wait(process, folder, shop.port)
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(process: subprocess.Popen[bytes], folder: Path, port: int) -> None:
    deadline = monotonic() + 100
    while process.poll() is None and monotonic() < deadline:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 5).close()
            return
        sleep(0.05)  # a process cannot be awaited; the test is not in an event loop here
    raise AssertionError((folder / "out").read_text(encoding="utf-8"))


def node(folder: Path, code: str, port: int) -> list[str]:
    """The command that runs the code under Node, with the packages of package.json."""
    (folder / "node_modules").symlink_to(HERE / "node_modules")
    assert "app.listen(3000)" in code
    (folder / "app.mjs").write_text(code.replace("app.listen(3000)", f"app.listen({port})"), encoding="utf-8")
    return ["node", "app.mjs"]


def python(folder: Path, code: str, port: int) -> list[str]:
    """The command that serves the code as its framework's documentation does."""
    (folder / "shop.py").write_text(code, encoding="utf-8")
    if "import FastAPI" in code:
        return [sys.executable, "-m", "uvicorn", "shop:app", "--port", str(port)]
    return [sys.executable, "-m", "flask", "--app", "shop", "run", "--port", str(port)]
