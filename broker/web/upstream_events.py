"""`/events/{provider}`: an upstream tells of what happened to somebody there. Off unless a provider has `events`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from broker.services.upstream_events import UpstreamEvents
from broker.web.http.answers import NO_STORE
from broker.web.http.reading import read_body
from broker.web.limits.intake import Intake


class EventEndpoint:
    """POST only. Who speaks is proved by the body; what it is called does not matter."""

    def __init__(self, events: UpstreamEvents, intake: Intake) -> None:
        self._events = events
        self._intake = intake

    async def post(self, request: Request) -> Response:
        """200 or 202 without a body, as the upstream wants it, whether or not there was anything to do.

        400 for what need not be sent again; 503 where it has to be.
        """
        await self._intake.count("upstream_logout", request)
        body = await read_body(request, limit=self._intake.body_limit)
        status = await self._events.receive(request.path_params["provider"], body)
        return Response(status_code=status, headers=NO_STORE)
