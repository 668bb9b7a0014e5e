"""Sign-in by a bot at its upstream's side: its settings, its link, what it reads, asks and says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from broker.core.errors import UpstreamInvalid
from broker.core.login.by_bot import NO, Choice, InChat
from broker.core.notify import Fate
from broker.upstream.bot import Bot, Told
from broker.upstream.bot_start import BotStartSettings, StartBot
from tests.services.chats import ADA, BORIS, SECRET, Chats, pressed_by, started_by

pytestmark = pytest.mark.anyio
TOKEN = "A" * 32
SETTINGS: dict[str, Any] = {
    "type": "telegram",
    "client_id": "1",
    "bot_token": "1:token",
    "bot_username": "a_bot",
    "bot_start": True,
    "webhook_secret": SECRET,
}


def start_bot(chats: Chats) -> StartBot:
    return StartBot(
        Bot(chats, "https://bots.test", SecretStr("1:token")), "https://t.me/a_bot", SecretStr(SECRET), "telegram"
    )


@pytest.mark.parametrize("without", ["bot_token", "bot_username", "webhook_secret"])
def test_it_is_switched_on_with_all_it_needs(without: str) -> None:
    BotStartSettings.model_validate(SETTINGS)
    with pytest.raises(ValidationError, match="bot_start needs"):
        BotStartSettings.model_validate({name: value for name, value in SETTINGS.items() if name != without})


@pytest.mark.parametrize("secret", ["", "x" * 31, "x" * 257, "x" * 32 + ":", "x" * 32 + "é"])
def test_a_secret_that_telegram_does_not_take_or_that_is_short_stops_the_start(secret: str) -> None:
    with pytest.raises(ValidationError, match="webhook_secret is 32 to 256") as caught:
        BotStartSettings.model_validate(SETTINGS | {"webhook_secret": secret})
    assert "xxxx" not in str(caught.value)


def test_its_link_carries_the_token_and_its_secret_is_known() -> None:
    bot = start_bot(Chats())
    assert bot.link(TOKEN) == f"https://t.me/a_bot?start=signin-{TOKEN}"
    assert [bot.knows(secret) for secret in (SECRET, "", SECRET[:-1], "é")] == [True, False, False, False]
    assert SECRET not in repr(bot)


def test_it_reads_what_is_about_a_sign_in() -> None:
    bot = start_bot(Chats())
    said = bot.read(started_by(BORIS, f"signin-{TOKEN}"))
    assert said is not None
    assert said.person == {"id": "8", "first_name": "Борис", "language_code": "ru-RU"}
    assert (said.token, said.pressed) == (TOKEN, "")
    pressed = bot.read(pressed_by(ADA, f"signin-{TOKEN}", "47"))
    assert pressed is not None
    assert (pressed.pressed, pressed.message, pressed.press, pressed.update != said.update) == ("47", "5", "900", True)


def _changed(update: dict[str, Any], **changed: Any) -> dict[str, Any]:
    kind = next(name for name in update if name != "update_id")
    return update | {kind: update[kind] | changed}


@pytest.mark.parametrize(
    "update",
    [
        {},
        {"update_id": 1},
        {"update_id": True, "message": started_by(ADA, f"signin-{TOKEN}")["message"]},
        {"update_id": 1, "message": "text"},
        {"update_id": 1, "callback_query": {"data": f"signin-{TOKEN}:47"}},
        started_by(ADA, TOKEN),
        started_by(ADA, f"signin-{TOKEN}x"),
        started_by(ADA, f"signin-{TOKEN} "),
        started_by(ADA, f"signin-{TOKEN}\n"),
        started_by(ADA, f"signin-{TOKEN}", text=7),
        started_by(ADA, f"signin-{TOKEN}", chat={"id": 8, "type": "private"}),
        started_by(ADA, f"signin-{TOKEN}", chat={"id": 7, "type": "group"}),
        started_by({**ADA, "is_bot": True}, f"signin-{TOKEN}"),
        started_by({**ADA, "is_bot": "false"}, f"signin-{TOKEN}"),
        started_by({**ADA, "id": -7}, f"signin-{TOKEN}"),
        pressed_by(ADA, f"signin-{TOKEN}", "4"),
        pressed_by(ADA, f"signin-{TOKEN}", "007"),
        pressed_by(ADA, f"signin-{TOKEN}", "yes"),
        _changed(pressed_by(ADA, f"signin-{TOKEN}", "47"), message=None),
        _changed(pressed_by(ADA, f"signin-{TOKEN}", "47"), id=""),
    ],
)
def test_it_reads_nothing_else(update: dict[str, Any]) -> None:
    assert start_bot(Chats()).read(update) is None


async def test_a_question_has_its_numbers_in_rows_and_the_way_out_below() -> None:
    chats = Chats()
    choices = [Choice(str(number), str(number)) for number in range(10, 22)] + [Choice("Not me", NO)]
    outcome = await start_bot(chats).ask(InChat("1", {"id": "7"}, TOKEN), "Which?", choices)
    assert outcome.fate is Fate.SENT
    keyboard = json.loads(chats.questions[0]["reply_markup"])["inline_keyboard"]
    assert [len(row) for row in keyboard] == [4, 4, 4, 1]
    assert keyboard[0][0] == {"text": "10", "callback_data": f"signin-{TOKEN}:10"}
    assert max(len(one["callback_data"].encode()) for row in keyboard for one in row) <= 64


async def test_what_it_says_takes_the_place_of_the_question_that_was_answered() -> None:
    chats = Chats()
    bot = start_bot(chats)
    await bot.tell(InChat("1", {"id": "7"}, TOKEN), "hello")
    await bot.tell(InChat("2", {"id": "7"}, TOKEN, "47", "5", "900"), "done")
    chats.answers.append(Told(403))
    await bot.tell(InChat("3", {"id": "7"}, TOKEN), "never said")
    assert [operation for operation, _ in chats.heard] == ["sendMessage", "answerCallbackQuery", "editMessageText"]
    assert chats.heard[2][1] == {"chat_id": "7", "text": "done", "message_id": "5"}


def test_who_answered_is_known_by_the_number_alone() -> None:
    bot = start_bot(Chats())
    told = {"id": "7", "first_name": "Ada", "last_name": "L", "username": "ada", "language_code": "en"}
    identity = bot.identify(told)
    assert (identity.subject, dict(identity.raw_ids)) == ("7", {"telegram_id": "7"})
    assert identity.amr == ("fed", "telegram-bot")
    claims = identity.claims
    assert (claims["name"], claims["preferred_username"], claims["locale"]) == ("Ada L", "ada", "en")
    for wrong in ({}, {"id": "07"}, {"id": "-7"}):
        with pytest.raises(UpstreamInvalid):
            bot.identify(wrong)
