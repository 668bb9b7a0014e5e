"""Rate limits: what is counted together, where a window ends, and that counting costs no more than it may."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from secrets import token_bytes

import pytest
from starlette.requests import Request
from starlette.responses import Response

from broker.core.clients.client import Client
from broker.core.clients.credentials import Credentials
from broker.core.errors import InvalidClient, StoreUnavailable, TooManyRequests
from broker.core.seal import Seal
from broker.core.terms import AuthMethod
from broker.core.wire.parameters import Parameters
from broker.web.limits.client_address import Sources, coarse
from broker.web.limits.intake import Intake
from broker.web.limits.rate_limits import Counters, Limits, Rate, SharedCounters
from broker.web.limits.visitors import Visitors
from tests.services.bare_broker import Clock, Notes

pytestmark = pytest.mark.anyio
PUBLIC = Client("spa", {}, (), AuthMethod.NONE)
CONFIDENTIAL = Client("shop", {}, ())


def request_of(address: str, cookie: str = "") -> Request:
    """A request from this address, of a browser with this cookie."""
    headers = [(b"cookie", cookie.encode())] if cookie else []
    return Request({"type": "http", "method": "POST", "path": "/token", "headers": headers, "client": (address, 1)})


def make_visitors(clock: Clock, master: bytes = b"m" * 32) -> Visitors:
    """Numbers sealed under this key."""
    return Visitors(
        Seal((master,), "visitor", randomness=token_bytes, clock=clock), clock=clock, randomness=token_bytes
    )


class Nobody:
    """No client comes here."""

    async def read(self, authorization: str, params: Parameters) -> Credentials:
        """ProvesClients.read."""
        raise InvalidClient("no")

    async def verify(self, credentials: Credentials) -> Client:
        """ProvesClients.verify."""
        raise InvalidClient("no")


def make_intake(clock: Clock, number: int = 5, limit: str = "token", shared: SharedCounters | None = None) -> Intake:
    """A door that lets so many through in a minute."""
    limits = Limits({limit: Rate(number, 60)}, Notes(), clock=clock, shared=shared)
    return Intake(limits, Sources(()), make_visitors(clock), 1024, Nobody())


def cookie_of(visitors: Visitors, *, at: Request | None = None) -> str:
    """The cookie a browser is given, "" when it has a good one."""
    response = Response()
    visitors.remember(at or request_of("192.0.2.1"), response)
    return response.headers.get("set-cookie", "").partition(";")[0]


async def admitted(intake: Intake, client: Client, address: str, tries: int = 20) -> int:
    """How many of `tries` are let through."""
    through = 0
    for _ in range(tries):
        try:
            await intake.count_client("token", request_of(address), client)
            through += 1
        except TooManyRequests:
            continue
    return through


async def test_k16_one_visitor_does_not_use_up_what_a_public_client_has_for_everybody() -> None:
    intake = make_intake(Clock())
    assert await admitted(intake, PUBLIC, "192.0.2.1") == 5
    assert await admitted(intake, PUBLIC, "192.0.2.2") == 5
    assert await admitted(intake, PUBLIC, "192.0.2.1") == 0
    assert await admitted(intake, replace(PUBLIC, id="other"), "192.0.2.1") == 5


async def test_k16_a_confidential_client_is_counted_once_wherever_it_calls_from() -> None:
    intake = make_intake(Clock())
    assert await admitted(intake, CONFIDENTIAL, "192.0.2.1") == 5
    assert await admitted(intake, CONFIDENTIAL, "192.0.2.2") == 0


async def test_k16_the_edge_of_a_window_lets_no_second_burst_through() -> None:
    clock = Clock()
    clock.now += 59
    intake = make_intake(clock)
    assert await admitted(intake, CONFIDENTIAL, "192.0.2.1", tries=5) == 5
    clock.now += 2
    assert await admitted(intake, CONFIDENTIAL, "192.0.2.1") == 0
    clock.now += 120
    assert await admitted(intake, CONFIDENTIAL, "192.0.2.1") == 5


class Away:
    """Shared counts that nobody can reach."""

    async def hit(self, key: str, *, ttl: int) -> int:
        """SharedCounters.hit."""
        raise StoreUnavailable(f"{key} {ttl}")


async def test_k1_no_count_stands_in_the_way_of_what_needs_no_shared_store() -> None:
    for limit in ("token", "client_auth_failure", "identity_lookup", "registration", "upstream_logout"):
        intake = make_intake(Clock(), limit=limit, shared=Away())
        for _ in range(5):
            await intake.count(limit, request_of("192.0.2.1"))
        with pytest.raises(TooManyRequests):
            await intake.count(limit, request_of("192.0.2.1"))
    for limit in ("login_start", "callback", "account", "device_code_entry", "device_code_wrong"):
        with pytest.raises(StoreUnavailable):
            await make_intake(Clock(), limit=limit, shared=Away()).count(limit, request_of("192.0.2.1"))


async def starts(intake: Intake, cookies: Iterable[str], address: str = "192.0.2.1") -> int:
    """How many logins may begin, one per cookie."""
    begun = 0
    for cookie in cookies:
        try:
            await intake.count_start(request_of(address, cookie))
            begun += 1
        except TooManyRequests:
            continue
    return begun


async def test_f31_a_flood_from_behind_one_address_shuts_out_nobody_who_was_here_before() -> None:
    clock = Clock()
    intake = make_intake(clock, limit="login_start")
    ada, ben = cookie_of(intake.visitors), cookie_of(intake.visitors)
    assert await starts(intake, [""] * 100) == 5
    assert await starts(intake, [f"__Host-visitor=invented{number}" for number in range(100)]) == 0
    assert await starts(intake, [cookie_of(make_visitors(clock, b"o" * 32))] * 10) == 0, "of another broker"
    assert await starts(intake, [ada] * 10) == 5, "a browser counts for itself"
    assert await starts(intake, [ben] * 10) == 5
    assert await starts(intake, [""] * 10, "192.0.2.2") == 5
    assert cookie_of(intake.visitors, at=request_of("192.0.2.1", ada)) == "", "a number is given once"


async def test_f31_browsers_collected_by_a_flood_have_a_bound_together() -> None:
    intake = make_intake(Clock(), limit="login_start")
    assert await starts(intake, [cookie_of(intake.visitors) for _ in range(100)]) == 25


async def test_f31_the_number_of_a_browser_ends() -> None:
    clock = Clock()
    intake = make_intake(clock, limit="login_start")
    old = cookie_of(intake.visitors)
    clock.now += 30 * 86400
    assert intake.visitors.find(request_of("192.0.2.1", old)) == ""
    assert cookie_of(intake.visitors, at=request_of("192.0.2.1", old)) not in {"", old}


async def test_f31_everybody_together_is_slowed_down_and_then_refused() -> None:
    clock, slept = Clock(), list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    limits = Limits({"device_code_wrong": Rate(60, 60)}, Notes(), clock=clock, shared=None, sleep=sleep)
    for _ in range(60):
        await limits.pace("device_code_wrong")
        await limits.count("device_code_wrong")
    assert slept == [], "nobody waits before the rate is used up"
    for _ in range(11):
        await limits.pace("device_code_wrong")
    assert slept == [float(number) for number in range(11)], "one turn a second, as the rate says"
    with pytest.raises(TooManyRequests):
        await limits.pace("device_code_wrong")
    clock.now += 5
    await limits.pace("device_code_wrong")
    assert slept[-1] == 6.0
    clock.now -= 3600
    for _ in range(60):
        await limits.count("device_code_wrong")
    await limits.pace("device_code_wrong")
    assert slept[-1] == 0.0, "a clock that steps back makes nobody wait for an hour"
    clock.now += 3600 + 200
    await limits.pace("device_code_wrong")
    assert len(slept) == 13


async def test_who_is_refused_is_told_when_to_come_again() -> None:
    clock = Clock()
    clock.now += 20
    intake = make_intake(clock, number=0)
    with pytest.raises(TooManyRequests) as caught:
        await intake.count("token", request_of("192.0.2.1"))
    assert caught.value.retry_after == 40


async def test_k11_a_clock_that_steps_back_locks_nobody_out() -> None:
    clock = Clock()
    intake = make_intake(clock)
    assert await admitted(intake, CONFIDENTIAL, "192.0.2.1") == 5
    clock.now -= 3600
    assert await admitted(intake, CONFIDENTIAL, "192.0.2.1") == 5


def test_k15_a_flood_of_sources_costs_a_fixed_number_of_counters() -> None:
    counters = Counters(Clock(), slots=100)
    for number in range(1000):
        counters.count(f"source {number}", 60, more=1)
    assert counters.count("source 999", 60, more=1) == 2
    assert counters.count("source 0", 60, more=1) == 1


def test_a_place_is_a_network_or_this_machine() -> None:
    assert (coarse("203.0.113.9"), coarse("2001:db8:1:2::")) == ("203.0.113.x", "2001:db8:1::x")
    assert [coarse(source) for source in ("127.0.0.1", "::1", "::", "local")] == ["localhost"] * 3 + [""]
