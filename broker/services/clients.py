"""The clients we know and how they prove themselves."""

from __future__ import annotations

from collections.abc import Mapping

from broker.core.client import Client
from broker.core.errors import InvalidClient
from broker.core.events import Event
from broker.core.parameters import Parameters
from broker.core.token_request import parse_credentials, verify_client
from broker.services.context import Context
from broker.services.registrations import Registrations


class Clients:
    """The directory of clients: those of config.yaml, and those that registered themselves."""

    def __init__(
        self, context: Context, clients: Mapping[str, Client], registrations: Registrations | None = None
    ) -> None:
        """`clients` by client_id. `registrations`: where those are that registered themselves, None: nobody may."""
        self._registrations = registrations
        self._context = context
        self._clients = clients
        self.origins = frozenset(origin for client in clients.values() for origin in client.origins)

    async def find(self, client_id: str) -> Client | None:
        """The client of this id, or None."""
        known = self._clients.get(client_id)
        if known is None and self._registrations is not None:
            return await self._registrations.find(client_id)
        return known

    async def verify(self, authorization: str, params: Parameters) -> Client:
        """The client that proved itself by exactly its registered method; raises InvalidClient."""
        try:
            credentials = parse_credentials(authorization, params)
            return verify_client(await self.find(credentials.client_id), credentials)
        except InvalidClient as error:
            claimed = params.text("client_id")
            known = claimed if claimed in self._clients else None
            self._context.recorder.record(Event.CLIENT_AUTH_FAILED, client_id=known, reason=error.detail)
            raise
