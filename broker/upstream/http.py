"""One HTTP client for all upstreams: pooled, time-limited, size-capped, with a circuit breaker for each of them."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import aiohttp

from broker.core.errors import UpstreamError, UpstreamInvalid, UpstreamRejected, UpstreamUnavailable
from broker.core.events import Event, Recorder, visitor
from broker.upstream.answer import NOT_NOW, UpstreamAnswer, check_available, operation, rebase
from broker.upstream.bot import SecretCalls
from broker.upstream.breaker import Breaker, State
from broker.upstream.errands import run_errand
from broker.upstream.exchange import (
    Answer,
    ExchangeFailed,
    Failure,
    Request,
    exchange,
    failures_named,
    open_session,
    tls_context,
    with_basic,
)
from broker.upstream.fields import Fields, counting
from broker.upstream.model import Http
from broker.upstream.tls import UpstreamTls

Hear = Callable[[Request, object], None]
KEEP_ALIVE = 75.0  # seconds; a TLS handshake costs seven times a call on a kept connection
BODY_LIMIT = 512 * 1024  # bytes after decompression
CALLS_AT_ONCE = 64  # per provider, so that one that hangs holds no more than this

Result = TypeVar("Result")


def _deaf(_request: Request, _outcome: object) -> None: ...


class HttpPool:
    """The connections of this process; each provider gets a view of its own with `for_provider`."""

    def __init__(self, session: aiohttp.ClientSession, ca_file: str | None = None, hear: Hear = _deaf) -> None:
        """Use `open`."""
        self._session, self._ca_file, self._hear = session, ca_file, hear
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, *, ca_file: str | None = None, trust_env: bool = False, hear: Hear = _deaf) -> HttpPool:
        """`ca_file`: authorities besides the system's, PEM. `trust_env`: believe HTTP_PROXY and .netrc.

        `hear` is told of every call what it came to, its result or the UpstreamError, secrets and all.
        """
        context = await asyncio.to_thread(tls_context, ca_file)
        # No limit here: the limits are per provider, or one that hangs would take the connections of the others.
        connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=60, keepalive_timeout=KEEP_ALIVE, ssl=context)
        return cls(open_session(connector, headers={"Accept": "application/json"}, trust_env=trust_env), ca_file, hear)

    def for_provider(
        self,
        name: str,
        *,
        recorder: Recorder,
        server_base: str | None = None,
        timeout: float = 5.0,
        not_now: frozenset[str] = NOT_NOW,
        tls: UpstreamTls | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> UpstreamHttp:
        """The view of one provider instance, with its own breaker.

        `timeout` in seconds per call, `not_now`: error codes by which it says that it cannot just now. `tls`: whom its
        calls believe and what they show; with it come connections of its own. `clock` gives monotonic seconds, `pause`
        waits that many between two looks at an upstream that was left alone.
        """
        rules = _Rules(timeout, server_base, not_now, pause, tls.context(self._ca_file) if tls else None, self._hear)
        return UpstreamHttp(self._session, name, rules, recorder=recorder, clock=clock, spawn=self._spawn)

    def secret_calls(self, name: str, *, recorder: Recorder, server_base: str | None, timeout: float) -> SecretCalls:
        """Calls of one provider instance to addresses that hold a secret, in no way tied to its other calls."""
        return SecretCalls(self._session, name, recorder=recorder, server_base=server_base, timeout=timeout)

    async def close(self) -> None:
        """Let go of every connection, and of whoever looks after an upstream that was left alone."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)  # the loop alone would not keep it alive
        task.add_done_callback(self._tasks.discard)


@dataclass(frozen=True, slots=True)
class _Rules:
    """Seconds one call may take, waiting included, the scheme and host it really goes to, and words for "not now"."""

    timeout: float
    server_base: str | None
    not_now: frozenset[str]
    pause: Callable[[float], Awaitable[None]]
    tls: ssl.SSLContext | None
    hear: Hear


