"""`/elsewhere`: the window of an app whose browser a provider refuses, while somebody signs in in another browser."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from broker.core.authorize.request import to_params
from broker.services.authorize.decide import Return
from broker.services.authorize.pushed import PushedRequests
from broker.services.authorize.requests import Requests
from broker.services.devices import EXPIRES_IN
from broker.services.login.elsewhere import Elsewhere, Missed, Window
from broker.web.http.cookies import BROWSER, Cookies
from broker.web.http.reading import read_query
from broker.web.limits.client_address import coarse
from broker.web.limits.intake import Intake
from broker.web.login.in_app import build_way_out, system_of
from broker.web.pages.frontend import Frontend
from broker.web.pages.response_modes import on_the_way
from broker.web.pages.views import ElsewhereView


class ElsewhereEndpoint:
    """The window itself; the other browser is at `/device`."""

    def __init__(
        self, frontend: Frontend, requests: Requests, elsewhere: Elsewhere, *, pushed: PushedRequests, intake: Intake
    ) -> None:
        self._frontend = frontend
        self._requests = requests
        self._elsewhere = elsewhere
        self._pushed = pushed
        self._intake = intake

    async def post(self, request: Request) -> Response:
        """The request in the address is to be answered here by a login elsewhere: kept, and counted as a start."""
        self._frontend.check_own_form(request)
        await self._intake.read_form(request)
        await self._intake.count_start(request)
        asked = await self._requests.verify(read_query(request))
        async with self._pushed.answering(asked.target):
            place, kept = coarse(self._intake.sources.find(request)), Cookies.read(request, BROWSER)
            ticket, browser = await self._elsewhere.begin(asked, place=place, browser=kept)
        response = self._frontend.leave_to(self._frontend.href("/elsewhere", {"ticket": ticket}))
        Cookies.bind_browser(response, browser, ttl=EXPIRES_IN)
        self._intake.visitors.remember(request, response)
        return on_the_way(response, asked.target)

    async def get(self, request: Request) -> Response:
        """The code to type elsewhere, and the place for the number that comes back."""
        params = read_query(request)
        sealed = params.get("ticket", "")
        window = await self._elsewhere.open_(sealed, browser=Cookies.read(request, BROWSER))
        return self._show(request, window, sealed, ui_locales=params.get("ui_locales", ""))

    async def finish(self, request: Request) -> Response:
        """`/elsewhere/done`: the number, and so the answer to the app."""
        self._frontend.check_own_form(request)
        params = await self._intake.read_form(request)
        sealed = params.get("ticket", "")
        window = await self._elsewhere.open_(sealed, browser=Cookies.read(request, BROWSER))
        async with self._elsewhere.finish(window, params.get("number", "")) as done:
            if isinstance(done, Return):
                return self._frontend.respond(request, done.target, done.params)
            return self._show(request, window, sealed, missed=done)

    def _show(
        self, request: Request, window: Window, sealed: str, *, missed: Missed | None = None, ui_locales: str = ""
    ) -> Response:
        target, asked = window.target, window.request
        page = f"{self._frontend.origin}{self._frontend.base}/device"
        view = ElsewhereView(
            client=self._frontend.client_view(target.client, target.redirect_uri),
            user_code=window.user_code,
            page=page,
            open_href=build_way_out(f"{page}?user_code={window.user_code}", system_of(request)),
            other_href=self._frontend.authorize_href(to_params(asked)),
            ticket=sealed,
            missed=missed or "",
            language_hrefs=self._frontend.language_hrefs("/elsewhere", {"ticket": sealed}),
        )
        locale = self._frontend.locale(
            request, ui_locales=ui_locales or " ".join(asked.ui_locales), client=target.client
        )
        return on_the_way(self._frontend.pages.show(view, locale, status=400 if missed else 200), target)
