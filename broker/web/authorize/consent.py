"""`/consent`: may this app know these things? The question is bound to one session and good for one answer."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from broker.core.authorize.target import VerifiedRedirect
from broker.core.errors import InvalidRequest
from broker.services.authorize.decide import Ask
from broker.services.authorize.questions import Choice, Questions
from broker.web.http.cookies import SESSION, Cookies
from broker.web.http.reading import read_query
from broker.web.limits.intake import Intake
from broker.web.pages.frontend import Frontend
from broker.web.pages.persons import Persons
from broker.web.pages.response_modes import on_the_way
from broker.web.pages.views import ConsentView

_BOX = "scope-"  # before the name of a scope that may be left out
MAX_TICKET = 16 * 1024  # bytes; a sealed request is a third larger than the request was


class ConsentEndpoint:
    """Shows the question and takes the answer; the scopes come from the sealed ticket, the form may leave some out."""

    def __init__(self, frontend: Frontend, questions: Questions, persons: Persons, intake: Intake) -> None:
        self._frontend = frontend
        self._questions = questions
        self._persons = persons
        self._intake = intake

    async def get(self, request: Request) -> Response:
        """The question."""
        params = read_query(request, limit=MAX_TICKET)
        sealed = params.get("ticket", "")
        question = await self._questions.open_(sealed, Cookies.read(request, SESSION))
        asked, client = question.request, question.client
        target = VerifiedRedirect.of(asked, client)
        locale = self._frontend.locale(
            request, ui_locales=params.get("ui_locales") or " ".join(asked.ui_locales), client=client
        )
        person, scopes = await self._persons.asked(question, await self._questions.recall(question))
        view = ConsentView(
            client=self._frontend.client_view(client, target.redirect_uri),
            scopes=scopes,
            resources=asked.resource,
            elsewhere=self._persons.elsewhere(client),
            person=person,
            another_href=self._frontend.another_href(asked),
            ticket=sealed,
            language_hrefs=self._frontend.language_hrefs("/consent", {"ticket": sealed}),
        )
        return on_the_way(self._frontend.pages.show(view, locale), target)

    async def post(self, request: Request) -> Response:
        """The answer."""
        sealed, choice = await read_answer(request, self._frontend, self._intake)
        cookie = Cookies.read(request, SESSION)
        async with self._questions.answer_consent(sealed, cookie, choice) as done:
            return self._frontend.respond(request, done.target, done.params)

    async def go_on(self, request: Request) -> Response:
        """`/continue`: the person whom the login page offered first goes on as who they are, without another login."""
        self._frontend.check_own_form(request)
        params = await self._intake.read_form(request)
        async with self._questions.go_on(params.get("ticket", ""), Cookies.read(request, SESSION)) as step:
            if isinstance(step, Ask):
                return self._frontend.leave_to(self._frontend.question_href(step))
            return self._frontend.respond(request, step.target, step.params)


async def read_answer(request: Request, frontend: Frontend, intake: Intake) -> tuple[str, Choice]:
    """The ticket of a question and the answer to it; raises ForeignPost or InvalidRequest.

    A page with boxes has an answer of its own: a version of ours that knows of none must not take it for a yes to all.
    """
    frontend.check_own_form(request)
    params = await intake.read_form(request)
    if params.get("answer") not in {"allow", "selected", "deny"}:
        raise InvalidRequest("answer must be allow, selected or deny")
    marked = frozenset(name.removeprefix(_BOX) for name in params if name.startswith(_BOX))
    choice = Choice(params["answer"] != "deny", marked if params["answer"] == "selected" else None)
    return params.get("ticket", ""), choice
