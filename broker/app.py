"""The composition root: the only file that picks concrete classes and ties them together."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from ipaddress import ip_network

from broker.assembly import Parts
from broker.assembly.broker import Broker
from broker.assembly.reloading import Reloading, Source
from broker.assembly.world import Worlds, build_world
from broker.config.model import Config
from broker.config.reveal import secrets_of
from broker.core.errors import ConfigError
from broker.core.events import Recorder
from broker.core.seal import Seal, derive
from broker.master import another_master_key, expect_database, load_masters
from broker.observe import Observer, Setup
from broker.registry import provider_types
from broker.services.context import Context
from broker.services.keys.ring import KeyRing, RotationRules
from broker.services.keys.signing import SealedKeys
from broker.services.login.earlier import Earlier
from broker.services.people.subjects import Subjects, open_subjects
from broker.services.providers import Providers
from broker.services.switches import Off
from broker.store.keys import KeyStore
from broker.store.sqlite.store import SqliteStore
from broker.store.transient import Transient
from broker.upstream.guard import LOOPBACK
from broker.upstream.http import HttpPool
from broker.upstream.outbound import Outbound
from broker.web.limits.rate_limits import Counters, SharedCounters
from broker.web.manage import Check, Management

Randomness = Callable[[int], bytes]


async def build(
    config: Config,
    *,
    observer: Observer | None = None,
    clock: Callable[[], float] = time.time,
    randomness: Randomness = os.urandom,
    create: bool = False,
    source: Source | None = None,
) -> Broker:
    """Everything wired from a checked configuration; raises ConfigError. Call `start`, and `close` at the end.

    `create`: make a database even where something says that there was one. `source` reads the configuration anew, for
    a reload; None: there is none.
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
        return await _assemble(config, context, seen, opened, store, source=source)


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
    config: Config,
    context: Context,
    observer: Observer,
    opened: AsyncExitStack,
    store: SqliteStore,
    *,
    source: Source | None,
) -> Broker:
    pool = await HttpPool.open(ca_file=config.network.ca_file, trust_env=config.network.trust_env)
    opened.push_async_callback(pool.close)
    parts = await _open_parts(config, context, observer, opened, store)
    build_next = partial(build_world, pool=pool, types=provider_types)
    worlds = Worlds(await build_next(config, parts))
    return Broker(
        worlds,
        _build_management(parts, store, observer, worlds),
        parts.keys,
        parts.durable,
        store,
        observer,
        context,
        Reloading(worlds, build_next, observer, source),
        opened.pop_all(),
    )


async def _open_parts(
    config: Config, context: Context, observer: Observer, opened: AsyncExitStack, store: SqliteStore
) -> Parts:
    """What stays as long as the process does; the providers come with a world."""
    masters, durable = load_masters(config), store.durable
    transient, counters = await _open_transient(config, opened, store, observer)
    seal = partial(Seal, masters, randomness=context.randomness, clock=context.clock)
    keys = await _open_keys(config, context, durable.keys, SealedKeys(seal("signing key")))
    off = Off(context.clock)
    return Parts(
        context=context,
        durable=durable,
        transient=transient,
        keys=keys,
        providers=Providers((), autoselect_single=False, flow_ttl=0, off=off),
        outbound=await _open_outbound(config, opened, observer),
        subjects=await _open_subjects(context, durable.keys, seal("pairwise")),
        seal=seal,
        derive=lambda purpose: tuple(derive(master, purpose) for master in masters),
        observer=observer,
        counters=counters,
        off=off,
        counted=Counters(context.clock),
        earlier=Earlier(context.clock),
    )


def _build_management(parts: Parts, store: SqliteStore, observer: Observer, worlds: Worlds) -> Management:
    checks: dict[str, Check] = {
        "durable": parts.durable.ping,
        "transient": parts.transient.ping,
        "whole": store.confirm_whole,
    }
    return Management(checks, observer.expose, lambda: worlds.current.admin)


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
