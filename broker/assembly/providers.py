"""The provider instances that the configuration names, each with the tools it is lent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from broker.assembly.parts import Parts
from broker.config.model import Config
from broker.config.reveal import mark_of
from broker.core.errors import ConfigError
from broker.services.context import Context
from broker.services.providers import ProviderInstance, Providers
from broker.store.people import NamespaceChanged, PeopleStore
from broker.upstream.answer import NOT_NOW
from broker.upstream.extra_claims import ExtraSettings
from broker.upstream.http import HttpPool, UpstreamHttp
from broker.upstream.lend import lend
from broker.upstream.model import Provider, ProviderSettings, Tools
from broker.upstream.tls import TlsSettings, UpstreamTls


async def build_providers(
    config: Config, types: Mapping[str, type[Provider]], pool: HttpPool, parts: Parts
) -> Providers:
    """Every instance that the configuration has on, in the order people see them; raises ConfigError.

    `types` by name. `parts.providers` are those of before: one whose settings are the same stays, with the keys it has
    fetched and what it knows of an upstream that does not answer.
    """
    enabled = {name: chosen for name, chosen in config.providers.items() if chosen.enabled}
    key, there, made = parts.derive("provider settings")[0], dict[str, ProviderInstance](), dict[str, _Made]()
    for name, chosen in enabled.items():
        mark, before = mark_of(chosen, key), parts.providers.known(name)
        if before is not None and before.mark == mark and not _reads_files(chosen):
            there[name] = before
        else:
            made[name] = _make(name, chosen, types[chosen.type], pool, parts.context, mark=mark)
    # Nothing is written down before every instance could be made, and then of all or none.
    keys = await _namespace_keys(parts.durable.people, {name: enabled[name] for name in made})
    there |= {name: one.instance(keys[name]) for name, one in made.items()}
    login = config.login
    shown = dict.fromkeys([*(name for name in login.order if name in enabled), *enabled])
    instances = tuple(there[name] for name in shown)
    return Providers(instances, autoselect_single=login.autoselect_single, flow_ttl=login.flow_ttl, off=parts.off)


@dataclass(frozen=True, slots=True)
class _Made:
    """One that works with its settings, before it is known whose people it has."""

    name: str
    chosen: ProviderSettings
    provider: Provider
    tools: Tools
    mark: str

    def instance(self, key: str) -> ProviderInstance:
        instance = ProviderInstance.of(
            self.name,
            self.chosen.type,
            key,
            self.provider,
            down_for=partial(_down_for, self.tools),
            linking=self.chosen.linking_rule,
            accepts=self.chosen.accept_posted,
            icon=own_icon(self.name) if self.chosen.icon else "",
        )
        extra = frozenset(self.chosen.extra_claims) if isinstance(self.chosen, ExtraSettings) else frozenset[str]()
        instance = replace(instance, extra=extra, mark=self.mark, let_go=partial(_let_go, self.tools))
        return instance if self.chosen.name is None else instance.called(self.chosen.name)


def _make(
    name: str, chosen: ProviderSettings, kind: type[Provider], pool: HttpPool, context: Context, *, mark: str
) -> _Made:
    not_now = getattr(kind, "not_now", NOT_NOW)  # a plugin need not know of it
    tools = lend(pool, name, chosen, recorder=context.recorder, not_now=not_now, now=context.clock)
    return _Made(name, chosen, _made(kind, name, chosen, tools), tools, mark)


def _reads_files(chosen: ProviderSettings) -> bool:
    """Whether files count that its settings only name: a certificate may have a successor under the same name."""
    return isinstance(chosen, TlsSettings) and chosen.tls != UpstreamTls()


def _let_go(tools: Tools) -> None:
    if isinstance(tools.http, UpstreamHttp):
        tools.http.retire()


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


async def _namespace_keys(people: PeopleStore, settings: Mapping[str, ProviderSettings]) -> Mapping[str, str]:
    try:
        return await people.namespace_keys({name: one.identity_namespace() for name, one in settings.items()})
    except NamespaceChanged as changed:
        key = f"providers.{changed.alias}"
        raise ConfigError(
            [
                f"{key}: {changed.links} people are linked through {changed.before}, and the settings now say "
                f"{changed.after}. Set {key}.namespace to {changed.before!r} to keep their accounts, or give the new "
                "upstream another name"
            ]
        ) from None
