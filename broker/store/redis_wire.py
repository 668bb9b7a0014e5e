"""One connection for all coroutines: what they ask for in one turn of the event loop travels in one write.

redis-py used plainly takes a connection per waiting caller and a system call per command. Here a caller only leaves
its command in a queue; one task of ours sends what is queued as a pipeline and hands out the answers. Besides being
several times cheaper this is what keeps answers with their askers: no caller holds a connection, so a cancelled one
cannot leave half-read answers behind for the next (redis-py CVE-2023-28858 and -28859 were that).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, ReadOnlyError, RedisError

from broker.core.errors import ConfigError, StoreUnavailable
from broker.store.outage import Outage

Command = tuple[str | bytes | int, ...]

_KEY = "storage.redis.url"
_OLDEST = 7  # major version; Valkey answers with the Redis version it is compatible with
_BATCH = 512  # commands per write: bounds what one slow answer holds up
_WAITING = 8192  # commands in the queue: a server that hangs must not take the memory with it
_REVIVE_EVERY = 0.25  # seconds between two attempts while the server is away


class Wire:
    """Sends commands; knows whether the server is there and fit, and finds out by itself when it is back."""

    def __init__(self, url: str, *, probe_key: str, outage: Outage, patience: float) -> None:
        """`probe_key` is written to see whether writes go through; `patience` in seconds bounds every exchange.

        Raises ConfigError for an address that is none; the text does not repeat it, since it may hold a password.
        """
        try:
            # One attempt only: a command whose answer got lost may have been done, and a second GETDEL or SET NX would
            # then report the opposite. The time limit is ours, around a whole exchange.
            self._client = Redis.from_url(
                url,
                protocol=2,
                max_connections=1,
                retry=Retry(NoBackoff(), 0),
                socket_timeout=None,
                socket_connect_timeout=patience,
            )
        except ValueError:
            raise ConfigError([f"{_KEY}: write redis://host:6379/0, rediss:// for TLS, or unix:///path"]) from None
        self._probe: tuple[Command, Command] = (("INFO",), ("SET", probe_key, "1", "EX", 60))
        self._outage, self._patience = outage, patience
        self._queue: deque[tuple[Command, asyncio.Future[Any]]] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._reviver: asyncio.Task[None] | None = None
        self._closed = False

    async def call(self, *command: str | bytes | int) -> Any:
        """The server's answer (Any: its type depends on the command).

        Raises StoreUnavailable, at once while the server is known to be away. The command may have been done even
        then. A cancelled caller's command is done or not; nobody else gets its answer.
        """
        if self._closed or self._outage.now or len(self._queue) >= _WAITING:
            away = "closed" if self._closed else "away" if self._outage.now else "too many commands are waiting"
            raise StoreUnavailable(f"redis: {away}")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.append((command, future))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_queued())
        return await future

    async def check(self) -> None:
        """Return when the server takes writes and promises to keep them, else raise StoreUnavailable.

        A server that has been told to evict is treated as away: it may already have forgotten what was used.
        """
        info, stored = await asyncio.gather(*(self.call(*command) for command in self._probe))
        problem = unfit(info, stored)
        if problem is not None:
            await self._lose(problem)
            raise StoreUnavailable(f"redis: {problem}")

    async def connect(self) -> None:
        """Raise ConfigError for a server that is not fit, StoreUnavailable for one that is not there."""
        try:
            info, stored = await self._exchange(self._probe)
        except (RedisError, OSError, TimeoutError) as error:
            if isinstance(error.__cause__, AuthenticationError):
                raise ConfigError([f"{_KEY}: the server refused user or password"]) from None
            raise StoreUnavailable(f"redis: {type(error).__name__}") from error
        if isinstance(info, NoPermissionError):
            raise ConfigError([f"{_KEY}: the user needs the INFO command, to see the eviction policy"])
        problem = unfit(info, stored)
        if problem is not None:
            raise ConfigError([f"{_KEY}: {problem}"])

    async def close(self) -> None:
        """Answer what is queued, then let go of the connection. May be called again."""
        self._closed = True
        if self._sender is not None:
            await self._sender
        if self._reviver is not None:
            self._reviver.cancel()
            await asyncio.gather(self._reviver, return_exceptions=True)
        await self._client.aclose()

    async def _exchange(self, commands: Sequence[Command]) -> list[Any]:
        """The answers in order; an answer may be an exception. Raises when the connection or the time limit broke."""
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        async with asyncio.timeout(self._patience):
            answers: list[Any] = await pipeline.execute(raise_on_error=False)
        return answers

    async def _send_queued(self) -> None:
        while self._queue and not self._outage.now:
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), _BATCH))]
            batch = [entry for entry in batch if not entry[1].done()]  # without those cancelled meanwhile
            try:
                answers = await self._exchange([command for command, _ in batch])
            except Exception as error:  # whatever broke, nobody may be left waiting for an answer
                await self._lose(type(error).__name__, batch)
            else:
                await self._hand_out(batch, answers)
        self._sender = None

    async def _hand_out(self, batch: Sequence[tuple[Command, asyncio.Future[Any]]], answers: list[Any]) -> None:
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                # The text of a server's error may repeat the command, hence only its kind is told.
                future.set_exception(StoreUnavailable(f"redis: {_kind(answer)}"))
            else:
                future.set_result(answer)
        if any(isinstance(answer, ReadOnlyError) for answer in answers):
            await self._lose("ReadOnlyError")  # we talk to a replica: after a failover the address leads elsewhere

    async def _lose(self, detail: str, batch: Sequence[tuple[Command, asyncio.Future[Any]]] = ()) -> None:
        """From now on every caller is refused at once, until the server is found to be back."""
        self._outage.failed(detail)
        for _, future in (*batch, *self._queue):
            if not future.done():
                future.set_exception(StoreUnavailable(f"redis: {detail}"))
        self._queue.clear()
        await self._drop_connection()
        if self._reviver is None and not self._closed:
            self._reviver = asyncio.create_task(self._revive())

    async def _drop_connection(self) -> None:
        with suppress(RedisError, OSError):  # it was to be thrown away, and is
            await self._client.connection_pool.disconnect()

    async def _revive(self) -> None:
        while self._outage.now:
            try:
                problem = unfit(*await self._exchange(self._probe))
            except Exception as error:  # whatever broke, the next attempt starts afresh
                problem = type(error).__name__
            if problem is None:
                self._reviver = None
                self._outage.answered()
            else:
                await self._drop_connection()
                await asyncio.sleep(_REVIVE_EVERY)


def unfit(info: object, stored: object) -> str | None:
    """Why a server that answered the probe so must not hold our state, or None."""
    if not isinstance(info, Mapping) or stored is not True:
        return f"the server answers INFO and SET with {_kind(info)} and {_kind(stored)}"
    version, policy = str(info.get("redis_version")), info.get("maxmemory_policy")
    major = version.partition(".")[0]
    if not major.isdigit() or int(major) < _OLDEST:
        return f"the server is version {version}; {_OLDEST}.0 is the oldest that works"
    if policy != "noeviction":
        return f"the server evicts keys (maxmemory-policy {policy}); set maxmemory-policy noeviction"
    return None


def _kind(answer: object) -> str:
    return type(answer).__name__ if isinstance(answer, Exception) else "no error"
