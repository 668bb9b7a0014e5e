"""Where an app waits that sent somebody to add a way in, and what it is told there (ADR 50)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from broker.core.authorize.target import VerifiedRedirect
from broker.core.authorize.whereabouts import Whereabouts, located
from broker.core.clients.client import Client
from broker.core.errors import UnauthorizedClient
from broker.core.records import LinkReturn
from broker.services.clients.directory import Clients


class LinkReturns:
    """Asked at every step: meanwhile the client may have lost the place, or the right to wait there."""

    def __init__(self, issuer: str, clients: Clients) -> None:
        self._issuer = issuer
        self._clients = clients

    @asynccontextmanager
    async def returning(self, back: LinkReturn | None) -> AsyncIterator[VerifiedRedirect | None]:
        """What fails in the body is told there; None where no app asked.

        Raises UnknownClient or BadRedirectUri where the place stands no longer.
        """
        if back is None:
            yield None
            return
        target = VerifiedRedirect.of_link(back, await self._clients.find_again(back.client_id))
        with located(Whereabouts(target=target, asked=True)):
            check_may_ask(target.client)
            yield target

    def tell(self, target: VerifiedRedirect) -> dict[str, str]:
        """The way in is theirs."""
        return target.say({"status": "linked"}, issuer=self._issuer)


def check_may_ask(client: Client) -> None:
    """Raise UnauthorizedClient unless the operator lets this client send people to `/link`."""
    if not client.identities.account_linking:
        raise UnauthorizedClient("this client may not send people to /link; the operator sets account_linking")
