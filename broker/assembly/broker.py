"""A running broker: what it does beside answering requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from broker.assembly.reloading import Reloading
from broker.assembly.world import World, Worlds
from broker.core.errors import StoreUnavailable
from broker.core.events import Event
from broker.observe import Observer
from broker.services.context import Context
from broker.services.deliveries import Deliveries
from broker.services.keys.ring import LOOK_EVERY, KeyRing
from broker.services.notify.sending import Sending
from broker.services.operators.door import Operators
from broker.services.switches import LOOK_EVERY as SWITCHES_EVERY
from broker.store.base import Durable
from broker.store.sqlite.store import SqliteStore
from broker.web.manage import Management

_SWEEP_EVERY = 60.0  # seconds between sweeps of expired rows
_LOOK_EVERY = 2.0  # seconds between looks whether the database is there still
_CHECK_EVERY = 5.0  # seconds between parts of the check for damage
Chore = Callable[[], Awaitable[object]]


@dataclass(slots=True)
class Broker:
    """A running broker: two ASGI apps and what they stand on. `pause` waits that many seconds between chores.

    `public`, and what services there are, are those of the configuration in force at that moment.
    """

    public: Worlds
    management: Management
    keys: KeyRing
    durable: Durable
    store: SqliteStore
    observer: Observer
    context: Context
    reloading: Reloading
    _opened: AsyncExitStack
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def deliveries(self) -> Deliveries:
        """What tells apps of logouts."""
        return self.public.current.services.deliveries

    @property
    def sending(self) -> Sending | None:
        """What sends messages, None where nobody can order any."""
        return self.public.current.services.notify.worker

    @property
    def operators(self) -> Operators:
        """What operators do for people."""
        return self.public.current.services.operators

    async def start(self) -> None:
        """Begin housekeeping and deliveries, and say so."""
        # Apart, so that a long sweep does not make this node the last to hear that a key is gone.
        chores: tuple[tuple[float, Chore], ...] = (
            (LOOK_EVERY, self.keys.refresh),
            (SWITCHES_EVERY, self._look),
            (_SWEEP_EVERY, self._sweep),
            (_SWEEP_EVERY, self._delete_due),
            (_SWEEP_EVERY, self._forget),
            (_LOOK_EVERY, self.store.look),
            (_CHECK_EVERY, self.store.check),
        )
        for each in chores:
            self._begin(self._repeat(*each))
        self.public.turned = self._work
        self._work(self.public.current)
        self.observer.record(Event.SERVER_READY, revision=self.public.current.revision)

    def _work(self, world: World) -> None:
        """Begin what has to run beside the requests of this world; that of the one before it ends by itself."""
        self._begin(world.services.deliveries.run())
        if (sending := world.services.notify.worker) is not None:
            self._begin(sending.run())

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop_accepting(self) -> None:
        """From now on `/readyz` says no; requests in flight go on."""
        self.management.stopping = True
        self.observer.record(Event.SERVER_STOPPING)

    async def close(self) -> None:
        """Commit what was accepted, let go of everything."""
        for task in list(self._tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._opened.aclose()

    async def _repeat(self, seconds: float, chore: Chore) -> None:
        while True:
            await self.pause(seconds)
            try:
                await chore()
            except StoreUnavailable:
                continue  # the store itself has told, once per outage
            except Exception as error:  # housekeeping must outlive its own bugs; the operator hears of each
                self.observer.on_crash(error)

    async def _sweep(self) -> None:
        await self.durable.sweep(now=self.context.now())

    async def _look(self) -> None:
        await self.public.current.services.look()

    async def _delete_due(self) -> None:
        await self.public.current.services.deeds.delete_due()

    async def _forget(self) -> None:
        await self.public.current.retention.apply()
