"""`/device`: the browser of whoever says yes to a device that has none (RFC 8628)."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from broker.core.authorize.account_choice import ANOTHER_PERSON, for_another
from broker.core.authorize.consent import Said
from broker.core.authorize.request import add_to_kept
from broker.core.errors import InvalidRequest
from broker.core.records import AuthorizationRequest, Device
from broker.core.terms import Prompt
from broker.core.wire.query import Sent
from broker.services.authorize.codes import Answer
from broker.services.authorize.consent import About
from broker.services.authorize.decide import Ask, Authorization, Choose, Start
from broker.services.authorize.questions import Questions
from broker.services.clients.directory import Clients
from broker.services.devices import EXPIRES_IN, Devices
from broker.services.sessions.single_sign_on import Sessions
from broker.web.authorize.consent import MAX_TICKET, read_answer
from broker.web.http.cookies import BROWSER, SESSION, Cookies
from broker.web.http.reading import read_query
from broker.web.limits.client_address import coarse
from broker.web.limits.intake import Intake
from broker.web.login.leaving import Leaving
from broker.web.pages.frontend import Frontend
from broker.web.pages.persons import Persons
from broker.web.pages.views import ClientView, DeviceCodeView, DeviceConfirmView, DeviceDoneView, LoginView


class DeviceEntry:
    """The page where the code is typed, and the choice of a provider behind it."""

    def __init__(
        self,
        frontend: Frontend,
        devices: Devices,
        authorization: Authorization,
        *,
        clients: Clients,
        leaving: Leaving,
        sessions: Sessions,
        intake: Intake,
    ) -> None:
        self._frontend = frontend
        self._devices = devices
        self._authorization = authorization
        self._clients = clients
        self._leaving = leaving
        self._sessions = sessions
        self._intake = intake

    async def get(self, request: Request) -> Response:
        """The form. A code in the address is filled in, and nothing more (section 5.4)."""
        params = read_query(request)
        locale = self._frontend.locale(request, ui_locales=params.get("ui_locales", ""))
        response = self._show(params.get("user_code", ""), locale)
        if "ui_locales" in params:
            Cookies.remember_language(response, locale)
        return response

    async def post(self, request: Request) -> Response:
        """A code. Whoever tries is counted before it is looked up, right or wrong, however they come.

        Wrong ones of everybody together make everybody wait, before it shows who was right.
        """
        self._frontend.check_own_form(request)
        params = await self._intake.read_form(request)
        await self._intake.count("device_code_entry", request)
        session = await self._sessions.find(Cookies.read(request, SESSION))
        if session is not None:
            await self._intake.limits.check("device_code_entry", f"account {session.login.sub}")
        await self._intake.limits.pace("device_code_wrong")
        browser = Cookies.read(request, BROWSER) or self._devices.mint_browser()
        ticket = await self._devices.enter(params.get("user_code", ""), browser=browser)
        if ticket is None:
            await self._intake.limits.count("device_code_wrong")
            return self._show("", self._frontend.locale(request), wrong=True)
        response = self._frontend.leave_to(self._href(ticket))
        Cookies.bind_browser(response, browser, ttl=EXPIRES_IN)
        return response

    async def choose(self, request: Request) -> Response:
        """Behind a right code: who are you? A session that is there is taken to the question at once."""
        params = read_query(request, limit=MAX_TICKET)
        sealed = params.get("ticket", "")
        waiting = await self._devices.open_ticket(sealed, browser=Cookies.read(request, BROWSER))
        client = await self._clients.find_again(waiting.request.client_id)
        asked = add_to_kept(waiting.request, params, client)
        locale = self._frontend.locale(request, ui_locales=params.get("ui_locales", ""), client=client)
        if (name := asked.idp_hint) not in {"", ANOTHER_PERSON}:
            return await self._leaving.leave(
                request,
                Device(asked),
                client,
                name,
                shown=lambda: self._frontend.device_view(client, waiting.leads_to),
                again=lambda: self._href(sealed),
                locale=locale,
            )
        session = await self._sessions.find(Cookies.read(request, SESSION))
        shown = self._frontend.device_view(client, waiting.leads_to)
        match await self._authorization.next_step(asked, client, session):
            case Ask() as step:
                return self._frontend.leave_to(self._frontend.question_href(step))
            case Choose() as step:
                return await self._offer(request, asked, shown, sealed, step, locale=locale)
            case Start(name):
                # By a button even where there is one alone: a browser refuses to leave us at the end of a form.
                return await self._offer(request, asked, shown, sealed, Choose((name,), offers=False), locale=locale)
            case Answer():
                raise InvalidRequest("a device is never answered without a question")

    async def _offer(
        self,
        request: Request,
        asked: AuthorizationRequest,
        client: ClientView,
        ticket: str,
        choose: Choose,
        *,
        locale: str,
    ) -> Response:
        sent = _login_params(ticket, asked)

        def href(name: str) -> str:
            return self._frontend.href("/device/login", {**sent, "idp_hint": name})

        another = self._frontend.href("/device/login", _login_params(ticket, for_another(asked)))
        returning = await self._leaving.returning(request, choose, href, another)
        view = LoginView(
            client=client,
            buttons=self._leaving.buttons(request, choose.on_page, href, marked=returning is None),
            language_hrefs=self._frontend.language_hrefs("/device/login", sent),
            returning=returning,
            notice="" if choose.providers else "E-OFF",
        )
        response = self._frontend.pages.show(view, locale)
        if asked.idp_hint == ANOTHER_PERSON:
            Cookies.forget_person(response)
        return response

    def _show(self, user_code: str, locale: str, *, wrong: bool = False) -> Response:
        sent = {"user_code": user_code} if user_code else {}
        view = DeviceCodeView(user_code[:32], wrong, self._frontend.language_hrefs("/device", sent))
        return self._frontend.pages.show(view, locale, status=400 if wrong else 200)

    def _href(self, ticket: str) -> str:
        return self._frontend.href("/device/login", {"ticket": ticket})


class DeviceConfirmation:
    """Is that your device? The question is bound to one session and good for one answer, like every question here."""

    def __init__(
        self, frontend: Frontend, devices: Devices, questions: Questions, *, persons: Persons, intake: Intake
    ) -> None:
        self._frontend = frontend
        self._devices = devices
        self._questions = questions
        self._persons = persons
        self._intake = intake

    async def get(self, request: Request) -> Response:
        """The question, with all that tells a device of one's own from a stranger's."""
        params = read_query(request, limit=MAX_TICKET)
        sealed = params.get("ticket", "")
        question = await self._questions.open_(sealed, Cookies.read(request, SESSION), about=About.DEVICE)
        asked, client = question.request, question.client
        waiting = await self._devices.find(asked.device)
        person, scopes = await self._persons.asked(question, Said())
        view = DeviceConfirmView(
            client=self._frontend.device_view(client, waiting.leads_to),
            scopes=scopes,
            person=person,
            another_href=self._another_href(request, asked),
            user_code=self._devices.user_code_of(asked.device, waiting),
            minutes=self._devices.minutes_ago(waiting),
            place=waiting.place,
            near=waiting.place == coarse(self._intake.sources.find(request)) != "",
            resources=asked.resource,
            ticket=sealed,
            language_hrefs=self._frontend.language_hrefs("/device/confirm", {"ticket": sealed}),
            window=waiting.resumes is not None,
        )
        locale = self._frontend.locale(request, ui_locales=params.get("ui_locales", ""), client=client)
        return self._frontend.pages.show(view, locale)

    def _another_href(self, request: Request, asked: AuthorizationRequest) -> str:
        """The chooser for the same device; the code again where no ticket could be bound to the browser."""
        browser = Cookies.read(request, BROWSER)
        if not browser:
            return f"{self._frontend.base}/device"
        ticket = self._devices.build_ticket(asked.device, browser=browser)
        return self._frontend.href("/device/login", _login_params(ticket, for_another(asked)))

    async def post(self, request: Request) -> Response:
        """The answer."""
        sealed, choice = await read_answer(request, self._frontend, self._intake)
        done = await self._questions.answer_device(sealed, Cookies.read(request, SESSION), choice)
        view = DeviceDoneView(self._frontend.device_view(done.client), done.allowed, done.number)
        return self._frontend.pages.show(view, self._frontend.locale(request, client=done.client))


def _login_params(ticket: str, asked: AuthorizationRequest) -> Sent:
    """The choice of a provider for a device, with what our own pages add to what it asks."""
    choosing = {"prompt": Prompt.SELECT_ACCOUNT} if Prompt.SELECT_ACCOUNT in asked.prompt else {}
    return {"ticket": ticket} | choosing | ({"idp_hint": asked.idp_hint} if asked.idp_hint else {})


@dataclass(frozen=True, slots=True)
class DeviceEndpoints:
    """The page of the code, and the question."""

    entry: DeviceEntry
    confirmation: DeviceConfirmation
