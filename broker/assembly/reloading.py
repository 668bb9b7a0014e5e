"""A changed configuration is taken over as a whole, or not at all (ADR 74)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from broker.assembly.parts import Parts
from broker.assembly.world import World, Worlds
from broker.config.changes import Change, compare
from broker.config.load import Loaded
from broker.config.model import Config
from broker.config.reveal import secrets_of
from broker.config.source import dotted
from broker.core.errors import ConfigError, StoreUnavailable
from broker.core.events import Event
from broker.observe import Observer

_TOLD = 20  # changed keys that an event names

Source = Callable[[], Loaded]
Build = Callable[[Config, Parts], Awaitable[World]]


@dataclass(frozen=True, slots=True)
class Compared:
    """The file beside what runs. `problems`: why a reload would refuse it, `warnings`: what is unwise about it."""

    revision: str
    changes: tuple[Change, ...] = ()
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Reloading:
    """Reads the configuration anew and puts it in force; one at a time."""

    def __init__(self, worlds: Worlds, build: Build, observer: Observer, source: Source | None) -> None:
        """`build` makes another world over the parts of one, or raises ConfigError and leaves everything as it was.

        `source` reads the file, in a thread, and raises ConfigError; None: there is no file."""
        self._worlds = worlds
        self._build = build
        self._observer = observer
        self._source = source
        self._lock = asyncio.Lock()

    async def compare(self) -> Compared:
        """What a reload would change, and whether it would; changes nothing."""
        async with self._lock:
            try:
                loaded = await self._read()
            except ConfigError as error:
                return Compared(self._worlds.current.revision, problems=tuple(error.problems))
            changes = self._changes(loaded)
            return Compared(self._worlds.current.revision, changes, tuple(_refused(changes)), loaded.warnings)

    async def reload(self, *, by: str) -> Compared:
        """Take the file over. Where that cannot be, all stays as it was, and `problems` say why."""
        async with self._lock:
            try:
                done = await self._reload()
            except (ConfigError, StoreUnavailable) as error:
                problems = tuple(error.problems) if isinstance(error, ConfigError) else (str(error),)
                done = Compared(self._worlds.current.revision, problems=problems)
            if done.problems:
                told = "; ".join(done.problems)
                self._observer.record(Event.CONFIG_RELOAD_FAILED, revision=done.revision, by=by, reason=told)
            else:
                keys = [dotted(one.path) for one in done.changes[:_TOLD]]
                changed = " ".join(keys + ["…"] * (len(done.changes) > _TOLD))
                self._observer.record(Event.CONFIG_RELOADED, revision=done.revision, by=by, changed=changed)
            return done

    async def _reload(self) -> Compared:
        loaded = await self._read()
        changes = self._changes(loaded)
        if problems := tuple(_refused(changes)):
            raise ConfigError(list(problems))
        config, before = loaded.config, self._worlds.current
        world = await self._build(config, before.parts)
        self._observer.follow(config.logging.level, config.providers, config.clients)
        self._worlds.turn(world)
        return Compared(world.revision, changes, warnings=loaded.warnings)

    async def _read(self) -> Loaded:
        """Whatever comes of it: from here on the log hides the secrets that are in it."""
        if self._source is None:
            raise ConfigError(["this broker was not started from a file, so there is nothing to read anew"])
        loaded = await asyncio.to_thread(self._source)
        self._observer.hide(secrets_of(loaded.config))
        return loaded

    def _changes(self, loaded: Loaded) -> tuple[Change, ...]:
        return compare(self._worlds.current.config, loaded.config)


def _refused(changes: tuple[Change, ...]) -> list[str]:
    fixed = [f"{dotted(one.path)}: needs a restart; nothing was changed" for one in changes if one.needs_restart]
    strange = [
        f"{dotted(one.path)}: its people would be somebody new there; give the {str(one.path[0]).removesuffix('s')}"
        " another name, or restart the broker if nobody came by it yet"
        for one in changes
        if one.estranges
    ]
    return fixed + strange
