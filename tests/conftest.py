"""What every test may ask for."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """One event loop kind: the one that runs in production (uvloop is a faster asyncio)."""
    return "asyncio"
