"""`/consent`: may this app know these things? The question is bound to one session and good for one answer."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from broker.core.authorize import VerifiedRedirect
from broker.core.claims import build_asked_scope, describe
from broker.core.errors import AccessDenied, ForeignPost, InvalidRequest
from broker.core.records import AuthorizationRequest, ConsentTicket
from broker.services.authorize import Authorization
from broker.services.consent import Consents
from broker.services.people import People
from broker.services.sessions import Session, Sessions
from broker.web.cookies import SESSION, Cookies
from broker.web.door import Door
from broker.web.frontend import Frontend
from broker.web.http import read_query
from broker.web.views import ConsentView

_MAX_TICKET = 16 * 1024  # bytes; a sealed request is a third larger than the request was


class ConsentEndpoint:
    """Shows the question and takes the answer; the scopes come from the sealed ticket, never from the form."""

    def __init__(
        self,
        frontend: Frontend,
        authorization: Authorization,
        *,
        consents: Consents,
        sessions: Sessions,
        people: People,
        door: Door,
    ) -> None:
        """`door` counts visitors and reads bodies."""
        self._frontend = frontend
        self._authorization = authorization
        self._consents = consents
        self._sessions = sessions
        self._people = people
        self._door = door

    async def get(self, request: Request) -> Response:
        """The question."""
        params = read_query(request, limit=_MAX_TICKET)
        sealed = params.text("ticket")
        asked, session, _, target = await self._open(request, sealed)
        locale = self._frontend.locale(
            request, ui_locales=params.text("ui_locales") or " ".join(asked.ui_locales), client=target.client
        )
        view = ConsentView(
            client=self._frontend.client_view(target.client, target.redirect_uri),
            scopes=describe(build_asked_scope(asked.scope, asked.claims)),
            resources=asked.resource,
            person_name=await self._people.name_of(session.record),
            ticket=sealed,
            language_hrefs=self._frontend.language_hrefs("/consent", {"ticket": sealed}),
        )
        return self._frontend.pages.consent(view, locale)

    async def post(self, request: Request) -> Response:
        """The answer."""
        self._frontend.check_own_form(request)
        params = await self._door.read_form(request)
        if params.text("answer") not in {"allow", "deny"}:
            raise InvalidRequest("answer must be allow or deny")
        asked, session, ticket, target = await self._open(request, params.text("ticket"))
        allowed = params["answer"] == "allow"
        request.state.target = target
        async with self._consents.answer(ticket, asked, session.record.sub, allowed=allowed, client=target.client):
            if not allowed:
                raise AccessDenied("the user did not agree")
            await self._authorization.check_still_welcome(target.client, session)
            step = await self._authorization.answer(asked, session)
        return self._frontend.respond(request, target, step.params)

    async def _open(
        self, request: Request, sealed: str
    ) -> tuple[AuthorizationRequest, Session, ConsentTicket, VerifiedRedirect]:
        session = await self._sessions.find(Cookies.read(request, SESSION))
        ticket, asked = self._consents.open_ticket(sealed, session)
        if session is None:
            raise ForeignPost("a consent answer without a session")
        target = await self._authorization.target_of(asked)
        self._consents.check_promise(ticket, asked, target.client)
        return asked, session, ticket, target
