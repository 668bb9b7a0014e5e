"""One running broker for every foreign client, and somebody in front of it who can forge its answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from broker.demo.background import running_in_background
from tests.interop.meddler import Meddler
from tests.interop.node import node_client
from tests.interop.world import LEAVING, SECTIONS, Ports, World, build_clients, free_ports


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """The broker with five emulated upstreams; clients know its issuer, their id and their secret."""
    meddler = Meddler()
    ports = Ports(**free_ports(("spa", "agent", "app", "apache")))
    with running_in_background(build_clients(ports), front=meddler.before, sections=SECTIONS) as broker:
        yield World(broker, meddler, ports)


@pytest.fixture(scope="session")
def leaving(world: World) -> Iterator[str]:
    """Where an app with openid-client signs people in, and out of everything."""
    with node_client("openid_client.mjs", world, world.ports.app) as url:
        yield f"{url}/login/{LEAVING}?leave"


@pytest.fixture(autouse=True)
def _honest(world: World) -> Iterator[None]:
    yield
    world.meddler.start("")
