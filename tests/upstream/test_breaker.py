"""The circuit breaker."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from broker.core.errors import UpstreamError, UpstreamInvalid, UpstreamUnavailable
from broker.upstream.breaker import (
    ASKED_LIMIT,
    LAPSE,
    LONGEST,
    PAUSE,
    PAUSE_LIMIT,
    SHORTEST,
    VISITORS,
    WINDOW,
    Breaker,
    State,
)

NOBODY_THERE = UpstreamUnavailable("no connection", sent=False)
SILENT = UpstreamUnavailable("no answer")
ILL = UpstreamUnavailable("status 500", answered=True)
RUBBISH = UpstreamInvalid("not JSON")


@dataclass
class Bench:
    """A breaker and its clock."""

    at: float = 0.0
    told: list[tuple[State, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.breaker = Breaker(clock=lambda: self.at, on_change=lambda *change: self.told.append(change))

    def visitors_fail(self, error: UpstreamError = ILL, number: int = VISITORS) -> None:
        for visitor in range(number):
            self.breaker.failed(error, visitor=str(visitor))


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(("error", "visitor"), [(NOBODY_THERE, "a"), (NOBODY_THERE, None), (SILENT, None), (ILL, None)])
def test_what_no_visitor_can_cause_opens_it_at_once(bench: Bench, error: UpstreamError, visitor: str | None) -> None:
    assert bench.breaker.failed(error, visitor=visitor)
    assert bench.told == [(State.OPEN, error.detail)]
    assert not bench.breaker.admits()
    with pytest.raises(UpstreamUnavailable, match="left alone"):
        bench.breaker.check()


def test_a_document_that_cannot_be_read_is_no_matter_of_being_there(bench: Bench) -> None:
    assert not bench.breaker.failed(RUBBISH, visitor=None)
    assert bench.breaker.admits()


@pytest.mark.parametrize("error", [SILENT, ILL, RUBBISH])
def test_i14_what_visitors_may_cause_counts_once_for_each(bench: Bench, error: UpstreamError) -> None:
    for _ in range(100):
        assert not bench.breaker.failed(error, visitor="one")
        bench.at += 0.1
    bench.visitors_fail(error, VISITORS - 2)
    assert bench.breaker.admits()
    assert bench.breaker.failed(error, visitor="another")
    assert not bench.breaker.admits()


def test_i14_an_answer_to_anybody_takes_the_failures_of_all_back(bench: Bench) -> None:
    bench.visitors_fail(number=VISITORS - 1)
    bench.breaker.succeeded()
    assert not bench.breaker.failed(ILL, visitor="last")


def test_failures_are_forgotten_after_a_minute(bench: Bench) -> None:
    bench.visitors_fail(number=VISITORS - 1)
    bench.at = WINDOW
    assert not bench.breaker.failed(ILL, visitor="last")


def test_i14_after_the_pause_it_takes_as_many_visitors_again(bench: Bench) -> None:
    bench.visitors_fail()
    bench.at = PAUSE
    assert bench.breaker.remaining == 0
    bench.breaker.relent()
    for _ in range(100):
        bench.breaker.failed(ILL, visitor="1")
    assert bench.breaker.admits()


def test_pauses_grow_while_people_fail_and_start_anew_after_an_answer(bench: Bench) -> None:
    lengths = []
    for _ in range(5):
        bench.visitors_fail()
        lengths.append(bench.breaker.remaining)
        bench.at += bench.breaker.remaining
        bench.breaker.relent()
    assert lengths == [PAUSE, 2 * PAUSE, 4 * PAUSE, PAUSE_LIMIT, PAUSE_LIMIT]
    bench.breaker.succeeded()
    bench.visitors_fail()
    assert bench.breaker.remaining == PAUSE


def test_probes_come_less_often_up_to_a_limit(bench: Bench) -> None:
    bench.breaker.failed(NOBODY_THERE, visitor="a")
    lengths = []
    for _ in range(6):
        lengths.append(bench.breaker.remaining)
        bench.at += bench.breaker.remaining
        bench.breaker.prolong()
    assert lengths == [SHORTEST, 2, 4, 8, LONGEST, LONGEST]
    assert not bench.breaker.admits()
    bench.breaker.found_well()
    assert bench.breaker.admits()
    assert [state for state, _ in bench.told] == [State.OPEN, State.CLOSED]


@pytest.mark.parametrize(("asked", "given"), [(120, 120.0), (0, 0.0), (86400, ASKED_LIMIT)])
def test_the_pause_the_upstream_asks_for_is_kept_up_to_a_limit(bench: Bench, asked: float, given: float) -> None:
    bench.breaker.failed(UpstreamUnavailable("status 429", answered=True, retry_after=asked), visitor="one")
    assert bench.breaker.remaining == given


def test_it_ends_by_itself_when_nobody_looks(bench: Bench) -> None:
    bench.breaker.failed(NOBODY_THERE, visitor="a")
    bench.at = SHORTEST + LAPSE - 0.1
    assert not bench.breaker.admits()
    bench.at = SHORTEST + LAPSE
    assert bench.breaker.admits()
    assert bench.breaker.down_for is None
    bench.breaker.check()
    bench.breaker.succeeded()
    assert bench.breaker.state is State.CLOSED


def test_calls_that_were_under_way_do_not_prolong_the_pause(bench: Bench) -> None:
    bench.breaker.failed(NOBODY_THERE, visitor="a")
    bench.at = 0.9
    assert not bench.breaker.failed(NOBODY_THERE, visitor="b")
    assert bench.breaker.remaining == pytest.approx(0.1)


def test_the_trouble_is_as_old_as_its_first_failure_until_somebody_is_answered(bench: Bench) -> None:
    ages = [bench.breaker.down_for]
    bench.visitors_fail()
    bench.at = 10
    ages.append(bench.breaker.down_for)
    bench.breaker.relent()
    ages.append(bench.breaker.down_for)
    bench.at = 15
    bench.visitors_fail()
    ages.append(bench.breaker.down_for)
    bench.breaker.succeeded()
    bench.at = 20
    bench.visitors_fail()
    bench.at = 21
    ages.append(bench.breaker.down_for)
    assert ages == [None, 10, None, 15, 1]


def test_a_pause_that_nobody_noticed_begins_a_new_trouble(bench: Bench) -> None:
    bench.visitors_fail()
    bench.at = 10
    bench.breaker.relent()
    bench.at = 3600
    bench.visitors_fail()
    assert bench.breaker.down_for == 0


def test_who_tries_after_the_pause_and_fails_closes_it_for_another(bench: Bench) -> None:
    bench.breaker.failed(NOBODY_THERE, visitor=None)
    bench.at = bench.breaker.remaining + LAPSE
    assert bench.breaker.admits()
    assert bench.breaker.failed(NOBODY_THERE, visitor="a")
    assert not bench.breaker.admits()
    assert [state for state, _ in bench.told] == [State.OPEN], "it was open all the time"


def test_what_was_closed_already_is_told_to_nobody(bench: Bench) -> None:
    bench.breaker.found_well()
    bench.breaker.relent()
    assert bench.told == []
