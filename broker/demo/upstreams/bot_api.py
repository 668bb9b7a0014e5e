"""The emulated Bot API: getMe, and what writes to people or answers a button; with limits and the ways to fail.

From core.telegram.org/bots/api, /bots/faq and the source of telegram-bot-api (read 2026-11).
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace

from starlette.responses import Response

from broker.demo.call import Call
from broker.demo.faults import Faults
from broker.demo.people import Person
from broker.demo.upstreams.answers import json_answer
from broker.demo.upstreams.base import RegisteredApp

BOT_FAULTS = ("message_429", "message_403", "message_400", "message_unknown_chat", "message_401", "message_lost")
_KEPT = 50_000  # messages: more than any test sends, and a demo that runs for weeks must not grow
_MAX_TEXT = 4096  # characters
_MAX_DATA = 64  # bytes


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message that reached its chat; `at` in epoch seconds by the emulator's clock.

    `buttons` open addresses, `choices` tell the bot: text and what is told.
    """

    at: float
    bot_id: str
    chat_id: str
    text: str
    buttons: tuple[tuple[str, str], ...] = ()
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class BotApi:
    """One for all bots. `people`, by key, are the chats there are, by the person's id.

    `gap` and `count` are the limits, per chat and per second. `too_fast` counts messages refused for the limits, not by
    a fault, `in_spite` those sent by a bot that was told to wait. `pause` is what the fault asks for, in seconds.
    """

    apps: Mapping[str, RegisteredApp]
    faults: Faults
    people: Callable[[], Mapping[str, Person]]
    clock: Callable[[], float]
    gap: float = 1.0
    count: int = 30
    pause: int = 2
    too_fast: int = 0
    in_spite: int = 0
    arrived: list[Arrived] = field(default_factory=list)
    blocked: set[tuple[str, str]] = field(default_factory=set)  # (bot, chat)
    _times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _last: dict[tuple[str, str], float] = field(default_factory=dict)
    _waits: dict[str, float] = field(default_factory=dict)

    def answer(self, call: Call) -> Response:
        """`/bot<token>/<method>`, `/bot<token>/test/<method>` of the test environment, and two orders of a test."""
        if call.path == "/_emulator/messages":
            return json_answer([asdict(one) for one in self.arrived])
        if call.path == "/_emulator/block":
            return self._block(call)
        token, _, method = call.path.removeprefix("/bot").partition("/")
        app = next((one for one in self.apps.values() if one.extras.get("bot_token") == token), None)
        if app is None or self.faults.on("message_401"):
            return failure(401, "Unauthorized")
        match method.removeprefix("test/"):
            case "getMe":
                return success(_describe(app))
            case "sendMessage":
                return self._send(app, call.params | {name: _as_field(value) for name, value in call.json.items()})
            case "answerCallbackQuery":
                return success(True) if call.get("callback_query_id") else failure(400, "Bad Request: query is invalid")
            case "editMessageText":
                return self._edit(app, call.params)
        return failure(404, "Not Found: method not found")

    def _block(self, call: Call) -> Response:
        """`{"person", "blocked"}` and for several bots `"bot_id"`: whether they let the bot write."""
        person = self.people().get(str(call.json.get("person")))
        bot_id, blocked = str(call.json.get("bot_id", next(iter(self.apps)))), bool(call.json.get("blocked", True))
        if person is None or bot_id not in self.apps:
            return json_answer({"error": "no such person or bot"}, 400)
        (self.blocked.add if blocked else self.blocked.discard)((bot_id, person.ids["telegram"]))
        return json_answer({"blocked": blocked})

    def _chats(self) -> dict[str, Person]:
        return {person.ids["telegram"]: person for person in self.people().values()}

    def _send(self, app: RegisteredApp, sent: Mapping[str, str]) -> Response:
        chat, text, now, bot = sent.get("chat_id", ""), sent.get("text", ""), self.clock(), app.client_id
        refused = self._wrong(chat, text, bot) or self._early(bot, chat, now)
        if refused is not None:
            return refused
        self._times[bot].append(now)
        self._last[bot, chat] = now
        if len(self.arrived) < _KEPT:
            self.arrived.append(Arrived(now, bot, chat, text, *_buttons(sent.get("reply_markup", ""))))
        if self.faults.on("message_lost"):
            return failure(500, "Internal Server Error")
        about = {"id": int(chat), "first_name": self._chats()[chat].given_name, "type": "private"}
        said = {"message_id": len(self.arrived), "from": _describe(app), "chat": about, "date": int(now), "text": text}
        return success(said)

    def _edit(self, app: RegisteredApp, sent: Mapping[str, str]) -> Response:
        """Another text in the same place; buttons that are not sent again are gone."""
        index = int(sent.get("message_id", "0")) - 1
        kept = self.arrived[index] if 0 <= index < len(self.arrived) else None
        if kept is None or (kept.bot_id, kept.chat_id) != (app.client_id, sent.get("chat_id")):
            return failure(400, "Bad Request: message to edit not found")
        self.arrived[index] = replace(kept, text=sent.get("text", ""), buttons=(), choices=())
        return success({"message_id": index + 1, "text": sent.get("text", "")})

    def _wrong(self, chat: str, text: str, bot: str) -> Response | None:
        if not chat:
            return failure(400, "Bad Request: chat_id is empty")
        if not text.strip() or self.faults.on("message_400"):
            return failure(400, "Bad Request: message text is empty")
        if len(text) > _MAX_TEXT:
            return failure(400, "Bad Request: message is too long")
        if chat not in self._chats() or self.faults.on("message_unknown_chat"):
            return failure(400, "Bad Request: chat not found")
        if (bot, chat) in self.blocked or self.faults.on("message_403"):
            return failure(403, "Forbidden: bot was blocked by the user")
        return None

    def _early(self, bot: str, chat: str, now: float) -> Response | None:
        """429 for who is too fast, who was told to wait and does not, and by fault."""
        if (left := self._waits.get(bot, 0) - now) > 0:
            self.in_spite += 1
            return wait(math.ceil(left))
        if self.faults.on("message_429"):
            self._waits[bot] = now + self.pause
            return wait(self.pause)
        times = self._times[bot]
        if now - self._last.get((bot, chat), -math.inf) < self.gap:
            self.too_fast += 1
            return wait(math.ceil(self.gap))
        if len(times) - bisect_right(times, now - 1) >= self.count:
            self.too_fast += 1
            return wait(1)
        return None


