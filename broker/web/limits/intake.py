"""What every endpoint does at its intake: count the visitor (rate limits), read a bounded body, prove the client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol
from zlib import crc32

from starlette.requests import Request

from broker.core.authorize.whereabouts import Whereabouts, located
from broker.core.clients.client import Client
from broker.core.clients.credentials import Credentials
from broker.core.errors import InvalidClient
from broker.core.people.history import Whence, describe_agent
from broker.core.wire.parameters import Parameters
from broker.web.http.reading import read_form
from broker.web.limits.client_address import Sources, coarse
from broker.web.limits.rate_limits import Limits
from broker.web.limits.visitors import Visitors

_GROUPS = 256  # of client ids: a source that makes ids up is counted under no more keys than these


class ProvesClients(Protocol):
    """`broker.services.clients.directory.Clients`, as far as the intake needs it. Both raise InvalidClient."""

    async def read(self, authorization: str, params: Parameters) -> Credentials:
        """What was brought, in header or form."""
        ...

    async def verify(self, credentials: Credentials) -> Client:
        """Whose it is."""
        ...


@dataclass(frozen=True, slots=True)
class Intake:
    """Shared by the endpoints. `body_limit` in bytes."""

    limits: Limits
    sources: Sources
    visitors: Visitors
    body_limit: int
    clients: ProvesClients

    def whence(self, request: Request) -> Whence:
        """Where this request comes from, as coarsely as its person is shown it later on."""
        return Whence(coarse(self.sources.find(request)), describe_agent(request.headers.get("user-agent", "")))

    async def count(self, limit: str, request: Request) -> str:
        """Count one visit from this request's source, and say which that is; raises TooManyRequests."""
        source = self.sources.find(request)
        await self.limits.check(limit, source)
        return source

    async def count_start(self, request: Request) -> None:
        """Count a login attempt that begins; raises TooManyRequests.

        A browser that began one before counts for itself, so that people behind one address of a carrier are not shut
        out by whoever floods us from there without cookies. All browsers of a source together have five times as much.
        """
        source, visitor = self.sources.find(request), self.visitors.find(request)
        await self.limits.check("login_start", f"{source}|{visitor}" if visitor else source)
        await self.limits.check("login_start", f"{source}|all", times=5)

    async def count_client(self, limit: str, request: Request, client: Client) -> None:
        """Count one call of a client; raises TooManyRequests.

        Anybody can speak in the name of a public one, so there each source is counted for itself: a single visitor
        must not use up what there is for all of its users.
        """
        await self.limits.check(limit, f"{client.id}|{self.sources.find(request)}" if client.public else client.id)

    @asynccontextmanager
    async def admit(
        self, request: Request, *, confidential: str = "", params: Parameters | None = None
    ) -> AsyncIterator[tuple[Client, Parameters]]:
        """The form in the body and the client that proved itself by it; what an app may call walks through here.

        `confidential`: what this is, where a public client may not come, because anybody can say its name. `params`:
        what was read of the body already, where that may be something else than a form. Raises
        HTTPException, InvalidRequest, InvalidClient or TooManyRequests. Failures count per source and client that was
        named, and are asked about before a secret is looked at: the right one is refused as well then, or guessing
        would go on. Calls count per client, and what fails in the body is known to be this client's.
        """
        if params is None:
            params = await self.read_form(request)
        guesses = source = self.sources.find(request)
        try:
            credentials = await self.clients.read(request.headers.get("authorization", ""), params)
            if claimed := credentials.claimed:
                guesses = f"{source}|{crc32(claimed.encode()) % _GROUPS}"
                self.limits.ask("client_auth_failure", guesses)
            client = await self.clients.verify(credentials)
            if confidential and client.public:
                raise InvalidClient(f"{confidential} is for clients that have a secret")
        except InvalidClient:
            await self.limits.check("client_auth_failure", guesses)
            raise
        with located(Whereabouts(client=client)):
            await self.count_client("token", request, client)
            yield client, params

    async def read_form(self, request: Request) -> Parameters:
        """The form in the body; raises HTTPException or InvalidRequest."""
        return await read_form(request, limit=self.body_limit)
