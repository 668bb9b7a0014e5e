"""The emulated chat against its contract: what t.me opens, which updates a webhook gets, and how they go wrong."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from broker.demo.people import ADA, BORIS
from broker.demo.upstreams import Options, RegisteredApp, Telegram
from tests.demo.emulated import CALLBACK, Upstream, emulated

pytestmark = pytest.mark.anyio
TOKEN, SECRET, HOOK = "7000000001:token", "a-secret-of-the-webhook", "http://127.0.0.1:1/updates/telegram"
EXTRAS = {"bot_token": TOKEN, "username": "demo_bot", "webhook_url": HOOK, "webhook_secret": SECRET}
APP = RegisteredApp("7000000001", "s", (CALLBACK,), EXTRAS)
QUIET = RegisteredApp("7000000002", "s", (CALLBACK,), {"bot_token": "7000000002:token", "username": "quiet_bot"})
HEADER = "X-Telegram-Bot-Api-Secret-Token"
MARKUP = json.dumps(
    {"inline_keyboard": [[{"text": "47", "callback_data": "x:47"}], [{"text": "No", "callback_data": "n" * 65}]]}
)


@dataclass
class Hook:
    """Whoever listens; `statuses` are its next answers, then 200."""

    heard: list[tuple[str, Mapping[str, Any], Mapping[str, str]]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    async def __call__(self, url: str, body: Mapping[str, object], headers: Mapping[str, str]) -> int:
        self.heard.append((url, body, headers))
        return self.statuses.pop(0) if self.statuses else 200

    @property
    def updates(self) -> list[Mapping[str, Any]]:
        return [body for _, body, _ in self.heard]


@pytest.fixture
def hook() -> Hook:
    return Hook()


@pytest.fixture
async def telegram(anyio_backend: str, hook: Hook) -> AsyncIterator[Upstream]:
    def build(options: Options) -> Telegram:
        made = Telegram((APP, QUIET), options)
        made.chats.post = hook
        return made

    async with emulated(build) as upstream:
        yield upstream


async def say(telegram: Upstream, **what: str) -> None:
    assert (await telegram.order("say", person="ada", **what)).status_code == 200


async def ask(telegram: Upstream) -> None:
    form = {"chat_id": ADA.ids["telegram"], "text": "Which?", "reply_markup": MARKUP}
    assert (await telegram.post(f"/bot{TOKEN}/sendMessage", form)).status_code == 200


async def test_a_deep_link_shows_start_which_tells_the_webhook(telegram: Upstream, hook: Hook) -> None:
    page = await telegram.get("/demo_bot", _person="ada", start="abc-_9")
    assert (page.status_code, 'value="/start abc-_9"' in page.text, 'id="empty"' in page.text) == (200, True, True)
    answer = await telegram.post("/demo_bot?_person=ada", {"text": "/start abc-_9"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/demo_bot?_person=ada")
    url, update, headers = hook.heard[0]
    assert (url, headers[HEADER]) == (HOOK, SECRET)
    message = update["message"]
    assert (message["text"], message["chat"]["type"]) == ("/start abc-_9", "private")
    assert message["from"] == {
        "id": int(ADA.ids["telegram"]),
        "is_bot": False,
        "first_name": "Ada",
        "last_name": "Lovelace",
        "username": "ada_lovelace",
        "language_code": "en",
    }
    assert message["entities"] == [{"offset": 0, "length": 6, "type": "bot_command"}]


async def test_what_a_link_cannot_carry_is_not_sent(telegram: Upstream) -> None:
    for start in ("", "a b", "x" * 65, "ö"):
        assert 'id="start"' not in (await telegram.get("/demo_bot", _person="ada", start=start)).text
    assert (await telegram.get("/no_bot", _person="ada", start="a")).status_code == 404
    assert (await telegram.get("/demo_bot", _cancel="1")).status_code == 404
    assert "person-ada" in (await telegram.get("/demo_bot")).text


async def test_a_button_below_a_message_is_pressed_and_the_message_changed(telegram: Upstream, hook: Hook) -> None:
    await ask(telegram)
    page = (await telegram.get("/demo_bot", _person="ada")).text
    assert ('value="x:47"' in page, "n" * 65 in page, 'id="start"' in page) == (True, False, False)
    assert "Which?" not in (await telegram.get("/demo_bot", _person="boris")).text
    await telegram.post("/demo_bot?_person=ada", {"message": "1", "data": "x:47"})
    query = hook.updates[0]["callback_query"]
    assert (query["data"], query["message"]["message_id"], query["message"]["chat"]["type"]) == ("x:47", 1, "private")
    answer = await telegram.post(f"/bot{TOKEN}/answerCallbackQuery", {"callback_query_id": query["id"]})
    assert answer.json() == {"ok": True, "result": True}
    assert (await telegram.post(f"/bot{TOKEN}/answerCallbackQuery")).status_code == 400
    edit = {"chat_id": ADA.ids["telegram"], "message_id": "1", "text": "Done"}
    assert (await telegram.post(f"/bot{TOKEN}/editMessageText", edit)).status_code == 200
    for wrong in ({"message_id": "2"}, {"message_id": "0"}, {"chat_id": BORIS.ids["telegram"]}):
        assert (await telegram.post(f"/bot{TOKEN}/editMessageText", edit | wrong)).status_code == 400
    page = (await telegram.get("/demo_bot", _person="ada")).text
    assert ("Done" in page, 'value="x:47"' in page) == (True, False)


async def test_an_update_comes_again_until_it_is_taken_in(telegram: Upstream, hook: Hook) -> None:
    hook.statuses = [503, 0]
    await say(telegram, text="hello")
    assert [update["update_id"] for update in hook.updates] == [hook.updates[0]["update_id"]] * 3
    assert telegram.slept == [1, 2]
    hook.statuses = [500] * 9
    await say(telegram, text="hello")
    assert len(hook.heard) == 8
    hook.statuses = [401]
    await say(telegram, text="hello")
    assert len(hook.heard) == 9


async def test_updates_go_wrong_as_they_do_in_life(telegram: Upstream, hook: Hook) -> None:
    await telegram.fault("update_twice", times=1)
    await say(telegram, text="twice")
    assert [update["message"]["text"] for update in hook.updates] == ["twice", "twice"]
    await telegram.fault("update_unrelated", times=1)
    await say(telegram, text="last")
    kinds = [sorted(update.keys() - {"update_id"}) for update in hook.updates[2:]]
    assert kinds == [["edited_message"], ["my_chat_member"], ["message"]]
    await telegram.fault("update_wrong_secret", times=1)
    await say(telegram, text="forged")
    assert hook.heard[-1][2][HEADER] != SECRET
    await telegram.fault("update_group")
    await say(telegram, text="in a group")
    assert hook.updates[-1]["message"]["chat"]["type"] == "supergroup"
    await telegram.order("clear")
    numbers = [update["update_id"] for update in hook.updates]
    assert sorted(numbers) == numbers


async def test_a_bot_without_a_webhook_hears_nothing_and_nobody_is_told(telegram: Upstream, hook: Hook) -> None:
    await say(telegram, text="hello", username="quiet_bot")
    assert hook.heard == []
    assert (await telegram.order("say", person="nobody", text="x")).status_code == 400
    assert (await telegram.order("say", person="ada", text="x", username="no_bot")).status_code == 400
