"""Sign-in by a bot that a link opens: updates, the question, who answered it (ADR 58).

From https://core.telegram.org/bots/api#update, #setwebhook, #callbackquery and /bots/features#deep-linking (read
2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import orjson
from pydantic import Field, SecretStr, model_validator

from broker.core.errors import UpstreamInvalid
from broker.core.login.by_bot import Choice, InChat
from broker.core.notify import Outcome
from broker.core.people.identity import Identity
from broker.upstream.bot import Bot
from broker.upstream.bot_signed import BotSettings, identify
from broker.upstream.fields import Fields, same
from broker.upstream.model import Tools

_TOKEN = "signin-"  # in front of every token, for whoever shares the bot to know it by
_STARTED = re.compile(rf"/start {_TOKEN}([A-Za-z0-9_-]{{32}})")
_PRESSED = re.compile(rf"{_TOKEN}([A-Za-z0-9_-]{{32}}):(no|[1-9][0-9])")
_IN_A_ROW = 4
_SHORTEST, _SECRET = 32, re.compile(r"[A-Za-z0-9_-]{32,256}")
_KNOWN = ("id", "first_name", "last_name", "username", "language_code")


class BotStartSettings(BotSettings):
    """A bot that does more than stand behind a login page."""

    bot_username: str = Field(default="", pattern=r"^[A-Za-z0-9_]{0,32}$", description="Shows the widget on our page")
    bot_start: bool = Field(
        default=False, description="Offer to open the bot and press Start; needs its token, user name, webhook_secret"
    )
    webhook_secret: SecretStr | None = Field(
        default=None, description="What updates for the bot come with, 32 to 256 of A-Z a-z 0-9 _ -"
    )

    @model_validator(mode="after")
    def _startable(self) -> Self:
        secret = self.webhook_secret
        if secret is not None and not _SECRET.fullmatch(secret.get_secret_value()):
            raise ValueError(f"webhook_secret is {_SHORTEST} to 256 of A-Z a-z 0-9 _ -")
        if self.bot_start and (secret is None or self.bot_token is None or not self.bot_username):
            raise ValueError("bot_start needs bot_token, bot_username and webhook_secret")
        return self


@dataclass(frozen=True, slots=True)
class StartBot:
    """Implements `SignsInByBot`. `home`: the address of the bot for people; `kind` of provider it is of."""

    secret_header: ClassVar[str] = "x-telegram-bot-api-secret-token"

    bot: Bot
    home: str
    secret: SecretStr
    kind: str

    @classmethod
    def of(cls, bot: Bot | None, tools: Tools, settings: BotStartSettings, *, home: str) -> Self | None:
        """As its settings say; None where it is off. `home`: where people find bots, without a path."""
        if not settings.bot_start or bot is None or settings.webhook_secret is None:
            return None
        return cls(bot, tools.browser_url(f"{home}/{settings.bot_username}"), settings.webhook_secret, settings.type)

    def knows(self, secret: str) -> bool:
        """Whether who sends an update with this is the messenger, or the team that was told; in constant time."""
        return same(secret, self.secret.get_secret_value())

    def link(self, token: str) -> str:
        """Where the bot is opened with this token, of 32 characters of base64url (deep link)."""
        return f"{self.home}?start={_TOKEN}{token}"

    def read(self, update: Mapping[str, Any]) -> InChat | None:
        """What it tells of an attempt, None of every other update. Only a person's own chat counts, never a group."""
        told = Fields(update)
        try:
            number = str(told.integer("update_id"))
            if "message" in told:
                return _opened(number, told.sub("message"))
            return _chosen(number, told.sub("callback_query")) if "callback_query" in told else None
        except UpstreamInvalid:
            return None

    async def ask(self, said: InChat, text: str, choices: Sequence[Choice]) -> Outcome:
        """Put this question; the last choice has a row of its own."""
        buttons = [{"text": one.label, "callback_data": f"{_TOKEN}{said.token}:{one.value}"} for one in choices]
        rows = [buttons[at : at + _IN_A_ROW] for at in range(0, len(buttons) - 1, _IN_A_ROW)]
        markup = orjson.dumps({"inline_keyboard": [*rows, buttons[-1:]]}).decode()
        return await self._call("sendMessage", said, text, reply_markup=markup)

    async def tell(self, said: InChat, text: str) -> None:
        """Say this, in place of the question that was answered; what cannot be said is left."""
        if not said.pressed:
            await self._call("sendMessage", said, text)
            return
        await self.bot.call("answerCallbackQuery", {"callback_query_id": said.press})
        await self._call("editMessageText", said, text, message_id=said.message)

    async def _call(self, method: str, said: InChat, text: str, **more: str) -> Outcome:
        return await self.bot.call(method, {"chat_id": said.person["id"], "text": text, **more})

    def identify(self, told: Mapping[str, str]) -> Identity:
        """Who that is; raises UpstreamInvalid. `told`: the person of an `InChat`."""
        return identify(Fields(told), self.kind, "bot")


def _opened(update: str, message: Fields) -> InChat | None:
    """Somebody pressed Start below the bot's page, at our link."""
    found = _STARTED.fullmatch(message.maybe("text") or "")
    told = _person_in(message.sub("chat"), message.sub("from")) if found else None
    return InChat(update, told, found[1]) if found and told else None


def _chosen(update: str, query: Fields) -> InChat | None:
    """Somebody pressed a button of a question."""
    found = _PRESSED.fullmatch(query.maybe("data") or "")
    if not found:
        return None
    message = query.sub("message")
    told = _person_in(message.sub("chat"), query.sub("from"))
    number = str(message.integer("message_id"))
    return InChat(update, told, found[1], found[2], number, query.text("id")) if told else None


def _person_in(chat: Fields, sender: Fields) -> dict[str, str] | None:
    """Who speaks in their own chat: its number is theirs."""
    own = chat.maybe("type") == "private" and chat.decimal_id("id") == sender.decimal_id("id")
    if not own or sender.flag("is_bot") is not False:
        return None
    told = {name: sender.shown(name) or "" for name in _KNOWN[1:]}
    return {"id": sender.decimal_id("id")} | {name: text for name, text in told.items() if text}
