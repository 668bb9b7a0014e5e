"""A fresh world for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.services.bare_broker import World


@pytest.fixture
async def world(anyio_backend: str) -> AsyncIterator[World]:
    """Every service over empty stores."""
    opened = await World.open()
    yield opened
    await opened.store.close()
