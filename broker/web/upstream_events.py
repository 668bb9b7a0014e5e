"""`/events/{provider}`: an upstream tells of what happened to somebody there. Off unless a provider has `events`.

With it, where one tells that somebody wants to be deleted: `/events/{provider}/deletion`, and the page that tells them
what came of it.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from broker.services.upstream_events.deletions import Deletions, Outcome
from broker.services.upstream_events.hearing import UpstreamEvents
from broker.web.http.answers import NO_STORE, answer_json
from broker.web.http.cookies import Cookies
from broker.web.http.reading import read_body, read_query
from broker.web.limits.intake import Intake
from broker.web.pages.frontend import Frontend, day_of
from broker.web.pages.views import DeletionView

PAGE = "/deletion"


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


class DeletionEndpoints:
    """What the upstream sends, proved as at the place beside it, and the page that it shows to the person."""

    def __init__(self, frontend: Frontend, deletions: Deletions, intake: Intake) -> None:
        self._frontend = frontend
        self._deletions = deletions
        self._intake = intake

    async def post(self, request: Request) -> Response:
        """JSON: `url`, the page, and `confirmation_code`, the same when it comes again; failures as `EventEndpoint`."""
        await self._intake.count("upstream_logout", request)
        body = await read_body(request, limit=self._intake.body_limit)
        promise = await self._deletions.receive(request.path_params["provider"], body)
        url = f"{self._frontend.origin}{self._frontend.href(PAGE, {'code': promise.sealed})}"
        return answer_json({"url": url, "confirmation_code": promise.confirmation}, promise.status)

    async def get(self, request: Request) -> Response:
        """The page: how things are today. 404 with a page of its own for what is no code, or too old a one."""
        await self._intake.count("account", request)
        params = read_query(request)
        code = params.get("code", "")
        told = await self._deletions.look(code)
        hrefs = self._frontend.language_hrefs(PAGE, {"code": code} if told else {})
        view = DeletionView("unknown", hrefs)
        if told is not None:
            closes_on = day_of(told.closes_at) if told.outcome is Outcome.CLOSING and told.closes_at else ""
            asked_on, title = day_of(told.asked_at), told.provider_title
            view = DeletionView(told.outcome, hrefs, title, told.confirmation, asked_on, closes_on)
        locale = self._frontend.locale(request, ui_locales=params.get("ui_locales", ""))
        response: Response = self._frontend.pages.show(view, locale, status=200 if told else 404)
        if "ui_locales" in params:
            Cookies.remember_language(response, locale)
        return response
