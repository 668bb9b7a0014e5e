"""Servers that come and go with a test: they wait for who is being answered, and for nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import TypeVarTuple, Unpack

from starlette.types import Receive, Scope, Send

from broker.demo.servers import serving, take_port

Ts = TypeVarTuple("Ts")
CALL = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
EMPTY = {"type": "http.response.start", "status": 204, "headers": []}, {"type": "http.response.body"}


class Watched(asyncio.SelectorEventLoop):
    """Notes the seconds of every pause that came to its end."""

    def __init__(self) -> None:
        super().__init__()
        self.paused: list[float] = []

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        seconds = when - self.time()

        def ended() -> None:
            self.paused.append(seconds)
            callback(*args)

        return super().call_at(when, ended, context=context)


def test_who_has_nobody_to_answer_leaves_at_once() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in EMPTY:
            await send(message)

    async def come_and_go() -> None:
        port = take_port("any", "127.0.0.1")
        async with serving([(port, app)]):
            reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
            writer.write(CALL)
            assert (await reader.readline()).startswith(b"HTTP/1.1 204")
        writer.close()  # a connection that is kept keeps nobody from leaving

    with asyncio.Runner(loop_factory=Watched) as runner:
        runner.run(come_and_go())
        watched = runner.get_loop()
    assert isinstance(watched, Watched)
    assert [seconds for seconds in watched.paused if seconds > 0.01] == []


def test_who_was_heard_is_answered_before_the_server_leaves() -> None:
    async def come_and_go() -> bytes:
        asked, answer = asyncio.Event(), asyncio.Event()

        async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
            asked.set()
            await answer.wait()
            for message in EMPTY:
                await send(message)

        port = take_port("any", "127.0.0.1")
        async with serving([(port, app)]):
            reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
            writer.write(CALL)
            await asked.wait()
            asyncio.get_running_loop().call_later(0.05, answer.set)
        line = await reader.readline()
        writer.close()
        return line

    assert asyncio.run(come_and_go()).startswith(b"HTTP/1.1 204")
