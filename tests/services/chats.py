"""Chats with a bot: an upstream that has one, what it writes, and what people do there, as a messenger tells it."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from pydantic import SecretStr

from broker.core.errors import UpstreamUnavailable
from broker.upstream.abilities import Abilities
from broker.upstream.bot import Bot, Told
from broker.upstream.bot_start import StartBot
from broker.upstream.model import Tools
from tests.services.upstreams import Upstream

ADA, BORIS = {"id": 7, "first_name": "Ada"}, {"id": 8, "first_name": "Борис", "language_code": "ru-RU"}
SECRET = "webhook-secret-of-at-least-32-characters"
_UPDATES = count(1)
Form = Mapping[str, str]


@dataclass
class Chats:
    """Where the bot's calls go. `answers` are to its next messages; after that all is well."""

    answers: deque[Told | Exception] = field(default_factory=deque)
    heard: list[tuple[str, Form]] = field(default_factory=list)

    async def post(self, url: str, form: Form, *, operation: str) -> Told:
        """What it was told to answer."""
        answer = self.answers.popleft() if self.answers else Told(200)
        if isinstance(answer, Exception):
            raise answer
        if answer.status == 200:
            self.heard.append((operation, form))
        return answer

    @property
    def questions(self) -> list[Form]:
        """Messages with buttons."""
        return [form for _, form in self.heard if "reply_markup" in form]

    @property
    def told(self) -> list[str]:
        """All other texts, of whatever call."""
        return [form["text"] for _, form in self.heard if "text" in form and "reply_markup" not in form]

    def values(self) -> list[str]:
        """What the buttons of the last question say when they are pressed, in order."""
        rows = json.loads(self.questions[-1]["reply_markup"])["inline_keyboard"]
        return [button["callback_data"].rpartition(":")[2] for row in rows for button in row]


NEXT_TIME: tuple[Told | Exception, ...] = (
    Told(429, 3),
    UpstreamUnavailable("nobody is there", sent=False),
    UpstreamUnavailable("no answer", sent=True),
)
"""After these the same update is to be sent again."""

NEVER = (Told(403), Told(400), Told(401))
"""After these it would change nothing."""


class BotUpstream(Upstream):
    """An upstream with a bot that may be opened."""

    def __init__(self, settings: Any, tools: Tools | None) -> None:
        """Nobody has said anything."""
        super().__init__(settings, tools)
        self.chats = Chats()
        self.startable = True

    def abilities(self) -> Abilities:
        """As told."""
        bot = Bot(self.chats, "https://bots.test", SecretStr("1:token"))
        start = StartBot(bot, "https://chat.test/bot", SecretStr(SECRET), "upstream")
        return Abilities(signs_in_by_bot=start if self.startable else None)


def started_by(person: Mapping[str, Any], start: str, **changed: Any) -> dict[str, Any]:
    """An update: they opened the bot by a link that carries this, and pressed Start."""
    chat = {"id": person["id"], "type": "private"}
    sent = {"message_id": 1, "from": _user(person), "chat": chat, "text": f"/start {start}"}
    return {"update_id": next(_UPDATES), "message": sent | changed}


def pressed_by(person: Mapping[str, Any], start: str, value: str) -> dict[str, Any]:
    """An update: they pressed this button of the question about that link."""
    message = {"message_id": 5, "chat": {"id": person["id"], "type": "private"}, "date": 0}
    query = {"id": "900", "from": _user(person), "message": message, "data": f"{start}:{value}"}
    return {"update_id": next(_UPDATES), "callback_query": query}


def _user(person: Mapping[str, Any]) -> dict[str, Any]:
    return {"is_bot": False, **person}
