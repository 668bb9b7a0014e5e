"""`/credential/{provider}/{client_id}`: where an upstream's script POSTs what it gave to a page of an app.

Google's button knows it as `login_uri`: developers.google.com/identity/gsi/web/reference/html-reference (read 2026-11).
The POST comes from the upstream's site, without our cookies, so the question is asked one step later.
"""

from __future__ import annotations

from hmac import compare_digest

from starlette.requests import Request
from starlette.responses import Response

from broker.core.clients.client import Client
from broker.core.errors import RequestError, UpstreamError
from broker.core.wire.parameters import Parameters
from broker.services.login.unasked import UnaskedLogins
from broker.upstream.abilities import PagePost
from broker.web.http.cookies import TAKEN, Cookies
from broker.web.limits.intake import Intake
from broker.web.login.unasked import UnaskedEndpoint
from broker.web.pages.frontend import Frontend

_KEPT_FOR = 60  # seconds


class PressedEndpoint:
    """Whatever does not go well here ends where the app begins a login of ours: nobody is left without a way in."""

    def __init__(self, frontend: Frontend, unasked: UnaskedLogins, questions: UnaskedEndpoint, intake: Intake) -> None:
        self._frontend = frontend
        self._unasked = unasked
        self._questions = questions
        self._intake = intake

    async def post(self, request: Request) -> Response:
        """Take the credential. Whose page it came from, the pair of field and cookie shows."""
        await self._intake.count("callback", request)
        params = await self._intake.read_form(request)
        name, client_id = request.path_params["provider"], request.path_params["client_id"]
        client, posts = await self._unasked.find_posting(name, client_id)
        taken = await self._take(client, name, params, posts) if _is_paired(request, params, posts) else ""
        response = self._frontend.leave_to(f"{self._frontend.base}{request.scope['path']}")
        if taken and Cookies.keep_taken(response, taken, ttl=_KEPT_FOR):
            return response
        return self._questions.go_on(request, client, self._unasked.initiate_href(client))

    async def get(self, request: Request) -> Response:
        """Ask about what was taken; where nothing was, the app begins a login."""
        await self._intake.count("callback", request)
        name, client_id = request.path_params["provider"], request.path_params["client_id"]
        client, _ = await self._unasked.find_posting(name, client_id)
        taken = Cookies.read(request, TAKEN)
        if not taken:
            return self._questions.go_on(request, client, self._unasked.initiate_href(client))
        response = await self._questions.ask_about(request, client, taken)
        Cookies.drop_taken(response)
        return response

    async def _take(self, client: Client, name: str, params: Parameters, posts: PagePost) -> str:
        """What is worth a question, "" for everything else: the log has the reason."""
        try:
            return await self._unasked.take(
                client, name, params.get(posts.credential, ""), params.get(posts.challenge, "")
            )
        except (RequestError, UpstreamError):
            return ""


def _is_paired(request: Request, params: Parameters, posts: PagePost) -> bool:
    """Whether a page at this host made the script post (double submit); the nonce says the rest."""
    repeated, given = Cookies.read(request, posts.pair), params.get(posts.pair, "")
    return bool(given) and not params.repeated and compare_digest(repeated.encode(), given.encode())
