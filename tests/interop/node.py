"""Apps for Node: processes that are told everything in one line and answer with the port they listen on."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from tests.interop.world import PRIVATE_KEY, SCOPE, World

HERE: Final = Path(__file__).parent


@contextlib.contextmanager
def node_app(script: str, told: Mapping[str, Any], authority: Path | None = None) -> Iterator[int]:
    """The port of the app; it ends with the context. It believes certificates of `authority` too."""
    node = shutil.which("node")
    if node is None:
        pytest.fail("missing: apt-get install nodejs npm", pytrace=False)
    if not (HERE / "node_modules" / "oauth4webapi").is_dir():
        pytest.fail("missing: npm ci --prefix tests/interop --ignore-scripts", pytrace=False)
    pipe, env = subprocess.PIPE, {**os.environ, "NODE_EXTRA_CA_CERTS": str(authority or "")}
    with subprocess.Popen([node, script], cwd=HERE, stdin=pipe, stdout=pipe, env=env) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(orjson.dumps(told) + b"\n")
        process.stdin.flush()
        yield int(process.stdout.readline())
        process.stdin.close()  # ends the app
        assert process.wait(timeout=60) == 0


@contextlib.contextmanager
def node_client(script: str, world: World, port: int = 0) -> Iterator[str]:
    """The address of an app that knows the issuer, and id, method and secret or key of every client."""
    clients = {
        client.client_id: {"secret": client.client_secret, "method": client.auth_method, "key": PRIVATE_KEY}
        for client in world.broker.clients.values()
    }
    with node_app(script, {"issuer": world.issuer, "scope": SCOPE, "port": port, "clients": clients}) as number:
        yield f"http://127.0.0.1:{number}"


def learnt(world: World, start: str, provider: str = "google", person: str = "ada") -> dict[str, Any]:
    """What the app tells after a login that begins at `start`."""
    page = world.sign_in(start, provider, person)
    assert page.status == 200, page.text
    found: dict[str, Any] = orjson.loads(page.text)
    return found
