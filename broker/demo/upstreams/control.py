"""The control API of an emulator: people, faults, canned answers, a choice in advance, the log. For loopback only."""

from __future__ import annotations

import base64
import ipaddress
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from broker.demo.call import Call, Upstream
from broker.demo.faults import UnknownFault
from broker.demo.people import UnknownPerson, make_person

Handler = Callable[[Request], Awaitable[Response]]
LOGGED = 5000  # requests, the newest: a demo that runs for weeks must not grow


class Order(BaseModel):
    """A body of the control API: no unknown members."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Given = TypeVar("Given", bound=Order)


class FaultOrder(Order):
    """Switch a fault; `times` limits how often it happens."""

    fault: str
    on: bool = True
    times: Annotated[int, Field(ge=1)] | None = None


class ChoiceOrder(Order):
    """Answer the next authorization requests at once; both at their defaults bring the chooser back."""

    person: str | None = None
    cancel: bool = False


class PersonOrder(Order):
    """Let somebody else live here; what is left out the person has not got."""

    key: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    given_name: str | None = None
    family_name: str = ""
    username: str = ""
    email: str = ""
    phone: str = ""
    birthday: str = ""
    gender: str = ""
    locale: str = "en"
    picture: str = ""


class ClaimsOrder(Order):
    """What is told of a person in place of what is; null leaves a claim out, no claims tell the truth again."""

    person: str
    claims: dict[str, Any] = Field(default_factory=dict)


class UnknownApp(LookupError):
    """An app that nobody registered here, or two that are not of one developer."""


class UnknownEvent(LookupError):
    """Something that this service never tells of."""


class KitOrder(Order):
    """Sign `person` in with the upstream's kit in the app `app`, for its server `server` or, without one, for itself.

    `nonce`, `state` and `code_challenge` are what the app gave to the kit, which may hand out a token that it made
    `issued_ago` seconds before. `kind`: which of several things, where the upstream has more than one; `start_param`
    what the link to a Mini App said.
    """

    app: str
    server: str = ""
    person: str = "ada"
    nonce: str = ""
    state: str = ""
    code_challenge: str = ""
    issued_ago: int = Field(default=0, ge=0)
    kind: str = ""
    start_param: str = ""


class AnswerOrder(Order):
    """Replace the raw answer of one path; `delay` is in seconds."""

    path: str
    status: int = 200
    headers: dict[str, str] = Field(default_factory=dict)
    body: str = ""
    body_base64: str = ""
    delay: float = Field(default=0, ge=0, le=60)
    times: Annotated[int, Field(ge=1)] | None = None

    def content(self) -> bytes:
        """The body to send."""
        return base64.b64decode(self.body_base64) if self.body_base64 else self.body.encode()


@dataclass(slots=True)
class _Canned:
    order: AnswerOrder
    left: int | None


@dataclass(slots=True)
class Control:
    """The switchboard of one emulator."""

    emulator: Upstream
    sleep: Callable[[float], Awaitable[None]]
    loopback_only: bool = True
    choice: ChoiceOrder = field(default_factory=ChoiceOrder)
    seen: deque[dict[str, object]] = field(default_factory=lambda: deque(maxlen=LOGGED))
    answers: dict[str, _Canned] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        """The control API's routes."""
        table: list[tuple[str, str, Handler]] = [
            ("/_emulator/people", "GET", self._people),
            ("/_emulator/people", "POST", _obeying(PersonOrder, self.add)),
            ("/_emulator/claims", "POST", _obeying(ClaimsOrder, self.tell)),
            ("/_emulator/faults", "GET", self._show_faults),
            ("/_emulator/faults", "POST", _obeying(FaultOrder, self.switch)),
            ("/_emulator/rules", "GET", self._rules),
            ("/_emulator/drawer", "POST", self._drawer),
            ("/_emulator/answers", "POST", _obeying(AnswerOrder, self.order)),
            ("/_emulator/choose", "POST", _obeying(ChoiceOrder, self.choose)),
            ("/_emulator/log", "GET", self._log),
            ("/_emulator/clear", "POST", self._clear),
        ]
        return [Route(path, self.guarded(handler), methods=[method]) for path, method, handler in table]

    def note(self, call: Call) -> None:
        """Add a request to the log."""
        kept = ("authorization", "content-type", "user-agent", "cookie")
        headers = {name: call.headers[name] for name in kept if name in call.headers}
        self.seen.append({"method": call.method, "path": call.path, "params": call.params, "headers": headers})

    async def canned(self, path: str) -> Response | None:
        """The answer ordered for `path`, or None."""
        found = self.answers.get(path)
        if found is None:
            return None
        if found.left is not None:
            found.left -= 1
            if found.left == 0:
                del self.answers[path]
        if found.order.delay:
            await self.sleep(found.order.delay)
        answer = Response(found.order.content(), status_code=found.order.status, media_type="application/json")
        answer.headers.update(found.order.headers)
        return answer

    def switch(self, order: FaultOrder) -> None:
        """Switch a fault; raises UnknownFault."""
        self.emulator.faults.switch(order.fault, on=order.on, times=order.times)

    def order(self, order: AnswerOrder) -> None:
        """Replace the raw answer of one path."""
        self.answers[order.path] = _Canned(order, order.times)

    def choose(self, order: ChoiceOrder) -> None:
        """Answer the next authorization requests at once; raises UnknownPerson."""
        if order.person is not None:
            self._check_person(order.person)
        self.choice = order

    def tell(self, order: ClaimsOrder) -> None:
        """Tell this of a person from now on; raises UnknownPerson."""
        self._check_person(order.person)
        self.emulator.claims[order.person] = order.claims

    def add(self, order: PersonOrder) -> None:
        """Let somebody live here, in place of whoever has the same key."""
        about = order.model_dump(exclude={"key"}, exclude_none=True)
        self.emulator.people[order.key] = make_person(order.key, **about)

    def _check_person(self, key: str) -> None:
        if key not in self.emulator.people:
            raise UnknownPerson(key, self.emulator.people)

    def clear(self) -> None:
        """Faults, answers, choice, log, people, claims, codes and tokens: all as at the start."""
        self.emulator.faults.clear()
        self.emulator.settle()
        self.answers.clear()
        self.choice = ChoiceOrder()
        self.seen.clear()
        self.emulator.forget()

    def guarded(self, handler: Handler) -> Handler:
        """Loopback peers only, and no orders from pages of another site."""

        async def run(request: Request) -> Response:
            peer = request.client.host if request.client else "127.0.0.1"
            foreign = request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}
            here = (_is_loopback(peer) or not self.loopback_only) and _is_loopback(request.url.hostname or "")
            if not here or (foreign and request.method != "GET"):
                return _json({"error": "the control API answers this machine only"}, 403)
            try:
                return await handler(request)
            except (UnknownApp, UnknownEvent, UnknownFault, UnknownPerson, ValidationError) as problem:
                return _json({"error": str(problem)}, 400)

        return run

    async def _people(self, request: Request) -> Response:
        kind, subject = self.emulator.type, self.emulator.subject
        people = self.emulator.people.values()
        return _json(
            [{"key": p.key, "id": subject(p), "name": p.name, "email": p.email_at(kind) or None} for p in people]
        )

    async def _show_faults(self, request: Request) -> Response:
        return _json(dict(self.emulator.faults.shown()))

    async def _rules(self, request: Request) -> Response:
        return _json([{"basis": rule.basis, "rule": rule.text} for rule in self.emulator.rules])

    async def _drawer(self, request: Request) -> Response:
        """The page's own form: toggle one fault and go back to where the button was."""
        form = dict(parse_qsl((await request.body()).decode()))
        name = form.get("fault", "")
        self.emulator.faults.switch(name, on=not dict(self.emulator.faults.shown()).get(name, False))
        back = form.get("back", "/")
        local = back.startswith("/") and not back.startswith(("//", "/\\"))
        return RedirectResponse(back if local else "/", status_code=303)

    async def _log(self, request: Request) -> Response:
        return _json(list(self.seen))

    async def _clear(self, request: Request) -> Response:
        self.clear()
        return Response(status_code=204)


def _obeying(kind: type[Given], obey: Callable[[Given], None]) -> Handler:
    """Reads an order and does it."""

    async def run(request: Request) -> Response:
        obey(kind.model_validate_json(await request.body()))
        return Response(status_code=204)

    return run


def _is_loopback(host: str) -> bool:
    """A loopback address or name; any other name in the Host field may be a rebound one."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _json(value: object, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status_code=status, media_type="application/json")
