"""Lines to a file descriptor without ever making the event loop wait."""

from __future__ import annotations

import os
from queue import SimpleQueue
from threading import Event, Thread

_BACKLOG = 20_000  # lines; beyond, new ones are counted and dropped
_LINGER = 0.01  # seconds in which lines gather, so that a busy server makes a hundred writes a second, not thousands


class Sink:
    """A background thread writes what `write` is given, in order. A reader that stands still costs lines, no logins."""

    def __init__(self, descriptor: int, *, owned: bool = False) -> None:
        """`owned`: close the descriptor in the end."""
        self._descriptor = descriptor
        self._owned = owned
        self._lines: SimpleQueue[bytes | None] = SimpleQueue()
        self._closing = Event()
        self._in_hand = 0  # lines that the thread has taken or is about to take
        self.dropped = 0
        self._thread = Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    @classmethod
    def append_to(cls, path: str) -> Sink:
        """A sink into a file that is only ever appended to and only its owner reads."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        return cls(os.open(path, flags, 0o600), owned=True)

    def write(self, line: bytes) -> None:
        """Hand over one line, with its line break."""
        if self._closing.is_set() or self._lines.qsize() + self._in_hand >= _BACKLOG:
            self.dropped += 1
            return
        self._lines.put(line)

    def close(self, *, timeout: float = 5.0) -> None:
        """Write what is waiting, for at most `timeout` seconds."""
        if not self._closing.is_set():
            self._closing.set()
            self._lines.put(None)
            self._thread.join(timeout)

    def _run(self) -> None:
        last = False
        while not last:
            batch = [self._lines.get()]
            if batch[0] is not None:
                self._closing.wait(_LINGER)
            # As many as there are now: whoever writes as fast as this loop takes would never see a line written.
            self._in_hand = self._lines.qsize()
            batch.extend(self._lines.get() for _ in range(self._in_hand))
            last = None in batch
            self._put(b"".join(line for line in batch if line is not None), len(batch) - last)
            self._in_hand = 0
        if self._owned:
            os.close(self._descriptor)

    def _put(self, raw: bytes, lines: int) -> None:
        try:
            while raw:
                raw = raw[os.write(self._descriptor, raw) :]
        except OSError:
            # The disk is full or the reader has gone. There is nowhere to say so but the metric that counts it.
            self.dropped += lines
