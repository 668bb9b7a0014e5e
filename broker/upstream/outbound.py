"""Calls to URLs that clients supplied: behind the address guard, short, small, without redirects, cookies or secrets.

Whatever comes back is data of a stranger. Nothing here retries: who asked knows whether that makes sense.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from broker.core.errors import FetchFailed
from broker.core.events import Event, Recorder
from broker.core.query import encode_query
from broker.upstream.guard import FORBIDDEN, ForbiddenAddress, Network, OwnThreads, check_url, guarded_connector
from broker.upstream.http import tls_context

TIMEOUT = 5.0  # seconds for a whole call
CONNECT_TIMEOUT = 2.0  # seconds
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
    """Implements `broker.services.outbound.Outbound`."""

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
        session = aiohttp.ClientSession(
            connector=guarded_connector(resolver=resolver, context=context, inside=inside, forbidden=forbidden),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=within, sock_connect=CONNECT_TIMEOUT),
            headers={"User-Agent": "identity-broker"},
            trust_env=False,
        )
        return cls(session, resolver, inside=inside, recorder=recorder, within=within)

    async def fetch(self, url: str, *, accept: str = "application/json", limit: int = BODY_LIMIT) -> bytes:
        """The body of a 200 answer to a GET, at most `limit` bytes; raises FetchFailed."""
        status, body = await self._call("GET", url, None, {"Accept": accept}, limit)
        if status != 200:
            raise FetchFailed(f"status {status} where 200 was expected")
        return body

    async def deliver(self, url: str, form: Mapping[str, str]) -> int:
        """The status that answers a POSTed form; the body is not looked at. Raises FetchFailed without an answer."""
        status, _ = await self._call("POST", url, encode_query(form).encode(), _FORM, 0)
        return status

    async def close(self) -> None:
        """Let go of every connection."""
        await self._session.close()
        await self._resolver.close()

    async def _call(
        self, method: str, url: str, data: bytes | None, headers: Mapping[str, str], limit: int
    ) -> tuple[int, bytes]:
        started, outcome = time.monotonic(), "cancelled"
        try:
            answer = await self._exchange(method, url, data, headers, limit)
            outcome = str(answer[0])
            return answer
        except FetchFailed as error:
            outcome = error.detail
            raise
        finally:
            took = round((time.monotonic() - started) * 1000, 1)
            self._recorder.record(Event.CLIENT_URL_CALLED, method=method, outcome=outcome, duration_ms=took)

    async def _exchange(
        self, method: str, url: str, data: bytes | None, headers: Mapping[str, str], limit: int
    ) -> tuple[int, bytes]:
        # An exception of the client names the URL, and a URL may hold a secret of the app: only its kind goes on.
        try:
            check_url(url, self._inside)
            target = URL(url, encoded=True)
            async with (
                self._slots.hold(target.host or "", within=self._within),
                asyncio.timeout(self._within),
                self._session.request(method, target, data=data, headers=headers, allow_redirects=False) as response,
            ):
                return response.status, await _read(response, limit)
        except ForbiddenAddress as error:
            raise FetchFailed(f"forbidden: {error}") from None
        except aiohttp.ClientConnectorError as error:
            forbidden = isinstance(error.os_error, ForbiddenAddress)
            raise FetchFailed("forbidden: not an address of the public Internet" if forbidden else "refused") from None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise FetchFailed(type(error).__name__) from None


_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    if limit == 0:
        return b""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise FetchFailed(f"more than {limit} bytes")
    return bytes(body)
