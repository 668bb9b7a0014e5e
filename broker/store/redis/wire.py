"""One connection for all coroutines: what they ask for in one turn of the event loop travels in one write.

redis-py used plainly takes a connection per waiting caller and a system call per command. Here a caller only leaves
its command in a queue; one task of ours sends what is queued as a pipeline and hands out the answers. Besides being
several times cheaper this is what keeps answers with their askers: no caller holds a connection, so a cancelled one
cannot leave half-read answers behind for the next (redis-py CVE-2023-28858 and -28859 were that).

A second task looks at the server every few seconds, whether anybody asks for anything or not: a balancer that forgets
idle connections has none to forget, and a server that is full or was told to evict is found out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as BrokenLine
from redis.exceptions import ReadOnlyError, RedisError

from broker.core.errors import ConfigError, StoreUnavailable
from broker.store.outage import Outage
from broker.store.redis.fitness import Command, Fitness, Problem, explain, kind_of

Asked = tuple[Command, asyncio.Future[Any]]

_KEY = "storage.redis.url"
_BATCH = 512  # commands per write: bounds what one slow answer holds up
_WAITING = 8192  # commands in the queue: a server that hangs must not take the memory with it
_LATE = 0.05  # seconds to read what arrived while this process was not running
_REVIVE_EVERY = 0.25  # seconds between two attempts while the server is away
_READS = frozenset({"GET"})  # may be asked again when nobody knows whether it was answered


class Wire:
    """Sends commands; knows whether the server is there and fit, and finds out by itself when it is back."""

    def __init__(self, url: str, *, fitness: Fitness, outage: Outage, patience: float, look_every: float) -> None:
        """`patience` in seconds bounds every exchange, `look_every` the time between two looks at the server.

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
        self._fitness, self._outage = fitness, outage
        self._patience, self._look_every = patience, look_every
        self._line = asyncio.Lock()
        self._queue: deque[Asked] = deque()
        self._barred = ""  # why nothing is sent
        self._alarm = asyncio.Event()  # something is wrong: look again soon
        self._sender: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[Problem | None] | None = None
        self._closed = False

    async def call(self, *command: str | bytes | int) -> Any:
        """The server's answer (Any: its type depends on the command).

        Raises StoreUnavailable, at once while the server is known to be away. The command may have been done even
        then. A cancelled caller's command is done or not; nobody else gets its answer.
        """
        if self._closed or self._barred or len(self._queue) >= _WAITING:
            reason = "closed" if self._closed else self._barred or "too many commands are waiting"
            raise StoreUnavailable(f"redis: {reason}")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.append((command, future))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_queued())
        return await future

    async def start(self) -> None:
        """Connect, and look at the server from now on; one that is not there is waited for.

        Raises ConfigError for a server that is there and may not hold our state.
        """
        problem = await self._look()
        if problem is not None and problem.lasting:
            raise ConfigError([f"{_KEY}: {problem.text}"])
        self._keeper = asyncio.create_task(self._keep_looking())

    async def check(self) -> None:
        """Return when the server takes writes and promises to keep them, else raise StoreUnavailable.

        A server that has been told to evict is treated as away: it may already have forgotten what was used.
        """
        if self._closed:
            raise StoreUnavailable("redis: closed")
        problem = await self._look_together()
        if problem is not None:
            raise StoreUnavailable(f"redis: {problem.text}")

    async def close(self) -> None:
        """Answer what is queued, then let go of the connection. May be called again."""
        self._closed = True
        if self._keeper is not None:
            self._keeper.cancel()
        tasks = [task for task in (self._sender, self._looking, self._keeper) if task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()

    # --- looking ---

    async def _keep_looking(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look_every):
                    await self._alarm.wait()
            if self._alarm.is_set():
                await asyncio.sleep(_REVIVE_EVERY)
            self._alarm.clear()
            await self._look_together()

    async def _look_together(self) -> Problem | None:
        """One look for all who want one now; whoever gives up waiting takes it from nobody."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
            self._looking.add_done_callback(self._looked)
        return await asyncio.shield(self._looking)

    def _looked(self, _: asyncio.Task[Problem | None]) -> None:
        self._looking = None

    async def _look(self) -> Problem | None:
        _, problem = await self._ask(())
        self._settle(problem)
        return problem

    def _settle(self, problem: Problem | None) -> None:
        """From now on callers are refused at once, or are not, and the operator knows."""
        if problem is None:
            self._barred = ""
            self._outage.answered()
            return
        self._barred = problem.text if problem.barred else ""
        self._alarm.set()
        if problem.barred:
            _refuse(self._queue, problem.text)
            self._queue.clear()
        self._outage.failed(problem.text, lasting=problem.lasting)

    # --- sending ---

    async def _exchange(self, commands: Sequence[Command]) -> list[Any]:
        """The answers in order; an answer may be an exception. Raises when the connection or the time limit broke."""
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        async with self._line:
            try:
                answers: list[Any] = await self._within_patience(pipeline.execute(raise_on_error=False))
            except BaseException:
                await self._drop_connection()  # what is still to be read from it must reach nobody
                raise
            if any(isinstance(answer, ReadOnlyError) for answer in answers):
                await self._drop_connection()  # we talk to a replica: after a failover the address leads elsewhere
            return answers

    async def _within_patience(self, exchange: Awaitable[list[Any]]) -> list[Any]:
        """Raise TimeoutError after `patience`; should it be us who had no processor for so long, what came counts."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as limit:
            over = loop.call_later(self._patience, lambda: limit.reschedule(loop.time() + _LATE))
            try:
                return await exchange
            finally:
                over.cancel()

    async def _drop_connection(self) -> None:
        with suppress(RedisError, OSError):  # it was to be thrown away, and is
            await self._client.connection_pool.disconnect()

    async def _send_queued(self) -> None:
        try:
            while self._queue and not self._barred:
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), _BATCH))]
                batch = [entry for entry in batch if not entry[1].done()]  # without those cancelled meanwhile
                try:
                    await self._send(batch)
                finally:
                    _refuse(batch, "the answer was lost")
        finally:
            # However this ended, the next caller must find somebody who sends, and nobody may be left waiting.
            self._sender = None
            _refuse(self._queue, "the answer was lost")
            self._queue.clear()

    async def _send(self, batch: Sequence[Asked]) -> None:
        try:
            answers = await self._exchange([command for command, _ in batch])
        except (BrokenLine, ConnectionError) as error:
            await self._send_again(batch, error)
        except Exception as error:  # whatever broke, nobody may be left waiting for an answer
            problem = explain(error)
            _refuse(batch, problem.text)
            self._settle(problem)
        else:
            self._hand_out(batch, answers)

    async def _send_again(self, batch: Sequence[Asked], error: Exception) -> None:
        """A connection that broke says little of the server: on a fresh one, what only reads is asked once more."""
        reads = [entry for entry in batch if entry[0][0] in _READS]
        lost = [entry for entry in batch if entry[0][0] not in _READS]
        if lost:
            _refuse(lost, explain(error).text)
            self._outage.failed(explain(error).text)
        answers, problem = await self._ask([command for command, _ in reads])
        if problem is None or not problem.barred:
            self._hand_out(reads, answers)
        else:
            _refuse(reads, problem.text)
        self._settle(problem)

    async def _ask(self, commands: Sequence[Command]) -> tuple[list[Any], Problem | None]:
        """The answers, with what the same exchange found of the server; for commands that may be asked twice."""
        asked, ours = [*self._fitness.commands, *commands], len(self._fitness.commands)
        try:
            try:
                answers = await self._exchange(asked)
            except (BrokenLine, ConnectionError):
                answers = await self._exchange(asked)
        except Exception as error:  # whatever broke, the next look starts afresh
            return [], explain(error)
        return answers[ours:], self._fitness.judge(answers[:ours])

    def _hand_out(self, batch: Sequence[Asked], answers: Sequence[Any]) -> None:
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(StoreUnavailable(f"redis: {kind_of(answer)}"))
            else:
                future.set_result(answer)
        refusal = next((answer for answer in answers if isinstance(answer, Exception)), None)
        if refusal is not None:
            self._alarm.set()
            self._outage.failed(kind_of(refusal))


def _refuse(waiting: Iterable[Asked], reason: str) -> None:
    for _, future in waiting:
        if not future.done():
            future.set_exception(StoreUnavailable(f"redis: {reason}"))
