"""What operators have switched off while the broker runs: a row for each, gone when it is on again."""

from __future__ import annotations

from typing import Protocol

from broker.core.switches import Switch, Switchable


class SwitchStore(Protocol):
    """A repository of `broker.store.base.Durable`, which says what all of them have in common."""

    async def off(self) -> tuple[Switch, ...]:
        """All that is off, by kind and name. There are few, and every node asks often."""

    async def turn_off(self, switch: Switch) -> bool:
        """Switch it off; False, and since when and why stay as they are, where it was off already."""

    async def turn_on(self, kind: Switchable, name: str) -> bool:
        """Switch it on again; False where it was."""
