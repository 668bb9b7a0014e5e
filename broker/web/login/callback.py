"""`/callback/{provider}`: where upstreams answer, by query, by form, or in a fragment our landing page hands over."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from broker.core.errors import NothingAsked, UpstreamError
from broker.core.events import visitor
from broker.core.people.identity import Person
from broker.core.wire.parameters import Parameters, parse_form
from broker.services.authorize.decide import Ask, Return
from broker.services.login.complete import Completed, Completion, Home
from broker.services.login.joining import Settled
from broker.services.login.outcomes import Callback, Visitor
from broker.services.login.states import States
from broker.services.people.forms import Forms
from broker.services.people.held import PROOF_TTL
from broker.services.providers import ProviderInstance, Providers
from broker.upstream.model import Channel, Reply, unpack_reply
from broker.web.http.cookies import BROWSER, LAST_PROVIDER, SESSION, Cookies
from broker.web.http.reading import read_query
from broker.web.limits.intake import Intake
from broker.web.login.returning import LastLogin
from broker.web.pages.frontend import Frontend
from broker.web.pages.views import FragmentView


class Arrivals:
    """Shows what comes of a login, wherever it ends: at once, or after a question in the middle of it."""

    def __init__(self, frontend: Frontend, forms: Forms, last: LastLogin, *, session_ttl: int) -> None:
        """`forms` seal what the account page says was done.

        `last` is what a browser remembers of a login, `session_ttl`: seconds it keeps its session.
        """
        self._frontend = frontend
        self._forms = forms
        self._session_ttl = session_ttl
        self._last = last

    def show(self, request: Request, done: Completed) -> Response:
        """On to the next page, or back to the client; the browser keeps what it has to."""
        response = self._leave_to(request, done.step)
        if done.person is not None:
            self.keep(response, done.cookie, done.person)
        if done.browser:
            Cookies.bind_browser(response, done.browser, ttl=PROOF_TTL)
        return response

    def keep(self, response: Response, cookie: str, person: Person) -> None:
        """Somebody is logged in here from now on."""
        Cookies.start_session(response, cookie, ttl=self._session_ttl)
        self._last.remember(response, person.link)

    def settle(self, request: Request, settled: Settled) -> Response:
        """On with the login that a question interrupted, else to the account page, which says what was done."""
        if settled.step is not None:
            return self._leave_to(request, settled.step)
        notice = self._forms.notice(settled.answered, Cookies.read(request, SESSION))
        return self._frontend.leave_to(self._frontend.href("/account", {"notice": notice}))

    def _leave_to(self, request: Request, step: Ask | Return | Home) -> Response:
        match step:
            case Ask():
                return self._frontend.leave_to(self._frontend.question_href(step))
            case Return(target, params):
                return self._frontend.respond(request, target, params)
            case Home(page):
                return self._frontend.leave_to(self._frontend.account_href(page))


class CallbackEndpoint:
    """Turns what arrived into a `Callback`, and shows what comes of it."""

    def __init__(
        self, frontend: Frontend, completion: Completion, arrivals: Arrivals, *, providers: Providers, intake: Intake
    ) -> None:
        self._frontend = frontend
        self._completion = completion
        self._arrivals = arrivals
        self._providers = providers
        self._intake = intake

    async def get(self, request: Request) -> Response:
        """An answer in the query, or none at all: then it may be in the fragment, which only the browser sees."""
        visitor.set(await self._intake.count("callback", request))
        instance = self._find(request)
        params = read_query(request)
        if not params and Channel.FRAGMENT in instance.provider.channels:
            view = FragmentView(action=request.scope["path"], retry_href=self._read_again(request))
            return self._frontend.pages.show(view, self._frontend.locale(request))
        return await self._finish(request, instance, Channel.QUERY, params)

    async def post(self, request: Request) -> Response:
        """An answer posted by the upstream, or a fragment posted by our landing page."""
        visitor.set(await self._intake.count("callback", request))
        instance = self._find(request)
        params = await self._intake.read_form(request)
        if "fragment" in params and len(params) == 1:
            return await self._finish(request, instance, Channel.FRAGMENT, parse_form(params["fragment"].encode()))
        prompted = instance.abilities.prompts is not None and "credential" in params
        channel = Channel.CREDENTIAL if prompted else Channel.FORM_POST
        return await self._finish(request, instance, channel, params)

    def _find(self, request: Request) -> ProviderInstance:
        """One that was switched off meanwhile, too: `Logins.finish` tells whoever comes back where they set out."""
        name = request.path_params["provider"]
        return self._providers.known(name) or self._providers.find(name)

    async def _finish(
        self, request: Request, instance: ProviderInstance, channel: Channel, params: Parameters
    ) -> Response:
        if params.repeated:
            raise NothingAsked("a parameter of the callback came twice")
        in_path = request.path_params.get("state", "")
        sent = {key: value for key, value in params.items() if not (in_path and key == "state")}
        try:
            reply = unpack_reply(instance.provider, Reply(channel, sent))
        except UpstreamError as error:
            raise NothingAsked(error.detail) from None
        state = in_path or reply.params.get("state", "")
        return await self.arrive(request, callback_of(request, instance, state, reply))

    async def arrive(self, request: Request, callback: Callback) -> Response:
        """Finish the login in this browser, whatever way the reply came."""
        session, browser, last_used = (Cookies.read(request, name) for name in (SESSION, BROWSER, LAST_PROVIDER))
        visitor = Visitor(session, browser, last_used, self._intake.whence(request))
        async with self._completion.complete(callback, visitor) as done:
            response = self._arrivals.show(request, done)
        Cookies.drop_flow(response, callback.tag)
        return response

    def _read_again(self, request: Request) -> str:
        """The link that begins anew; what somebody else put into the cookie is none."""
        kept = Cookies.read_again(request)
        base = self._frontend.base
        ours = kept.startswith(tuple(f"{base}{path}" for path in ("/authorize?", "/device", "/join?", "/account")))
        return kept if ours and kept.isprintable() else ""


def callback_of(request: Request, instance: ProviderInstance, state: str, reply: Reply) -> Callback:
    """What came back, with the record that this browser keeps."""
    tag = States.tag(state)
    return Callback(instance, state, tag, reply, Cookies.read_flow(request, tag))
