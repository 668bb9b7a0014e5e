"""The emulated chat of a person with a bot: what t.me opens, the messages, and the updates that the bot's webhook gets.

From core.telegram.org/bots/api#update, #setwebhook and /bots/features#deep-linking (read 2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlencode

from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from broker.demo.call import Call
from broker.demo.faults import Faults
from broker.demo.people import Person
from broker.demo.upstreams.answers import json_answer
from broker.demo.upstreams.base import RegisteredApp
from broker.demo.upstreams.bot_api import BotApi

UPDATE_FAULTS = ("update_twice", "update_unrelated", "update_group", "update_wrong_secret")
_START = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what a deep link may carry
_TRIES = 5
_NUMBERS = count(700_000_001)  # of updates: none comes again, whatever is cleared
_GROUP = {"id": -1001234567890, "title": "A group", "type": "supergroup"}
Ask = Callable[[Call, Callable[[], Response]], Person]
Post = Callable[[str, Mapping[str, object], Mapping[str, str]], Awaitable[int]]


@dataclass(slots=True)
class BotChat:
    """All chats of all bots. `told` says what is told of a person, `post` delivers, `sleep` waits for another try."""

    bots: BotApi
    faults: Faults
    told: Callable[[Person, Mapping[str, object]], dict[str, object]]
    post: Post
    sleep: Callable[[float], Awaitable[None]]
    statuses: list[int] = field(default_factory=list)

    async def visit(self, call: Call, ask: Ask, render: Callable[..., str]) -> Response:
        """A person's own chat, as t.me opens it. A deep link shows Start, which sends what the link carries."""
        app = self._bot(call.path.removeprefix("/"))
        if app is None:
            return _no_such_chat()
        person = ask(call, _no_such_chat)
        if call.method == "POST":
            return await self.say(call, app, person)
        start = call.query.get("start", "")
        mine = [
            (number, one)
            for number, one in enumerate(self.bots.arrived, 1)
            if (one.bot_id, one.chat_id) == (app.client_id, person.ids["telegram"])
        ]
        text = f"/start {start}" if _START.fullmatch(start) else ""
        return HTMLResponse(render(person=person, bot=app.extras["username"], messages=mine, start=text))

    def _bot(self, username: str) -> RegisteredApp | None:
        return next((app for app in self.bots.apps.values() if app.extras.get("username") == username), None)

    async def say(self, call: Call, app: RegisteredApp, person: Person) -> Response:
        """Somebody sent a message, or pressed a button below one."""
        number = call.form.get("message", "")
        if number:
            index = int(number) - 1
            query: dict[str, object] = {"id": f"{next(_NUMBERS)}", "from": self._user(person)}
            query |= {"message": self._message(app, person, index), "chat_instance": "1", "data": call.get("data")}
            await self._tell(app, {"callback_query": query})
        else:
            await self._tell(app, {"message": self._sent(person, call.get("text"))})
        back = urlencode({"_person": person.key})
        return RedirectResponse(f"/{app.extras['username']}?{back}", status_code=303)

    async def order(self, call: Call) -> Response:
        """`{"person", "text"}`, or with `message` and `data` for a button; for several bots `"username"`. A test's."""
        username = str(call.json.get("username", next(iter(self.bots.apps.values())).extras.get("username")))
        app, person = self._bot(username), self.bots.people().get(str(call.json.get("person")))
        if app is None or person is None:
            return json_answer({"error": "no such person or bot"}, 400)
        form: dict[str, str] = {name: str(call.json[name]) for name in ("text", "message", "data") if name in call.json}
        await self.say(Call("POST", call.path, {}, form, {}, call.path, b""), app, person)
        return json_answer({"statuses": self.statuses})

    def _user(self, person: Person) -> dict[str, object]:
        user: dict[str, object] = {"id": int(person.ids["telegram"]), "is_bot": False, "first_name": person.given_name}
        more = {"last_name": person.family_name, "username": person.username, "language_code": person.locale}
        return self.told(person, user | {name: text for name, text in more.items() if text})

    def _chat(self, person: Person) -> dict[str, object]:
        if self.faults.active("update_group"):
            return dict(_GROUP)
        return {"id": int(person.ids["telegram"]), "first_name": person.given_name, "type": "private"}

    def _sent(self, person: Person, text: str) -> dict[str, object]:
        length = len(text.partition(" ")[0]) if text.startswith("/") else 0
        entities = [{"offset": 0, "length": length, "type": "bot_command"}] if length else []
        sent = {"message_id": len(self.bots.arrived) + 1, "from": self._user(person), "chat": self._chat(person)}
        return sent | {"date": int(self.bots.clock()), "text": text, "entities": entities}

    def _message(self, app: RegisteredApp, person: Person, index: int) -> dict[str, object]:
        kept = self.bots.arrived[index]
        said: dict[str, object] = {"message_id": index + 1, "chat": self._chat(person), "date": int(kept.at)}
        return said | {"from": {"id": int(app.client_id), "is_bot": True, "first_name": "Bot"}, "text": kept.text}

    async def _tell(self, app: RegisteredApp, news: dict[str, object]) -> None:
        """quirk(telegram): what was not answered with 2xx is sent again, and even what was may be."""
        if self.faults.on("update_unrelated"):
            inside = next(iter(news.values()))
            await self._deliver(app, {"edited_message": inside})
            await self._deliver(app, {"my_chat_member": {"date": 0}})
        update = self._numbered(news)
        await self._deliver(app, update)
        if self.faults.on("update_twice"):
            await self._deliver(app, update)

    def _numbered(self, news: dict[str, object]) -> dict[str, object]:
        return {"update_id": next(_NUMBERS), **news}

    async def _deliver(self, app: RegisteredApp, news: dict[str, object]) -> None:
        url, secret = app.extras.get("webhook_url", ""), app.extras.get("webhook_secret", "")
        if not url:
            return
        update = news if "update_id" in news else self._numbered(news)
        secret = "a-secret-that-nobody-gave-out" if self.faults.on("update_wrong_secret") else secret
        for again in range(_TRIES):
            status = await self.post(url, update, {"X-Telegram-Bot-Api-Secret-Token": secret})
            self.statuses.append(status)
            if 200 <= status < 300 or 400 <= status < 500:  # a real one sends those of 4xx again, too, for a day
                return
            await self.sleep(1 + again)


def _no_such_chat() -> Response:
    """t.me has a page for every name; this one says that nobody is there."""
    return PlainTextResponse("Not Found", status_code=404)
