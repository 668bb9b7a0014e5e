"""A circuit breaker per provider: who does not answer is left alone for a while, and found well again without people.

Two signals are kept apart, because visitors bring values of their own. What none of them can cause opens it at once: no
connection comes about, what we ask of our own accord is not answered, or the upstream itself asks for a pause. What one
of them may cause (status 5xx, silence or rubbish after a code was sent) counts once per visitor, and a proper answer to
anybody takes it all back.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from broker.core.errors import UpstreamError, UpstreamUnavailable

VISITORS = 3  # so many must fail within WINDOW, with no success in between
WINDOW = 60.0  # seconds
SHORTEST, LONGEST = 1.0, 10.0  # seconds between two probes, twice as long each time
PAUSE, PAUSE_LIMIT = 10.0, 60.0  # seconds after failures of visitors, twice as long each time
ASKED_LIMIT = 300.0  # seconds an upstream may ask for: nobody is locked out for a day by a header
LAPSE = 20.0  # seconds, longer than a probe may take: when nothing has closed it by then, calls pass all the same


class State(StrEnum):
    """closed: calls pass; open: none does."""

    CLOSED = "closed"
    OPEN = "open"


class Breaker:
    """Says whether calls pass. What opens it ends by itself; whoever probes meanwhile may end or prolong it."""

    def __init__(self, *, clock: Callable[[], float], on_change: Callable[[State, str], None]) -> None:
        """`clock` gives monotonic seconds; `on_change` is told every new state and the reason."""
        self._clock = clock
        self._on_change = on_change
        self._failed_at: dict[str, float] = {}  # by visitor
        self._probe_pause, self._visitors_pause = SHORTEST, PAUSE
        self._ill_since = self._until = 0.0
        self._closed_at = float("-inf")
        self.state = State.CLOSED

    def admits(self) -> bool:
        """Whether calls pass just now."""
        return self.state is State.CLOSED or self._clock() >= self._until + LAPSE

    @property
    def down_for(self) -> float | None:
        """Seconds since the trouble began, None while calls pass."""
        return None if self.admits() else self._clock() - self._ill_since

    @property
    def remaining(self) -> float:
        """Seconds until it is time to look again, 0 when it is."""
        return max(0.0, self._until - self._clock())

    def check(self) -> None:
        """Raise UpstreamUnavailable at once unless calls pass."""
        if not self.admits():
            raise UpstreamUnavailable(f"left alone after failures; asked again in {self.remaining:.0f} s")

    def succeeded(self) -> None:
        """A visitor's call was answered, be it by a refusal: the upstream is well."""
        self._failed_at.clear()
        self._probe_pause, self._visitors_pause = SHORTEST, PAUSE
        self._closed_at = float("-inf")
        if self.state is State.OPEN:
            self._close("answers")

    def failed(self, error: UpstreamError, *, visitor: str | None) -> bool:
        """A call failed; whether that opened it.

        `visitor` tells apart those whose values were in the call; None: it was all of our own.
        """
        if isinstance(error, UpstreamUnavailable):
            if error.retry_after is not None:
                return self._open(min(error.retry_after, ASKED_LIMIT), error.detail)
            if visitor is None or not error.sent:
                return self._open(self._probe_pause, error.detail)
        return visitor is not None and self._count(error, visitor)

    def prolong(self) -> None:
        """A probe failed, too."""
        self._probe_pause = min(2 * self._probe_pause, LONGEST)
        self._until = self._clock() + self._probe_pause

    def found_well(self) -> None:
        """A probe was answered: calls pass."""
        self._probe_pause = SHORTEST
        self._close("answers")

    def relent(self) -> None:
        """The pause is over, and people may try."""
        self._closed_at = self._clock()
        self._close("the pause is over")

    def _count(self, error: UpstreamError, visitor: str) -> bool:
        now = self._clock()
        self._failed_at = {who: at for who, at in self._failed_at.items() if now - at < WINDOW}
        self._failed_at.pop(visitor, None)
        self._failed_at[visitor] = now
        if len(self._failed_at) < VISITORS or not self._open(self._visitors_pause, error.detail):
            return False
        self._visitors_pause = min(2 * self._visitors_pause, PAUSE_LIMIT)
        return True

    def _open(self, pause: float, reason: str) -> bool:
        now = self._clock()
        if not self.admits():
            return False  # a call that was under way when it opened does not prolong the pause
        if self.state is State.CLOSED and now - self._closed_at > WINDOW:
            self._ill_since = now
        self._until = now + pause
        self._failed_at.clear()
        if self.state is State.CLOSED:
            self.state = State.OPEN
            self._on_change(State.OPEN, reason)
        return True

    def _close(self, reason: str) -> None:
        if self.state is State.OPEN:
            self.state = State.CLOSED
            self._on_change(State.CLOSED, reason)
