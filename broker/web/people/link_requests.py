"""`/link`: an app sends somebody to add a way in (ADR 50)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from broker.core.authorize.whereabouts import Whereabouts, located
from broker.services.login.link_requests import PATH, LinkRequests
from broker.services.sessions.single_sign_on import Sessions
from broker.web.http.cookies import SESSION, Cookies
from broker.web.http.reading import read_query
from broker.web.limits.intake import Intake
from broker.web.login.leaving import Leaving
from broker.web.pages.frontend import Frontend


class LinkRequestEndpoint:
    """Off to the provider of the new way in, or to sign in again before that."""

    def __init__(
        self, frontend: Frontend, requests: LinkRequests, leaving: Leaving, *, sessions: Sessions, intake: Intake
    ) -> None:
        self._frontend = frontend
        self._requests = requests
        self._leaving = leaving
        self._sessions = sessions
        self._intake = intake

    async def get(self, request: Request) -> Response:
        """Until the redirect URI is known to be good a failure is a page, from then on the app hears of it."""
        await self._intake.count("account", request)
        params = read_query(request)
        target = await self._requests.verify(params)
        with located(Whereabouts(target=target)):
            session = await self._sessions.find(Cookies.read(request, SESSION))
            leave = await self._requests.begin(params, target, session)
            wished = params.get("ui_locales", "")
            return await self._leaving.leave(
                request,
                leave.purpose,
                None,
                leave.provider,
                shown=lambda: self._frontend.client_view(target.client, target.redirect_uri),
                again=lambda: self._frontend.href(PATH, params.again()),
                locale=self._frontend.locale(request, ui_locales=wished, client=target.client),
            )
