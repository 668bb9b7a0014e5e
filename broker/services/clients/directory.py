"""The clients we know and how they prove themselves."""

from __future__ import annotations

from collections.abc import Mapping

from broker.core.clients.client import Client
from broker.core.clients.credentials import Credentials, parse_credentials, verify_client
from broker.core.errors import InvalidClient, UnknownClient
from broker.core.events import Event
from broker.core.wire.parameters import Parameters
from broker.services.clients.assertions import ClientAssertions
from broker.services.clients.registrations import Registrations
from broker.services.context import Context


class Clients:
    """The directory of clients: those of config.yaml, and those that registered themselves."""

    def __init__(
        self,
        context: Context,
        clients: Mapping[str, Client],
        assertions: ClientAssertions,
        registrations: Registrations | None = None,
    ) -> None:
        """`clients` by client_id. `registrations`: where those are that registered themselves, None: nobody may."""
        self._registrations = registrations
        self._context = context
        self._clients = clients
        self._assertions = assertions
        self.origins = frozenset(origin for client in clients.values() for origin in client.origins)

    @property
    def configured(self) -> Mapping[str, Client]:
        """Those of config.yaml by client_id, known without asking a store."""
        return self._clients

    async def find(self, client_id: str) -> Client | None:
        """The client of this id, or None."""
        known = self._clients.get(client_id)
        if known is None and self._registrations is not None:
            return await self._registrations.find(client_id)
        return known

    async def find_again(self, client_id: str) -> Client:
        """The client of a request that was checked before; raises UnknownClient when it is one no longer."""
        client = await self.find(client_id)
        if client is None:
            raise UnknownClient("the client was removed while its user was logging in")
        return client

    async def read(self, authorization: str, params: Parameters) -> Credentials:
        """What a client brought to prove itself, in the Authorization header or in the form; raises InvalidClient."""
        try:
            return parse_credentials(authorization, params)
        except InvalidClient as error:
            await self._note_failed(params.get("client_id", ""), error)
            raise

    async def verify(self, credentials: Credentials) -> Client:
        """The client that proved itself by exactly its registered method; raises InvalidClient."""
        client = await self.find(credentials.client_id)
        try:
            if credentials.assertion is not None:
                return await self._assertions.verify(client, credentials.assertion)
            return verify_client(client, credentials)
        except InvalidClient as error:
            await self._note_failed(credentials.client_id, error)
            raise

    async def _note_failed(self, claimed: str, error: InvalidClient) -> None:
        known = claimed if await self.find(claimed) is not None else None
        self._context.recorder.record(Event.CLIENT_AUTH_FAILED, client_id=known, reason=error.detail)
