"""Emulated services that tell apps of what happened to somebody: an order of the control API, one message per app."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from broker.demo.call import Call
from broker.demo.faults import Faults
from broker.demo.people import Person
from broker.demo.upstreams.answers import json_answer
from broker.demo.upstreams.base import Emulator, Handler, RegisteredApp
from broker.demo.upstreams.control import Order
from broker.demo.upstreams.deliver import post_body
from broker.demo.upstreams.id_tokens import Signer

Claims = dict[str, Any]


class EventOrder(Order):
    """Tell the apps that listen of something that happened to `person`; `kind` is the service's own word for it."""

    kind: str
    person: str = "ada"


@dataclass(frozen=True, slots=True)
class Message:
    """What one app is sent, at its own address or at a `path` below it."""

    body: str
    content_type: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent where, and what came of it; status 0: nobody answered."""

    url: str
    body: str
    content_type: str
    status: int
    answer: str


class Tells(Protocol):
    """The emulator, as far as a message needs it."""

    faults: Faults

    def now(self) -> int:
        """Epoch seconds."""

    def subject(self, person: Person) -> str:
        """The id by which it knows the person."""


class Signs(Tells, Protocol):
    """One whose messages are signed tokens."""

    mint: Callable[[], str]

    def signer(self) -> Signer:
        """With its keys of today."""


Make = Callable[[RegisteredApp, Person, str], Message]


def event_routes(emulator: Emulator, make: Make) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
    """The control's route; `make` raises UnknownEvent."""

    async def tell(call: Call) -> Any:
        order = EventOrder.model_validate(call.json)
        person, sent = emulator.living(order.person), []
        for app in emulator.apps.values():
            if where := app.extras.get("events_url", ""):
                message = make(app, person, order.kind)
                url = where + message.path
                status, answer = await post_body(url, message.body, message.content_type)
                sent.append(asdict(Sent(url, message.body, message.content_type, status, answer)))
        return json_answer(sent)

    return (("/_emulator/event", ("POST",), tell),)


def statement(iss: str, app: RegisteredApp, *, now: int, jti: str, told: Mapping[str, object]) -> Claims:
    """The claims that every signed event has (RFC 8417 section 2.2)."""
    return {"iss": iss, "aud": app.client_id, "iat": now, "jti": jti, **told}
