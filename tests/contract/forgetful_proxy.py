"""A balancer between the broker and Redis that forgets connections nobody used for a while, as real ones do."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal


@dataclass
class ForgetfulProxy:
    """Passes bytes on to the Unix socket `target`; a connection idle for `idle` seconds is no connection any more.

    What is sent over a forgotten one is answered with a reset (`rst`), or with nothing (`silence`).
    """

    target: str
    idle: float
    how: Literal["rst", "silence"]
    port: int = 0
    forgotten: int = 0
    made: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        """As in config.yaml."""
        return f"redis://127.0.0.1:{self.port}/0"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ForgetfulProxy]:
        """Listening on a port of its own."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.made += 1
        behind, ahead = await asyncio.open_unix_connection(self.target)
        back = asyncio.create_task(_pass_on(behind, writer))
        try:
            await self._forward(reader, ahead)
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing is a reset now
        except ConnectionError:
            pass  # one side hung up
        finally:
            back.cancel()
            ahead.close()
            writer.close()

    async def _forward(self, reader: asyncio.StreamReader, ahead: asyncio.StreamWriter) -> None:
        """Until the client hangs up, or sends something over a connection that was forgotten."""
        loop = asyncio.get_running_loop()
        used = loop.time()
        while data := await reader.read(65536):
            if loop.time() - used > self.idle:
                self.forgotten += 1
                while self.how == "silence" and await reader.read(65536):
                    pass  # whatever else it sends
                return
            used = loop.time()
            ahead.write(data)
            await ahead.drain()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
