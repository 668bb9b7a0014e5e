"""The composition root: the only file that picks concrete classes and ties them together."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_network

from starlette.types import ASGIApp

from broker.assembly import Parts, Services, Settings, build_public
from broker.assembly.operators import build_admin
from broker.assembly.providers import build_providers
from broker.config.model import Config
from broker.config.reveal import secrets_of
from broker.core.errors import ConfigError, StoreUnavailable
from broker.core.events import Event, Recorder
from broker.core.seal import Seal, derive
from broker.master import another_master_key, expect_database, load_masters
from broker.observe import Observer, Setup
from broker.registry import provider_types
from broker.services.context import Context
from broker.services.deliveries import Deliveries
from broker.services.keys.ring import LOOK_EVERY, KeyRing, RotationRules
from broker.services.keys.signing import SealedKeys
from broker.services.notify.sending import Sending
from broker.services.operators.door import Operators
from broker.services.people.deeds import Deeds
from broker.services.people.retention import Retention
from broker.services.people.subjects import Subjects, open_subjects
from broker.services.providers import Providers
from broker.services.switches import LOOK_EVERY as SWITCHES_EVERY
from broker.services.switches import Off
from broker.store.base import Durable
from broker.store.keys import KeyStore
from broker.store.people import PeopleStore
from broker.store.sqlite.store import SqliteStore
from broker.store.transient import Transient
from broker.upstream.guard import LOOPBACK
from broker.upstream.http import HttpPool
from broker.upstream.outbound import Outbound
from broker.web.limits.rate_limits import SharedCounters
from broker.web.manage import Check, Management

_SWEEP_EVERY = 60.0  # seconds between sweeps of expired rows
_LOOK_EVERY = 2.0  # seconds between looks whether the database is there still
_CHECK_EVERY = 5.0  # seconds between parts of the check for damage
Randomness = Callable[[int], bytes]
Chore = Callable[[], Awaitable[object]]


@dataclass(slots=True)
class Broker:
    """A running broker: two ASGI apps and what they stand on. `pause` waits that many seconds between chores.

    `look` is the chore by which it knows what operators have switched off, and which clients they keep.
    """

    public: ASGIApp
    management: Management
    keys: KeyRing
    durable: Durable
    store: SqliteStore
    observer: Observer
    deliveries: Deliveries
    sending: Sending | None
    deeds: Deeds
    retention: Retention
    operators: Operators
    look: Chore
    context: Context
    _opened: AsyncExitStack
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    _tasks: tuple[asyncio.Task[None], ...] = ()

    async def start(self) -> None:
        """Begin housekeeping and deliveries, and say so."""
        # Apart, so that a long sweep does not make this node the last to hear that a key is gone.
        chores: tuple[tuple[float, Chore], ...] = (
            (LOOK_EVERY, self.keys.refresh),
            (SWITCHES_EVERY, self.look),
            (_SWEEP_EVERY, self._sweep),
            (_SWEEP_EVERY, self.deeds.delete_due),
            (_SWEEP_EVERY, self.retention.apply),
            (_LOOK_EVERY, self.store.look),
            (_CHECK_EVERY, self.store.check),
        )
        begun = [self._repeat(*each) for each in chores]
        self._tasks = tuple(
            map(asyncio.create_task, [*begun, self.deliveries.run(), *([self.sending.run()] if self.sending else [])])
        )
        self.observer.record(Event.SERVER_READY)

    def stop_accepting(self) -> None:
        """From now on `/readyz` says no; requests in flight go on."""
        self.management.stopping = True
        self.observer.record(Event.SERVER_STOPPING)

    async def close(self) -> None:
        """Commit what was accepted, let go of everything."""
        for task in self._tasks:
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


async def build(
    config: Config,
    *,
    observer: Observer | None = None,
    clock: Callable[[], float] = time.time,
    randomness: Randomness = os.urandom,
    create: bool = False,
) -> Broker:
    """Everything wired from a checked configuration; raises ConfigError. Call `start`, and `close` at the end.

    `create`: make a database even where something says that there was one.
    """
    async with AsyncExitStack() as opened:
        seen = observer or _open_observer(config)
        opened.callback(seen.close)
        for kind in {"sqlite", config.storage.transient}:
            seen.metrics.set_to("broker_store_up", 1, kind)  # until it says otherwise
        store = await SqliteStore.open(
            config.storage.sqlite.path, clock=clock, recorder=seen, create=create, expected=expect_database(config)
        )
        opened.push_async_callback(store.close)
        context = Context(config.issuer, clock, randomness, seen)
        return await _assemble(config, context, seen, opened, store)


def _open_observer(config: Config) -> Observer:
    logging = config.logging
    setup = Setup(
        level=logging.level,
        style=logging.format,
        audit=logging.audit,
        providers=config.providers,
        clients=config.clients,
        secrets=tuple(secrets_of(config)),
    )
    try:
        observer = Observer.open_(setup)
    except OSError as error:
        raise ConfigError([f"logging.audit: {logging.audit} cannot be opened ({error.strerror})"]) from None
    observer.install(logging.level)
    return observer


async def _assemble(
    config: Config, context: Context, observer: Observer, opened: AsyncExitStack, store: SqliteStore
) -> Broker:
    masters, durable = load_masters(config), store.durable
    transient, counters = await _open_transient(config, opened, store, observer)
    await _check_client_ids(config, durable.people)
    seal = partial(Seal, masters, randomness=context.randomness, clock=context.clock)
    keys, off = await _open_keys(config, context, durable.keys, SealedKeys(seal("signing key"))), Off(context.clock)
    parts = Parts(
        context=context,
        durable=durable,
        transient=transient,
        keys=keys,
        providers=await _open_providers(config, opened, durable.people, context, off),
        outbound=await _open_outbound(config, opened, observer),
        subjects=await _open_subjects(context, durable.keys, seal("pairwise")),
        seal=seal,
        derive=lambda purpose: tuple(derive(master, purpose) for master in masters),
        observer=observer,
        counters=counters,
        off=off,
    )
    settings = Settings.of(config, parts.providers)
    services = Services(parts, settings)
    public = build_public(parts, services, config)
    await services.look()
    return Broker(
        public,
        _build_management(parts, store, observer, build_admin(parts, services.operators, config)),
        keys,
        durable,
        store,
        observer,
        services.deliveries,
        services.notify.worker,
        services.deeds,
        Retention(context, durable.history, services.deeds, settings.accounts),
        services.operators,
        services.look,
        context,
        opened.pop_all(),
    )


def _build_management(parts: Parts, store: SqliteStore, observer: Observer, admin: ASGIApp | None) -> Management:
    checks: dict[str, Check] = {
        "durable": parts.durable.ping,
        "transient": parts.transient.ping,
        "whole": store.confirm_whole,
    }
    return Management(checks, observer.expose, admin)


async def _open_providers(
    config: Config, opened: AsyncExitStack, people: PeopleStore, context: Context, off: Off
) -> Providers:
    pool = await HttpPool.open(ca_file=config.network.ca_file, trust_env=config.network.trust_env)
    opened.push_async_callback(pool.close)
    types = provider_types({chosen.type for chosen in config.providers.values() if chosen.enabled})
    return await build_providers(config, types, people, pool, context, off=off)


async def _open_keys(config: Config, context: Context, store: KeyStore, service: SealedKeys) -> KeyRing:
    chosen = config.keys
    rules = RotationRules(chosen.rotate_every, chosen.publish_before, chosen.keep_after)
    keys = KeyRing(context, store, service, algorithms=chosen.algorithms, rules=rules)
    with another_master_key("the signing keys are"):
        await keys.refresh()
    return keys


async def _open_subjects(context: Context, store: KeyStore, seal: Seal) -> Subjects:
    with another_master_key("the salt of pairwise subjects is"):
        return await open_subjects(context, store, seal)


async def _open_transient(
    config: Config, opened: AsyncExitStack, store: SqliteStore, recorder: Recorder
) -> tuple[Transient, SharedCounters | None]:
    """Nodes that share a store share their counts; one process alone counts in its own memory."""
    if config.storage.transient == "sqlite" or config.storage.redis is None:
        return store.transient, None
    from broker.store.redis.transient import RedisTransient  # noqa: PLC0415 - imported only where Redis is chosen

    redis, installation = config.storage.redis, await store.durable.keys.installation()
    transient = await RedisTransient.open(
        redis.url.get_secret_value(), prefix=redis.prefix, installation=installation, recorder=recorder
    )
    opened.push_async_callback(transient.close)
    return transient, transient


async def _open_outbound(config: Config, opened: AsyncExitStack, recorder: Recorder) -> Outbound:
    """Emulated upstreams live on this machine, and so may the apps beside them."""
    network = config.network
    inside = [*map(ip_network, network.client_networks), *(LOOPBACK if network.upstreams == "emulated" else ())]
    forbidden = [*map(ip_network, network.forbidden_networks)]
    outbound = await Outbound.open(recorder=recorder, inside=inside, forbidden=forbidden, ca_file=network.ca_file)
    opened.push_async_callback(outbound.close)
    return outbound


async def _check_client_ids(config: Config, people: PeopleStore) -> None:
    """A client is never called what a person is called: one must not pass for the other (RFC 9700 section 4.15)."""
    taken = [client_id for client_id in config.clients if await people.links(client_id)]
    if taken:
        raise ConfigError([f"clients.{name}: is the `sub` of a person; give the client another id" for name in taken])
