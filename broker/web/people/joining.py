"""`/join`: somebody nobody knows is asked whether they have an account here already, before one is made."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from broker.core.errors import ForeignPost
from broker.core.records import Device
from broker.services.login.joining import Joining, JoinQuestion
from broker.services.login.outcomes import Visitor
from broker.web.authorize.consent import MAX_TICKET
from broker.web.http.cookies import BROWSER, SESSION, Cookies
from broker.web.http.reading import read_query
from broker.web.limits.intake import Intake
from broker.web.login.callback import Arrivals
from broker.web.login.leaving import Leaving
from broker.web.pages.frontend import Frontend
from broker.web.pages.persons import Persons
from broker.web.pages.response_modes import on_the_way
from broker.web.pages.views import ClientView, JoinView


class JoinEndpoint:
    """Shows the question, leads to the ways in by which it is answered with a yes, and takes the no."""

    def __init__(
        self,
        frontend: Frontend,
        joining: Joining,
        arrivals: Arrivals,
        *,
        leaving: Leaving,
        persons: Persons,
        intake: Intake,
    ) -> None:
        """`arrivals` show what comes of a login."""
        self._frontend = frontend
        self._joining = joining
        self._arrivals = arrivals
        self._leaving = leaving
        self._persons = persons
        self._intake = intake

    async def get(self, request: Request) -> Response:
        """The question; with `idp_hint`, off to one of the ways in that it offers."""
        params = read_query(request, limit=MAX_TICKET)
        sealed = params.get("ticket", "")
        question = await self._joining.open_(sealed, Cookies.read(request, BROWSER))
        locale = self._frontend.locale(request, ui_locales=params.get("ui_locales", ""), client=question.client)
        if name := params.get("idp_hint", ""):
            shown = await self._leaving.leave(
                request,
                question.seeking,
                question.client,
                name,
                shown=lambda: self._client(question),
                again=lambda: self._href(sealed),
                locale=locale,
            )
        else:
            shown = self._frontend.pages.show(self._view(request, question, sealed), locale)
        return on_the_way(shown, question.ticket.purpose.request)

    async def post(self, request: Request) -> Response:
        """No: a new account, and on with the login."""
        await self._intake.count("account", request)
        self._frontend.check_own_form(request)
        params = await self._intake.read_form(request)
        browser = Cookies.read(request, BROWSER)
        if not browser or params.get("answer") != "new":
            raise ForeignPost("an answer without a question")
        visitor = Visitor(Cookies.read(request, SESSION), browser, whence=self._intake.whence(request))
        async with self._joining.decline(params.get("ticket", ""), visitor) as done:
            return self._arrivals.show(request, done)

    def _view(self, request: Request, question: JoinQuestion, sealed: str) -> JoinView:
        ticket = question.ticket
        return JoinView(
            client=self._client(question),
            person=self._persons.of_claims(ticket.held.claims, ticket.held.provider),
            buttons=self._leaving.buttons(request, question.ways, lambda name: self._href(sealed, idp_hint=name)),
            ticket=sealed,
            language_hrefs=self._frontend.language_hrefs("/join", {"ticket": sealed}),
            address=str(ticket.held.claims.get("email", "")) if ticket.prove else "",
            missed=self._persons.called("", ticket.missed).provider_name,
        )

    def _client(self, question: JoinQuestion) -> ClientView:
        purpose = question.ticket.purpose
        if isinstance(purpose, Device):
            return self._frontend.device_view(question.client)
        return self._frontend.client_view(question.client, purpose.request.redirect_uri)

    def _href(self, ticket: str, **more: str) -> str:
        return self._frontend.href("/join", {"ticket": ticket} | more)
