"""What a stranger may send, and how slowly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from broker.cli.protocol import BoundedProtocol
from broker.cli.server import Listener, bind

pytestmark = pytest.mark.anyio


class Hasty(BoundedProtocol):
    """The same with short patience."""

    head_timeout = 0.3
    body_timeout = 0.6


class Steady(BoundedProtocol):
    """Less patient than /slow is slow."""

    head_timeout = 1.0


class Tight(Hasty):
    """Small budgets."""

    head_limit = body_limit = framing_limit = 8 * 1024


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the number of bytes of the body; below /slow after a while."""
    if scope["path"].startswith("/slow"):
        await asyncio.sleep(1.5)
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(str(size)))]})
    await send({"type": "http.response.body", "body": str(size).encode()})


@asynccontextmanager
async def listening(protocol: type[BoundedProtocol] = BoundedProtocol) -> AsyncIterator[int]:
    """A listener with that protocol; its port."""
    sock = bind("127.0.0.1:0")
    config = uvicorn.Config(echo, http=protocol, ws="none", lifespan="off", log_config=None, access_log=False)
    config.timeout_keep_alive = 1
    listener = Listener(config)
    task = asyncio.create_task(listener.serve([sock]))
    await listener.accepting.wait()
    port = int(sock.getsockname()[1])
    try:
        yield port
    finally:
        listener.should_exit = True
        await task


