"""One HTTP client for all upstreams: pooled, time-limited, size-capped, without redirects, cookies or surprises."""

from __future__ import annotations

import asyncio
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeVar
from urllib.parse import quote_plus

import aiohttp
from yarl import URL

from broker.core.errors import UpstreamError, UpstreamInvalid, UpstreamUnavailable
from broker.core.events import Event, Recorder
from broker.core.query import encode_query
from broker.upstream.answer import Answer, check_available, operation, rebase
from broker.upstream.breaker import Breaker, State
from broker.upstream.fields import Fields

CONNECT_TIMEOUT = 2.0  # seconds, TLS handshake included
KEEP_ALIVE = 75.0  # seconds; a TLS handshake costs seven times a call on a kept connection
BODY_LIMIT = 512 * 1024  # bytes after decompression
CALLS_AT_ONCE = 64  # per provider, so that one that hangs holds no more than this

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}

Result = TypeVar("Result")


@cache
def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """One context per process: reading the system's authorities takes as long as twenty calls."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


class HttpPool:
    """The connections of this process; each provider gets a view of its own with `for_provider`."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        """Use `open`."""
        self._session = session

    @classmethod
    async def open(cls, *, ca_file: str | None = None, trust_env: bool = False) -> HttpPool:
        """`ca_file`: authorities besides the system's, PEM. `trust_env`: believe HTTP_PROXY and .netrc."""
        context = await asyncio.to_thread(tls_context, ca_file)
        # No limit here: the limits are per provider, or one that hangs would take the connections of the others.
        connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=60, keepalive_timeout=KEEP_ALIVE, ssl=context)
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
            headers={"Accept": "application/json", "User-Agent": "identity-broker"},
            trust_env=trust_env,
            read_bufsize=64 * 1024,
        )
        return cls(session)

    def for_provider(
        self,
        name: str,
        *,
        recorder: Recorder,
        server_base: str | None = None,
        timeout: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> UpstreamHttp:
        """The view of one provider instance, with its own breaker; `timeout` in seconds per call, `clock` monotonic."""
        limits = _Limits(timeout, server_base)
        return UpstreamHttp(self._session, name, limits, recorder=recorder, clock=clock)

    async def close(self) -> None:
        """Let go of every connection."""
        await self._session.close()


@dataclass(frozen=True, slots=True)
class _Limits:
    """Seconds one call may take, waiting included, and the scheme and host it really goes to."""

    timeout: float
    server_base: str | None


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    form: Mapping[str, str] | None
    headers: Mapping[str, str]


class UpstreamHttp:
    """Implements `broker.upstream.model.Http`, and `get_cacheable` for key sets."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        name: str,
        limits: _Limits,
        *,
        recorder: Recorder,
        clock: Callable[[], float],
    ) -> None:
        """Use `HttpPool.for_provider`."""
        self._session = session
        self._name = name
        self._limits = limits
        self._recorder = recorder
        self._clock = clock
        self._slots = asyncio.Semaphore(CALLS_AT_ONCE)
        self._breaker = Breaker(clock=clock, on_change=self._note_breaker)

    @property
    def available(self) -> bool:
        """Whether calls are let through just now, for a note on the login page."""
        return self._breaker.state is not State.OPEN

    async def get_json(
        self, url: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Fields:
        """The JSON object answered to a GET."""
        target = f"{url}?{encode_query(params)}" if params else url
        return await self._call(_Request("GET", target, None, headers or {}), Answer.fields)

    async def get_cacheable(self, url: str) -> tuple[Fields, int | None]:
        """The JSON object answered to a GET and, where said, for how many seconds it may be kept (RFC 9111 5.2.2.1)."""
        return await self._call(_Request("GET", url, None, {}), Answer.cacheable_fields)

    async def post_form(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        basic: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Fields:
        """The JSON object answered to a POSTed form; `basic` is (client_id, client_secret), RFC 6749 section 2.3.1."""
        sent = {**_FORM, **(headers or {})}
        if basic is not None:
            pair = ":".join(quote_plus(part) for part in basic)
            sent["Authorization"] = f"Basic {b64encode(pair.encode()).decode('ascii')}"
        return await self._call(_Request("POST", url, form, sent), Answer.fields)

    async def post_form_value(self, url: str, form: Mapping[str, str]) -> object:
        """Any JSON value answered to a POSTed form; errors as `post_form`."""
        return await self._call(_Request("POST", url, form, _FORM), Answer.value)

    async def _call(self, request: _Request, read: Callable[[Answer], Result]) -> Result:
        started, outcome = self._clock(), "cancelled"
        try:
            with self._breaker.attempt():
                result = read(await self._timed(request))
            outcome = "ok"
            return result
        except UpstreamError as error:
            outcome = type(error).__name__.removeprefix("Upstream").lower()
            raise
        finally:
            self._recorder.record(
                Event.UPSTREAM_CALLED,
                provider=self._name,
                operation=operation(request.url),
                outcome=outcome,
                duration_ms=round((self._clock() - started) * 1000, 1),
            )

    async def _timed(self, request: _Request) -> Answer:
        what = operation(request.url)
        try:
            async with asyncio.timeout(self._limits.timeout), self._slots:
                try:
                    return await self._exchange(request)
                except aiohttp.ClientConnectorError:
                    # Nothing was sent yet; still, only what changes nothing upstream is tried again.
                    if request.method != "GET":
                        raise
                    return await self._exchange(request)
        # An exception of the client names the URL, and in a URL tokens travel: only its kind goes on.
        except (aiohttp.ClientPayloadError, aiohttp.ClientResponseError, aiohttp.InvalidURL) as error:
            raise UpstreamInvalid(f"{what}: {type(error).__name__}") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UpstreamUnavailable(f"{what}: {type(error).__name__}") from None

    async def _exchange(self, request: _Request) -> Answer:
        what = operation(request.url)
        async with self._session.request(
            request.method,
            URL(rebase(request.url, self._limits.server_base), encoded=True),
            data=None if request.form is None else encode_query(request.form).encode(),
            headers=request.headers,
            allow_redirects=False,
        ) as response:
            check_available(what, response.status)
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > BODY_LIMIT:
                    raise UpstreamInvalid(f"{what}: more than {BODY_LIMIT} bytes")
            return Answer(what, response.status, response.headers, bytes(body))

    def _note_breaker(self, state: State) -> None:
        self._recorder.record(Event.UPSTREAM_BREAKER, provider=self._name, state=str(state))
