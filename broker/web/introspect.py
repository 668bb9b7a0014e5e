"""`/introspect`: what a token is (RFC 7662)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from broker.services.introspection import Introspection
from broker.web.answers import answer_json
from broker.web.door import Door


class IntrospectionEndpoint:
    """POST only; parameters in the body only."""

    def __init__(self, service: Introspection, door: Door) -> None:
        """`door` counts visitors and reads bodies."""
        self._service = service
        self._door = door

    async def post(self, request: Request) -> Response:
        """Authenticate the client, then tell it about its own tokens."""
        client, params = await self._door.admit(request, self._service.verify_client)
        return answer_json(await self._service.answer(client, params))
