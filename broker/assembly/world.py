"""One revision of the configuration, assembled: what a reload replaces, as a whole (ADR 74)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from starlette.types import ASGIApp, Receive, Scope, Send

from broker.assembly.operators import build_admin
from broker.assembly.parts import Parts, Settings
from broker.assembly.providers import build_providers
from broker.assembly.public import build_public
from broker.assembly.services import Services
from broker.config.model import Config
from broker.config.reveal import mark_of
from broker.core.errors import ConfigError
from broker.services.clients.kept import Kept
from broker.services.people.retention import Retention
from broker.services.providers import ProviderInstance
from broker.store.people import PeopleStore
from broker.upstream.http import HttpPool
from broker.upstream.model import Provider

Types = Callable[[Iterable[str]], Mapping[str, type[Provider]]]


@dataclass(frozen=True, slots=True)
class World:
    """`revision` names the values of the configuration: the same on every node that has them and the master key."""

    config: Config
    revision: str
    parts: Parts
    services: Services
    retention: Retention
    public: ASGIApp
    admin: ASGIApp | None

    @property
    def instances(self) -> Iterator[ProviderInstance]:
        """Every provider that the configuration has on."""
        found = map(self.parts.providers.known, self.config.providers)
        return (one for one in found if one is not None)


async def build_world(config: Config, parts: Parts, *, pool: HttpPool, types: Types) -> World:
    """Everything that the configuration decides, over these parts, of which the providers are those of before.

    Raises ConfigError, and then nothing has changed anywhere; StoreUnavailable.
    """
    await _check_client_ids(config, parts.durable.people)
    kinds = types({chosen.type for chosen in config.providers.values() if chosen.enabled})
    parts = replace(parts, providers=await build_providers(config, kinds, pool, parts), kept=Kept())
    settings = Settings.of(config, parts.providers)
    services = Services(parts, settings)
    await services.look()
    return World(
        config,
        revision=mark_of(config, parts.derive("configuration")[0]),
        parts=parts,
        services=services,
        retention=Retention(parts.context, parts.durable.history, services.deeds, settings.accounts),
        public=build_public(parts, services, config),
        admin=build_admin(parts, services.operators, config),
    )


class Worlds:
    """The public ASGI app: whatever world is `current` when a request comes answers it to its end."""

    def __init__(self, current: World) -> None:
        self.current = current
        current.services.subscribe()
        self.turned: Callable[[World], None] = lambda _: None  # told of the world that has come into force

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        await self.current.public(scope, receive, send)

    def turn(self, world: World) -> None:
        """From the next request on this one answers; logins that set out before come back to their upstream."""
        before, self.current = self.current, world
        world.services.subscribe()
        if (earlier := world.parts.earlier) is not None:
            earlier.turn(before.instances, world.instances, ttl=before.config.login.flow_ttl)
        after = world.services
        before.services.deliveries.retire(after.deliveries.push)
        before.services.notify.sending.retire(after.notify.sending.push)
        self.turned(world)


async def _check_client_ids(config: Config, people: PeopleStore) -> None:
    """A client is never called what a person is called: one must not pass for the other (RFC 9700 section 4.15)."""
    taken = [client_id for client_id in config.clients if await people.links(client_id)]
    if taken:
        raise ConfigError([f"clients.{name}: is the `sub` of a person; give the client another id" for name in taken])
