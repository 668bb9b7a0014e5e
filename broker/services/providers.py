"""The provider instances of this broker, in the order people see them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypeVar

from broker.core.authorize.step_up import FEDERATED
from broker.core.clients.client import Client
from broker.core.errors import ProviderNotOffered, ProviderSwitchedOff, UpstreamUnavailable
from broker.core.people.linking import ASKS_NOBODY, LinkingRule
from broker.core.records import Login
from broker.core.switches import Switch
from broker.core.terms import PostedKind
from broker.services.switches import Off, tell_app
from broker.upstream.abilities import Abilities, abilities_of
from broker.upstream.brand import Brand
from broker.upstream.model import Provider

DownFor = Callable[[], float | None]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ProviderInstance:
    """One configured upstream. `key` is the internal id its people are linked under, `kind` its type.

    `title` is its plain name ("Google"), `label` what its button says, both per language. `icon` names its icon: its
    type, unless it has one of its own. `refuses_embedded`: it does not work in browsers inside other apps. `down_for`:
    seconds it has not answered, None while it does. `abilities`: what it does beyond logging people in. `assets`: a
    folder with its own icon and pages. `linking`: what happens when somebody unknown arrives. `accepts`: what apps may
    post that its kit gave to them. `extra`: which claims beside the standard ones its operator wants of it. `mark` is
    another one for other settings; `let_go`: nobody logs in by it any more.
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
    extra: frozenset[str] = frozenset()
    mark: str = ""
    let_go: Callable[[], None] = lambda: None

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


class _On:
    """Those that are on just now, by name, by internal key, and which names a key has."""

    def __init__(self, instances: Iterable[ProviderInstance], off: Mapping[str, Switch]) -> None:
        self.off = off
        on = [one for one in instances if one.name not in off]
        self.by_name = {one.name: one for one in on}
        self.by_key = {one.key: one for one in reversed(on)}
        self.names = {key: frozenset(one.name for one in on if one.key == key) for key in self.by_key}


