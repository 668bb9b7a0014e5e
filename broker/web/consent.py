"""`/consent`: may this app know these things? The question is bound to one session and good for one answer."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from broker.core.authorize import VerifiedRedirect
from broker.core.claims import build_asked_scope, describe
from broker.core.errors import InvalidRequest
from broker.services.people import People
from broker.services.questions import Questions
from broker.web.cookies import SESSION, Cookies
from broker.web.door import Door
from broker.web.frontend import Frontend
from broker.web.http import read_query
from broker.web.views import ConsentView

MAX_TICKET = 16 * 1024  # bytes; a sealed request is a third larger than the request was


class ConsentEndpoint:
    """Shows the question and takes the answer; the scopes come from the sealed ticket, never from the form."""

    def __init__(self, frontend: Frontend, questions: Questions, people: People, door: Door) -> None:
        """`people` knows names, `door` reads bodies."""
        self._frontend = frontend
        self._questions = questions
        self._people = people
        self._door = door

    async def get(self, request: Request) -> Response:
        """The question."""
        params = read_query(request, limit=MAX_TICKET)
        sealed = params.text("ticket")
        question = await self._questions.open_(sealed, Cookies.read(request, SESSION))
        asked, client = question.request, question.client
        target = VerifiedRedirect.of(asked, client)
        locale = self._frontend.locale(
            request, ui_locales=params.text("ui_locales") or " ".join(asked.ui_locales), client=client
        )
        view = ConsentView(
            client=self._frontend.client_view(client, target.redirect_uri),
            scopes=describe(build_asked_scope(asked.scope, asked.claims)),
            resources=asked.resource,
            person_name=await self._people.name_of(question.session.login),
            ticket=sealed,
            language_hrefs=self._frontend.language_hrefs("/consent", {"ticket": sealed}),
        )
        return self._frontend.pages.consent(view, locale)

    async def post(self, request: Request) -> Response:
        """The answer."""
        sealed, allowed = await read_answer(request, self._frontend, self._door)
        done = await self._questions.answer_consent(sealed, Cookies.read(request, SESSION), allowed=allowed)
        return self._frontend.respond(request, done.target, done.params)


async def read_answer(request: Request, frontend: Frontend, door: Door) -> tuple[str, bool]:
    """The ticket of a question and whether the answer to it is yes; raises ForeignPost or InvalidRequest."""
    frontend.check_own_form(request)
    params = await door.read_form(request)
    if params.text("answer") not in {"allow", "deny"}:
        raise InvalidRequest("answer must be allow or deny")
    return params.text("ticket"), params["answer"] == "allow"