class UpstreamHttp(Http):
    """Implements `broker.upstream.model.Http`, and `get_cacheable` for key sets."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        name: str,
        rules: _Rules,
        *,
        recorder: Recorder,
        clock: Callable[[], float],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        """Use `HttpPool.for_provider`."""
        self._session = session
        self._name = name
        self._rules = rules
        self._recorder = recorder
        self._clock = clock
        self._spawn = spawn
        self._odd = counting(recorder, name)
        self._slots = asyncio.Semaphore(CALLS_AT_ONCE)
        self._breaker = Breaker(clock=clock, on_change=self._note_breaker)
        self._suspect: tuple[Request, bool] | None = None
        self._healing = False
        self._retired = False

    def retire(self) -> None:
        """Calls are made as before, but nobody looks any more whether an upstream that was left alone is back."""
        self._retired = True

    @property
    def down_for(self) -> float | None:
        return self._breaker.down_for

    async def get_json(
        self, url: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Fields:
        return await self._call(Request.get(url, params, headers), UpstreamAnswer.fields)

    async def get_value(
        self, url: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> object:
        return await self._call(Request.get(url, params, headers), UpstreamAnswer.value)

    async def get_cacheable(self, url: str, *, spare: bool = False) -> tuple[Fields, int | None]:
        """The JSON object answered to a GET and, where said, for how many seconds it may be kept (RFC 9111 5.2.2.1).

        No visitor's value goes with it, so a failure opens the breaker at once; unless the last one kept will do
        (`spare`): then nobody's login hangs on this.
        """
        request = Request("GET", url)
        self._breaker.check()
        try:
            return await self._observed(request, UpstreamAnswer.cacheable_fields)
        except UpstreamError as error:
            if not spare and self._breaker.failed(error, visitor=None):
                self._suspect = request, True
            raise

    async def post_form(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        basic: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Fields:
        return await self._call(Request("POST", url, form, with_basic(headers, basic)), UpstreamAnswer.fields)

    async def post_json(
        self,
        url: str,
        document: Mapping[str, object],
        *,
        basic: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Fields:
        request = Request("POST", url, headers=with_basic(headers, basic), document=document)
        return await self._call(request, UpstreamAnswer.fields)

    async def post_form_value(self, url: str, form: Mapping[str, str]) -> object:
        return await self._call(Request("POST", url, form), UpstreamAnswer.value)

    def tell(self, url: str, *, headers: Mapping[str, str] | None = None) -> None:
        call = partial(self._observed, Request.get(url, None, headers), UpstreamAnswer.accepted)
        self._spawn(run_errand(call, self._rules.pause))

    async def ask(self, request: Request, read: Callable[[UpstreamAnswer], Result]) -> Result:
        return await self._call(request, read)

    async def _call(self, request: Request, read: Callable[[UpstreamAnswer], Result]) -> Result:
        """A call with values that came through somebody's browser, or were given for such."""
        self._breaker.check()
        try:
            result = await self._observed(request, read)
        except UpstreamRejected:
            self._breaker.succeeded()  # a refusal proves it alive
            raise
        except UpstreamError as error:
            if self._breaker.failed(error, visitor=visitor.get()):
                unreached = isinstance(error, UpstreamUnavailable) and not error.sent
                self._suspect = (request, False) if unreached else None
            raise
        self._breaker.succeeded()
        return result

    async def _observed(self, request: Request, read: Callable[[UpstreamAnswer], Result]) -> Result:
        started, outcome, what = self._clock(), "cancelled", operation(request.url)
        try:
            result = read(await self._timed(request, what))
            outcome = "ok"
            self._rules.hear(request, result)
            return result
        except UpstreamError as error:
            outcome = type(error).__name__.removeprefix("Upstream").lower()
            self._rules.hear(request, error)
            raise
        finally:
            self._recorder.record(
                Event.UPSTREAM_CALLED,
                provider=self._name,
                operation=what,
                outcome=outcome,
                duration_ms=round((self._clock() - started) * 1000, 1),
            )

    async def _timed(self, request: Request, what: str) -> UpstreamAnswer:
        try:
            with failures_named():
                async with asyncio.timeout(self._rules.timeout), self._slots:
                    answer = await self._exchange(request, what)
        except ExchangeFailed as error:
            if error.failure in {Failure.UNREADABLE, Failure.OVERSIZED}:
                raise UpstreamInvalid(f"{what}: {error}") from None
            sent = error.failure is Failure.SILENT
            raise UpstreamUnavailable(f"{what}: no {'answer' if sent else 'connection'} ({error})", sent=sent) from None
        return UpstreamAnswer(what, answer, self._rules.not_now, self._odd)

    async def _exchange(self, request: Request, what: str) -> Answer:
        rebased = replace(request, url=rebase(request.url, self._rules.server_base))
        check, tls = partial(check_available, what), self._rules.tls
        once = partial(exchange, self._session, rebased, limit=BODY_LIMIT, check=check, tls=tls)
        try:
            return await once()
        except aiohttp.ClientConnectorError:
            # Nothing was sent yet; still, only what changes nothing upstream is tried again.
            if request.method != "GET":
                raise
            return await once()

    def _note_breaker(self, state: State, reason: str) -> None:
        self._recorder.record(Event.UPSTREAM_BREAKER, provider=self._name, state=str(state), reason=reason)
        if state is State.OPEN and not self._healing:
            self._healing = True
            self._spawn(self._heal())

    async def _heal(self) -> None:
        """While it is left alone: look again after every pause, one look at a time. Nobody waits for this."""
        try:
            while self._breaker.state is State.OPEN and not self._retired:
                if self._breaker.remaining > 0:
                    await self._rules.pause(self._breaker.remaining)
                elif self._suspect is None:
                    self._breaker.relent()
                elif await self._answers(*self._suspect):
                    self._breaker.found_well()
                else:
                    self._breaker.prolong()
        finally:
            self._healing = False

    async def _answers(self, request: Request, is_document: bool) -> bool:
        """Whether anybody is there again; of a document of theirs, whether it can be had."""
        try:
            # The same place, asked for nothing and told nothing.
            await self._observed(Request("GET", request.url.partition("?")[0]), lambda _: None)
        except UpstreamUnavailable as error:
            return error.answered and not is_document
        except UpstreamError:
            return True
        return True
