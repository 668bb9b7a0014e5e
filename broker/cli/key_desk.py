"""Listing and rotating signing keys, in the server that holds the database or in its place when none runs.

A running server owns its database alone, so it listens on a socket beside it, `<database>.control`, which only its
user can open. One JSON line asks, one answers.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from broker.app import Broker, build
from broker.config.model import Config
from broker.config.reveal import secrets_of
from broker.core.errors import StoreUnavailable
from broker.core.records import SigningKey
from broker.core.terms import Algorithm
from broker.observe import Observer, Setup
from broker.observe.sink import Sink
from broker.store.sqlite_file import reading
from broker.store.sqlite_keys import signing_keys
from broker.store.sqlite_place import MEMORY

_LONGEST = 100  # bytes of a unix socket's path; systems differ between 104 and 108
_TIMEOUT = 30.0  # seconds; an RSA key takes a moment

Question = dict[str, Any]


class Desk:
    """Answers questions about the keys of a broker in this process."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def answer(self, question: Question) -> list[str]:
        """Lines for people; raises StoreUnavailable, and ValueError for a question that is none."""
        if question.get("do") == "rotate":
            algorithms = [Algorithm(name) for name in question["algorithms"]]
            for algorithm in algorithms:
                await self._broker.keys.rotate(algorithm, at_once=bool(question["now"]))
        elif question.get("do") == "replace":
            return await self._replace(question)
        elif question.get("do") != "list":
            raise ValueError("list, rotate or replace")
        return await self._table()

    async def _replace(self, question: Question) -> list[str]:
        emergency = self._broker.emergency
        await emergency.replace_keys([Algorithm(name) for name in question["algorithms"]])
        ended = [f"{await emergency.end_grants()} grants ended"] if question["end_grants"] else []
        return await self._table() + ended

    async def _table(self) -> list[str]:
        return table(await self._broker.durable.signing_keys(), int(time.time()))


class ControlSocket:
    """The running server's ear: answers on a socket that only this user can open."""

    def __init__(self, config: Config, broker: Broker) -> None:
        self._path = control_path(config)
        self._desk = Desk(broker)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; nothing happens for a database in memory, or where the path is too long for a socket."""
        if self._path is None:
            return
        self._path.unlink(missing_ok=True)  # the database's lock is ours, so no other server can be behind it
        self._server = await asyncio.start_unix_server(self._serve, self._path, start_serving=False)
        self._path.chmod(0o600)
        await self._server.start_serving()

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None and self._path is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reply: dict[str, Any]
        try:
            async with asyncio.timeout(_TIMEOUT):
                question = json.loads(await reader.readline())
                reply = {"lines": await self._desk.answer(question)}
        except (StoreUnavailable, ValueError, KeyError, TypeError, TimeoutError) as error:
            reply = {"lines": [], "error": str(error) or type(error).__name__}
        with suppress(ConnectionError):  # whoever asked has left
            writer.write(json.dumps(reply).encode() + b"\n")
            await writer.drain()
        writer.close()


def control_path(config: Config) -> Path | None:
    """Where the running server listens, or None when it does not."""
    path = Path(f"{os.path.realpath(config.storage.sqlite.path)}.control")
    return None if config.storage.sqlite.path == MEMORY or len(str(path).encode()) > _LONGEST else path


def ask(config: Config, question: Question) -> list[str]:
    """The lines of the answer, from the running server or, without one, from the database itself.

    Listing makes nothing: where there is no database yet, that is the error. Other questions open it as a start does.

    Raises ConfigError and StoreUnavailable as a start would, OSError with the server's refusal.
    """
    return asyncio.run(_ask(config, question))


async def _ask(config: Config, question: Question) -> list[str]:
    path = control_path(config)
    if path is not None and path.is_socket():
        with suppress(ConnectionRefusedError, FileNotFoundError):  # left behind by a server that was killed
            return await _ask_server(path, question)
    if question["do"] == "list":
        with reading(config.storage.sqlite.path) as db:
            return table(signing_keys(db), int(time.time()))
    lines = Sink(sys.stderr.fileno())  # stdout is for the answer
    setup = Setup("error", config.logging.format, config.logging.audit, secrets=tuple(secrets_of(config)))
    try:
        broker = await build(config, observer=Observer.open_(setup, lines=lines))
        try:
            return await Desk(broker).answer(question)
        finally:
            await broker.close()
    finally:
        lines.close()


async def _ask_server(path: Path, question: Question) -> list[str]:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(json.dumps(question).encode() + b"\n")
        reply = json.loads(await asyncio.wait_for(reader.readline(), _TIMEOUT))
    finally:
        writer.close()
    if "error" in reply:
        raise OSError(f"the running broker refused: {reply['error']}")
    return [str(line) for line in reply["lines"]]


def table(keys: Sequence[SigningKey], now: int) -> list[str]:
    """One line per key under a heading; times in UTC."""
    rows = [("KID", "ALGORITHM", "STATE", "CREATED", "SIGNS FROM", "RETIRED")]
    rows += [
        (key.kid, key.algorithm, _state(key, now), _day(key.created_at), _day(key.active_at), _day(key.retired_at))
        for key in sorted(keys, key=lambda key: (key.algorithm, key.active_at, key.created_at))
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _state(key: SigningKey, now: int) -> str:
    if key.retired_at is not None:
        return "retired"
    return "active" if key.active_at <= now else "published"


def _day(at: int | None) -> str:
    return "-" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
