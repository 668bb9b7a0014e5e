"""The control socket beside the database: how commands reach the running server.

A running server owns its database alone, so it listens on `<database>.control`, which only its user can open. One JSON
line asks, one answers; a file may come with the answer, as an open descriptor. `by` of a question is who asks.
"""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.config.model import Config
from broker.core.errors import StoreUnavailable
from broker.store.sqlite.place import MEMORY

_LONGEST = 100  # bytes of a unix socket's path; systems differ between 104 and 108
_CREDENTIALS = struct.Struct("3i")  # process, user and group of who connected (unix(7), SO_PEERCRED)
_QUESTION = 4 * 1024 * 1024  # bytes; people who come from elsewhere are asked about many at a time
_TO_ASK = 30.0  # seconds
_TO_ANSWER = 3600.0  # seconds; a copy of a large database takes minutes

Question = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """Lines for people, a value for programs, and an open file, which whoever has the answer closes."""

    lines: list[str]
    file: int | None = None
    value: Any = None


class ControlSocket:
    """The running server's ear: answers on a socket that only this user can open."""

    def __init__(self, config: Config, answer: Callable[[Question], Awaitable[Answer]]) -> None:
        """`answer` may raise StoreUnavailable, and ValueError for a question that is none."""
        self._path = control_path(config.storage.sqlite.path)
        self._answer = answer
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; nothing happens for a database in memory, or where the path is too long for a socket."""
        if self._path is None:
            return
        self._path.unlink(missing_ok=True)  # the database's lock is ours, so no other server can be behind it
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=_QUESTION, start_serving=False)
        self._path.chmod(0o600)
        await self._server.start_serving()

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None and self._path is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_TO_ASK):
                question = json.loads(await reader.readline()) | {"by": _peer(writer)}
            async with asyncio.timeout(_TO_ANSWER):
                answer, reply = await self._answer(question), {}
        except (StoreUnavailable, ValueError, KeyError, TypeError, TimeoutError, OSError) as error:
            answer, reply = Answer([]), {"error": str(error) or type(error).__name__}
        with suppress(ConnectionError):  # whoever asked has left
            told = reply | {"lines": answer.lines, "value": answer.value}
            _send(writer, json.dumps(told).encode() + b"\n", answer.file)
            await writer.drain()
        writer.close()


def _send(writer: asyncio.StreamWriter, line: bytes, file: int | None) -> None:
    if file is None:
        writer.write(line)
        return
    try:
        with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as ours:
            socket.send_fds(ours, [line], [file])
    finally:
        os.close(file)


def user_name(uid: int) -> str:
    """What this machine calls a user; "uid 1000" where it has no name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # usual in a container
        return f"uid {uid}"


def _peer(writer: asyncio.StreamWriter) -> str:
    """Who asks, as the kernel says: what they say themselves does not count. "" where it does not say so (macOS)."""
    if not hasattr(socket, "SO_PEERCRED"):
        return ""
    with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as ours:
        told = ours.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(told)
    return user_name(uid)


def control_path(database: str) -> Path | None:
    """Where the server that runs on this database listens, or None when it does not."""
    path = Path(f"{os.path.realpath(database)}.control")
    return None if database == MEMORY or len(str(path).encode()) > _LONGEST else path


def ask_server(database: str, question: Question) -> Answer | None:
    """The answer of the server that runs on it, None when none does. Raises OSError with the server's refusal."""
    path = control_path(database)
    if path is None or not path.is_socket():
        return None
    with socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):  # left behind by a server that was killed
            return None
        asking.settimeout(_TO_ANSWER)
        asking.sendall(json.dumps(question).encode() + b"\n")
        line, files, *_ = socket.recv_fds(asking, 65536, 1)
        while not line.endswith(b"\n") and (more := asking.recv(65536)):
            line += more
    if not line.endswith(b"\n"):
        raise OSError("the running broker stopped before it answered")
    reply = json.loads(line)
    if "error" in reply:
        raise OSError(f"the running broker refused: {reply['error']}")
    return Answer([str(text) for text in reply["lines"]], files[0] if files else None, reply.get("value"))
