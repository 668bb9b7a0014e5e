"""The operator's kill switch: a provider or a client is off at once, whatever the configuration says (ADR 67).

What is off is known by the one `Off` of a node, which everything asks that finds a provider or a client by name. So it
is refused wherever it would be found, as one that the configuration does not have.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from broker.core.errors import NotFound
from broker.core.events import Event
from broker.core.switches import Switch, Switchable
from broker.services.context import Context
from broker.store.switches import SwitchStore

LOOK_EVERY = 0.5  # seconds between two looks of a node: every one of them knows within a second
Known = Callable[[str], Awaitable[bool]]


class Off:
    """What is off, by name, as this node knows it. Each mapping is replaced as a whole, never changed."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Nothing, until `Switches` has looked. `clock` gives epoch seconds."""
        self._clock = clock
        self.seen: tuple[Switch, ...] = ()
        self.providers: Mapping[str, Switch] = {}
        self.clients: Mapping[str, Switch] = {}

    def replace(self, switches: tuple[Switch, ...]) -> None:
        """These are off, and nothing else."""
        self.seen = switches
        self.providers = {one.name: one for one in switches if one.kind is Switchable.PROVIDER}
        self.clients = {one.name: one for one in switches if one.kind is Switchable.CLIENT}

    def minutes(self, switch: Switch) -> int:
        """For how many whole minutes it has been off."""
        return max(0, int(self._clock()) - switch.since) // 60


class Switches:
    """Switches off and on, durably, and keeps this node's `Off` what the store says."""

    def __init__(self, context: Context, store: SwitchStore, off: Off, *, known: Mapping[Switchable, Known]) -> None:
        """`known` says whether there is one of that name: nobody is to believe that a misspelt one is off."""
        self._context = context
        self._store = store
        self._off = off
        self._known = known

    async def knows(self, kind: Switchable, name: str) -> bool:
        """Whether there is one of this name, switched off or not."""
        return await self._known[kind](name)

    async def refresh(self) -> None:
        """Look what is off; raises StoreUnavailable, and what was known stays in force."""
        found = await self._store.off()
        before = self._off.seen
        if found == before:
            return
        self._off.replace(found)
        was, now = ({(one.kind, one.name) for one in seen} for seen in (before, found))
        for kind, name in sorted(was ^ now):
            state = "off" if (kind, name) in now else "on"
            self._context.recorder.record(Event.SWITCH_SEEN, **_named(kind, name), switched=state)

    async def all_off(self) -> tuple[Switch, ...]:
        """What the store says is off, by kind and name; raises StoreUnavailable."""
        return await self._store.off()

    async def off(self, kind: Switchable, name: str, *, why: str, by: str) -> tuple[Switch, bool]:
        """Switch it off, from now on for this node; what it is then, which an earlier one stays, and whether it was on.

        Raises NotFound for what is not known here, and StoreUnavailable.
        """
        switch = Switch(kind, name, self._context.now(), why.strip(), by)
        if not await self.knows(kind, name):
            raise NotFound(f"there is no {kind} of this name that is on in the configuration")
        done = await self._store.turn_off(switch)
        await self.refresh()
        if done:
            self._tell(switch, "off", why=switch.why)
        return next((one for one in self._off.seen if (one.kind, one.name) == (kind, name)), switch), done

    async def on(self, kind: Switchable, name: str, *, why: str, by: str) -> bool:
        """Switch it on again; False where it was. Raises NotFound for what is neither off nor known here."""
        done = await self._store.turn_on(kind, name)
        if not done and not await self.knows(kind, name):
            raise NotFound(f"there is no {kind} of this name, neither switched off nor on")
        await self.refresh()
        if done:
            self._tell(Switch(kind, name, self._context.now(), why, by), "on", why=why.strip())
        return done

    def _tell(self, switch: Switch, state: str, *, why: str) -> None:
        event = Event.PROVIDER_SWITCHED if switch.kind is Switchable.PROVIDER else Event.CLIENT_SWITCHED
        self._context.recorder.record(event, **_named(switch.kind, switch.name), switched=state, why=why, by=switch.by)


def tell_app(switch: Switch) -> str:
    """What an app's developer is told of one that is off."""
    since = datetime.fromtimestamp(switch.since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    way_on = "offer another one, or try again later" if switch.kind is Switchable.PROVIDER else "ask the operator"
    return f"the operator switched this {switch.kind} off at {since}; {way_on}"


def _named(kind: Switchable, name: str) -> dict[str, str]:
    return {"provider": name} if kind is Switchable.PROVIDER else {"client_id": name}
