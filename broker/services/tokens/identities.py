"""Ways in as apps see them: the resource of a person's linked identities (ADR 50)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from broker.core.clients.client import Client
from broker.core.errors import InvalidRequest, LastIdentity, NotFound
from broker.core.people.identity import Link
from broker.core.people.linking import FRESH
from broker.core.terms import Scope
from broker.core.wire.parameters import Parameters
from broker.services.people.brought import BroughtLinks
from broker.services.people.standing import Standing
from broker.services.people.unlinking import Unlinking
from broker.services.providers import ProviderInstance, Providers
from broker.services.tokens.admission import Admission
from broker.services.tokens.held import Held
from broker.services.tokens.proofs import Shown
from broker.store.people import LastLink, NotLinked, PeopleStore

_TOLD_OF = {"name": Scope.PROFILE, "email": Scope.EMAIL, "email_verified": Scope.EMAIL}
"""What an app learns of a person at another upstream takes the scope that it takes at the one they came by."""


@dataclass(frozen=True, slots=True)
class WayIn:
    """A link as one app may see it. `current`: the login of this grant came by it. `scope`: that of the token shown."""

    link: Link
    instance: ProviderInstance
    current: bool
    scope: tuple[str, ...]

    def describe(self) -> dict[str, Any]:
        """The members of the resource but for `title`, which is a matter of language."""
        link = self.link
        may_know = (name for name, word in _TOLD_OF.items() if word in self.scope)
        told = {name: link.claims[name] for name in may_know if name in link.claims}
        since = {"linked_at": link.linked_at} if link.linked_at else {}
        said = {"id": link.handle, "provider": self.instance.name, "subject": link.subject}
        return said | told | since | {"last_used_at": link.seen_at, "current": self.current}


class Identities:
    """Lists ways in, adds one and takes one away, for an app with the token of the person.

    An app sees those that people may come to it by: one that offers VK alone learns of no account at Google.
    """

    def __init__(
        self,
        admission: Admission,
        people: PeopleStore,
        *,
        providers: Providers,
        standing: Standing,
        unlinking: Unlinking,
        brought: BroughtLinks,
    ) -> None:
        self._admission = admission
        self._people = people
        self._providers = providers
        self._standing = standing
        self._unlinking = unlinking
        self._brought = brought

    async def show(self, shown: Shown) -> tuple[WayIn, ...]:
        """The ways in of whose token it is, oldest first; raises as `Admission.admit` for the scope `identities`."""
        token, held = await self._admission.admit(shown, Scope.IDENTITIES)
        return await self._ways(held, token.scope)

    async def add(self, shown: Shown, params: Parameters) -> tuple[WayIn, bool]:
        """Add what the app brings of a provider's kit; and whether it was a way in before.

        Raises as `Admission.admit` for the scope `identities.manage` and a login of the last five minutes, as
        `BroughtLinks.link`, and NotFound where it was taken away again meanwhile.
        """
        token, held = await self._admission.admit(shown, Scope.IDENTITIES_MANAGE, max_age=FRESH)
        done = await self._brought.link(held.account, held.client, params)
        for way in await self._ways(held, token.scope):
            if way.link.handle == done.link.handle:
                return way, done.again
        raise NotFound("it was added, and is gone again")

    async def remove(self, shown: Shown, handle: str) -> None:
        """Take this way in away: what came from it ends, the token too where it did.

        Raises as `Admission.admit` for the scope `identities.manage` and a login of the last five minutes, NotFound,
        and LastIdentity where nobody could sign in any more.
        """
        token, held = await self._admission.admit(shown, Scope.IDENTITIES_MANAGE, max_age=FRESH)
        for way in await self._ways(held, token.scope):
            if way.link.handle == handle and await self._take_away(held, way):
                return
        raise NotFound("the person has no such way in, or it is none of this app's")

    async def remove_at(self, shown: Shown, provider_for: Callable[[Client], str], handle: str) -> None:
        """As `remove`, of the way in at the provider that the app means; nothing where there is none.

        `provider_for` may refuse. `handle` counts only where there are several; InvalidRequest where it names none.
        """
        token, held = await self._admission.admit(shown, Scope.IDENTITIES_MANAGE, max_age=FRESH)
        name = provider_for(held.client)
        ways = [way for way in await self._ways(held, token.scope) if way.instance.name == name]
        if len(ways) > 1:
            ways = [way for way in ways if way.link.handle == handle]
            if not ways:
                raise InvalidRequest("there are several ways in; say which by its `id` of GET /identities")
        for way in ways:
            await self._take_away(held, way)

    async def _take_away(self, held: Held, way: WayIn) -> bool:
        """Whether it was theirs still; raises LastIdentity."""
        done = await self._unlinking.unlink(held.account, way.link)
        if isinstance(done, LastLink):
            raise LastIdentity("this is the only way in; the person has to add another one first")
        return not isinstance(done, NotLinked)

    async def _ways(self, held: Held, scope: tuple[str, ...]) -> tuple[WayIn, ...]:
        login = held.grant.login
        here = (login.provider_key, login.subject)
        return tuple(
            [
                WayIn(link, instance, (link.provider_key, link.subject) == here, scope)
                for link in await self._people.links(held.account)
                if (instance := self._providers.instance_of(link.provider_key)) is not None
                and self._standing.admits(link.provider_key, held.client)
            ]
        )