class Providers:
    """Every instance that the configuration has on, by name; what an operator has switched off since is not found."""

    def __init__(
        self,
        instances: tuple[ProviderInstance, ...],
        *,
        autoselect_single: bool,
        flow_ttl: int,
        off: Off | None = None,
    ) -> None:
        """`instances` in display order; `flow_ttl` in seconds. `off`: what operators have switched off."""
        self._all = {instance.name: instance for instance in instances}
        self._off = off or Off()
        self._on = _On(instances, self._off.providers)
        self.autoselect_single = autoselect_single
        self.flow_ttl = flow_ttl
        self.logged_out_by_upstream = frozenset(
            one.key
            for one in instances
            if one.abilities.receives_logout or one.abilities.hears or one.abilities.deletes
        )

    def _live(self) -> _On:
        if self._on.off is not self._off.providers:
            self._on = _On(self._all.values(), self._off.providers)
        return self._on

    @property
    def _instances(self) -> Mapping[str, ProviderInstance]:
        return self._live().by_name

    def find(self, name: str) -> ProviderInstance:
        """The instance of this name; raises ProviderNotOffered, ProviderSwitchedOff where an operator did that."""
        instance = self._instances.get(name)
        if instance is None:
            self.check_on(name)
            raise ProviderNotOffered("no such provider, or it is switched off")
        return instance

    def check_on(self, name: str, client: Client | None = None) -> None:
        """Raise ProviderSwitchedOff where an operator has it off, and this client, where one asks, would offer it."""
        instance, switch = self._all.get(name), self._off.providers.get(name)
        if instance is not None and switch is not None and (client is None or name in self._listed(client)):
            raise ProviderSwitchedOff(f"{name} is switched off", public=tell_app(switch), title=instance.title)

    def known(self, name: str) -> ProviderInstance | None:
        """The instance of this name, switched off or not: for what is shown of it, and for an answer on its way."""
        return self._all.get(name)

    def minutes_off(self, name: str) -> int | None:
        """For how many whole minutes an operator has had it off; None: it is on."""
        switch = self._off.providers.get(name)
        return None if switch is None else self._off.minutes(switch)

    def named(self, name: str) -> ProviderInstance | None:
        """The instance of this name, or None."""
        return self._instances.get(name)

    def instance_of(self, key: str) -> ProviderInstance | None:
        """The instance whose people are linked under `key`; None when it is switched off or gone."""
        return self._live().by_key.get(key)

    def names_of(self, key: str) -> frozenset[str]:
        """The names under which people linked under `key` may come now; none where all are off or gone."""
        return self._live().names.get(key, frozenset())

    def switched_off(self, key: str) -> Switch | None:
        """The operator's switch that keeps the people linked under `key` out; None where they may come, or none is."""
        if self.names_of(key):
            return None
        off = (self._off.providers.get(one.name) for one in self._all.values() if one.key == key)
        return next(filter(None, off), None)

    def still(self, name: str, key: str) -> ProviderInstance | None:
        """The instance that had this name, with its people under `key`, by whatever name today; None when it is gone.

        An operator may have renamed it, and given its name to another, while sessions live.
        """
        named = self._instances.get(name)
        return named if named is not None and named.key == key else self.instance_of(key)

    def name_of(self, name: str) -> Mapping[str, str]:
        """The plain name people know it by, per language."""
        instance = self._all.get(name)
        return instance.title if instance else {}

    @property
    def enabled(self) -> Iterable[tuple[str, str]]:
        """Name and internal key of every instance."""
        return ((instance.name, instance.key) for instance in self._instances.values())

    @property
    def titles(self) -> frozenset[str]:
        """The plain names of all instances, in every language."""
        return frozenset(text for instance in self._all.values() for text in instance.title.values())

    @property
    def assets(self) -> Mapping[str, Path]:
        """The folders that types bring with them, by type."""
        return {one.kind: one.assets for one in self._all.values() if one.assets is not None}

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
    def tell_events(self) -> bool:
        """Whether any of them tells of what happens to people there."""
        return any(one.abilities.hears for one in self._all.values())

    @property
    def tell_deletions(self) -> bool:
        """Whether any of them tells, at a place of its own, that somebody wants to be deleted."""
        return any(one.abilities.deletes for one in self._all.values())

    @property
    def levels(self) -> tuple[str, ...]:
        """Those of all instances together, each once."""
        return tuple(dict.fromkeys(level for name in self._instances for level in self.levels_of(name)))

    def _listed(self, client: Client | None) -> tuple[str, ...]:
        """Names in the client's order, else in ours; those, too, that an operator has off."""
        if client is None or client.providers is None:
            return tuple(self._all)
        return tuple([name for name in client.providers if name in self._all])

    def offered_to(self, client: Client) -> tuple[str, ...]:
        """Names in the client's order, else in ours."""
        on = self._instances
        return tuple([name for name in self._listed(client) if name in on])

    @property
    def any_off(self) -> bool:
        """Whether an operator has any switched off."""
        return bool(self._off.providers)

    def in_place(self, names: Iterable[str], client: Client | None) -> tuple[str, ...]:
        """Those of `names`, and between them what this client (None: we) would offer and an operator has off."""
        shown = {*names, *self._off.providers}
        return tuple([name for name in self._listed(client) if name in shown])

    def find_offered(self, name: str, client: Client) -> ProviderInstance:
        """The instance, when this client offers it; raises ProviderNotOffered, ProviderSwitchedOff as `check_on`."""
        self.check_on(name, client)
        if name not in self.offered_to(client):
            # What was asked for came from anybody: only a name of ours is repeated in a detail.
            asked = name if name in self._instances else "a provider that is not configured"
            raise ProviderNotOffered(f"{asked} is not offered to client {client.id}")
        return self._instances[name]
