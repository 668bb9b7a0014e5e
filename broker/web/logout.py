"""`/logout`: out of everything (OIDC RP-Initiated Logout 1.0), with a page that says which apps were told."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from broker.core.errors import ForeignPost, InvalidRequest
from broker.services.logout.rp_initiated import LoggedOut, Logout, LogoutWish
from broker.services.sessions.single_sign_on import Session, Sessions
from broker.web.http.cookies import SESSION, Cookies
from broker.web.http.reading import MAX_QUERY, read_query
from broker.web.limits.intake import Intake
from broker.web.pages.frontend import Frontend
from broker.web.pages.persons import Persons
from broker.web.pages.views import ClientView, LoggedOutView, LogoutView, ToldApp

_MAX_STATE = 1024  # bytes of a query that comes back from an upstream
_FRAMES_LOAD = 3  # seconds for the apps' frames before the browser goes on


class LogoutEndpoint:
    """Ends the session at once where the app proves that it speaks of it, and asks the person otherwise."""

    def __init__(
        self, frontend: Frontend, logout: Logout, issuer: str, *, sessions: Sessions, persons: Persons, intake: Intake
    ) -> None:
        """`intake` reads bodies; upstreams send the browser back to `done`, below the issuer."""
        self._frontend = frontend
        self._logout = logout
        self._sessions = sessions
        self._persons = persons
        self._intake = intake
        self._return_to = f"{issuer}/logout/done"

    async def get(self, request: Request) -> Response:
        """A logout request."""
        params = read_query(request)
        wish = await self._logout.verify(params)
        session = await self._sessions.find(Cookies.read(request, SESSION))
        locale = self._frontend.locale(request, ui_locales=params.get("ui_locales", ""), client=wish.client)
        if session is None or self._logout.is_plain(wish, session):
            return await self._finish(request, wish, session, locale)
        view = LogoutView(
            client=self._client_view(wish),
            person=await self._persons.of_login(session.login),
            ticket=self._logout.build_ticket(wish, session),
            # An address that nobody registered stands in no link of ours, not even inside its query.
            language_hrefs={} if wish.astray else self._frontend.language_hrefs("/logout", params),
            problem=wish.problem,
        )
        return self._frontend.pages.show(view, locale, status=400 if wish.astray else 200)

    async def post(self, request: Request) -> Response:
        """The same in a form (section 2). As at `/authorize`, the browser comes again by GET and brings its cookies."""
        params = await self._intake.read_form(request)
        await self._logout.verify(params)
        href = self._frontend.href("/logout", params)
        if len(href) > MAX_QUERY:
            raise InvalidRequest(f"the request is longer than {MAX_QUERY} bytes")
        return self._frontend.leave_to(href)

    async def confirm(self, request: Request) -> Response:
        """The answer to our question."""
        self._frontend.check_own_form(request)
        params = await self._intake.read_form(request)
        if params.get("answer") not in {"logout", "stay"}:
            raise ForeignPost("an answer without a question")
        session = await self._sessions.find(Cookies.read(request, SESSION))
        wish = await self._logout.open_ticket(params.get("ticket", ""), session)
        if params["answer"] == "stay":
            return self._frontend.leave_to(f"{self._frontend.base}/")
        return await self._finish(request, wish, session, self._frontend.locale(request, client=wish.client))

    async def done(self, request: Request) -> Response:
        """Back from the upstream, whose session has ended, too."""
        params = read_query(request, limit=_MAX_STATE)
        params.check_single(params.repeated)
        done = await self._logout.recall(params.get("state", ""))
        return await self._show(request, done, self._frontend.locale(request, client=done.client))

    async def _finish(self, request: Request, wish: LogoutWish, session: Session | None, locale: str) -> Response:
        done = await self._logout.finish(wish, session, return_to=self._return_to)
        response = await self._show(request, done, locale)
        Cookies.sign_out(response)
        return response

    async def _show(self, request: Request, done: LoggedOut, locale: str) -> Response:
        """On to where the person was going, over a page where one is needed: for frames, and after a POST (A20).

        Where nobody verified the place, and nobody was signed out, the page has a link and goes nowhere by itself.
        """
        href = "" if done.is_lure else done.upstream_href or done.redirect_uri
        if href.startswith(("https:", "http:")) and not done.frames and request.method == "GET":
            return RedirectResponse(href, 303)
        told = await self._logout.find_clients(done.apps)
        client = self._frontend.client_view(done.client, done.redirect_uri) if done.client else ClientView({})
        view = LoggedOutView(
            client=client,
            apps=tuple(ToldApp(app.name, word.value) for app, word in told),
            frames=done.frames,
            href=href,
            wait=_FRAMES_LOAD if done.frames else 0,
            home_href=(done.is_lure and done.redirect_uri) or (done.client.home_uri if done.client else ""),
            problem=done.problem,
        )
        return self._frontend.pages.show(view, locale, status=400 if done.astray else 200)

    def _client_view(self, wish: LogoutWish) -> ClientView:
        return self._frontend.client_view(wish.client, wish.redirect_uri) if wish.client else ClientView({})
