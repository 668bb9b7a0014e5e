"""One HTTP exchange over aiohttp: the session, a request, the size-capped body of its answer, failures by kind.

What may be called, for how long, how often at once, and what is made of a failure is the policy of whoever calls:
`http` for upstreams (circuit breaker), `outbound` for URLs of clients (address guard). No redirects, no cookies.
"""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cache
from urllib.parse import quote_plus

import aiohttp
import orjson
from yarl import URL

from broker.core.wire.query import encode_query

CONNECT_TIMEOUT = 2.0  # seconds, TLS handshake included

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_JSON = {"Content-Type": "application/json"}


class Failure(Enum):
    """How an exchange came to nothing. REFUSED and UNREACHED: nothing was sent yet."""

    REFUSED = auto()  # no connection came about
    UNREACHED = auto()  # nor within `CONNECT_TIMEOUT`
    SILENT = auto()  # no answer, or not in time
    UNREADABLE = auto()  # an answer that is no HTTP or breaks off, or an address that is none
    OVERSIZED = auto()  # a longer body than was asked for


class ExchangeFailed(Exception):
    """No usable answer. The text is a kind of error only: the client's own would quote URLs, and there tokens travel.

    `os_error` is what the system said, where a connection was refused.
    """

    def __init__(self, failure: Failure, text: str, os_error: OSError | None = None) -> None:
        super().__init__(text)
        self.failure, self.os_error = failure, os_error


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked; `form` is sent as `application/x-www-form-urlencoded`, or else `document` as JSON, or else `text`
    as what the headers call it.

    `once`: never sent again, whatever becomes of the connection, not even where the method would allow it.
    """

    method: str
    url: str
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    document: Mapping[str, object] | None = None
    text: str | None = None
    once: bool = False

    @classmethod
    def get(cls, url: str, params: Mapping[str, str] | None, headers: Mapping[str, str] | None) -> Request:
        """A GET with these parameters."""
        return cls("GET", f"{url}?{encode_query(params)}" if params else url, headers=headers or {})

    def sent(self) -> tuple[bytes | None, Mapping[str, str]]:
        """Body and header fields; None for no body."""
        if self.form is not None:
            return encode_query(self.form).encode(), {**_FORM, **self.headers}
        if self.document is not None:
            return orjson.dumps(self.document), {**_JSON, **self.headers}
        return None if self.text is None else self.text.encode(), self.headers


def basic_header(pair: tuple[str, str]) -> Mapping[str, str]:
    """The header of (client_id, client_secret), each form-encoded first (RFC 6749 section 2.3.1)."""
    text = ":".join(quote_plus(part) for part in pair)
    return {"Authorization": f"Basic {b64encode(text.encode()).decode('ascii')}"}


def with_basic(headers: Mapping[str, str] | None, pair: tuple[str, str] | None) -> Mapping[str, str]:
    """These headers, and with a `pair` the credentials in them."""
    return (headers or {}) if pair is None else {**(headers or {}), **basic_header(pair)}


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and decoded body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def new_context(*ca_files: str | None) -> ssl.SSLContext:
    """For calls that believe the system's authorities and those in `ca_files` (PEM); raises OSError."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for ca_file in filter(None, ca_files):
        context.load_verify_locations(ca_file)
    return context


@cache
def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """One context per process: reading the system's authorities takes as long as twenty calls."""
    return new_context(ca_file)


def open_session(
    connector: aiohttp.TCPConnector, *, headers: Mapping[str, str] | None = None, trust_env: bool = False
) -> aiohttp.ClientSession:
    """A session without cookies. `trust_env`: believe HTTP_PROXY and .netrc."""
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
        headers={"User-Agent": "identity-broker"} | dict(headers or {}),
        trust_env=trust_env,
        read_bufsize=64 * 1024,
    )


async def exchange(
    session: aiohttp.ClientSession,
    request: Request,
    *,
    limit: int,
    check: Callable[[int, Mapping[str, str]], None] = lambda status, headers: None,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """The answer, its body at most `limit` bytes after decompression; with 0 nobody looks at the body.

    `check` sees status and headers before the body is read, and may raise. `tls` in place of the session's: no
    connection is shared with calls that have another. Call it within `failures_named`.
    """
    body, headers = request.sent()
    async with session.request(
        request.method,
        URL(request.url, encoded=True),
        data=body,
        headers=headers,
        allow_redirects=False,
        ssl=tls or True,
        middlewares=(_sent_once,) if request.once else None,
    ) as response:
        check(response.status, response.headers)
        return Answer(response.status, response.headers, await _read(response, limit) if limit else b"")


async def _sent_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """aiohttp repeats a GET whose connection broke; a failure of another class it passes on."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise  # nothing was sent
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise ExchangeFailed(Failure.SILENT, type(error).__name__) from None


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise ExchangeFailed(Failure.OVERSIZED, f"more than {limit} bytes")
    return bytes(body)


@contextmanager
def failures_named() -> Iterator[None]:
    """What goes wrong with exchanges inside, time limits included, is ExchangeFailed."""
    try:
        yield
    except aiohttp.ClientConnectorError as error:
        raise ExchangeFailed(Failure.REFUSED, _named(error, error.os_error), error.os_error) from None
    except aiohttp.ConnectionTimeoutError as error:
        raise ExchangeFailed(Failure.UNREACHED, type(error).__name__) from None
    except (aiohttp.ClientPayloadError, aiohttp.ClientResponseError, aiohttp.InvalidURL, ValueError) as error:
        raise ExchangeFailed(Failure.UNREADABLE, type(error).__name__) from None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise ExchangeFailed(Failure.SILENT, _named(error, error.__cause__)) from None


def _named(error: Exception, cause: BaseException | None) -> str:
    """The kind of an error; where TLS was given up, the library's word for why: CERTIFICATE_REQUIRED and the like."""
    reason = cause.reason if isinstance(cause, ssl.SSLError) else None
    return f"{type(error).__name__} {reason}" if reason else type(error).__name__
