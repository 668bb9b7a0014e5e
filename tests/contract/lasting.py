"""What every store must do with refresh tokens that are not rotated."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.store.base import Durable
from tests.contract.people import NOW, kept_token, settle, token


class LastingTokenRules:
    """Inherit, and provide the fixture `durable`, a fresh store."""

    pytestmark = pytest.mark.anyio

    async def test_a_token_that_is_prolonged_lives_longer_and_is_not_spent(self, durable: Durable) -> None:
        await settle(durable)
        for _ in range(2):
            assert await durable.grants.prolong("t1", now=NOW, expires_at=NOW + 900)
        assert await kept_token(durable, "t1") == replace(token("t1"), expires_at=NOW + 900)

    async def test_nothing_dead_is_prolonged(self, durable: Durable) -> None:
        await settle(durable)
        expired = token("t1").expires_at
        assert not await durable.grants.prolong("t9", now=NOW, expires_at=NOW + 900)
        assert not await durable.grants.prolong("t1", now=expired, expires_at=expired + 900)
        await durable.grants.revoke("g1", now=NOW)
        assert not await durable.grants.prolong("t1", now=NOW, expires_at=NOW + 900)
        assert await kept_token(durable, "t1") == token("t1")

    async def test_f6_a_spent_token_is_not_prolonged(self, durable: Durable) -> None:
        await settle(durable)
        await durable.grants.rotate("t1", token("t2"), now=NOW, grace=10)
        assert not await durable.grants.prolong("t1", now=NOW, expires_at=NOW + 900)
        assert await durable.grants.prolong("t2", now=NOW, expires_at=NOW + 900)
