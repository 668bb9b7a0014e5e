"""What every durable store must do with the operator's switches; see `tests.contract.accounts`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.core.switches import Switch, Switchable
from broker.store.base import Durable
from tests.contract.people import NOW
from tests.contract.store import at_once

VK = Switch(Switchable.PROVIDER, "vk", NOW, "broken", "root")


class SwitchRules:
    """Inherit, and provide the fixture `durable`, a fresh store."""

    pytestmark = pytest.mark.anyio

    async def test_what_is_off_is_known_until_it_is_on_again(self, durable: Durable) -> None:
        shop = Switch(Switchable.CLIENT, "vk", NOW + 1, "a secret leaked", "ada")
        assert await durable.switches.off() == ()
        assert await durable.switches.turn_off(VK)
        assert await durable.switches.turn_off(shop)
        assert await durable.switches.off() == (shop, VK), "a client and a provider of one name are two"
        assert await durable.switches.turn_on(Switchable.PROVIDER, "vk")
        assert not await durable.switches.turn_on(Switchable.PROVIDER, "vk")
        assert await durable.switches.off() == (shop,)

    async def test_who_switches_off_what_is_off_changes_nothing(self, durable: Durable) -> None:
        assert await durable.switches.turn_off(VK)
        assert not await durable.switches.turn_off(replace(VK, since=NOW + 9, why="other", by="eve"))
        assert await durable.switches.off() == (VK,)

    async def test_of_fifty_who_switch_off_at_once_one_did(self, durable: Durable) -> None:
        assert sum(await at_once(50, lambda: durable.switches.turn_off(VK))) == 1
