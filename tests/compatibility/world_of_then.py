"""The broker of today over a copy of the data of then, by the clock of then, with upstreams and browsers around it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import AddressFamily
from typing import Any, Final
from urllib.parse import parse_qs

import httpx2
from aiohttp.abc import ResolveResult
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from broker.app import build
from broker.assembly.broker import Broker
from broker.cli.common import resolve
from broker.config.load import load
from broker.demo.emulation import build_emulators
from broker.demo.servers import serving, take_port
from broker.demo.upstreams import Emulator, Options
from broker.demo.visitor import LocalhostResolver, Visitor
from tests.threats.site import Site

DATA: Final = Path(__file__).parents[1] / "fixtures" / "data-before"
DATABASE: Final = "broker.sqlite"
PORTS: Final = {
    "broker": 8499,
    "google": 8491,
    "vk": 8492,
    "ok": 8493,
    "yandex": 8494,
    "telegram": 8495,
    "oidc": 8496,
}
"""Where everybody was when the data was made. Nobody listens there now."""
ISSUER: Final = f"http://localhost:{PORTS['broker']}"
ELSEWHERE: Final = ("https://",)


MINTED: Final = "of_then_"
"""Every secret that an upstream made then begins so."""


def upstream(kind: str) -> str:
    """Where browsers met this upstream: at another site than the broker's, as in life."""
    return f"http://{kind}.localhost:{PORTS[kind]}"


class Clock:
    """Stands still until somebody turns it. Epoch seconds."""

    def __init__(self, now: float) -> None:
        """The time it is."""
        self.now = now

    def __call__(self) -> float:
        """The time it is."""
        return self.now


class Moved(LocalhostResolver):
    """Addresses of then lead to whoever took the place."""

    def __init__(self, ports: Mapping[int, int]) -> None:
        """`ports` of today by those of then."""
        self._ports = ports

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AddressFamily.AF_INET
    ) -> list[ResolveResult]:
        """The loopback address with the port of today."""
        return await super().resolve(host, self._ports[port], family)


class Hearing:
    """An app that listens for logout tokens."""

    def __init__(self) -> None:
        """Nothing was heard yet."""
        self.told: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One call of the back channel."""
        form = parse_qs((await Request(scope, receive).body()).decode())
        self.told += form["logout_token"]
        await Response(status_code=204)(scope, receive, send)


@dataclass(frozen=True)
class World:
    """`known` is what apps, devices and browsers held when the broker of then was stopped."""

    known: Mapping[str, Any]
    site: Site
    broker: Broker
    clock: Clock
    client: httpx2.AsyncClient
    emulators: Mapping[str, Emulator]
    moved: Moved
    told: Sequence[str]  # the logout tokens that the app called "hearing" got

    @asynccontextmanager
    async def browser(self, cookies: Sequence[Sequence[str]] = ()) -> AsyncIterator[Visitor]:
        """A browser that kept what it was given then."""
        async with Visitor(stops=ELSEWHERE, now=self.clock, resolver=self.moved) as visitor:
            for headers in cookies:
                visitor.cookies.store(ISSUER, headers)
            yield visitor


@asynccontextmanager
async def world_of_then(data: Path, folder: Path) -> AsyncIterator[World]:
    """Everything above: the files in `data`, copied to `folder`."""
    known = json.loads((data / "known.json").read_text())
    config = json.loads((data / "config.json").read_text())
    (folder / DATABASE).write_bytes((data / DATABASE).read_bytes())
    clock, hearing = Clock(known["then"]), Hearing()
    async with AsyncExitStack() as opened:
        kinds = [kind for kind in PORTS if kind != "broker"]
        ports = {name: take_port(name, "127.0.0.1") for name in (*PORTS, "hearing")}
        config["clients"]["hearing"]["backchannel_logout_uri"] = f"http://127.0.0.1:{ports['hearing'].number}/out"
        config["network"] = {"client_networks": ["127.0.0.0/8"]}
        for settings in config["providers"].values():
            settings["server_base"] = f"http://127.0.0.1:{ports[settings['type']].number}"
        config["storage"]["sqlite"]["path"] = str(folder / DATABASE)
        path = folder / "config.json"
        path.write_text(json.dumps(config))
        path.chmod(0o600)
        read = load(str(path), resolve)
        emulators = build_emulators(read, Options(clock=clock))
        broker = await build(read, clock=clock)
        opened.push_async_callback(broker.close)
        apps: dict[str, ASGIApp] = {
            "broker": broker.public,
            "hearing": hearing,
            **{kind: emulators[kind].app for kind in kinds},
        }
        await opened.enter_async_context(serving([(ports[name], app) for name, app in apps.items()]))
        transport = httpx2.ASGITransport(broker.public)
        client = await opened.enter_async_context(httpx2.AsyncClient(transport=transport, base_url=ISSUER))
        entry = known["registered"]["entry"]
        known_to_us = {"secret": entry["client_secret"], "redirect_uris": entry["redirect_uris"]}
        config["clients"][entry["client_id"]] = known_to_us
        site = Site(config, folder, ISSUER, "", {}, {})
        moved = Moved({number: ports[name].number for name, number in PORTS.items()})
        yield World(known, site, broker, clock, client, emulators, moved, hearing.told)
