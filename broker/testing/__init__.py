"""pytest plugin for projects that sign in through the broker: a broker with six emulated upstreams per test session.

    def test_login(broker_server):
        login = broker_server.login("vk", "zoe")
        assert login.claims["name"]

    def test_refusal(broker_server, broker_emulators):
        broker_emulators["vk"].choose(cancel=True)

An application under test is pointed at `broker_server.issuer` with `broker_server.client()`; `broker_emulators` chooses
who signs in and what goes wrong, for one test. Everything listens on free loopback ports and is forgotten afterwards.
Every pytest run loads this module, so it imports nothing heavy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from broker.demo.background import RunningBroker
    from broker.demo.emulate import RunningEmulators
    from broker.demo.switches import Switches


pytest.register_assert_rewrite("broker.testing.provider_contract")  # a failed rule shows what it compared


@contextmanager
def running_broker(
    clients: Mapping[str, Mapping[str, object]] | None = None,
    *,
    clock: Callable[[], float] = time.time,
    sections: Mapping[str, Mapping[str, object]] = MappingProxyType({}),
) -> Iterator[RunningBroker]:
    """A broker with emulated Google, VK, OK, Yandex, Telegram and one more OpenID Provider, without pytest's fixtures.

    `clients` are further clients by id, with the keys of config.yaml; `test-app` is always there. `clock` gives epoch
    seconds, for tests that do not want to wait; broker and emulators go by it. `sections` are further sections of
    config.yaml, such as `registration`.
    """
    from broker.demo.background import running_in_background  # noqa: PLC0415 - see the module's first lines

    with running_in_background(clients or {}, clock, sections=sections) as running:
        yield running


@contextmanager
def running_emulators(
    types: Sequence[str], redirect_uris: Sequence[str], *, clock: Callable[[], float] = time.time
) -> Iterator[RunningEmulators]:
    """Emulated upstreams without a broker, for an application that signs people in at them itself.

    `.clients[type]` is the app that the upstream knows, with these redirect URIs, `.emulators[type]` its switches, with
    its `url`; `.people` have accounts there. LookupError, with the names there are, for a type that nobody emulates.
    """
    from broker.demo.emulate import emulating_in_background  # noqa: PLC0415 - see the module's first lines

    with emulating_in_background(types, redirect_uris, clock) as running:
        yield running


@pytest.fixture(scope="session")
def broker_clients() -> Mapping[str, Mapping[str, object]]:
    """Override it to register the clients of your application: client_id -> keys as in config.yaml."""
    return {}


@pytest.fixture(scope="session")
def broker_server(broker_clients: Mapping[str, Mapping[str, object]]) -> Iterator[RunningBroker]:
    """A running broker for the whole session; what a test changes at its upstreams stays, see `broker_emulators`."""
    with running_broker(broker_clients) as running:
        yield running


@pytest.fixture
def broker_emulators(broker_server: RunningBroker) -> Iterator[Mapping[str, Switches]]:
    """The upstreams' switches by type, all as at the start before this test and after it, however it ends."""
    for switches in broker_server.emulators.values():
        switches.clear()
    yield broker_server.emulators
    for switches in broker_server.emulators.values():
        switches.clear()
