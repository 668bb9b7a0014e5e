"""HTTP/1.1 as uvicorn speaks it, with bounds on what a stranger may send and how slowly (threats H3, H11, H17, H18).

Every message has one budget of bytes, whatever they are spent on: request line, fields, chunk framing, body. What came
is parsed piece by piece, and no further than there is room for: a request that waits behind another one on the same
connection waits as bytes. Nothing follows a refusal, and a refusal follows the answers that were owed before it.

And without losing a request at the end: a connection that is idle when the server stops stays open for a moment, so
that a request already on its way is answered.
"""

from __future__ import annotations

import asyncio
import re
from asyncio import TimerHandle
from typing import NoReturn

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

_PIECE = 4 * 1024  # bytes parsed at a time; a budget is exact to so much
_LENGTH_DIGITS = 15
_MALFORMED = (400, "This is not a request of HTTP/1.1.")
_TOO_LARGE = "The request is too large."


class _Flow(FlowControl):
    """Goes on reading only when no request waits, and then with what came already."""

    def __init__(self, transport: asyncio.Transport, protocol: BoundedProtocol) -> None:
        super().__init__(transport)
        self._protocol = protocol

    def resume_reading(self) -> None:
        """There is room again."""
        if not self._protocol.pipeline:
            super().resume_reading()
            self._protocol.read_on()


