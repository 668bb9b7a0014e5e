"""Counters of one process. Counting a visitor costs no disk write, and no more memory than a fixed number of keys."""

from __future__ import annotations

from dataclasses import dataclass

_KEYS = 100_000  # about 20 MB when full


@dataclass(slots=True)
class _Window:
    ends_at: float
    count: int = 0


class Counters:
    """Fixed windows per key. When full the oldest window is forgotten first: a flood cannot fill the memory."""

    def __init__(self, limit: int = _KEYS) -> None:
        """`limit`: how many keys of one window length are kept."""
        self._limit = limit
        # One dict per length: insertion order is then the order of expiry, so the dead are always in front.
        self._by_ttl: dict[int, dict[str, _Window]] = {}

    def hit(self, key: str, ttl: int, now: float) -> int:
        """Count a hit at `now` and return the count since the first of a window of `ttl` seconds."""
        windows = self._by_ttl.setdefault(ttl, {})
        window = windows.get(key)
        if window is None or window.ends_at <= now:
            windows.pop(key, None)
            self._make_room(windows, now)
            window = windows[key] = _Window(now + ttl)
        window.count += 1
        return window.count

    def _make_room(self, windows: dict[str, _Window], now: float) -> None:
        """Two out for one in, so the dead are gone soon without ever being looked for."""
        for oldest in list(_first(windows, 2)):
            if windows[oldest].ends_at <= now or len(windows) >= self._limit:
                del windows[oldest]


def _first(windows: dict[str, _Window], count: int) -> list[str]:
    return [key for _, key in zip(range(count), windows, strict=False)]
