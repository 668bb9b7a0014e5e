"""`/bot/{provider}/{state}` and `/updates/{provider}`: a browser waits for somebody in a chat, and what they say there.

Off unless a provider can sign in by a bot (ADR 58).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response

from broker.core.events import visitor
from broker.core.records import Authorize
from broker.services.login.by_bot import BotLogins, BotUpdates, Opened
from broker.services.login.outcomes import Callback
from broker.services.providers import Providers
from broker.upstream.model import Channel, Reply
from broker.web.http.answers import answer_json
from broker.web.http.reading import JSON, read_json
from broker.web.limits.intake import Intake
from broker.web.login.callback import CallbackEndpoint, callback_of
from broker.web.pages.frontend import Frontend
from broker.web.pages.views import ByBotView, ClientView


class BotEntry:
    """The page that shows the number, and goes on when somebody has pressed it."""

    def __init__(
        self,
        frontend: Frontend,
        by_bot: BotLogins,
        callbacks: CallbackEndpoint,
        *,
        providers: Providers,
        intake: Intake,
    ) -> None:
        """`callbacks` finish a login, however its reply came."""
        self._frontend = frontend
        self._by_bot = by_bot
        self._callbacks = callbacks
        self._providers = providers
        self._intake = intake

    async def post(self, request: Request) -> Response:
        """Somebody wants to open the bot. From here on something is kept for them, so it is counted."""
        self._frontend.check_own_form(request)
        visitor.set(await self._intake.count("bot_start", request))
        opened = await self._by_bot.open_(self._read(request))
        shown = self._client(opened)
        await self._by_bot.begin(opened, shown.name, shown.host, self._intake.whence(request))
        return self._frontend.leave_to(request.scope["path"])

    async def get(self, request: Request) -> Response:
        """The number, while nobody has answered; a script that asks for JSON hears whether somebody has."""
        visitor.set(await self._intake.count("bot_wait", request))
        callback = self._read(request)
        opened = await self._by_bot.open_(callback)
        found = await self._by_bot.look(opened)
        if request.headers.get("accept") == JSON:
            return answer_json({"answered": isinstance(found, Reply)})
        if isinstance(found, Reply):
            return await self._callbacks.arrive(request, replace(callback, reply=found))
        view = ByBotView(self._client(opened), opened.instance.title, found.href, number=found.number)
        return self._frontend.pages.show(view, self._frontend.locale(request, client=opened.client))

    def _read(self, request: Request) -> Callback:
        instance = self._providers.find(request.path_params["provider"])
        return callback_of(request, instance, request.path_params["state"], Reply(Channel.BOT, {}))

    def _client(self, opened: Opened) -> ClientView:
        """What is signed in to, and where the browser is sent afterwards; at home it is this service itself."""
        purpose = opened.record.purpose
        if opened.client is None:
            return ClientView(self._frontend.pages.product_name)
        if isinstance(purpose, Authorize):
            return self._frontend.client_view(opened.client, purpose.request.redirect_uri)
        return self._frontend.device_view(opened.client)


class UpdatesEndpoint:
    """What the messenger tells, or the team's own bot passes on."""

    def __init__(self, updates: BotUpdates, intake: Intake) -> None:
        self._updates = updates
        self._intake = intake

    async def post(self, request: Request) -> Response:
        """200 for every update that was understood, whatever it is about: another answer has it sent again."""
        await self._intake.count("bot_update", request)
        name = request.path_params["provider"]
        self._updates.admit(name, request.headers.get)
        update = await read_json(request, limit=self._intake.body_limit)
        return answer_json({"handled": await self._updates.hear(name, update)})


@dataclass(frozen=True, slots=True)
class BotEndpoints:
    """The page, and the way in for updates."""

    entry: BotEntry
    updates: UpdatesEndpoint
