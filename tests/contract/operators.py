"""What every durable store must do with tokens for the admin API; see `tests.contract.accounts`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.core.operators.tokens import AdminToken
from broker.store.base import Durable
from tests.contract.people import NOW
from tests.contract.store import at_once

DESK = AdminToken("desk", "d" * 64, "read", NOW, "root", NOW + 90)


class AdminTokenRules:
    """Inherit, and provide the fixture `durable`, a fresh store."""

    pytestmark = pytest.mark.anyio

    async def test_l10_a_token_is_found_by_its_digest_until_it_is_revoked(self, durable: Durable) -> None:
        bot = replace(DESK, name="bot", digest="e" * 64, scope="write")
        assert await durable.admin_tokens.add(DESK)
        assert await durable.admin_tokens.add(bot)
        assert await durable.admin_tokens.find(DESK.digest) == DESK
        assert await durable.admin_tokens.find("desk") is None
        assert await durable.admin_tokens.all_() == (bot, DESK)
        assert await durable.admin_tokens.revoke("desk")
        assert not await durable.admin_tokens.revoke("desk")
        assert await durable.admin_tokens.find(DESK.digest) is None
        assert await durable.admin_tokens.all_() == (bot,)

    async def test_l10_of_fifty_who_make_one_of_a_name_at_once_one_does(self, durable: Durable) -> None:
        assert sum(await at_once(50, lambda: durable.admin_tokens.add(DESK))) == 1
        assert not await durable.admin_tokens.add(replace(DESK, digest="e" * 64))
        assert await durable.admin_tokens.all_() == (DESK,)

    async def test_that_it_was_used_is_noted_once_in_a_while(self, durable: Durable) -> None:
        await durable.admin_tokens.add(DESK)
        assert await durable.admin_tokens.used(DESK.digest, now=NOW, apart=60)
        assert not await durable.admin_tokens.used(DESK.digest, now=NOW + 59, apart=60)
        assert await durable.admin_tokens.find(DESK.digest) == replace(DESK, used_at=NOW)
        assert sum(await at_once(50, lambda: durable.admin_tokens.used(DESK.digest, now=NOW + 60, apart=60))) == 1
        assert not await durable.admin_tokens.used("nobody", now=NOW, apart=60)
