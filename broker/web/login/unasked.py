"""`/enter/{provider}/{client_id}`: a signed link from a messenger; `/miniapp/…`: a page that is a Mini App's.

Nobody is logged in before they say so.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from broker.core.clients.client import Client
from broker.core.errors import ForeignPost, NothingAsked
from broker.core.records import EntryTicket
from broker.core.wire.parameters import parse_form
from broker.services.login.unasked import UnaskedLogins
from broker.web.http.cookies import BROWSER, SESSION, Cookies
from broker.web.http.reading import read_query
from broker.web.limits.intake import Intake
from broker.web.login.callback import Arrivals
from broker.web.pages.frontend import Frontend
from broker.web.pages.persons import Persons
from broker.web.pages.views import EnterView, FragmentView, ReturnView

_BOUND_FOR = 300  # seconds
# Where Telegram's clients put init data, behind the `#` of the page's address: core.telegram.org/bots/webapps (2026-11)
_LAUNCHED = "tgWebAppData"


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
        held = await self._unasked.hold(name, client_id, params, browser=browser)
        return self._ask(request, *held, browser=browser)

    async def open_mini_app(self, request: Request) -> Response:
        """The page that a Mini App is. Who opened it stands behind the `#`, which a script of ours hands over."""
        await self._intake.count("callback", request)
        name, client_id = request.path_params["provider"], request.path_params["client_id"]
        client, instance, _ = await self._unasked.find_mini_app(name, client_id)
        view = FragmentView(
            action=request.scope["path"],
            retry_href=self._unasked.initiate_href(client),
            client=self._frontend.client_view(client, client.initiate_login_uri),
            provider_name=instance.title,
        )
        response = self._frontend.pages.show(view, self._frontend.locale(request, client=client))
        Cookies.bind_browser(response, Cookies.read(request, BROWSER) or self._mint(), ttl=_BOUND_FOR)
        return response

    async def hand_over(self, request: Request) -> Response:
        """The question whether that is who they are, unless this browser knows it already."""
        await self._intake.count("callback", request)
        self._frontend.check_own_form(request)
        params = await self._intake.read_form(request)
        browser = Cookies.read(request, BROWSER)
        if not browser:
            raise ForeignPost("init data from a browser that did not open the page")
        launched = parse_form(params.get("fragment", "").encode())
        if _LAUNCHED in launched.repeated or _LAUNCHED not in launched:
            raise NothingAsked("there is no init data, or more than one")
        name, client_id = request.path_params["provider"], request.path_params["client_id"]
        held = await self._unasked.hold_opener(name, client_id, launched[_LAUNCHED], browser=browser)
        return await self._ask_strangers(request, *held, browser=browser)

    async def ask_about(self, request: Request, client: Client, taken: str) -> Response:
        """The same question about whom a script spoke of that a page of this client had."""
        browser = Cookies.read(request, BROWSER) or self._mint()
        held = await self._unasked.hold_taken(client.id, taken, browser=browser)
        return await self._ask_strangers(request, *held, browser=browser)

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
        response = self.go_on(request, entered.client, entered.href)
        self._arrivals.keep(response, entered.cookie, entered.person)
        return response

    async def _ask_strangers(
        self, request: Request, sealed: str, ticket: EntryTicket, client: Client, *, browser: str
    ) -> Response:
        """Whoever is signed on here by the same way goes on at once."""
        if await self._unasked.is_here(ticket, Cookies.read(request, SESSION)):
            return self.go_on(request, client, self._unasked.initiate_href(client, ticket.start_param))
        return self._ask(request, sealed, ticket, client, browser=browser)

    def _ask(self, request: Request, sealed: str, ticket: EntryTicket, client: Client, *, browser: str) -> Response:
        view = EnterView(
            client=self._frontend.client_view(client, client.initiate_login_uri),
            person=self._persons.of_claims(ticket.claims, ticket.provider),
            another_href=self._unasked.initiate_href(client, ticket.start_param),
            ticket=sealed,
            action=f"{self._frontend.base}/enter/{ticket.provider}/{client.id}",
        )
        response = self._frontend.pages.show(view, self._frontend.locale(request, client=client))
        Cookies.bind_browser(response, browser, ttl=_BOUND_FOR)
        return response

    def go_on(self, request: Request, client: Client, href: str) -> Response:
        """Back to the app, which begins a login."""
        view = ReturnView(href, self._frontend.client_view(client, client.initiate_login_uri))
        return self._frontend.pages.show(view, self._frontend.locale(request, client=client))