class BoundedProtocol(HttpToolsProtocol):
    """One connection. Limits in bytes, times in seconds.

    `head_limit` is for request line and headers, `body_limit` for the largest body anybody here reads, `framing_limit`
    for what chunked coding may add; together they are the budget of a message. `head_timeout` runs from connecting or
    the first byte to the end of the head, `body_timeout` from there to the end of the body. After a refusal what still
    comes is thrown away for `linger`, up to `linger_limit`, so that the refusal arrives; `last_chance` is for idle
    connections when the server stops.
    """

    url_limit = 8 * 1024
    head_limit = 16 * 1024
    body_limit = 64 * 1024
    framing_limit = 16 * 1024
    head_timeout = 10.0
    body_timeout = 30.0
    linger_limit = 1024 * 1024
    linger = 2.0
    last_chance = 1.0

    _unread = memoryview(b"")
    _spent = 0  # bytes of the message that is coming
    _in_head = False
    _in_body = False
    _refusal = _MALFORMED
    _last_words: tuple[int, str] | None = None
    _deaf = False
    _draining = False
    _patience: float | None = None
    _timer: TimerHandle | None = None
    _restart = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A silent connection does not stay."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self)
        self._wait(self.head_timeout)
        self._keep_time()

    def connection_lost(self, exc: Exception | None) -> None:
        """No timer outlives its connection."""
        self._wait(None)
        self._keep_time()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; it is parsed as far as there is room."""
        self._unset_keepalive_if_required()
        if self._deaf:
            self._spent += len(data)
            if self._spent > self.linger_limit:
                self.transport.close()
            return
        self._unread = memoryview(bytes(self._unread) + data if self._unread else data)
        self.read_on()

    def read_on(self) -> None:
        """Parse what came and was not parsed yet, until somebody has to be waited for."""
        while self._unread and not (self._deaf or self.flow.read_paused or self.transport.is_closing()):
            piece, self._unread = self._unread[:_PIECE], self._unread[_PIECE:]
            self._parse(piece)
        if self._patience is None and not self._in_body and self._is_idle():
            self._wait(self.head_timeout)  # it said something, and that was no request yet
        self._keep_time()

    def _parse(self, piece: memoryview) -> None:
        self._spent += len(piece)
        try:
            self._feed(piece)
        except HttpParserError:
            self._turn_away(*self._refusal)
        else:
            if self._in_head and self._spent > self.head_limit:
                self._turn_away(431, _TOO_LARGE)
            elif self._spent > self.head_limit + self.body_limit + self.framing_limit:
                self._turn_away(413, _TOO_LARGE)

    def _feed(self, piece: memoryview) -> None:
        while piece:
            try:
                self.parser.feed_data(piece)
            except HttpParserUpgrade as end:  # the parser stops behind the head, wherever the body ends
                self._decline_upgrade()
                piece = piece[end.args[0] :]
            else:
                return

    def _decline_upgrade(self) -> None:
        """Read the head once more without its Upgrade, which a server may ignore (RFC 9110 section 7.8).

        What counts is the second reading alone: its parser knows where the body ends.
        """
        start = b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        fields = [b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade"]
        head = b"".join([start, *fields, b"\r\n"])
        self.parser = HttpRequestParser(self)  # the other one may have ended with a Connection: close
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
        self.parser.feed_data(head)

    def on_message_begin(self) -> None:
        """A new request."""
        super().on_message_begin()
        self._in_head = True
        self._wait(self.head_timeout)

    def on_url(self, url: bytes) -> None:
        """Part of the URL."""
        super().on_url(url)
        if len(self.url) > self.url_limit:
            self._refuse(414, _TOO_LARGE)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head; there are no others, as nobody here reads a trailer (RFC 9110 section 6.5.1)."""
        if not self._in_head:
            self._refuse(400, "Fields after the body are not accepted.")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The request can be answered; its body may still come."""
        self._check_head()
        if self.parser.should_upgrade():
            return  # read again in a moment
        super().on_headers_complete()
        self._in_head, self._in_body = False, True
        self._wait(self.body_timeout)
        if self._draining:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """The request is here entirely; how long the answer takes is our affair."""
        if self.parser.should_upgrade():
            return
        self._spent, self._in_body = 0, False
        self._wait(None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The next one in line; after the last of them the refusal of what came behind."""
        was_last = not self.pipeline
        super().on_response_complete()
        if not self._is_idle():
            self._unset_keepalive_if_required()  # one that had waited as bytes is being answered by now
        if was_last and self._last_words is not None:
            self._part(*self._last_words)

    def shutdown(self) -> None:
        """The server stops: finish the request in flight; an idle connection gets a last chance to bring one."""
        if not self._is_idle():
            super().shutdown()
        elif not self._draining:
            self.loop.call_later(self.last_chance, self._close_idle)
        self._draining = True

    def _close_idle(self) -> None:
        if self._is_idle():
            self.transport.close()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _check_head(self) -> None:
        """What makes a head one of HTTP/1.1, beyond its grammar (RFC 9112 sections 2.3, 3.2 and 6.3)."""
        version = self.parser.get_http_version()
        named = [name for name, _ in self.headers]
        if version not in {"1.0", "1.1"}:
            self._refuse(400, "The version of HTTP is 1.0 or 1.1.")
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > self.head_limit:
            self._refuse(431, _TOO_LARGE)
        if named.count(b"host") != 1 and (version == "1.1" or b"host" in named):
            self._refuse(400, "A request has one Host.")
        if self._names_another_host():
            self._refuse(400, "The target and the Host name different places.")
        if any(len(value) > _LENGTH_DIGITS for name, value in self.headers if name == b"content-length"):
            self._refuse(400, "Content-Length is not the length of anything.")
        if self.parser.get_method() == b"CONNECT":
            self._refuse(400, "There is no proxy here.")

    def _names_another_host(self) -> bool:
        """Whether a request in absolute form is for another place than its Host header (RFC 9112 section 3.2.2)."""
        scheme, _, rest = self.url.partition(b"://")
        if scheme.startswith(b"/") or not rest:
            return False
        named = re.split(rb"[/?#]", rest, maxsplit=1)[0].lower()
        return [named] != [value.lower() for name, value in self.headers if name == b"host"]

    def _refuse(self, status: int, text: str) -> NoReturn:
        """Out of the parser, which calls us."""
        self._refusal = status, text
        raise HttpParserError(text)

    def _turn_away(self, status: int, text: str) -> None:
        """Refuse the message that is coming: at once, or when those before it are answered."""
        self._hear_no_more()
        queued = self._in_body and bool(self.pipeline)
        if queued:
            self.pipeline.popleft()
        if queued or (not self._in_body and not self._is_idle()):
            self._last_words = status, text
        elif self._is_idle():
            self._part(*((0, "") if self._in_body else (status, text)))  # an answer that was given stands
        elif self.cycle.response_started:
            self.transport.close()
        else:
            self.cycle.disconnected = True  # whoever works on it hears that nobody waits, and writes nothing
            self.cycle.waiting_for_100_continue = False
            self.cycle.message_event.set()
            self._part(status, text)

    def _hear_no_more(self) -> None:
        self._deaf, self._unread = True, memoryview(b"")
        self._wait(None)

    def _part(self, status: int, text: str) -> None:
        """The last thing said on this connection; 0: nothing."""
        if self.transport.is_closing():
            return
        if status:
            head = b"".join(b"%b: %b\r\n" % field for field in self.server_state.default_headers)
            kind = b"content-type: text/plain\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(text)
            self.transport.write(STATUS_LINE[status] + head + kind + text.encode("ascii"))
        if not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write_eof()
        self._wait(self.linger)
        self._keep_time()

    def _wait(self, seconds: float | None) -> None:
        self._patience, self._restart = seconds, True

    def _keep_time(self) -> None:
        """Start the clock that was asked for last; a request that came whole never starts one.

        Nor does one behind another that is still being answered: that is not the sender's slowness.
        """
        waits = self._unread or (self._in_head and not self._is_idle())
        wanted = None if waits else self._patience
        if self._timer is not None and (wanted is None or self._restart):
            self._timer.cancel()
            self._timer = None
        if wanted is not None and self._timer is None:
            self._timer = self.loop.call_later(wanted, self.transport.close)
        self._restart = False


def bounded_by(body_limit: int) -> type[BoundedProtocol]:
    """The protocol of a server whose endpoints read at most `body_limit` bytes of a body."""
    return type("BoundedProtocol", (BoundedProtocol,), {"body_limit": body_limit})
