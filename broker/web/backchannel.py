"""`/backchannel/{provider}`: an upstream tells that somebody logged out there (OIDC Back-Channel Logout 1.0)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from broker.services.upstream_logouts import UpstreamLogouts
from broker.web.answers import NO_STORE
from broker.web.door import Door


class BackChannelEndpoint:
    """POST only; the token in the body only."""

    def __init__(self, service: UpstreamLogouts, door: Door) -> None:
        """`door` counts visitors and reads bodies."""
        self._service = service
        self._door = door

    async def post(self, request: Request) -> Response:
        """200 without a body, whether or not there was a session to end (section 2.8)."""
        await self._door.count("upstream_logout", request)
        params = await self._door.read_form(request)
        await self._service.receive(request.path_params["provider"], params)
        return Response(status_code=200, headers=NO_STORE)
