"""Unlinking: a way in is taken from an account, whoever asked for it and however they proved that they may."""

from __future__ import annotations

from collections.abc import Callable, Collection

from broker.core.events import Event
from broker.core.people.identity import Link
from broker.services.context import Context
from broker.services.providers import Providers
from broker.store.people import LastLink, NotLinked, PeopleStore, Unlinked


class Unlinking:
    """The one place where that happens. Who may is asked before."""

    def __init__(
        self,
        context: Context,
        people: PeopleStore,
        providers: Providers,
        *,
        remember_for: int,
        queued: Callable[[], None] = lambda: None,
    ) -> None:
        """`remember_for`: seconds a session can live at most, and so must the mark that it ended.

        `queued` is called when there may be apps to be told of a logout.
        """
        self._context = context
        self._people = people
        self._providers = providers
        self._remember_for = remember_for
        self._queued = queued

    async def unlink(
        self, sub: str, link: Link, *, usable: Collection[str] | None = None
    ) -> Unlinked | NotLinked | LastLink:
        """Take the way in from the account, with every session and grant that came from it (threats D16).

        LastLink where no other is left by a provider that is switched on: nobody could sign in any more. `usable`:
        another is to be left by one of the providers with these keys instead.
        """
        now = self._context.now()
        if usable is None:
            usable = frozenset(key for _, key in self._providers.enabled)
        done = await self._people.unlink(
            sub,
            link.provider_key,
            link.subject,
            usable=usable,
            now=now,
            expires_at=now + self._remember_for,
        )
        if isinstance(done, Unlinked):
            self._queued()
            self._context.recorder.record(Event.ACCOUNT_UNLINKED, sub=sub, provider=link.provider)
        return done
