"""`/enter/{provider}/{client_id}`: a signed link from a messenger. Nobody is logged in before they say so."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from broker.core.errors import ForeignPost, NothingAsked
from broker.services.login.unasked import UnaskedLogins
from broker.web.http.cookies import BROWSER, SESSION, Cookies
from broker.web.http.reading import read_query
from broker.web.limits.intake import Intake
from broker.web.login.callback import Arrivals
from broker.web.pages.frontend import Frontend
from broker.web.pages.persons import Persons
from broker.web.pages.views import EnterView, ReturnView

_BOUND_FOR = 300  # seconds


class UnaskedEndpoint:
    """Shows who the link speaks of, and on `allow` starts a session and sends the browser to the app."""

    def __init__(
        self,
        frontend: Frontend,
        unasked: UnaskedLogins,
        arrivals: Arrivals,
        *,
        persons: Persons,
        intake: Intake,
        mint: Callable[[], str],
    ) -> None:
        """`mint` makes unguessable values."""
        self._frontend = frontend
        self._unasked = unasked
        self._persons = persons
        self._intake = intake
        self._mint = mint
        self._arrivals = arrivals

    async def get(self, request: Request) -> Response:
        """The question: is that you?"""
        await self._intake.count("callback", request)
        params = read_query(request)
        if params.repeated:
            raise NothingAsked("a parameter of the link came twice")
        name, client_id = request.path_params["provider"], request.path_params["client_id"]
        browser = Cookies.read(request, BROWSER) or self._mint()
        sealed, ticket, client = await self._unasked.hold(name, client_id, params, browser=browser)
        view = EnterView(
            client=self._frontend.client_view(client, client.initiate_login_uri),
            person=self._persons.of_claims(ticket.claims, name),
            another_href=self._unasked.initiate_href(client),
            ticket=sealed,
            action=request.scope["path"],
        )
        response = self._frontend.pages.show(view, self._frontend.locale(request, client=client))
        Cookies.bind_browser(response, browser, ttl=_BOUND_FOR)
        return response

    async def post(self, request: Request) -> Response:
        """The answer."""
        self._frontend.check_own_form(request)
        params = await self._intake.read_form(request)
        browser = Cookies.read(request, BROWSER)
        if not browser or params.get("answer") not in {"allow", "deny"}:
            raise ForeignPost("an answer without a question")
        if params["answer"] == "deny":
            return self._frontend.leave_to(f"{self._frontend.base}/")
        ticket, cookie = params.get("ticket", ""), Cookies.read(request, SESSION)
        entered = await self._unasked.enter(ticket, cookie, browser=browser, whence=self._intake.whence(request))
        client = entered.client
        view = ReturnView(entered.href, self._frontend.client_view(client, client.initiate_login_uri))
        response = self._frontend.pages.show(view, self._frontend.locale(request, client=client))
        self._arrivals.keep(response, entered.cookie, entered.person)
        return response
