"""Linking by a posted credential: an app adds a way in that its provider's kit has just proved (ADR 51)."""

from __future__ import annotations

from dataclasses import dataclass

from broker.core.clients.client import Client
from broker.core.errors import AccessBarred, AccessDenied, CredentialRefused, LinkedElsewhere
from broker.core.events import Event
from broker.core.people.identity import Link
from broker.core.wire.parameters import Parameters
from broker.services.context import Context
from broker.services.people.held import add_link, build_link
from broker.services.people.standing import Standing
from broker.services.posted import PostedCredentials
from broker.store.people import NotLinked, PeopleStore, Taken


@dataclass(frozen=True, slots=True)
class AddedLink:
    """A way in that is theirs now; `again`: it was before."""

    link: Link
    again: bool


class BroughtLinks:
    """The one place where that happens. Who may is asked before; two accounts are never joined by it."""

    def __init__(self, context: Context, people: PeopleStore, posted: PostedCredentials, standing: Standing) -> None:
        self._context = context
        self._people = people
        self._standing = standing
        self._posted = posted

    async def link(self, sub: str, client: Client, params: Parameters) -> AddedLink:
        """Make what this client brings a way into the account; the credential is spent, whatever comes of it.

        Raises as `PostedCredentials.verify`, CredentialRefused for one that was used, or when the way in was taken away
        since the app set out (threats D6), AccessDenied for one by which nobody may come in, and LinkedElsewhere.
        """
        proven = await self._posted.verify(client, params)
        name = proven.instance.name
        link = build_link(proven.instance.key, name, proven.identity, now=self._context.now())
        async with self._posted.spending(proven):
            try:
                self._standing.check_admitted(link, client)
            except AccessBarred as barred:
                raise AccessDenied(barred.public, detail=barred.detail) from None
            done = await add_link(self._context, self._people, sub, link, began_at=proven.began_at)
            if isinstance(done, NotLinked):
                raise CredentialRefused("no account to add it to, or it was removed from it since")
        if isinstance(done, Taken):
            self._context.recorder.record(Event.ACCOUNT_LINK_REFUSED, sub=sub, provider=name, reason="another account")
            raise LinkedElsewhere("it opens another account; send the person to /link, where they can join the two")
        return AddedLink(link, done.again)
