"""What every durable store must do with signing keys and secrets; see `tests.contract.accounts`."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from broker.core.records import SigningKey
from broker.store.base import Durable
from tests.contract.people import NOW


def signing_key(
    kid: str, algorithm: str = "RS256", *, created_at: int = NOW, active_at: int = NOW, retired_at: int | None = None
) -> SigningKey:
    """A key; nothing in it is looked at."""
    return SigningKey(kid, algorithm, "sealed", "{}", created_at, active_at, retired_at)


class KeyRules:
    """Inherit, and provide the fixture `durable`, a fresh store."""

    pytestmark = pytest.mark.anyio

    async def test_an_installation_is_named_once(self, durable: Durable) -> None:
        assert await durable.keys.installation() == await durable.keys.installation() != ""

    async def test_signing_keys_are_kept_oldest_first_and_only_retire_once(self, durable: Durable) -> None:
        old, new = signing_key("k1", created_at=NOW - 1), signing_key("k0", "ES256")
        assert await durable.keys.add(new)
        assert await durable.keys.add(old)
        assert await durable.keys.signing_keys() == (old, new)
        assert not await durable.keys.add(replace(old, sealed="other", active_at=NOW + 9))
        assert await durable.keys.retire("k1", at=NOW + 5)
        assert not await durable.keys.retire("k1", at=NOW + 6)
        assert await durable.keys.signing_keys() == (replace(old, retired_at=NOW + 5), new)
        await durable.keys.delete("k1")
        assert await durable.keys.signing_keys() == (new,)

    async def test_j6_a_key_that_is_gone_is_not_brought_back_by_whoever_retires_it(self, durable: Durable) -> None:
        assert await durable.keys.add(signing_key("k1"))
        await durable.keys.delete("k1")
        assert not await durable.keys.retire("k1", at=NOW)
        assert await durable.keys.signing_keys() == ()

    async def test_j6_keys_are_replaced_by_algorithm_or_all_whatever_their_state(self, durable: Durable) -> None:
        waiting, retired = signing_key("k1", active_at=NOW + 9), signing_key("k2", retired_at=NOW - 9)
        other = signing_key("k3", "ES256")
        for key in (waiting, retired, other):
            await durable.keys.add(key)
        heir, last = signing_key("k4", created_at=NOW + 1), signing_key("k5", created_at=NOW + 2)
        assert await durable.keys.replace([heir], algorithms={"RS256"}) == (waiting, retired)
        assert await durable.keys.signing_keys() == (other, heir)
        assert await durable.keys.replace([last], algorithms=None) == (other, heir)
        assert await durable.keys.signing_keys() == (last,)

    async def test_a_secret_is_made_once_and_replaced_only_by_who_knows_it(self, durable: Durable) -> None:
        assert await durable.keys.secret("salt") is None
        made = await asyncio.gather(*(durable.keys.save_secret("salt", f"s{n}", replacing=None) for n in range(50)))
        (kept,) = set(made)
        assert await durable.keys.secret("salt") == kept
        assert await durable.keys.save_secret("salt", "new", replacing="other") == kept
        assert (
            await durable.keys.save_secret("salt", "new", replacing=kept) == "new" == await durable.keys.secret("salt")
        )
        assert await durable.keys.secret("Salt") is None
