"""An observer whose lines can be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from broker.observe import Observer, Setup


class Collected:
    """Lines as they would be written."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []

    def write(self, line: bytes) -> None:
        """Keep it."""
        self.raw.append(line)

    @property
    def records(self) -> list[dict[str, Any]]:
        """The lines as JSON objects."""
        return [orjson.loads(line) for line in self.raw]


@pytest.fixture
def lines() -> Collected:
    """Where the observer of `observe` writes."""
    return Collected()


@pytest.fixture
def observe(lines: Collected) -> Callable[..., Observer]:
    """Makes an observer with a standing clock; keyword arguments are those of Setup."""

    def _observe(**settings: Any) -> Observer:
        setup = Setup(**({"style": "json", "providers": ("google", "vk"), "clients": ("shop",)} | settings))
        return Observer.open_(setup, clock=lambda: 1_800_000_000.123, lines=lines)

    return _observe
