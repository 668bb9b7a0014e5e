"""`/callback/{provider}`: where upstreams answer, by query, by form, or in a fragment our landing page hands over."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from broker.core.authorize import VerifiedRedirect
from broker.core.errors import NothingAsked, UpstreamError
from broker.core.events import visitor
from broker.core.parameters import Parameters, parse_form
from broker.services.attempt import Callback, Finished
from broker.services.authorize import Ask, Authorization
from broker.services.login import Logins
from broker.services.providers import Providers
from broker.services.sessions import Sessions
from broker.services.states import States
from broker.upstream.model import Channel, Provider, finds_state
from broker.web.cookies import SESSION, Cookies
from broker.web.door import Door
from broker.web.frontend import Frontend
from broker.web.http import read_query
from broker.web.views import FragmentView


class CallbackEndpoint:
    """Turns what arrived into a `Callback`, lets the login finish, and goes on with the request it was for."""

    def __init__(
        self,
        frontend: Frontend,
        authorization: Authorization,
        *,
        logins: Logins,
        sessions: Sessions,
        providers: Providers,
        door: Door,
        remember_for: int,
    ) -> None:
        """`remember_for`: seconds the last used provider is remembered."""
        self._frontend = frontend
        self._authorization = authorization
        self._logins = logins
        self._sessions = sessions
        self._providers = providers
        self._door = door
        self._remember_for = remember_for

    async def get(self, request: Request) -> Response:
        """An answer in the query, or none at all: then it may be in the fragment, which only the browser sees."""
        await self._door.count("callback", request)
        name = request.path_params["provider"]
        provider = self._providers.find(name).provider
        params = read_query(request)
        if not params and Channel.FRAGMENT in provider.channels:
            view = FragmentView(action=request.scope["path"], retry_href=self._read_again(request))
            return self._frontend.pages.fragment(view, self._frontend.locale(request))
        return await self._finish(request, name, Channel.QUERY, params)

    async def post(self, request: Request) -> Response:
        """An answer posted by the upstream, or a fragment posted by our landing page."""
        await self._door.count("callback", request)
        name = request.path_params["provider"]
        params = await self._door.read_form(request)
        if "fragment" in params and len(params) == 1:
            return await self._finish(request, name, Channel.FRAGMENT, parse_form(params["fragment"].encode()))
        return await self._finish(request, name, Channel.FORM_POST, params)

    async def _finish(self, request: Request, name: str, channel: Channel, params: Parameters) -> Response:
        if params.repeated:
            raise NothingAsked("a parameter of the callback came twice")
        in_path = request.path_params.get("state", "")
        state = in_path or _find_state(self._providers.find(name).provider, params)
        reply = {key: value for key, value in params.items() if not (in_path and key == "state")}
        tag = States.tag(state)
        callback = Callback(name, state, channel, reply, Cookies.read_flow(request, tag))
        request.state.flow_tag = tag
        visitor.set(self._door.sources.find(request))
        return await self._go_on(request, tag, await self._logins.finish(callback))

    def _read_again(self, request: Request) -> str:
        """The link that begins anew; what somebody else put into the cookie is none."""
        kept = Cookies.read_again(request)
        ours = kept.startswith((f"{self._frontend.base}/authorize?", f"{self._frontend.base}/device"))
        return kept if ours and kept.isprintable() else ""

    async def _go_on(self, request: Request, tag: str, finished: Finished) -> Response:
        client = finished.client
        if not finished.request.device:
            request.state.target = VerifiedRedirect.of(finished.request, client)
        before = await self._sessions.find(Cookies.read(request, SESSION))
        value, session = self._sessions.build(
            finished.person, finished.identity, finished.provider, began_at=finished.started_at, replacing=before
        )
        step = await self._authorization.after_login(finished.request, client, session, fresh_since=finished.started_at)
        # Only now: a login the request does not accept leaves whoever was logged in before as they were.
        await self._sessions.keep(session, replacing=before)
        response: Response
        if isinstance(step, Ask):
            response = self._frontend.leave_to(self._frontend.question_href(step))
        else:
            response = self._frontend.respond(request, request.state.target, step.params)
        Cookies.start_session(response, value, ttl=self._sessions.limits.absolute)
        Cookies.remember_provider(response, finished.provider, ttl=self._remember_for)
        Cookies.drop_flow(response, tag)
        return response


def _find_state(provider: Provider, params: Parameters) -> str:
    """Where this upstream puts the state; nothing about it is believed yet."""
    if not finds_state(provider):
        return params.text("state")
    try:
        return provider.find_state(params)
    except UpstreamError as error:
        raise NothingAsked(error.detail) from None
