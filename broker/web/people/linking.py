"""`/account/link`: is that you, too? A way in is added to the account, or the account that it opens is joined to it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from broker.core.people.identity import Link
from broker.services.login.joining import Joining
from broker.services.people.linking import Linking, LinkQuestion
from broker.web.authorize.consent import MAX_TICKET, read_answer
from broker.web.http.cookies import SESSION, Cookies
from broker.web.http.reading import read_query
from broker.web.limits.intake import Intake
from broker.web.login.callback import Arrivals
from broker.web.pages.frontend import Frontend
from broker.web.pages.persons import Persons
from broker.web.pages.response_modes import on_the_way
from broker.web.pages.views import LinkView, MergeView, PersonView


class LinkEndpoint:
    """Shows the question and takes its answer."""

    def __init__(
        self,
        frontend: Frontend,
        linking: Linking,
        joining: Joining,
        arrivals: Arrivals,
        *,
        persons: Persons,
        intake: Intake,
    ) -> None:
        """`arrivals` show what comes of a login."""
        self._frontend = frontend
        self._linking = linking
        self._joining = joining
        self._arrivals = arrivals
        self._persons = persons
        self._intake = intake

    async def get(self, request: Request) -> Response:
        """The question."""
        await self._intake.count("account", request)
        params = read_query(request, limit=MAX_TICKET)
        sealed = params.get("ticket", "")
        question = await self._linking.open_(sealed, Cookies.read(request, SESSION))
        view = await self._view(question, sealed)
        locale, then = self._frontend.locale(request, ui_locales=params.get("ui_locales", "")), question.ticket.then
        shown = self._frontend.pages.show(view, locale)
        return on_the_way(shown, then.request if then else None)

    async def confirm(self, request: Request) -> Response:
        """The answer."""
        await self._intake.count("account", request)
        sealed, choice = await read_answer(request, self._frontend, self._intake)
        async with self._joining.answer(sealed, Cookies.read(request, SESSION), allowed=choice.allowed) as settled:
            return self._arrivals.settle(request, settled)

    async def _view(self, question: LinkQuestion, sealed: str) -> LinkView | MergeView:
        held = question.ticket.held
        person = await self._persons.of_login(question.session.login)
        added = self._persons.of_claims(held.claims, held.provider)
        hrefs = self._frontend.language_hrefs("/account/link", {"ticket": sealed})
        back = question.ticket.back
        client = self._frontend.client_view(question.client, back.redirect_uri) if question.client and back else None
        if question.ticket.other:
            ways, others = self._ways(question.links), self._ways(question.others)
            return MergeView(person, added, ways, others, sealed, hrefs, client)
        return LinkView(person, added, str(held.claims.get("email", "")), sealed, hrefs, client)

    def _ways(self, links: tuple[Link, ...]) -> tuple[PersonView, ...]:
        return tuple(self._persons.of_claims(link.claims, link.provider) for link in links)
