"""One event when a store goes away and one when it is back, however many requests noticed."""

from __future__ import annotations

from broker.core.events import Event, Recorder


class Outage:
    """Whether one store answers. Used from the event loop's thread only."""

    def __init__(self, store: str, recorder: Recorder | None) -> None:
        """`store` is the name in the events."""
        self._store, self._recorder = store, recorder
        self._detail = ""
        self.now = False

    def failed(self, detail: str, *, lasting: bool = False) -> None:
        """The store did not answer, or refused for a reason of its own; `detail` holds no value of anybody.

        `lasting`: an operator has to do something, so this is told even in an outage that began for another reason.
        """
        news = not self.now or (lasting and detail != self._detail)
        self.now = True
        if news:
            self._detail = detail
            if self._recorder is not None:
                self._recorder.record(Event.STORE_UNAVAILABLE, store=self._store, detail=detail)

    def answered(self) -> None:
        """The store answered."""
        before, self.now = self.now, False
        if before and self._recorder is not None:
            self._recorder.record(Event.STORE_RECOVERED, store=self._store)
