"""The provider instances that the configuration names, each with the tools it is lent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from broker.config.model import Config
from broker.core.errors import ConfigError
from broker.services.context import Context
from broker.services.providers import ProviderInstance, Providers
from broker.services.switches import Off
from broker.store.people import NamespaceChanged, PeopleStore
from broker.upstream.answer import NOT_NOW
from broker.upstream.extra_claims import ExtraSettings
from broker.upstream.http import HttpPool
from broker.upstream.lend import lend
from broker.upstream.model import Provider, ProviderSettings, Tools


async def build_providers(
    config: Config,
    types: Mapping[str, type[Provider]],
    people: PeopleStore,
    pool: HttpPool,
    context: Context,
    *,
    off: Off,
) -> Providers:
    """Every instance that the configuration has on, in the order people see them; raises ConfigError.

    `types` by name. `off`: what operators have switched off since.
    """
    enabled = {name: chosen for name, chosen in config.providers.items() if chosen.enabled}
    instances = []
    for name in dict.fromkeys([*(name for name in config.login.order if name in enabled), *enabled]):
        chosen = enabled[name]
        kind = types[chosen.type]
        not_now = getattr(kind, "not_now", NOT_NOW)  # a plugin need not know of it
        tools = lend(pool, name, chosen, recorder=context.recorder, not_now=not_now, now=context.clock)
        provider, key = _made(kind, name, chosen, tools), await _namespace_key(people, name, chosen)
        instance = ProviderInstance.of(
            name,
            chosen.type,
            key,
            provider,
            down_for=partial(_down_for, tools),
            linking=chosen.linking_rule,
            accepts=chosen.accept_posted,
            icon=own_icon(name) if chosen.icon else "",
        )
        if isinstance(chosen, ExtraSettings):
            instance = replace(instance, extra=frozenset(chosen.extra_claims))
        instances.append(instance if chosen.name is None else instance.called(chosen.name))
    login = config.login
    return Providers(tuple(instances), autoselect_single=login.autoselect_single, flow_ttl=login.flow_ttl, off=off)


def _made(kind: type[Provider], name: str, chosen: ProviderSettings, tools: Tools) -> Provider:
    """The instance; a package that cannot make one stops the start by name. Its words may hold its secret."""
    try:
        return kind(chosen, tools)
    except ConfigError:
        raise
    except Exception as problem:
        told = f"the type {chosen.type} does not start with these settings ({type(problem).__name__})"
        raise ConfigError([f"providers.{name}: {told}"]) from None


def _down_for(tools: Tools) -> float | None:
    return tools.http.down_for


def own_icon(name: str) -> str:
    """What names the icon that an operator gave to the provider of this name."""
    return f"{name}.own"


async def _namespace_key(people: PeopleStore, name: str, settings: ProviderSettings) -> str:
    try:
        return await people.namespace_key(name, settings.identity_namespace())
    except NamespaceChanged as changed:
        key = f"providers.{name}"
        raise ConfigError(
            [
                f"{key}: {changed.links} people are linked through {changed.before}, and the settings now say "
                f"{changed.after}. Set {key}.namespace to {changed.before!r} to keep their accounts, or give the new "
                "upstream another name"
            ]
        ) from None
