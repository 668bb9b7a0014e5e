"""HTTP/1.1 as uvicorn speaks it, with bounds on what a stranger may send and how slowly (threats H3, H11).

And without losing a request at the end: a connection that is idle when the server stops stays open for a moment, so
that a request already on its way is answered.
"""

from __future__ import annotations

import asyncio
import re
from asyncio import TimerHandle

from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol


class BoundedProtocol(HttpToolsProtocol):
    """One connection. Limits in bytes, times in seconds.

    `head_limit` is for request line and headers, `head_timeout` from connecting or the first byte to their end,
    `body_timeout` from there to the end of the body, `last_chance` for idle connections when the server stops.
    """

    url_limit = 8 * 1024
    head_limit = 16 * 1024
    head_timeout = 10.0
    body_timeout = 30.0
    last_chance = 1.0

    _timer: TimerHandle | None = None
    _seconds: float | None = None
    _changed = False
    _head = 0
    _in_head = True
    _refusal = 400
    _draining = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A silent connection does not stay."""
        super().connection_made(transport)
        self._wait(self.head_timeout)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """No timer outlives its connection."""
        self._wait(None)
        self._arm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; headers that never end are refused before they are complete."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head += len(data)
            if self._head > self.head_limit:
                self._refusal = 431
                self.send_400_response("The headers are too large.")
        self._arm()

    def on_message_begin(self) -> None:
        """A new request."""
        super().on_message_begin()
        self._head, self._in_head = 0, True
        self._wait(self.head_timeout)

    def on_url(self, url: bytes) -> None:
        """Part of the URL."""
        super().on_url(url)
        if len(self.url) > self.url_limit:
            self._refuse(414)

    def on_headers_complete(self) -> None:
        """The request can be answered; its body may still come."""
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > self.head_limit:
            self._refuse(431)
        if self._names_another_host():
            self._refuse(400)
        self._in_head = False
        self._wait(self.body_timeout)
        super().on_headers_complete()
        if self._draining:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """The request is here entirely; how long the answer takes is our affair."""
        self._wait(None)
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse with the status found out, close."""
        self._wait(None)
        if self._refusal != 400:
            body = b"The request is too large."
            head = b"content-type: text/plain\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
            self.transport.write(STATUS_LINE[self._refusal] + head + body)
            self.transport.close()
        else:
            super().send_400_response(msg)

    def shutdown(self) -> None:
        """The server stops: finish the request in flight; an idle connection gets a last chance to bring one."""
        if self.cycle is not None and not self.cycle.response_complete:
            super().shutdown()
        elif not self._draining:
            self.loop.call_later(self.last_chance, self._close_idle)
        self._draining = True

    def _close_idle(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def _names_another_host(self) -> bool:
        """Whether a request in absolute form is for another place than its Host header (RFC 9112 section 3.2.2)."""
        scheme, _, rest = self.url.partition(b"://")
        if scheme.startswith(b"/") or not rest:
            return False
        named = re.split(rb"[/?#]", rest, maxsplit=1)[0].lower()
        return [named] != [value.lower() for name, value in self.headers if name == b"host"]

    def _refuse(self, status: int) -> None:
        self._refusal = status
        raise HttpParserError("beyond a limit")

    def _wait(self, seconds: float | None) -> None:
        self._seconds, self._changed = seconds, True

    def _arm(self) -> None:
        """Start the clock that was asked for last; a request that came whole never starts one."""
        if not self._changed:
            return
        self._changed = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._seconds is not None:
            self._timer = self.loop.call_later(self._seconds, self.transport.close)
