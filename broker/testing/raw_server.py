"""An upstream that answers byte for byte what a test tells it to, over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Received:
    """One request as it came. `params` joins query and form."""

    method: str
    path: str
    headers: Mapping[str, str]
    params: Mapping[str, str]


Script = Callable[[asyncio.StreamWriter], Awaitable[None]]
Answer = bytes | Script


@dataclass
class RawServer:
    """`answers` by path, or by `path?method=...`; `received` in order; `connections` counts the sockets accepted."""

    answers: dict[str, Answer] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    url: str = ""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        # Whatever a hostile script does, and whenever the client hangs up on it, ends here.
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._answer(reader, writer):
                pass
        with suppress(OSError, asyncio.CancelledError):
            writer.close()
            await writer.wait_closed()
        self._tasks.discard(task)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request_line, *lines = head.split("\r\n")
        method, target, _ = request_line.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        parts = urlsplit(target)
        params = dict(parse_qsl(parts.query)) | dict(parse_qsl(body.decode()))
        self.received.append(Received(method, parts.path, headers, params))
        answer = self.answers.get(f"{parts.path}?method={params.get('method')}", self.answers.get(parts.path))
        if callable(answer):
            await answer(writer)
            return False
        writer.write(answer if answer is not None else answer_of(b"", "404 Not Found"))
        await writer.drain()
        return bool(answer) and b"Connection: close" not in (answer or b"")

    async def stop(self, server: asyncio.Server) -> None:
        """Hang up on everybody."""
        server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def raw_server(answers: Mapping[str, Answer] | None = None) -> AsyncIterator[RawServer]:
    """A server on a free port of this machine."""
    served = RawServer(dict(answers or {}))
    server = await asyncio.start_server(served._serve, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield served
    finally:
        await served.stop(server)


def answer_of(body: bytes, status: str = "200 OK", *headers: str, kind: str = "application/json") -> bytes:
    """A complete answer that leaves the connection open."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def json_of(value: object, status: str = "200 OK", *headers: str) -> bytes:
    """A complete JSON answer."""
    return answer_of(json.dumps(value).encode(), status, *headers)
