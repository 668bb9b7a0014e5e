"""The emulated Bot API against its contract: who is written to, how fast, and how it fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx2
import pytest

from broker.demo.people import ADA, BORIS
from broker.demo.upstreams import RegisteredApp, Telegram
from tests.demo.emulated import CALLBACK, Upstream, emulated

pytestmark = pytest.mark.anyio
TOKEN = "7000000001:AAEXAMPLE-fake-token-for-vectors-00"
APP = RegisteredApp("7000000001", "s", (CALLBACK,), {"bot_token": TOKEN, "username": "demo_bot"})
HERS, HIS = ADA.ids["telegram"], BORIS.ids["telegram"]


@pytest.fixture
async def telegram(anyio_backend: str) -> AsyncIterator[Upstream]:
    async with emulated(partial(Telegram, (APP,))) as upstream:
        yield upstream


async def send(telegram: Upstream, chat: str = HERS, text: str = "hello", token: str = TOKEN) -> httpx2.Response:
    return await telegram.post(f"/bot{token}/sendMessage", {"chat_id": chat, "text": text})


async def arrived(telegram: Upstream) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await telegram.get("/_emulator/messages")).json()
    return found


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    said = answer.json()
    assert (said["ok"], said["error_code"]) == (False, answer.status_code)
    return answer.status_code, said["description"]


async def test_a_bot_says_who_it_is_and_nobody_speaks_for_it(telegram: Upstream) -> None:
    said = (await telegram.get(f"/bot{TOKEN}/getMe")).json()["result"]
    assert (said["id"], said["is_bot"], said["username"]) == (7000000001, True, "demo_bot")
    assert (await telegram.get(f"/bot{TOKEN}/test/getMe")).status_code == 200
    assert refusal(await send(telegram, token="7000000001:other")) == (401, "Unauthorized")
    assert refusal(await telegram.get(f"/bot{TOKEN}/getUpdates")) == (404, "Not Found: method not found")


async def test_a_message_arrives_as_form_or_as_json(telegram: Upstream) -> None:
    said = (await send(telegram)).json()["result"]
    assert (said["chat"]["id"], said["text"], said["from"]["is_bot"]) == (int(HERS), "hello", True)
    sent = {
        "chat_id": HIS,
        "text": "hi",
        "reply_markup": '{"inline_keyboard":[[{"text":"Go","url":"https://a.test/"}]]}',
    }
    assert (await telegram.http.post(f"/bot{TOKEN}/sendMessage", json=sent)).status_code == 200
    assert [(one["chat_id"], one["text"], one["buttons"]) for one in await arrived(telegram)] == [
        (HERS, "hello", []),
        (HIS, "hi", [["Go", "https://a.test/"]]),
    ]


async def test_a_chat_gets_one_message_in_a_second_and_a_bot_sends_thirty(telegram: Upstream) -> None:
    assert (await send(telegram)).status_code == 200
    early = await send(telegram)
    assert refusal(early) == (429, "Too Many Requests: retry after 1")
    assert (early.json()["parameters"], early.headers["retry-after"]) == ({"retry_after": 1}, "1")
    for number in range(29):
        await telegram.order("people", key=f"p{number}", given_name="P")
    chats = [person.ids["telegram"] for person in telegram.emulator.people.values() if person.key.startswith("p")]
    assert {(await send(telegram, chat)).status_code for chat in chats} == {200}
    assert (await send(telegram, HIS)).status_code == 429
    telegram.clock.at += 1
    assert (await send(telegram, HIS)).status_code == 200


async def test_who_is_told_to_wait_waits(telegram: Upstream) -> None:
    await telegram.fault("message_429", times=1)
    assert refusal(await send(telegram)) == (429, "Too Many Requests: retry after 2")
    assert (await send(telegram, HIS)).status_code == 429
    telegram.clock.at += 2
    assert (await send(telegram, HIS)).status_code == 200


@pytest.mark.parametrize(
    ("chat", "text", "told"),
    [
        ("", "x", (400, "Bad Request: chat_id is empty")),
        (HERS, " ", (400, "Bad Request: message text is empty")),
        (HERS, "x" * 4097, (400, "Bad Request: message is too long")),
        ("77", "x", (400, "Bad Request: chat not found")),
    ],
)
async def test_what_is_wrong_is_said(telegram: Upstream, chat: str, text: str, told: tuple[int, str]) -> None:
    assert refusal(await send(telegram, chat, text)) == told


@pytest.mark.parametrize(
    ("fault", "status"),
    [("message_403", 403), ("message_400", 400), ("message_unknown_chat", 400), ("message_401", 401), ("500", 500)],
)
async def test_faults_refuse(telegram: Upstream, fault: str, status: int) -> None:
    await telegram.fault(fault, times=1)
    assert (await send(telegram)).status_code == status
    assert await arrived(telegram) == []


async def test_a_lost_answer_is_no_lost_message(telegram: Upstream) -> None:
    await telegram.fault("message_lost", times=1)
    assert refusal(await send(telegram)) == (500, "Internal Server Error")
    assert len(await arrived(telegram)) == 1


async def test_people_block_a_bot_and_let_it_write_again(telegram: Upstream) -> None:
    assert (await telegram.order("block", person="ada")).json() == {"blocked": True}
    assert refusal(await send(telegram)) == (403, "Forbidden: bot was blocked by the user")
    assert (await send(telegram, HIS)).status_code == 200
    assert (await telegram.order("block", person="ada", blocked=False)).json() == {"blocked": False}
    assert (await send(telegram)).status_code == 200
    assert (await telegram.order("block", person="nobody")).status_code == 400


async def test_a_cleared_emulator_has_no_messages(telegram: Upstream) -> None:
    await send(telegram)
    await telegram.order("clear")
    assert await arrived(telegram) == []