def success(result: object) -> Response:
    """`ok` is true."""
    return json_answer({"ok": True, "result": result})


def failure(status: int, description: str) -> Response:
    """`error_code` is the status."""
    return json_answer({"ok": False, "error_code": status, "description": description}, status)


def wait(seconds: int) -> Response:
    """How long, in the body and in the header."""
    said = {"ok": False, "error_code": 429, "description": f"Too Many Requests: retry after {seconds}"}
    return json_answer(said | {"parameters": {"retry_after": seconds}}, 429, Retry_After=str(seconds))


def _describe(app: RegisteredApp) -> dict[str, object]:
    return {
        "id": int(app.client_id),
        "is_bot": True,
        "first_name": "Bot",
        "username": app.extras.get("username", "demo_bot"),
    }


def _as_field(value: object) -> str:
    """A member of a JSON body as the field of a form that means the same."""
    return value if isinstance(value, str) else json.dumps(value)


def _buttons(markup: str) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """Those that open an address, and those that tell the bot, by at most 64 bytes."""
    rows = json.loads(markup)["inline_keyboard"] if markup else []
    every = [one for row in rows for one in row]
    told = [one for one in every if 1 <= len(str(one.get("callback_data", "")).encode()) <= _MAX_DATA]
    opened = [(one["text"], one.get("url") or one.get("login_url", {}).get("url")) for one in every]
    links = tuple((str(text), str(url)) for text, url in opened if url)
    return links, tuple((str(one["text"]), str(one["callback_data"])) for one in told)
