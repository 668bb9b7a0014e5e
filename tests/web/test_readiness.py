"""`/readyz` asks all checks at once, waits a bounded time for them, and says what is wrong."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from broker.core.errors import StoreUnavailable
from broker.web.manage import Management

pytestmark = pytest.mark.anyio


async def readyz(management: Management) -> tuple[int, dict[str, str]]:
    """Status and body."""
    transport = httpx2.ASGITransport(app=management)
    async with httpx2.AsyncClient(transport=transport, base_url="http://management") as client:
        answer = await client.get("/readyz")
    return answer.status_code, answer.json()


async def fine() -> None:
    """A check that is well."""


async def broken() -> None:
    """A check that knows what is wrong."""
    raise StoreUnavailable("sqlite: broker.db is gone")


async def hanging() -> None:
    """A check that never answers."""
    await asyncio.Event().wait()


async def test_readiness_says_which_check_failed_and_why() -> None:
    management = Management({"durable": broken, "transient": fine}, bytes)
    assert await readyz(management) == (
        503,
        {"durable": "sqlite: broker.db is gone", "transient": "ok", "server": "ok"},
    )


async def test_readiness_answers_although_a_check_hangs() -> None:
    management = Management({"durable": hanging, "transient": fine}, bytes, patience=0.05)
    status, state = await readyz(management)
    assert (status, state["durable"], state["transient"]) == (503, "no answer in 0.05 s", "ok")


async def test_checks_of_readiness_run_together() -> None:
    here, there = asyncio.Event(), asyncio.Event()

    async def one() -> None:
        here.set()
        await there.wait()

    async def other() -> None:
        there.set()
        await here.wait()

    assert await readyz(Management({"one": one, "other": other}, bytes, patience=30)) == (
        200,
        {"one": "ok", "other": "ok", "server": "ok"},
    )
