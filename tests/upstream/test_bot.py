"""Messages of a bot, over real sockets: what each answer means, and a token that is seen nowhere (threats J)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr

from broker.core.events import Event
from broker.core.notify import Button, Fate, Message, Outcome
from broker.testing.bench import Notes
from broker.testing.raw_server import RawServer, answer_of, raw_server
from broker.upstream.bot import Bot
from broker.upstream.http import HttpPool

pytestmark = pytest.mark.anyio
TOKEN = "7000000001:AAEXAMPLE-secret"
PATH = f"/bot{TOKEN}/sendMessage"
HELLO = Message("hello & <b>", (Button("Go", "https://a.test/?x=1&y"),))


@dataclass
class Bench:
    """A bot, and the Bot API that it really talks to."""

    bot: Bot
    server: RawServer
    notes: Notes = field(default_factory=Notes)


@asynccontextmanager
async def bench(raw: bytes = b"", *, base: str = "") -> AsyncIterator[Bench]:
    async with raw_server({PATH: raw}) as server:
        pool, notes = await HttpPool.open(), Notes()
        calls = pool.secret_calls("telegram", recorder=notes, server_base=base or server.url, timeout=1.0)
        bot = Bot.of(calls, "https://api.telegram.org", SecretStr(TOKEN))
        assert bot is not None
        try:
            yield Bench(bot, server, notes)
        finally:
            await pool.close()


def said(status: int, description: str = "", **more: object) -> bytes:
    """An answer of the Bot API."""
    body: dict[str, object] = {"ok": True, "result": 1} if status == 200 else {"ok": False, "error_code": status}
    text = {"description": description} if description else {}
    return answer_of(json.dumps(body | text | more).encode(), f"{status} X")


async def test_a_message_goes_out_as_a_form_with_its_buttons_below_each_other() -> None:
    async with bench(said(200)) as at:
        assert await at.bot.write("42", HELLO) == Outcome(Fate.SENT)
        (request,) = [one for one in at.server.received if one.path == PATH]
    sent = dict(request.params)
    markup = json.loads(sent.pop("reply_markup"))
    assert (request.method, sent) == ("POST", {"chat_id": "42", "text": "hello & <b>"})
    assert markup == {"inline_keyboard": [[{"text": "Go", "url": "https://a.test/?x=1&y"}]]}


async def test_without_buttons_nothing_is_said_of_them() -> None:
    async with bench(said(200)) as at:
        await at.bot.write("42", Message("hello"))
        assert at.server.received[0].params == {"chat_id": "42", "text": "hello"}


@pytest.mark.parametrize(
    ("raw", "fate", "seconds"),
    [
        (said(403, "Forbidden: bot was blocked by the user"), Fate.UNREACHABLE, 0),
        (said(403, "Forbidden: something new"), Fate.UNREACHABLE, 0),
        (said(400, "Bad Request: chat not found"), Fate.UNREACHABLE, 0),
        (said(400, "Bad Request: can't parse entities"), Fate.REFUSED, 0),
        (said(400), Fate.REFUSED, 0),
        (said(409), Fate.REFUSED, 0),
        (said(401, "Unauthorized"), Fate.REVOKED, 0),
        (said(404, "Not Found"), Fate.REVOKED, 0),
        (said(429, parameters={"retry_after": 7}), Fate.BUSY, 7),
        (said(429, parameters={"retry_after": "7"}), Fate.BUSY, 1),
        (said(429, parameters={"retry_after": -5}), Fate.BUSY, 1),
        (said(429, parameters={"retry_after": 10**9}), Fate.BUSY, 86400),
        (said(429), Fate.BUSY, 1),
        (said(500), Fate.SILENT, 0),
        (answer_of(b"<html>", "502 X"), Fate.SILENT, 0),
        (answer_of(b"<html>"), Fate.SILENT, 0),
        (answer_of(b'{"ok":false}'), Fate.SILENT, 0),
        (answer_of(b"x" * 70_000), Fate.SILENT, 0),
        (b"rubbish", Fate.SILENT, 0),
        (b"", Fate.SILENT, 0),
    ],
)
async def test_what_an_answer_means(raw: bytes, fate: Fate, seconds: float) -> None:
    async with bench(raw) as at:
        outcome = await at.bot.write("42", HELLO)
    assert (outcome.fate, outcome.retry_after, bool(outcome.reason)) == (fate, seconds, True), outcome


async def test_where_nobody_listens_nothing_was_sent() -> None:
    async with bench(base="http://127.0.0.1:1") as at:
        assert (await at.bot.write("42", HELLO)).fate is Fate.UNSENT
        assert at.server.received == []


@pytest.mark.parametrize("raw", [said(200), said(401), said(500), b"rubbish", b""])
async def test_j_the_token_is_in_no_event_no_reason_and_no_text(raw: bytes) -> None:
    async with bench(raw) as at:
        outcome = await at.bot.write("42", HELLO)
        heard = at.notes.of(Event.UPSTREAM_CALLED)
    assert [(one["provider"], one["operation"]) for one in heard] == [("telegram", "sendMessage")]
    assert "AAEXAMPLE" not in f"{outcome} {heard} {at.bot}"


async def test_without_a_token_there_is_no_bot() -> None:
    async with bench() as at:
        assert Bot.of(at.bot.calls, at.bot.base, None) is None
