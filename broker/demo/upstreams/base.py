"""What all emulated upstreams share: registered apps, grants, one-time codes, faults, canned answers, the chooser."""

from __future__ import annotations

import asyncio
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Generic, Self, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from broker.demo.call import Call, Upstream, read_call
from broker.demo.faults import TRANSPORT, Faults
from broker.demo.pages import chooser_page, error_page
from broker.demo.people import ADA, BORIS, PEOPLE, Person, UnknownPerson
from broker.demo.rules import Rule
from broker.demo.upstreams.answers import BROKEN
from broker.demo.upstreams.control import Control, KitOrder, UnknownApp

KEPT = 10_000  # secrets of one kind at once: a demo that runs for weeks must not grow


@dataclass(frozen=True, slots=True)
class RegisteredApp:
    """An application as its developer registered it; `extras` holds what only this upstream asks for."""

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uris: tuple[str, ...] = ()
    extras: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a code or token stands for; an upstream that keeps more of the request inherits."""

    person: Person
    app: RegisteredApp
    redirect_uri: str
    scope: tuple[str, ...]
    nonce: str = ""
    challenge: str = ""

    @classmethod
    def asked(cls, call: Call, person: Person, app: RegisteredApp) -> Self:
        """What an authorization request asks for, of this person."""
        scope = tuple(call.get("scope").split())
        return cls(person, app, call.get("redirect_uri"), scope, call.get("nonce"), call.get("code_challenge"))

    def of_somebody_else(self) -> Self:
        """The same of another person, for answers that do not agree about who it is."""
        return replace(self, person=BORIS if self.person.key == ADA.key else ADA)


class Refused(Exception):
    """Raised by a handler whose `answer` is clear before it is through."""

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.status_code)
        self.answer = answer


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


@dataclass(frozen=True, slots=True)
class Options:
    """What every emulator is given: `clock` gives epoch seconds, `sleep` waits, `mint` makes opaque secrets.

    `loopback_only`: the control API refuses other machines.
    """

    clock: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    mint: Callable[[], str] = lambda: secrets.token_urlsafe(24)
    loopback_only: bool = True


class Emulator(ABC):
    """One emulated upstream: an ASGI application with the real service's paths and the control API.

    `port` is its own in the demo. `settings` are the keys of config.yaml by which a broker for tests knows it.
    """

    type: ClassVar[str]
    port: ClassVar[int]
    settings: ClassVar[Mapping[str, object]]
    title: ClassVar[str]
    colour: ClassVar[str]
    faults_known: ClassVar[tuple[str, ...]]
    works: ClassVar[str] = ""  # what of the service is here, as Markdown for docs/reference/emulators.md
    missing: ClassVar[str] = ""  # and what is not
    rules: ClassVar[tuple[Rule, ...]] = ()
    fronts: ClassVar[tuple[str, ...]]  # prefixes of paths that browsers visit; transport faults leave them alone

    def __init__(self, apps: Sequence[RegisteredApp], options: Options = Options()) -> None:
        self.apps = {app.client_id: app for app in apps}
        self.clock, self.mint, self.sleep = options.clock, options.mint, options.sleep
        self.faults = Faults((*self.faults_known, *TRANSPORT))
        self.people: dict[str, Person] = {}
        self.claims: dict[str, dict[str, object]] = {}
        self.settle()
        self.forget()
        self.control = Control(self, options.sleep, options.loopback_only)
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

    def subject(self, person: Person) -> str:
        """The id by which this upstream knows the person, as it spells ids."""
        return person.id_at(self.type)

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

    def registered(self, call: Call, unknown: str, elsewhere: str) -> RegisteredApp:
        """The app that asks, for a redirect URI of its own; raises Refused with a page that says what is wrong."""
        app = self.apps.get(call.get("client_id"))
        if app is None or call.get("redirect_uri") not in app.redirect_uris:
            raise Refused(self.refuse(call, unknown if app is None else elsewhere))
        return app

    def ask(
        self, call: Call, no: Callable[[], Response], page: Callable[[Upstream, Call], str] = chooser_page
    ) -> Person:
        """Who was chosen, now or before; raises Refused with the account chooser, or with `no` of who declines."""
        choice = self.control.choice
        if call.query.get("_cancel") or choice.cancel or self.faults.on("decline"):
            raise Refused(no())
        person = self.people.get(call.query.get("_person") or choice.person or "")
        if person is None:
            raise Refused(HTMLResponse(page(self, call)))
        return person

    def living(self, key: str) -> Person:
        """Who lives here under this key; raises UnknownPerson."""
        if key not in self.people:
            raise UnknownPerson(key, self.people)
        return self.people[key]

    def app_of(self, order: KitOrder) -> RegisteredApp:
        """Whose app a kit is in, where apps on phones have no ids of their own; raises UnknownApp."""
        if order.app not in self.apps:
            raise UnknownApp(f"{order.app} is not registered here")
        return self.apps[order.app]

    def state_of(self, call: Call) -> str:
        """What goes back as `state`."""
        return "a-state-of-somebody-else" if self.faults.on("wrong_state") else call.get("state")

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
            if broken is not None:
                return broken
            try:
                return await handler(call)
            except Refused as refused:
                return refused.answer

        return run

    def _control_endpoint(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def run(request: Request) -> Response:
            return await handler(await read_call(request))

        return self.control.guarded(run)

    async def _transport_fault(self, path: str) -> Response | None:
        if self.is_front(path):
            return None
        if self.faults.on("slow"):
            await self.sleep(10)
        for name, answer in BROKEN.items():
            if self.faults.on(name):
                return answer()
        return None

    async def _not_found(self, call: Call) -> Response:
        return PlainTextResponse("Not Found", status_code=404)
