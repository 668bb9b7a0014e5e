"""Calls to URLs that clients supplied: behind the address guard, short, small, without redirects, cookies or secrets.

Whatever comes back is data of a stranger. Nothing here retries: who asked knows whether that makes sense.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from broker.core.errors import FetchFailed
from broker.core.events import Event, Recorder
from broker.core.query import encode_query
from broker.upstream.guard import ForbiddenAddress, Network, check_url, guarded_connector
from broker.upstream.http import tls_context

TIMEOUT = 5.0  # seconds for a whole call
CONNECT_TIMEOUT = 2.0  # seconds
BODY_LIMIT = 64 * 1024  # bytes after decompression
CALLS_AT_ONCE = 32  # of all clients together: somebody else's slow server takes no more of us than this


class Outbound:
    """Implements `broker.services.outbound.Outbound`."""

    def __init__(
        self, session: aiohttp.ClientSession, *, inside: Collection[Network], recorder: Recorder, within: float
    ) -> None:
        """Use `open`."""
        self._session = session
        self._inside = inside
        self._recorder = recorder
        self._within = within
        self._slots = asyncio.Semaphore(CALLS_AT_ONCE)

    @classmethod
    async def open(
        cls,
        *,
        recorder: Recorder,
        inside: Collection[Network] = (),
        ca_file: str | None = None,
        resolver: AbstractResolver | None = None,
        within: float = TIMEOUT,
    ) -> Outbound:
        """`inside`: networks of our own that clients may live in. `ca_file`: authorities besides the system's, PEM.

        `within`: seconds for a whole call.
        """
        context = await asyncio.to_thread(tls_context, ca_file)
        session = aiohttp.ClientSession(
            connector=guarded_connector(resolver=resolver, context=context, inside=inside),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=within, sock_connect=CONNECT_TIMEOUT),
            headers={"User-Agent": "identity-broker"},
            trust_env=False,
        )
        return cls(session, inside=inside, recorder=recorder, within=within)

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
            async with (
                asyncio.timeout(self._within),
                self._slots,
                self._session.request(
                    method, URL(url, encoded=True), data=data, headers=headers, allow_redirects=False
                ) as response,
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
