"""`/auth/...`: drf-social-oauth2's calls, by form or as JSON. Only where a client has `drf_backends` (ADR 56)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request
from starlette.responses import Response

from broker.core.clients.client import Client
from broker.core.drf import read_body
from broker.core.wire.parameters import Parameters
from broker.services.drf import DrfCalls
from broker.services.tokens.proofs import Shown
from broker.web.http.answers import NO_STORE, answer_json
from broker.web.http.proofs import ProofReader
from broker.web.http.reading import JSON, read_json
from broker.web.limits.intake import Intake


class DrfEndpoints:
    """POST only; parameters in the body only. One method is one call: admit, ask the service, say what it said."""

    def __init__(self, calls: DrfCalls, intake: Intake, proofs: ProofReader) -> None:
        self._calls = calls
        self._intake = intake
        self._proofs = proofs

    async def convert_token(self, request: Request) -> Response:
        """Tokens of ours for the token of a backend."""
        async with self._admit(request, "client_id") as (client, params):
            return answer_json(await self._calls.convert(client, params, whence=self._intake.whence(request)))

    async def token(self, request: Request) -> Response:
        """Tokens for a refresh token, a code or the client's credentials."""
        async with self._admit(request) as (client, params):
            return answer_json(await self._calls.token(client, params))

    async def revoke_token(self, request: Request) -> Response:
        """204: the token is no good any more, if it ever was. By the client's secret, or by a token of the person."""
        if request.headers.get("authorization", "").lower().startswith("bearer "):
            await self._calls.revoke_shown(*await self._show(request, "revoke-token"))
        else:
            async with self._admit(request, "client_id") as (client, params):
                await self._calls.revoke(client, params)
        return _done()

    async def invalidate_sessions(self, request: Request) -> Response:
        """204: the app has nothing of this person any more."""
        await self._calls.end(*await self._show(request, "invalidate-sessions"), refresh_only=False)
        return _done()

    async def invalidate_refresh_tokens(self, request: Request) -> Response:
        """204: the app has no refresh token of this person any more."""
        await self._calls.end(*await self._show(request, "invalidate-refresh-tokens"), refresh_only=True)
        return _done()

    async def disconnect_backend(self, request: Request) -> Response:
        """204: nobody signs in by that any more."""
        await self._calls.disconnect(*await self._show(request, "disconnect-backend"))
        return _done()

    @asynccontextmanager
    async def _admit(self, request: Request, *names: str) -> AsyncIterator[tuple[Client, Parameters]]:
        params = await self._calls.read(await self._read(request), names)
        async with self._intake.admit(request, params=params) as admitted:
            yield admitted

    async def _show(self, request: Request, call: str) -> tuple[Shown, Parameters]:
        """The token in the header and what came with it; counted as a call of /token."""
        shown = self._proofs.read_shown(request, f"/auth/{call}")
        await self._intake.count("token", request)
        return shown, await self._read(request)

    async def _read(self, request: Request) -> Parameters:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() == JSON:
            return read_body(await read_json(request, limit=self._intake.body_limit))
        return await self._intake.read_form(request)


def _done() -> Response:
    return Response(status_code=204, headers=NO_STORE)
