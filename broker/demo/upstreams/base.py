"""What all emulated upstreams share: registered apps, one-time codes, faults, canned answers, a log, the chooser."""

from __future__ import annotations

import asyncio
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import ClassVar, Generic, TypeVar
from urllib.parse import urlencode, urlsplit

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from broker.demo.call import Call, read_call
from broker.demo.faults import TRANSPORT, Faults
from broker.demo.pages import chooser_page, error_page
from broker.demo.people import PEOPLE, Person
from broker.demo.upstreams.control import Control

KEPT = 10_000  # secrets of one kind at once: a demo that runs for weeks must not grow


@dataclass(frozen=True, slots=True)
class RegisteredApp:
    """An application as its developer registered it; `extras` holds what only this upstream asks for."""

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uris: tuple[str, ...] = ()
    extras: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Awaitable[Response]]
Value = TypeVar("Value")


class Newest(dict[str, Value]):
    """The newest `KEPT` entries."""

    def __setitem__(self, name: str, value: Value) -> None:
        super().__setitem__(name, value)
        if len(self) > KEPT:
            del self[next(iter(self))]


class OneTime(Generic[Value]):
    """Secrets handed out for one use within `ttl` seconds; the newest `KEPT` of them."""

    def __init__(self, ttl: int, now: Callable[[], float], mint: Callable[[], str]) -> None:
        self.ttl = ttl
        self._now = now
        self._mint = mint
        self._kept: dict[str, tuple[Value, float]] = {}

    def give(self, value: Value) -> str:
        """A fresh secret for `value`."""
        self._drop_old()
        text = self._mint()
        self._kept[text] = (value, self._now() + self.ttl)
        return text

    def _drop_old(self) -> None:
        """All live equally long, so the first that was kept is the first to go."""
        while self._kept:
            oldest = next(iter(self._kept))
            if len(self._kept) < KEPT and self._now() < self._kept[oldest][1]:
                return
            del self._kept[oldest]

    def take(self, text: str) -> Value | None:
        """The value, once; None for an unknown, used or expired secret."""
        value, until = self._kept.pop(text, (None, 0.0))
        return value if self._now() < until else None

    def look(self, text: str) -> Value | None:
        """The value without using it up."""
        value, until = self._kept.get(text, (None, 0.0))
        return value if self._now() < until else None

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)


class Emulator(ABC):
    """One emulated upstream: an ASGI application with the real service's paths and the control API.

    `clock` gives epoch seconds, `sleep` waits, `mint` makes opaque secrets; all three are replaceable by tests.
    `loopback_only`: the control API refuses other machines.
    """

    type: ClassVar[str]
    title: ClassVar[str]
    colour: ClassVar[str]
    faults_known: ClassVar[tuple[str, ...]]
    fronts: ClassVar[tuple[str, ...]]  # prefixes of paths that browsers visit; transport faults leave them alone

    def __init__(
        self,
        apps: Sequence[RegisteredApp],
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        mint: Callable[[], str] = lambda: secrets.token_urlsafe(24),
        loopback_only: bool = True,
    ) -> None:
        self.apps = {app.client_id: app for app in apps}
        self.clock = clock
        self.mint = mint
        self.faults = Faults((*self.faults_known, *TRANSPORT))
        self.people: dict[str, Person] = {}
        self.claims: dict[str, dict[str, object]] = {}
        self.settle()
        self.forget()
        self.control = Control(self, sleep, loopback_only)
        self._sleep = sleep
        routes = []
        for path, methods, handler in self.routes():
            wrap = self._control_endpoint if path.startswith("/_emulator/") else self._endpoint
            routes.append(Route(path, wrap(handler), methods=list(methods)))
        routes.append(Route("/{path:path}", self._endpoint(self._not_found), methods=["GET", "POST"]))
        self.app = Starlette(routes=[*self.control.routes(), *routes])

    @abstractmethod
    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        """(path, methods, handler) of the service."""

    @abstractmethod
    def forget(self) -> None:
        """Begin with no code and no token: at the start and at every `clear`."""

    def settle(self) -> None:
        """The three people and nobody else live here, and all that is told is so: at the start and at every `clear`."""
        self.people = {person.key: person for person in PEOPLE}
        self.claims = {}

    def told(self, person: Person, claims: Mapping[str, object]) -> dict[str, object]:
        """What is told of a person: these claims, or what a test wants told in their place; None leaves one out."""
        wanted = self.claims.get(person.key, {})
        return {name: value for name, value in {**claims, **wanted}.items() if value is not None or name not in wanted}

    def now(self) -> int:
        """Epoch seconds."""
        return int(self.clock())

    def is_front(self, path: str) -> bool:
        """Whether browsers visit `path`."""
        return path.startswith(self.fronts)

    # --- what handlers use ---

    def ask(self, call: Call, yes: Callable[[Person], Response], no: Callable[[], Response]) -> Response:
        """The account chooser, or at once the answer of whoever was chosen before."""
        choice = self.control.choice
        if call.query.get("_cancel") or choice.cancel or self.faults.on("decline"):
            return no()
        key = call.query.get("_person") or choice.person
        person = self.people.get(key or "")
        return HTMLResponse(chooser_page(self, call)) if person is None else yes(person)

    def refuse(self, call: Call, problem: str, *, status: int = 400) -> Response:
        """The upstream's own error page: the browser stays there and the broker hears nothing."""
        return HTMLResponse(error_page(self, call, problem), status_code=status)

    # --- plumbing ---

    def _endpoint(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def run(request: Request) -> Response:
            call = await read_call(request)
            self.control.note(call)
            canned = await self.control.canned(call.path)
            if canned is not None:
                return canned
            broken = await self._transport_fault(call.path)
            return broken if broken is not None else await handler(call)

        return run

    def _control_endpoint(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def run(request: Request) -> Response:
            return await handler(await read_call(request))

        return self.control.guarded(run)

    async def _transport_fault(self, path: str) -> Response | None:
        if self.is_front(path):
            return None
        if self.faults.on("slow"):
            await self._sleep(10)
        for name, answer in _BROKEN.items():
            if self.faults.on(name):
                return answer()
        return None

    async def _not_found(self, call: Call) -> Response:
        return PlainTextResponse("Not Found", status_code=404)


_BROKEN: Mapping[str, Callable[[], Response]] = {
    "500": lambda: PlainTextResponse("Internal Server Error", status_code=500),
    "html_502": lambda: HTMLResponse("<html><h1>502 Bad Gateway</h1></html>", status_code=502),
    "empty_answer": lambda: Response(b"", media_type="application/json"),
    "not_json": lambda: HTMLResponse("<html><h1>Scheduled maintenance</h1></html>"),
    "huge_answer": lambda: Response(b'{"a":"' + b"x" * 2 * 1024 * 1024 + b'"}', media_type="application/json"),
}


def json_answer(value: object, status: int = 200, **headers: str) -> Response:
    """JSON with the given header fields (underscores become hyphens)."""
    return Response(
        orjson.dumps(value),
        status_code=status,
        media_type="application/json",
        headers={name.replace("_", "-"): text for name, text in headers.items()},
    )


def back_to(redirect_uri: str, params: Mapping[str, str], *, fragment: bool = False) -> Response:
    """302 to the app with `params` in the query, or in the fragment; empty ones are left out."""
    encoded = urlencode({name: value for name, value in params.items() if value})
    if fragment:
        target = f"{redirect_uri.partition('#')[0]}#{encoded}"
    else:
        target = redirect_uri + ("&" if urlsplit(redirect_uri).query else "?") * bool(encoded) + encoded
    return RedirectResponse(target, status_code=HTTPStatus.FOUND)
