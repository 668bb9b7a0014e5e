"""`/register`: clients that register themselves (RFC 7591), and their own entry (RFC 7592)."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from broker.core.errors import InvalidClientMetadata
from broker.core.wire.strict_json import Malformed, parse_object
from broker.services.clients.registrations import Registrations
from broker.web.http.answers import NO_STORE, answer_json
from broker.web.http.reading import read_bearer, read_body
from broker.web.limits.intake import Intake


class RegistrationEndpoint:
    """JSON only; the token in the header only."""

    def __init__(self, service: Registrations, intake: Intake) -> None:
        self._service = service
        self._intake = intake

    async def post(self, request: Request) -> Response:
        """A new client (RFC 7591 section 3.1)."""
        await self._intake.count("registration", request)
        token = read_bearer(request)
        return answer_json(await self._service.register(token, await self._read(request)), 201)

    async def get(self, request: Request) -> Response:
        """The entry (RFC 7592 section 2.1)."""
        await self._intake.count("registration", request)
        return answer_json(await self._service.read(request.path_params["client_id"], read_bearer(request)))

    async def put(self, request: Request) -> Response:
        """The entry, replaced as a whole (RFC 7592 section 2.2)."""
        await self._intake.count("registration", request)
        client_id, token = request.path_params["client_id"], read_bearer(request)
        return answer_json(await self._service.update(client_id, token, await self._read(request)))

    async def delete(self, request: Request) -> Response:
        """No entry any more (RFC 7592 section 2.3)."""
        await self._intake.count("registration", request)
        await self._service.delete(request.path_params["client_id"], read_bearer(request))
        return Response(status_code=204, headers=NO_STORE)

    async def _read(self, request: Request) -> dict[str, Any]:
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != "application/json":
            raise HTTPException(415, "send the metadata as application/json")
        try:
            return parse_object(await read_body(request, limit=self._intake.body_limit))
        except Malformed as problem:
            raise InvalidClientMetadata(f"the metadata are {problem}") from None
