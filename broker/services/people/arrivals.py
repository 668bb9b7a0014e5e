"""People who come from another system get an account here with all their ways in, or are left as they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from broker.core.arrivals.newcomer import Arrival, Newcomer, Outcome, Settled, Way, check_id
from broker.core.errors import InvalidRequest, UpstreamInvalid
from broker.core.events import Event
from broker.core.operators.question import Parameter, check_value
from broker.core.people.identity import Account, Identity, Link
from broker.services.context import Context
from broker.services.people.accounts import mint_sub
from broker.services.people.held import build_link
from broker.services.providers import ProviderInstance, Providers
from broker.store.arrivals import ArrivalStore

_WHY = Parameter("why", "As of a use case that changes something.", required=True)
_BLOCKED = "was blocked where they come from"


@dataclass(frozen=True, slots=True)
class Batch:
    """Some of the people of `source`, with providers by our names.

    `keep`: their id is their `sub` here; else they get a new one, and the id is one of its `former_subs`. `apply`:
    bring them; else only say what would become of them. `why`: what for, needed to bring them.
    """

    source: str
    people: tuple[Newcomer, ...]
    keep: bool
    apply: bool
    why: str = ""


class Arrivals:
    """The one door for people of other systems. Who may send them is asked before."""

    def __init__(
        self,
        context: Context,
        store: ArrivalStore,
        providers: Providers,
        is_client: Callable[[str], Awaitable[bool]],
    ) -> None:
        """`is_client`: whether a client has this id; nobody is called like one (RFC 9700 section 4.15)."""
        self._context = context
        self._store = store
        self._providers = providers
        self._is_client = is_client

    async def receive(self, told: object, *, by: str) -> list[dict[str, Any]]:
        """What becomes of everybody of a `Batch`, in its order; who is brought, is in one transaction.

        Raises InvalidRequest for what is no batch, for a provider that is not on, and where nobody said why.
        """
        batch = _read(told)
        instances = {name: self._find(name) for name in {way.provider for one in batch.people for way in one.ways}}
        settled: dict[int, Settled] = {}
        arrivals: dict[int, Arrival] = {}
        for place, one in enumerate(batch.people):
            made = await self._fit(one, instances, keep=batch.keep)
            if isinstance(made, Settled):
                settled[place] = made
            else:
                arrivals[place] = made
        settled |= dict(zip(arrivals, await self._settle(batch, tuple(arrivals.values())), strict=True))
        done = [settled[place] for place in range(len(batch.people))]
        self._tell(batch, done, by)
        return [msgspec.to_builtins(one) for one in done]

    async def _settle(self, batch: Batch, arrivals: Sequence[Arrival]) -> Sequence[Settled]:
        if batch.apply:
            return await self._store.bring(arrivals, now=self._context.now())
        found = await self._store.look(arrivals)
        new = Outcome.NEW
        return [one if batch.keep or one.outcome is not new else Settled(one.id, new) for one in found]

    def _find(self, name: str) -> ProviderInstance:
        instance = self._providers.known(name)
        if instance is None:
            raise InvalidRequest(f"there is no provider {name!r} that is on in the configuration")
        return instance

    async def _fit(self, one: Newcomer, instances: Mapping[str, ProviderInstance], *, keep: bool) -> Arrival | Settled:
        """What would be made of them, or why nobody can be that here."""
        try:
            made = [self._link(way, instances[way.provider]) for way in one.ways]
            links = {(link.provider_key, link.subject): link for link in made}
            name = check_id(one.id)
        except UpstreamInvalid as error:
            return Settled(one.id, Outcome.UNFIT, why=error.detail)
        except InvalidRequest as error:
            return Settled(one.id, Outcome.UNFIT, why=error.public)
        if not links:
            return Settled(one.id, Outcome.UNFIT, why="there is no way in")
        if await self._is_client(name):
            return Settled(one.id, Outcome.USED, why="it is the id of a client")
        account = Account(
            name if keep else mint_sub(self._context),
            one.created_at or self._context.now(),
            blocked=one.blocked,
            former=() if keep else (name,),
        )
        return Arrival(account, tuple(links.values()), _BLOCKED if one.blocked else "")

    def _link(self, way: Way, instance: ProviderInstance) -> Link:
        """As if it had been shown just now: it is the operator's word that it is theirs."""
        identity = Identity(way.subject, way.claims)
        return build_link(instance.key, instance.name, identity, now=self._context.now())

    def _tell(self, batch: Batch, done: Sequence[Settled], by: str) -> None:
        counted = Counter(one.outcome for one in done)
        new, same = counted[Outcome.NEW], counted[Outcome.SAME]
        self._context.recorder.record(
            Event.PEOPLE_IMPORTED,
            source=batch.source,
            by=by,
            why=batch.why,
            applied=batch.apply,
            new=new,
            same=same,
            refused=len(done) - new - same,
        )


def _read(told: object) -> Batch:
    try:
        batch = msgspec.convert(told, Batch)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"not a batch of people: {error}") from None
    if batch.apply:
        check_value(_WHY, batch.why)
    return batch
