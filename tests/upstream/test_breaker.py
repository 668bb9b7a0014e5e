"""The circuit breaker."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from broker.core.errors import UpstreamInvalid, UpstreamRejected, UpstreamUnavailable
from broker.upstream.breaker import Breaker, State


@dataclass
class Bench:
    """A breaker that opens after three failures for ten seconds."""

    at: float = 0.0
    states: list[State] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.breaker = Breaker(clock=lambda: self.at, on_change=self.states.append, threshold=3, cooldown=10)

    def call(self, failure: BaseException | None = None) -> None:
        with self.breaker.attempt():
            if failure is not None:
                raise failure

    def fail(self, failure: BaseException | None = None) -> None:
        with pytest.raises((UpstreamUnavailable, UpstreamInvalid, UpstreamRejected, asyncio.CancelledError)):
            self.call(failure or UpstreamUnavailable("down"))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_it_opens_after_failures_in_a_row_and_refuses_without_a_call(bench: Bench) -> None:
    for failure in (UpstreamUnavailable("down"), UpstreamInvalid("garbage"), UpstreamUnavailable("down")):
        assert bench.breaker.state is State.CLOSED
        bench.fail(failure)
    assert bench.states == [State.OPEN]
    with pytest.raises(UpstreamUnavailable, match="breaker"):
        bench.call(AssertionError("must not run"))


def test_a_success_or_a_refusal_in_between_starts_the_count_again(bench: Bench) -> None:
    for end in (None, UpstreamRejected("no")):
        bench.fail()
        bench.fail()
        if end is None:
            bench.call()
        else:
            bench.fail(end)
    bench.fail()
    bench.fail()
    assert bench.breaker.state is State.CLOSED


def test_after_the_cool_down_one_probe_decides(bench: Bench) -> None:
    for _ in range(3):
        bench.fail()
    bench.at = 9.9
    with pytest.raises(UpstreamUnavailable):
        bench.call()
    bench.at = 10
    with bench.breaker.attempt():
        assert bench.breaker.state is State.HALF_OPEN
        with pytest.raises(UpstreamUnavailable):
            bench.call(AssertionError("must not run"))
    assert bench.states == [State.OPEN, State.HALF_OPEN, State.CLOSED]


def test_a_failed_probe_opens_it_for_another_cool_down(bench: Bench) -> None:
    for _ in range(3):
        bench.fail()
    bench.at = 10
    bench.fail()
    bench.at = 19.9
    with pytest.raises(UpstreamUnavailable, match="breaker"):
        bench.call()
    bench.at = 20
    bench.call()
    assert bench.breaker.state is State.CLOSED


def test_a_cancelled_probe_does_not_leave_it_half_open(bench: Bench) -> None:
    for _ in range(3):
        bench.fail()
    bench.at = 10
    bench.fail(asyncio.CancelledError())
    bench.at = 20
    bench.call()
    assert bench.states == [State.OPEN, State.HALF_OPEN, State.OPEN, State.HALF_OPEN, State.CLOSED]


def test_a_cancelled_call_says_nothing_while_closed(bench: Bench) -> None:
    for _ in range(5):
        bench.fail(asyncio.CancelledError())
    assert bench.states == []


def test_calls_that_were_under_way_do_not_prolong_the_pause(bench: Bench) -> None:
    def late() -> None:
        with bench.breaker.attempt():
            for _ in range(3):
                bench.fail()
            bench.at = 9
            raise UpstreamUnavailable("late")

    with pytest.raises(UpstreamUnavailable, match="late"):
        late()
    bench.at = 10
    bench.call()
    assert bench.states == [State.OPEN, State.HALF_OPEN, State.CLOSED]
