"""One running broker for every foreign client, and somebody in front of it who can forge its answers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from broker.demo.background import running_in_background
from broker.demo.servers import take_port
from tests.interop.meddler import Meddler
from tests.interop.world import World, build_clients


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """The broker with five emulated upstreams; clients know its issuer, their id and their secret."""
    meddler = Meddler()
    spa = take_port("single-page app", "127.0.0.1")
    with contextlib.closing(take_port("agent", "127.0.0.1")) as port:
        agent = port.number
    with running_in_background(build_clients(spa.number, agent), front=meddler.before) as broker:
        yield World(broker, meddler, spa, agent)
    spa.close()


@pytest.fixture(autouse=True)
def _honest(world: World) -> Iterator[None]:
    yield
    world.meddler.start("")
