"""A bot that writes to people, by the Bot API as Telegram has it: https://core.telegram.org/bots/api (read 2026-11).

The token is in the path of every address, so no address of these calls reaches an event or an error (threats J). And
they have a door of their own: a messenger that asks for a pause must not shut the provider's logins.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, Self

import aiohttp
import orjson
from pydantic import SecretStr

from broker.core.errors import UpstreamInvalid, UpstreamUnavailable
from broker.core.events import Event, Recorder
from broker.core.notify import Fate, Message, Outcome
from broker.core.wire import strict_json
from broker.upstream.answer import asked_pause, rebase
from broker.upstream.credentials_check import Verdict
from broker.upstream.exchange import Answer, ExchangeFailed, Failure, Request, exchange, failures_named

_LIMIT = 64 * 1024  # bytes of an answer
_LONGEST = 24 * 3600.0  # seconds that a messenger may have us wait
_UNSENT = frozenset({Failure.REFUSED, Failure.UNREACHED})
_BLOCKED = "the person has blocked the bot, or never let it write"
_UNKNOWN = "the bot does not know the person"


@dataclass(frozen=True, slots=True)
class Told:
    """What a Bot API answered: the status, the seconds it asked us to wait or 0, and its own words on a failure."""

    status: int
    retry_after: float = 0
    description: str = ""


class Calls(Protocol):
    """Calls to addresses that are secret. No breaker: who calls waits as it is told."""

    async def post(self, url: str, form: Mapping[str, str], *, operation: str) -> Told:
        """What was answered; `operation` is what events name the call.

        Raises UpstreamUnavailable without an answer, and for 5xx, with what is known of whether it got there;
        UpstreamInvalid for an answer that nobody can read.
        """


class SecretCalls(Calls):
    """Implements `Calls` for one provider instance."""

    def __init__(
        self, session: aiohttp.ClientSession, name: str, *, recorder: Recorder, server_base: str | None, timeout: float
    ) -> None:
        """`timeout` in seconds per call."""
        self._exchange = partial(exchange, session, limit=_LIMIT)
        self._name = name
        self._recorder = recorder
        self._server_base = server_base
        self._timeout = timeout

    async def post(self, url: str, form: Mapping[str, str], *, operation: str) -> Told:
        started, outcome = time.monotonic(), "cancelled"
        try:
            answer = await self._answer(Request("POST", rebase(url, self._server_base), form), operation)
            outcome = "ok" if answer.status == 200 else str(answer.status)
            return _read(answer, operation)
        except UpstreamUnavailable:
            outcome = "unavailable"
            raise
        except UpstreamInvalid:
            outcome = "invalid"
            raise
        finally:
            took = round((time.monotonic() - started) * 1000, 1)
            self._recorder.record(
                Event.UPSTREAM_CALLED, provider=self._name, operation=operation, outcome=outcome, duration_ms=took
            )

    async def _answer(self, request: Request, operation: str) -> Answer:
        try:
            with failures_named():
                async with asyncio.timeout(self._timeout):
                    return await self._exchange(request)
        except ExchangeFailed as error:
            if error.failure in {Failure.UNREADABLE, Failure.OVERSIZED}:
                raise UpstreamInvalid(f"{operation}: {error}") from None
            raise UpstreamUnavailable(f"{operation}: {error}", sent=error.failure not in _UNSENT) from None


def _read(answer: Answer, operation: str) -> Told:
    """The answer, which says twice whether it went well: by status and by `ok`."""
    if answer.status >= 500:
        raise UpstreamUnavailable(f"{operation}: status {answer.status}", answered=True)
    try:
        said = strict_json.parse_object(answer.body)
    except strict_json.Malformed as problem:
        raise UpstreamInvalid(f"{operation}: status {answer.status}, {problem}") from None
    if (said.get("ok") is True) != (answer.status == 200):
        raise UpstreamInvalid(f"{operation}: status {answer.status} does not fit its body")
    description = said.get("description")
    return Told(answer.status, _pause(said, answer), description if isinstance(description, str) else "")


def _pause(said: Mapping[str, Any], answer: Answer) -> float:
    """Seconds, in the body or in the header."""
    parameters = said.get("parameters")
    asked = parameters.get("retry_after") if isinstance(parameters, dict) else None
    seconds = asked if type(asked) is int else asked_pause(answer.headers)
    return min(max(0.0, float(seconds or 0)), _LONGEST)


@dataclass(frozen=True, slots=True)
class Bot:
    """Writes to people as the bot of this token. `base`: where the Bot API is, without a path."""

    calls: Calls
    base: str
    token: SecretStr

    @classmethod
    def of(cls, calls: Calls, base: str, token: SecretStr | None) -> Self | None:
        """The bot of this token; None without one."""
        return cls(calls, base, token) if token is not None else None

    async def write(self, subject: str, message: Message) -> Outcome:
        """What came of one attempt; never raises for what a messenger may do. `subject`: the id of the chat."""
        form = {"chat_id": subject, "text": message.text}
        if message.buttons:
            rows: Sequence[object] = [[{"text": one.text, "url": one.url}] for one in message.buttons]
            form["reply_markup"] = orjson.dumps({"inline_keyboard": rows}).decode()
        return await self.call("sendMessage", form)

    async def try_credentials(self, _flow: object, /) -> Verdict:
        """Whether the token is good: who the bot is, nobody is told (getMe)."""
        outcome = await self.call("getMe", {})
        good = {Fate.SENT: True, Fate.REVOKED: False}.get(outcome.fate)
        return Verdict(good, outcome.reason or "it was answered")

    async def call(self, method: str, form: Mapping[str, str]) -> Outcome:
        """What came of one call; never raises for what a messenger may do."""
        url = f"{self.base}/bot{self.token.get_secret_value()}/{method}"
        try:
            return _outcome(await self.calls.post(url, form, operation=method))
        except UpstreamUnavailable as error:
            return Outcome(Fate.SILENT if error.sent else Fate.UNSENT, error.detail)
        except UpstreamInvalid as error:
            return Outcome(Fate.SILENT, error.detail)


def _outcome(told: Told) -> Outcome:
    """By the status first, and by the description where one status means two things (contract of the Bot API)."""
    if told.status == 400 and told.description.lower().startswith("bad request: chat not found"):
        return Outcome(Fate.UNREACHABLE, _UNKNOWN)
    fixed = {
        200: Outcome(Fate.SENT),
        401: Outcome(Fate.REVOKED, "the token of the bot is not good, or no more"),
        403: Outcome(Fate.UNREACHABLE, _BLOCKED),
        404: Outcome(Fate.REVOKED, "there is no bot of this token"),
        # Whose limit it is, the answer does not say; who goes on while told to wait is shut out for longer.
        429: Outcome(Fate.BUSY, "the messenger asked for a pause", max(1.0, told.retry_after)),
    }
    return fixed.get(told.status) or Outcome(Fate.REFUSED, f"the messenger refused the message: status {told.status}")
