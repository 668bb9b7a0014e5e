"""What every endpoint does at its door: count the visitor, read a bounded body."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request

from broker.core.client import Client
from broker.core.errors import InvalidClient
from broker.core.parameters import Parameters
from broker.web.http import read_form
from broker.web.limits import Limits
from broker.web.source import Sources


@dataclass(frozen=True, slots=True)
class Door:
    """Shared by the endpoints. `body_limit` in bytes."""

    limits: Limits
    sources: Sources
    body_limit: int

    async def count(self, limit: str, request: Request) -> None:
        """Count one visit from this request's source; raises TooManyRequests."""
        await self.limits.check(limit, self.sources.find(request))

    async def count_client(self, limit: str, request: Request, client: Client) -> None:
        """Count one call of a client; raises TooManyRequests.

        Anybody can speak in the name of a public one, so there each source is counted for itself: a single visitor
        must not use up what there is for all of its users.
        """
        await self.limits.check(limit, f"{client.id}|{self.sources.find(request)}" if client.public else client.id)

    async def admit(
        self, request: Request, verify: Callable[[str, Parameters], Awaitable[Client]]
    ) -> tuple[Client, Parameters]:
        """The form in the body and the client that proved itself by it; what an app may call walks through here.

        `verify` is given the Authorization header, or "", and the form. Raises HTTPException, InvalidRequest,
        InvalidClient or TooManyRequests; failures count per source, calls per client.
        """
        params = await self.read_form(request)
        try:
            client = await verify(request.headers.get("authorization", ""), params)
        except InvalidClient:
            await self.count("client_auth_failure", request)
            raise
        await self.count_client("token", request, client)
        return client, params

    async def read_form(self, request: Request) -> Parameters:
        """The form in the body; raises HTTPException or InvalidRequest."""
        return await read_form(request, limit=self.body_limit)
