"""`/authorize`: the front door (RFC 6749 section 3.1, OIDC Core 3.1.2)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from broker.core.authorize.account_choice import ANOTHER_PERSON
from broker.core.authorize.pushed import is_pushed
from broker.core.errors import InvalidRequest
from broker.core.records import Authorize
from broker.core.terms import Prompt
from broker.core.wire.parameters import Parameters
from broker.services.authorize.codes import Answer
from broker.services.authorize.decide import Ask, Authorization, Choose, Start, Step
from broker.services.authorize.pushed import PushedRequests
from broker.services.authorize.requests import Asked, Requests
from broker.services.providers import Providers
from broker.services.sessions.single_sign_on import Sessions
from broker.web.http.cookies import SESSION, Cookies
from broker.web.http.reading import MAX_QUERY, read_query
from broker.web.limits.intake import Intake
from broker.web.login.leaving import Leaving
from broker.web.pages.frontend import Frontend, link_params
from broker.web.pages.response_modes import on_the_way
from broker.web.pages.views import LoginView

_ANYWAY = "anyway"  # on a link of ours to a provider that refuses this browser: they were told, and try


class AuthorizeEndpoint:
    """Checks the request, then does what the dispatcher says."""

    def __init__(
        self,
        frontend: Frontend,
        requests: Requests,
        authorization: Authorization,
        *,
        leaving: Leaving,
        sessions: Sessions,
        providers: Providers,
        pushed: PushedRequests,
        intake: Intake,
    ) -> None:
        self._frontend = frontend
        self._requests = requests
        self._authorization = authorization
        self._leaving = leaving
        self._sessions = sessions
        self._providers = providers
        self._pushed = pushed
        self._intake = intake

    async def get(self, request: Request) -> Response:
        """An authorization request, or one of our own links back to it."""
        params = read_query(request)
        await self._count_object(request, params)
        asked = await self._requests.verify(params)
        async with self._pushed.answering(asked.target):
            session = await self._sessions.find(Cookies.read(request, SESSION))
            unfit = self._leaving.unfit(request) if _ANYWAY not in params else frozenset[str]()
            step = await self._authorization.next_step(asked.request, asked.target.client, session, unfit=unfit)
            return on_the_way(await self._take(request, params, asked, step), asked.target)

    async def post(self, request: Request) -> Response:
        """The same in a form (OIDC Core 3.1.2.1).

        Another site's POST carries no Lax cookie, so the session would look absent: the browser is asked to come
        again by GET, where it brings them.
        """
        params = await self._intake.read_form(request)
        await self._count_object(request, params)
        asked = await self._requests.verify(params)
        async with self._pushed.answering(asked.target):
            href = self._frontend.authorize_href(link_params(params, asked.request))
            if len(href) > MAX_QUERY:
                raise InvalidRequest(f"the request is longer than {MAX_QUERY} bytes")
            return self._frontend.leave_to(href)

    async def _count_object(self, request: Request, params: Parameters) -> None:
        """Whoever has us fetch a request object, or keep one, sets something in motion, like a departure."""
        if "request" in params or ("request_uri" in params and not is_pushed(params["request_uri"])):
            await self._intake.count_start(request)

    async def _take(self, request: Request, params: Parameters, asked: Asked, step: Step) -> Response:
        client = asked.target.client
        locale = self._frontend.locale(request, ui_locales=" ".join(asked.request.ui_locales), client=client)
        match step:
            case Answer(response):
                return self._frontend.respond(request, asked.target, response)
            case Ask():
                return self._frontend.leave_to(self._frontend.question_href(step))
            case Start(name):
                return await self._leaving.leave(
                    request,
                    Authorize(asked.request),
                    client,
                    name,
                    shown=lambda: self._frontend.client_view(client, asked.target.redirect_uri),
                    again=lambda: self._frontend.authorize_href(link_params(params, asked.request, hinted=False)),
                    locale=locale,
                )
            case Choose():
                return await self._choose(request, params, asked, step, locale)

    async def _choose(
        self, request: Request, params: Parameters, asked: Asked, choose: Choose, locale: str
    ) -> Response:
        sent = link_params(params, asked.request, hinted=False)
        another = asked.request.idp_hint == ANOTHER_PERSON
        hinted = "" if another or asked.request.idp_hint in choose.providers else asked.request.idp_hint
        unfit = self._leaving.unfit(request)

        def href(name: str) -> str:
            anyway = {_ANYWAY: "1"} if name in unfit else {}
            return self._frontend.authorize_href({**sent, **anyway, "idp_hint": name})

        returning = await self._leaving.returning(request, choose, href, self._frontend.another_href(asked.request))
        buttons = self._leaving.buttons(request, choose.on_page, href, marked=returning is None)
        refused = tuple(button for button in buttons if button.provider in unfit)
        wait = self._frontend.href("/elsewhere", link_params(params, asked.request)) if self._leaving.elsewhere else ""
        offered = self._leaving.prompt(request, asked.request, asked.target.client, choose, locale=locale)
        view = LoginView(
            client=self._frontend.client_view(asked.target.client, asked.target.redirect_uri),
            buttons=buttons[: len(buttons) - len(refused)],
            language_hrefs=self._frontend.language_hrefs(
                "/authorize", {**sent, "idp_hint": ANOTHER_PERSON} if another else sent
            ),
            notice=self._notice(hinted, choose),
            notice_provider=self._providers.name_of(hinted) if choose.providers else {},
            sign_up=Prompt.CREATE in asked.request.prompt,
            returning=returning,
            refused=refused,
            elsewhere_href=wait if refused else "",
            prompt=offered.prompt if offered else None,
        )
        response = self._frontend.pages.show(view, locale)
        if offered:
            Cookies.keep_flow(request, response, offered.tag, offered.sealed, ttl=offered.ttl)
        if another:
            Cookies.forget_person(response)
        if "ui_locales" in params:
            Cookies.remember_language(response, locale)
        return response

    def _notice(self, hinted: str, choose: Choose) -> str:
        """Why the request's hint was not followed, or that nobody can sign in now; "" where all is well."""
        if not choose.providers or self._providers.minutes_off(hinted) is not None:
            return "E-OFF"
        return "E-NOTALLOWED" if hinted else ""
