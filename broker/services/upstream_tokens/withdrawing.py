"""What people see of tokens that are kept for apps, and how they take them back."""

from __future__ import annotations

from dataclasses import dataclass

from broker.core.clients.client import Client
from broker.core.errors import SealBroken, UpstreamError
from broker.core.events import Event
from broker.core.people.identity import Link
from broker.services.clients.directory import Clients
from broker.services.context import Context
from broker.services.providers import Providers
from broker.services.upstream_tokens.keeping import TokenSeal
from broker.store.people import PeopleStore
from broker.store.upstream_tokens import KeptTokens, UpstreamTokenStore


@dataclass(frozen=True, slots=True)
class InUse:
    """An account at a provider, by the way in that it is here, that these apps may use. `kept`: since that login."""

    link: Link
    kept: KeptTokens
    clients: tuple[Client, ...]


class Withdrawing:
    """Shows them, and forgets them."""

    def __init__(
        self,
        context: Context,
        store: UpstreamTokenStore,
        people: PeopleStore,
        *,
        clients: Clients,
        providers: Providers,
        seal: TokenSeal,
        deadline: float,
    ) -> None:
        """`deadline` of the upstream, in seconds."""
        self._context = context
        self._store = store
        self._people = people
        self._clients = clients
        self._providers = providers
        self._seal = seal
        self._deadline = deadline

    async def show(self, sub: str) -> tuple[InUse, ...]:
        """All that is kept of an account, and for which apps today."""
        kept = await self._store.of_account(sub, now=self._context.now())
        links = {(one.provider_key, one.subject): one for one in (await self._people.links(sub) if kept else ())}
        return tuple(
            [
                InUse(link, one, self._takers(one.provider_key))
                for one in kept
                if (link := links.get((one.provider_key, one.subject))) is not None
            ]
        )

    def _takers(self, provider_key: str) -> tuple[Client, ...]:
        """Apps that register themselves never have any, so all of them are in the configuration."""
        named = [self._providers.named(name) for name, key in self._providers.enabled if key == provider_key]
        known = self._clients.configured.values()
        return tuple([client for client in known if any(one is not None and one.keeps_for(client) for one in named)])

    async def withdraw(self, sub: str, handle: str) -> bool:
        """Forget what is kept of this way in, and the yes to every app that may have it; False: there is nothing.

        The upstream is told afterwards. That it does not answer keeps nobody from it.
        """
        for one in await self.show(sub):
            if one.link.handle == handle:
                clients = [client.id for client in one.clients]
                provider, now = one.link.provider, self._context.now()
                done = await self._store.withdraw(sub, one.kept, provider=provider, clients=clients, now=now)
                if done:
                    outcome = await self._give_back(one)
                    self._context.recorder.record(
                        Event.UPSTREAM_TOKENS_WITHDRAWN, provider=provider, sub=sub, outcome=outcome
                    )
                return done
        return False

    async def _give_back(self, one: InUse) -> str:
        kept, instance = one.kept, self._providers.instance_of(one.kept.provider_key)
        ability = instance.abilities.keeps if instance is not None else None
        if instance is None or ability is None:
            return "forgotten"
        try:
            tokens = self._seal.open_(kept.sealed, kept.provider_key, kept.subject)
            told = await instance.in_time(ability.give_back(tokens), self._deadline)
        except (UpstreamError, SealBroken) as error:
            return type(error).__name__
        return "given_back" if told else "forgotten"
