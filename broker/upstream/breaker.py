"""A circuit breaker per provider: an upstream that fails again and again is left alone for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

from broker.core.errors import UpstreamInvalid, UpstreamRejected, UpstreamUnavailable


class State(StrEnum):
    """closed: calls pass; open: none does; half_open: one probe is under way."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Opens after `threshold` failures in a row; after `cooldown` seconds one call may try, and its end decides."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        on_change: Callable[[State], None],
        threshold: int = 5,
        cooldown: float = 10.0,
    ) -> None:
        """`clock` gives monotonic seconds; `on_change` is told every new state."""
        self._clock = clock
        self._on_change = on_change
        self._threshold = threshold
        self._cooldown = cooldown
        self._failures = 0
        self._opened_at = 0.0
        self.state = State.CLOSED

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Run one call inside; raises UpstreamUnavailable at once while open. A refusal proves the upstream alive."""
        self._admit()
        try:
            yield
        except (UpstreamUnavailable, UpstreamInvalid):
            self._failed()
            raise
        except UpstreamRejected:
            self._succeeded()
            raise
        except BaseException:
            self._abandoned()
            raise
        else:
            self._succeeded()

    def _admit(self) -> None:
        cooled = self._clock() - self._opened_at >= self._cooldown
        if self.state is State.HALF_OPEN or (self.state is State.OPEN and not cooled):
            raise UpstreamUnavailable("circuit breaker is open")
        if self.state is State.OPEN:
            self._become(State.HALF_OPEN)

    def _succeeded(self) -> None:
        self._failures = 0
        self._become(State.CLOSED)

    def _failed(self) -> None:
        self._failures += 1
        if self.state is State.HALF_OPEN or self._failures >= self._threshold:
            self._open()

    def _abandoned(self) -> None:
        """A cancelled probe says nothing: the next call after the cool-down tries again."""
        if self.state is State.HALF_OPEN:
            self._open()

    def _open(self) -> None:
        if self.state is not State.OPEN:
            self._opened_at = self._clock()
            self._become(State.OPEN)

    def _become(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self._on_change(state)
