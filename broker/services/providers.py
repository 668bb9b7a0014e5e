"""The provider instances of this broker, in the order people see them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypeVar

from broker.core.authorize.step_up import FEDERATED
from broker.core.clients.client import Client
from broker.core.errors import ProviderNotOffered, UpstreamUnavailable
from broker.core.people.linking import ASKS_NOBODY, LinkingRule
from broker.core.records import Login
from broker.core.terms import PostedKind
from broker.upstream.abilities import Abilities, abilities_of
from broker.upstream.brand import Brand
from broker.upstream.model import Provider

DownFor = Callable[[], float | None]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ProviderInstance:
    """One configured upstream. `key` is the internal id its people are linked under, `kind` its type.

    `title` is its plain name ("Google"), `label` what its button says, both per language. `icon` names its icon: its
    type, unless it has one of its own. `refuses_embedded`: it does
    not work in browsers inside other apps. `down_for`: seconds it has not answered, None while it does.
    `abilities`: what it does beyond logging people in. `assets`: a folder with its own icon and pages. `linking`: what
    happens when somebody unknown arrives. `accepts`: what apps may post that its kit gave to them.
    """

    name: str
    kind: str
    key: str
    provider: Provider
    title: Mapping[str, str]
    label: Mapping[str, str]
    brand: Brand
    icon: str
    refuses_embedded: bool
    down_for: DownFor
    abilities: Abilities
    assets: Path | None
    linking: LinkingRule
    accepts: frozenset[PostedKind] = frozenset()

    @classmethod
    def of(
        cls,
        name: str,
        kind: str,
        key: str,
        provider: Provider,
        *,
        down_for: DownFor = lambda: None,
        linking: LinkingRule = ASKS_NOBODY,
        accepts: Iterable[PostedKind] = (),
        icon: str = "",
    ) -> Self:
        """As the provider says of itself; a plugin need not know of all that it could say."""
        return cls(
            name,
            kind,
            key,
            provider,
            provider.title,
            provider.label,
            Brand.of(provider.brand),
            icon or kind,
            refuses_embedded=getattr(provider, "refuses_embedded", False),
            down_for=down_for,
            abilities=abilities_of(provider),
            assets=getattr(provider, "assets", None),
            linking=linking,
            accepts=frozenset(accepts),
        )

    async def in_time(self, answer: Awaitable[Result], deadline: float) -> Result:
        """What its provider comes to; raises UpstreamUnavailable after `deadline` seconds: somebody waits for it."""
        try:
            async with asyncio.timeout(deadline):
                return await answer
        except TimeoutError:
            raise UpstreamUnavailable(f"{self.name} took longer than {deadline} s") from None

    def counted(self, acr: str, amr: Iterable[str]) -> tuple[str, tuple[str, ...]]:
        """Level and methods of a login as it tells them, as far as they count: what its operator listed (threats B23).

        Levels are the upstream's own words: two that both say `1` mean two things. Of methods we know ourselves `fed`,
        and what begins with the provider's type, as `telegram-widget` does.
        """
        own, listed = f"{self.kind}-", self.abilities.methods
        methods = tuple([word for word in amr if word == FEDERATED or word.startswith(own) or word in listed])
        return acr if acr in self.abilities.levels else "", methods

    def keeps_for(self, client: Client | None) -> bool:
        """Whether this client may have tokens of it; both have to agree, and either may stop it (ADR 57)."""
        return client is not None and self.abilities.keeps is not None and self.name in client.upstream_tokens

    def called(self, texts: str | Mapping[str, str]) -> Self:
        """By another name, which its button says, too; one text is for every language."""
        texts = {"": texts} if isinstance(texts, str) else texts
        return replace(self, title=texts, label=texts)


class Providers:
    """Every instance that is switched on, by name."""

    def __init__(self, instances: tuple[ProviderInstance, ...], *, autoselect_single: bool, flow_ttl: int) -> None:
        """`instances` in display order; `flow_ttl` in seconds."""
        self._instances = {instance.name: instance for instance in instances}
        self.autoselect_single = autoselect_single
        self.flow_ttl = flow_ttl
        self._by_key = {instance.key: instance for instance in reversed(instances)}
        self.logged_out_by_upstream = frozenset(one.key for one in instances if one.abilities.receives_logout)

    def find(self, name: str) -> ProviderInstance:
        """The instance of this name; raises ProviderNotOffered."""
        instance = self._instances.get(name)
        if instance is None:
            raise ProviderNotOffered("no such provider, or it is switched off")
        return instance

    def named(self, name: str) -> ProviderInstance | None:
        """The instance of this name, or None."""
        return self._instances.get(name)

    def instance_of(self, key: str) -> ProviderInstance | None:
        """The instance whose people are linked under `key`; None when it is switched off or gone."""
        return self._by_key.get(key)

    def still(self, name: str, key: str) -> ProviderInstance | None:
        """The instance that had this name, with its people under `key`, by whatever name today; None when it is gone.

        An operator may have renamed it, and given its name to another, while sessions live.
        """
        named = self._instances.get(name)
        return named if named is not None and named.key == key else self._by_key.get(key)

    def name_of(self, name: str) -> Mapping[str, str]:
        """The plain name people know it by, per language."""
        instance = self._instances.get(name)
        return instance.title if instance else {}

    @property
    def enabled(self) -> Iterable[tuple[str, str]]:
        """Name and internal key of every instance."""
        return ((instance.name, instance.key) for instance in self._instances.values())

    @property
    def titles(self) -> frozenset[str]:
        """The plain names of all instances, in every language."""
        return frozenset(text for instance in self._instances.values() for text in instance.title.values())

    @property
    def assets(self) -> Mapping[str, Path]:
        """The folders that types bring with them, by type."""
        return {one.kind: one.assets for one in self._instances.values() if one.assets is not None}

    def posts(self, name: str) -> bool:
        """Whether a script of this provider may post to us what it gave to a page of an app."""
        instance = self.named(name)
        return instance is not None and instance.abilities.posts is not None

    def levels_of(self, name: str) -> tuple[str, ...]:
        """The authentication levels (`acr`) it can be asked to reach."""
        instance = self._instances.get(name)
        return instance.abilities.levels if instance else ()

    def counted(self, login: Login) -> Login:
        """The login as far as it counts today: an operator may have shortened a list while sessions live."""
        instance = self._instances.get(login.provider)
        acr, amr = instance.counted(login.acr, login.amr) if instance else ("", (FEDERATED,))
        return login.replace(acr=acr, amr=amr)

    def still_counted(self, key: str, acr: str, amr: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
        """Of the level and methods of a login under `key` that counted then, what is listed today (threats B23)."""
        level, methods = "", set[str]()
        for one in self._instances.values():
            if one.key == key:
                counts, known = one.counted(acr, amr)
                level = level or counts
                methods.update(known)
        return level, tuple([word for word in amr if word in methods])

    @property
    def levels(self) -> tuple[str, ...]:
        """Those of all instances together, each once."""
        return tuple(dict.fromkeys(level for name in self._instances for level in self.levels_of(name)))

    def offered_to(self, client: Client) -> tuple[str, ...]:
        """Names in the client's order, else in ours."""
        if client.providers is None:
            return tuple(self._instances)
        return tuple(name for name in client.providers if name in self._instances)

    def find_offered(self, name: str, client: Client) -> ProviderInstance:
        """The instance, when this client offers it; raises ProviderNotOffered."""
        if name not in self.offered_to(client):
            # What was asked for came from anybody: only a name of ours is repeated in a detail.
            asked = name if name in self._instances else "a provider that is not configured"
            raise ProviderNotOffered(f"{asked} is not offered to client {client.id}")
        return self._instances[name]
