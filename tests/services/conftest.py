"""A fresh world for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from broker.store.sqlite.store import SqliteStore
from tests.services.bare_broker import NOW, World
from tests.services.key_rings import Rings


@pytest.fixture
async def world(anyio_backend: str) -> AsyncIterator[World]:
    """Every service over empty stores."""
    opened = await World.open()
    yield opened
    await opened.store.close()


@pytest.fixture
async def rings(anyio_backend: str) -> AsyncIterator[Rings]:
    """An empty store."""
    store = await SqliteStore.open(":memory:", clock=lambda: NOW)
    yield Rings(store)
    await store.close()