async def exchange(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """What comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def get(path: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([b"GET " + path + b" HTTP/1.1", b"Host: x", b"Connection: close", *headers, b"", b""])


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (get(b"/" + b"a" * 8191), 200),
        (get(b"/" + b"a" * 8192), 414),
        (get(b"/?" + b"a" * 9000), 414),
        (get(b"/", b"X: " + b"a" * 15_000), 200),
        (get(b"/", b"X: " + b"a" * 17_000), 431),
        (get(b"/", *[b"X%d: a" % number for number in range(2000)]), 431),
        (b"nonsense\r\n\r\n", 400),
    ],
)
async def test_h3_one_byte_too_many_is_refused(request_: bytes, status: int) -> None:
    async with listening() as port:
        answer = await exchange(port, request_)
        assert answer.startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize(
    ("framed", "status"),
    [
        (b"1\r\na\r\n" * 1000 + b"0\r\n\r\n", 200),
        (b"1\r\na\r\n" * 5000, 413),
        (b"1;" + b"e" * 25_000, 413),
        (b"0" * 25_000, 413),
        (b"1\r\na\r\n0\r\nX: y\r\n\r\n", 400),
        (b"1\r\na\r\n0\r\n" + b"x" * 25_000, 413),
    ],
)
async def test_h17_framing_has_a_budget(framed: bytes, status: int) -> None:
    async with listening(Tight) as port:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert (await exchange(port, head, framed)).startswith(b"HTTP/1.1 %d " % status)


async def test_h17_a_refusal_comes_after_the_answers_that_were_owed() -> None:
    first, second = (b"GET /slow?%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(2))
    broken = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"
    for behind in (b"nonsense\r\n\r\n", broken):
        async with listening() as port:
            answer = await exchange(port, first + second + behind + get(b"/"))
            assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"400"]


async def test_h17_whoever_is_refused_is_not_told_to_go_on(caplog: pytest.LogCaptureFixture) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with listening() as port:
        answer = await exchange(port, head + b"nonsense\r\n")
        assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"400"]
    assert [record for record in caplog.records if record.name == "uvicorn.error" and record.levelname == "ERROR"] == []


async def test_h17_a_refusal_reaches_whoever_goes_on_talking() -> None:
    async with listening() as port:
        answer = await exchange(port, b"GET / HTTP/1.1\r\nX: ", *[b"a" * 65536] * 12, pause=0.002)
        assert answer.startswith(b"HTTP/1.1 431 ")


async def test_h11_empty_lines_do_not_keep_a_connection() -> None:
    async with listening(Hasty) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n0")
        with suppress(ConnectionError):
            for _ in range(10):
                writer.write(b"\r\n")
                await asyncio.sleep(0.1)
            assert await asyncio.wait_for(reader.read(), 10) == b""
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


async def test_requests_behind_a_slow_one_are_answered_whatever_the_clocks_say() -> None:
    padded = [b"GET /slow?%d HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n" % (number, b"y" * 5000) for number in range(4)]
    async with listening(Steady) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        whole = b"".join(padded)
        writer.write(whole[:-20])
        for _ in range(3):
            assert (await reader.readuntil(b"\r\n\r\n0")).startswith(b"HTTP/1.1 200")
        writer.write(whole[-20:])
        assert (await reader.readuntil(b"\r\n\r\n0")).startswith(b"HTTP/1.1 200")
        writer.close()


UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\nUpgrade: h2c\r\n"


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + UPGRADE + b"\r\n", 0),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nX:\r\n\r\n", 0),
        (b"POST / HTTP/1.1\r\nHost: x\r\n" + UPGRADE + b"Content-Length: 6\r\n\r\nGET / ", 6),
        (b"POST / HTTP/1.1\r\nHost: x\r\n" + UPGRADE + b"Content-Length: 70\r\n\r\n" + get(b"/").ljust(70), 70),
        (b"POST / HTTP/1.1\r\nHost: x\r\n" + UPGRADE + b"Upgrade: TLS/1.0\r\nContent-Length: 3\r\n\r\nabc", 3),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\n"
            + UPGRADE
            + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
            5,
        ),
    ],
)
async def test_h16_a_request_that_offers_another_protocol_is_one_of_http_1_with_its_body(
    request_: bytes, body: int, size: int
) -> None:
    whole = request_ * 2 + get(b"/")
    async with listening() as port:
        answer = await exchange(port, *[whole[at : at + size] for at in range(0, len(whole), size)])
        assert [(part[:3], part.rpartition(b"\r\n\r\n")[2]) for part in answer.split(b"HTTP/1.1 ")[1:]] == [
            (b"200", str(body).encode()),
            (b"200", str(body).encode()),
            (b"200", b"0"),
        ]


async def test_h16_an_offer_of_another_protocol_keeps_no_connection_that_is_to_end() -> None:
    async with listening() as port:
        for ends in (b"HTTP/1.1\r\nConnection: close", b"HTTP/1.0"):
            head = b"POST / " + ends + b"\r\nHost: x\r\n" + UPGRADE + b"Content-Length: 3\r\n\r\n"
            answer = await exchange(port, head + b"abc" + get(b"/"))
            assert answer.startswith(b"HTTP/1.1 200")
            assert answer.count(b"HTTP/1.1 ") == 1


async def test_h17_offers_of_another_protocol_take_no_more_than_the_budget() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\n" + UPGRADE
    async with listening(Tight) as port:
        assert (await exchange(port, head + b"X: " + b"a" * 9000 + b"\r\n\r\n")).startswith(b"HTTP/1.1 431 ")
        for framing in (b"Content-Length: 30000", b"Transfer-Encoding: chunked"):
            body = b"1\r\na\r\n" * 5000
            assert (await exchange(port, head + framing + b"\r\n\r\n", body)).startswith(b"HTTP/1.1 413 "), framing


async def test_h3_a_header_that_never_ends_is_cut_off() -> None:
    async with listening() as port:
        for pause in (0.0, 0.02):
            answer = await exchange(port, b"GET / HTTP/1.1\r\nX: ", *[b"a" * 4096] * 50, pause=pause)
            assert answer.startswith(b"HTTP/1.1 431 ")


async def test_h11_a_silent_connection_is_closed() -> None:
    async with listening(Hasty) as port:
        assert await exchange(port) == b""


async def test_h11_a_head_that_drips_is_closed() -> None:
    async with listening(Hasty) as port:
        assert await exchange(port, b"GET / HTTP/1.1\r\n", *[b"X: a\r\n"] * 8, pause=0.1) == b""


async def test_h11_a_body_that_drips_is_closed() -> None:
    async with listening(Hasty) as port:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
        assert await exchange(port, head, *[b"a"] * 10, pause=0.1) == b""


async def test_a_prompt_body_of_any_pieces_is_answered_and_the_connection_stays() -> None:
    async with listening(Hasty) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc")
            await asyncio.sleep(0.05)
            writer.write(b"def")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(1) == b"6"
        writer.close()


async def test_h11_a_second_request_may_not_drip_either() -> None:
    async with listening(Hasty) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await reader.readexactly(1)
        with suppress(ConnectionError):
            for part in (b"GET / HTTP/1.1\r\n", *[b"X: a\r\n"] * 10, b"\r\n"):
                writer.write(part)
                await asyncio.sleep(0.1)
            assert await reader.read() == b""
        writer.close()
