"""What operators switch off and on, and what is off."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from broker.core.operators.question import Asked
from broker.core.switches import Switch, Switchable
from broker.services.operators.door import Handler
from broker.services.operators.told import Json
from broker.services.switches import Switches

_NAME = {Switchable.PROVIDER: "provider", Switchable.CLIENT: "client_id"}


class SwitchCases:
    """The use cases of `core.operators.switches`."""

    def __init__(self, switches: Switches, configured: Mapping[str, bool]) -> None:
        """`configured`: the providers that the configuration has, and whether each is on there."""
        self._switches = switches
        self._configured = configured

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What answers each of them, by its name."""
        return {"provider.list": self._list} | {
            f"{kind.value}.{verb}": partial(answer, kind)
            for kind in Switchable
            for verb, answer in (("off", self._off), ("on", self._on))
        }

    async def _list(self, _: Asked) -> Json:
        """The providers that the configuration has, then what is off and not in it: it was taken out."""
        off = {one.name: one for one in await self._switches.all_off() if one.kind is Switchable.PROVIDER}
        there = self._configured.items()
        states = {name: {"provider": name, "state": "on" if on else "disabled"} for name, on in there}
        return {"providers": list((states | {name: _tell_off(one) for name, one in off.items()}).values())}

    async def _off(self, kind: Switchable, asked: Asked) -> Json:
        """As it is from then on: who comes second changes nothing, and is told what the first one said."""
        name = asked.text(_NAME[kind])
        switch, changed = await self._switches.off(kind, name, why=asked.text("why"), by=asked.by)
        return {**_tell_off(switch), "changed": changed}

    async def _on(self, kind: Switchable, asked: Asked) -> Json:
        name = asked.text(_NAME[kind])
        changed = await self._switches.on(kind, name, why=asked.text("why"), by=asked.by)
        return {_NAME[kind]: name, "state": "on", "changed": changed}


def _tell_off(switch: Switch) -> Json:
    told = {"state": "switched_off", "off_at": switch.since, "by": switch.by, "why": switch.why}
    return {_NAME[switch.kind]: switch.name, **told}
