"""Calls to URLs of clients and webhooks: behind the address guard, short, small, without redirects or cookies.

Whatever comes back is data of a stranger. Nothing here retries: who asked knows whether that makes sense.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver

from broker.core.errors import FetchFailed
from broker.core.events import Event, Recorder
from broker.upstream.exchange import (
    Answer,
    ExchangeFailed,
    Failure,
    Request,
    exchange,
    failures_named,
    open_session,
    tls_context,
)
from broker.upstream.guard import FORBIDDEN, ForbiddenAddress, Network, OwnThreads, check_url, guarded_connector

TIMEOUT = 5.0  # seconds for a whole call
BODY_LIMIT = 64 * 1024  # bytes after decompression
CALLS_AT_ONCE = 32  # of all clients together
CALLS_PER_HOST = 4  # of these: somebody's slow server takes no more of us than this


class Slots:
    """So many calls at once, so many of them to one host. Whoever waits for a host holds no slot of the others."""

    def __init__(self, total: int = CALLS_AT_ONCE, per_host: int = CALLS_PER_HOST) -> None:
        self._all = asyncio.Semaphore(total)
        self._per_host = per_host
        self._hosts: dict[str, asyncio.Semaphore] = {}
        self._users = Counter[str]()

    @property
    def hosts(self) -> int:
        """How many are called or waited for."""
        return len(self._hosts)

    @asynccontextmanager
    async def hold(self, host: str, *, within: float) -> AsyncIterator[None]:
        """A slot for a call to this host, or FetchFailed after waiting for `within` seconds."""
        slots = self._hosts.setdefault(host, asyncio.Semaphore(self._per_host))
        self._users[host] += 1
        try:
            async with AsyncExitStack() as held:
                try:
                    async with asyncio.timeout(within):
                        await held.enter_async_context(slots)
                        await held.enter_async_context(self._all)
                except TimeoutError:
                    raise FetchFailed("too many calls are under way") from None
                yield
        finally:
            self._users[host] -= 1
            if not self._users[host]:
                del self._users[host], self._hosts[host]


class Outbound:
    """Implements `broker.services.context.Outbound`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        resolver: AbstractResolver,
        *,
        inside: Collection[Network],
        recorder: Recorder,
        within: float,
    ) -> None:
        """Use `open`."""
        self._session = session
        self._resolver = resolver
        self._inside = inside
        self._recorder = recorder
        self._within = within
        self._slots = Slots()

    @classmethod
    async def open(
        cls,
        *,
        recorder: Recorder,
        inside: Collection[Network] = (),
        forbidden: Collection[Network] = FORBIDDEN,
        ca_file: str | None = None,
        resolver: AbstractResolver | None = None,
        within: float = TIMEOUT,
    ) -> Outbound:
        """`inside`: networks of our own that clients may live in, `forbidden`: others that are never called.

        `ca_file`: authorities besides the system's, PEM. `within`: seconds for a whole call once it has a slot, and
        as many at most to wait for one.
        """
        resolver = resolver or OwnThreads(CALLS_AT_ONCE)
        context = await asyncio.to_thread(tls_context, ca_file)
        connector = guarded_connector(resolver=resolver, context=context, inside=inside, forbidden=forbidden)
        return cls(open_session(connector), resolver, inside=inside, recorder=recorder, within=within)

    async def fetch(self, url: str, *, accept: str = "application/json", limit: int = BODY_LIMIT) -> bytes:
        """The body of a 200 answer to a GET, at most `limit` bytes; raises FetchFailed."""
        answer = await self._call(Request("GET", url, headers={"Accept": accept}), limit)
        if answer.status != 200:
            raise FetchFailed(f"status {answer.status} where 200 was expected")
        return answer.body

    async def deliver(self, url: str, form: Mapping[str, str]) -> int:
        """The status that answers a POSTed form; the body is not looked at. Raises FetchFailed without an answer."""
        return (await self._call(Request("POST", url, form), 0)).status

    async def push(self, url: str, text: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body that answer a POSTed text; raises FetchFailed without an answer, or with a long body."""
        answer = await self._call(Request("POST", url, text=text, headers=headers), BODY_LIMIT)
        return answer.status, answer.body

    async def close(self) -> None:
        """Let go of every connection."""
        await self._session.close()
        await self._resolver.close()

    async def _call(self, request: Request, limit: int) -> Answer:
        started, outcome = time.monotonic(), "cancelled"
        try:
            answer = await self._guarded(request, limit)
            outcome = str(answer.status)
            return answer
        except FetchFailed as error:
            outcome = error.detail
            raise
        finally:
            took = round((time.monotonic() - started) * 1000, 1)
            self._recorder.record(Event.CLIENT_URL_CALLED, method=request.method, outcome=outcome, duration_ms=took)

    async def _guarded(self, request: Request, limit: int) -> Answer:
        try:
            check_url(request.url, self._inside)
            host = urlsplit(request.url).hostname or ""
            with failures_named():
                async with self._slots.hold(host, within=self._within), asyncio.timeout(self._within):
                    return await exchange(self._session, request, limit=limit)
        except ForbiddenAddress as error:
            raise FetchFailed(f"forbidden: {error}") from None
        except ExchangeFailed as error:
            if isinstance(error.os_error, ForbiddenAddress):
                raise FetchFailed("forbidden: not an address of the public Internet") from None
            raise FetchFailed("refused" if error.failure is Failure.REFUSED else str(error)) from None
