"""The clients we know and how they prove themselves."""

from __future__ import annotations

from collections.abc import Mapping

from broker.core.client import Client
from broker.core.errors import InvalidClient
from broker.core.events import Event
from broker.core.parameters import Parameters
from broker.core.token_request import parse_credentials, verify_client
from broker.services.context import Context


class Clients:
    """The directory of clients; today those of config.yaml."""

    def __init__(self, context: Context, clients: Mapping[str, Client]) -> None:
        """`clients` by client_id."""
        self._context = context
        self._clients = clients
        self.origins = frozenset(origin for client in clients.values() for origin in client.origins)

    async def find(self, client_id: str) -> Client | None:
        """The client of this id, or None."""
        return self._clients.get(client_id)

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
