"""`/revoke`: a client gives a token back (RFC 7009)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from broker.services.revocation import Revocation
from broker.web.answers import NO_STORE
from broker.web.door import Door


class RevocationEndpoint:
    """POST only; parameters in the body only."""

    def __init__(self, service: Revocation, door: Door) -> None:
        """`door` counts visitors and reads bodies."""
        self._service = service
        self._door = door

    async def post(self, request: Request) -> Response:
        """200 without a body, whatever the token was (section 2.2)."""
        client, params = await self._door.admit(request, self._service.verify_client)
        await self._service.revoke(client, params)
        return Response(status_code=200, headers=NO_STORE)
