"""Rate limits: what is counted together, where a window ends, and that counting costs no more than it may."""

from __future__ import annotations

from dataclasses import replace

import pytest
from starlette.requests import Request

from broker.core.client import Client
from broker.core.errors import TooManyRequests
from broker.core.terms import AuthMethod
from broker.web.door import Door
from broker.web.limits import Counters, Limits, Rate
from broker.web.source import Sources
from tests.services.bare_broker import Clock, Notes

pytestmark = pytest.mark.anyio
PUBLIC = Client("spa", {}, (), AuthMethod.NONE)
CONFIDENTIAL = Client("shop", {}, ())


def request_of(address: str) -> Request:
    """A request from this address."""
    return Request({"type": "http", "method": "POST", "path": "/token", "headers": [], "client": (address, 1)})


def make_door(clock: Clock, number: int = 5) -> Door:
    """A door that lets so many through in a minute."""
    return Door(Limits({"token": Rate(number, 60)}, Notes(), clock=clock, shared=None), Sources(()), 1024)


async def admitted(door: Door, client: Client, address: str, tries: int = 20) -> int:
    """How many of `tries` are let through."""
    through = 0
    for _ in range(tries):
        try:
            await door.count_client("token", request_of(address), client)
            through += 1
        except TooManyRequests:
            continue
    return through


async def test_k16_one_visitor_does_not_use_up_what_a_public_client_has_for_everybody() -> None:
    door = make_door(Clock())
    assert await admitted(door, PUBLIC, "192.0.2.1") == 5
    assert await admitted(door, PUBLIC, "192.0.2.2") == 5
    assert await admitted(door, PUBLIC, "192.0.2.1") == 0
    assert await admitted(door, replace(PUBLIC, id="other"), "192.0.2.1") == 5


async def test_k16_a_confidential_client_is_counted_once_wherever_it_calls_from() -> None:
    door = make_door(Clock())
    assert await admitted(door, CONFIDENTIAL, "192.0.2.1") == 5
    assert await admitted(door, CONFIDENTIAL, "192.0.2.2") == 0


async def test_k16_the_edge_of_a_window_lets_no_second_burst_through() -> None:
    clock = Clock()
    clock.now += 59
    door = make_door(clock)
    assert await admitted(door, CONFIDENTIAL, "192.0.2.1", tries=5) == 5
    clock.now += 2
    assert await admitted(door, CONFIDENTIAL, "192.0.2.1") == 0
    clock.now += 120
    assert await admitted(door, CONFIDENTIAL, "192.0.2.1") == 5


async def test_who_is_refused_is_told_when_to_come_again() -> None:
    clock = Clock()
    clock.now += 20
    door = make_door(clock, number=0)
    with pytest.raises(TooManyRequests) as caught:
        await door.count("token", request_of("192.0.2.1"))
    assert caught.value.retry_after == 40


async def test_k11_a_clock_that_steps_back_locks_nobody_out() -> None:
    clock = Clock()
    door = make_door(clock)
    assert await admitted(door, CONFIDENTIAL, "192.0.2.1") == 5
    clock.now -= 3600
    assert await admitted(door, CONFIDENTIAL, "192.0.2.1") == 5


def test_k15_a_flood_of_sources_costs_a_fixed_number_of_counters() -> None:
    counters = Counters(Clock(), slots=100)
    for number in range(1000):
        counters.hit(f"source {number}", 60)
    assert counters.hit("source 999", 60) == 2
    assert counters.hit("source 0", 60) == 1
