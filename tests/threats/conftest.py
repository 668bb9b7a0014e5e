"""One broker for all tests of this directory that leave it as they found it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from broker.demo.background import RunningBroker
from broker.demo.visitor import Visitor
from tests.threats.journeys import http, new_visitor
from tests.threats.kinds import Stand, add_kinds
from tests.threats.site import Site, running_site


@pytest.fixture(scope="session")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Started once; every process running the tests has its own."""
    with running_site(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    """The shared site; its emulators are as at the start, before and after."""
    shared_site.clear()
    yield shared_site
    shared_site.clear()


@pytest.fixture
async def visitor(site: Site) -> AsyncIterator[Visitor]:
    """A browser that has never been here."""
    async with new_visitor() as visitor:
        yield visitor


@pytest.fixture
def broker(running: RunningBroker, request: pytest.FixtureRequest) -> Iterator[RunningBroker]:
    """What the test's module has `running`, by its `CLOCK`: everything as at the start, before and after."""
    request.module.CLOCK.ahead = 0
    yield running
    request.module.CLOCK.ahead = 0
    for switches in running.emulators.values():
        switches.clear()


@pytest.fixture(scope="session")
def crowded_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose clients get and make values and tokens of every kind."""
    with running_site(tmp_path_factory.mktemp("crowded"), add_kinds) as site:
        yield site


@pytest.fixture
async def stand(crowded_site: Site) -> AsyncIterator[Stand]:
    """At that site, in a browser that has never been there."""
    crowded_site.clear()
    async with new_visitor() as visitor, http(crowded_site) as client:
        yield Stand(crowded_site, client, visitor)
