"""What the providers of this repository are tested with."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from broker.testing import bench

FIXTURES: Final = Path(__file__).parents[1] / "fixtures"


def load_cases(kind: str) -> list[bench.Case]:
    """Every variant of a built-in type."""
    return bench.load_cases(kind, FIXTURES)
