"""Devices, and windows, that wait for somebody to say yes in a browser elsewhere (RFC 8628)."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

from broker.core.authorize.request import build_device_request
from broker.core.clients.client import Client
from broker.core.devices import (
    DeviceTicket,
    Pace,
    Waiting,
    WindowAnswer,
    build_number,
    build_user_code,
    parse_user_code,
    show_number,
    show_user_code,
)
from broker.core.errors import (
    AccessDenied,
    AuthorizationPending,
    ExpiredToken,
    FlowFinished,
    FlowGone,
    ForeignPost,
    SealBroken,
    SlowDown,
)
from broker.core.events import Event
from broker.core.records import AuthorizationRequest, CodeRecord, Record
from broker.core.seal import Seal, digest
from broker.core.wire.parameters import Parameters
from broker.services.clients.directory import Clients
from broker.services.context import Context
from broker.store.transient import Kind, Transient

EXPIRES_IN = 600  # seconds until the person must have answered
INTERVAL = 5  # seconds between two questions of a device, and what every question too early adds (section 3.5)
_TOLD_FOR = 600  # seconds a device is still told that its code expired
_DENIED = b"denied"
R = TypeVar("R", bound=Record)


class Devices:
    """Keeps what devices wait for, by digests alone, and the one answer to each."""

    def __init__(self, context: Context, clients: Clients, transient: Transient, seal: Seal) -> None:
        """`seal` has the purpose "device"."""
        self._context = context
        self._clients = clients
        self._transient = transient
        self._seal = seal

    async def begin(self, client: Client, params: Parameters, *, place: str) -> dict[str, Any]:
        """The answer to a device (section 3.2); raises RequestError. `place`: where it asks from, coarsely."""
        asked = build_device_request(params, client)
        device_code = self._context.mint_ordered("d")
        key = digest(device_code)
        await self._transient.put(Kind.DEVICE_POLL, key, Pace(INTERVAL).to_bytes(), ttl=EXPIRES_IN)
        user_code = await self.wait(key, asked, place=place)
        shown, page = show_user_code(user_code), f"{self._context.issuer}/device"
        return {
            "device_code": device_code,
            "user_code": shown,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={shown}",
            "expires_in": EXPIRES_IN,
            "interval": INTERVAL,
        }

    async def wait(
        self, key: str, asked: AuthorizationRequest, *, place: str, resumes: AuthorizationRequest | None = None
    ) -> str:
        """The code to type for who waits under `key` from now on; `resumes` as in `Waiting`."""
        now, user_code = self._context.now(), await self._claim_user_code(key)
        sealed = self._seal.seal(user_code.encode(), bound_to=key.encode())
        waiting = Waiting(asked.replace(device=key), sealed, place, now, now + EXPIRES_IN, resumes)
        await self._transient.put(Kind.DEVICE, key, waiting.to_bytes(), ttl=EXPIRES_IN + _TOLD_FOR)
        self._context.recorder.record(Event.DEVICE_STARTED, client_id=asked.client_id)
        return user_code

    async def _claim_user_code(self, key: str) -> str:
        """A code that stands for no other device just now."""
        while True:
            user_code = build_user_code(self._context.randomness)
            if await self._transient.put(Kind.USER_CODE, digest(user_code), key.encode(), ttl=EXPIRES_IN):
                return user_code

    # --- at the person's browser ---

    async def enter(self, typed: str, *, browser: str) -> str | None:
        """A ticket for this browser about the device whose code was typed; None where there is no such code."""
        user_code = parse_user_code(typed)
        key = await self._transient.get(Kind.USER_CODE, digest(user_code)) if user_code else None
        return self.build_ticket(key.decode(), browser=browser) if key is not None else None

    def build_ticket(self, key: str, *, browser: str) -> str:
        """A ticket about this device for exactly this browser, whose value is never ""."""
        ticket = DeviceTicket(key, self._context.now() + EXPIRES_IN)
        return self._seal.seal(ticket.to_bytes(), bound_to=browser.encode())

    async def open_ticket(self, sealed: str, *, browser: str) -> Waiting:
        """The device of a ticket of exactly this browser, still waiting; raises PageError."""
        try:
            ticket = DeviceTicket.from_bytes(self._seal.open_(sealed, bound_to=browser.encode()))
        except SealBroken as error:
            raise ForeignPost(error.detail) from None
        return await self.find(ticket.device)

    async def find(self, key: str) -> Waiting:
        """A device that still waits; raises FlowGone, or FlowFinished where it has its answer."""
        waiting = await self.recall(key)
        if await self._transient.get(Kind.DEVICE_ANSWER, key) is not None:
            raise FlowFinished("the device has its answer", client=await self._clients.find(waiting.request.client_id))
        return waiting

    async def recall(self, key: str) -> Waiting:
        """Who waits under `key`, or had an answer within the time to wait; raises FlowGone."""
        waiting = _read(Waiting, await self._transient.get(Kind.DEVICE, key))
        if waiting is None or waiting.expires_at <= self._context.now():
            raise FlowGone("the device waits no longer")
        return waiting

    def mint_browser(self) -> str:
        """What a ticket is bound to: a value that one browser alone has."""
        return self._context.mint()

    def minutes_ago(self, waiting: Waiting) -> int:
        """Whole minutes since the device asked."""
        return (self._context.now() - waiting.asked_at) // 60

    def left_of(self, waiting: Waiting) -> int:
        """Seconds until the device waits no longer."""
        return waiting.expires_at - self._context.now()

    def user_code_of(self, key: str, waiting: Waiting) -> str:
        """The code as the device shows it."""
        return show_user_code(self._open_code(key, waiting))

    def _open_code(self, key: str, waiting: Waiting) -> str:
        return self._seal.open_(waiting.user_code, bound_to=key.encode()).decode()

    async def approve(self, key: str, code: CodeRecord) -> str:
        """The person's yes, which becomes tokens when the device next asks; raises FlowFinished, FlowGone.

        Of a window it becomes an answer once that is told a number, which is "" for a device.
        """
        waiting = await self.find(key)
        if waiting.resumes is None:
            number, said = "", code.to_bytes()
        else:
            number = build_number(self._context.randomness)
            said = WindowAnswer(code, digest_of_number(key, number)).to_bytes()
        await self._answer(key, waiting, said)
        self._context.recorder.record(Event.DEVICE_APPROVED, client_id=code.request.client_id, sub=code.login.sub)
        return show_number(number) if number else ""

    async def deny(self, request: AuthorizationRequest, sub: str) -> None:
        """The person's no; raises FlowFinished, FlowGone."""
        await self._answer(request.device, await self.find(request.device), _DENIED)
        self._context.recorder.record(Event.DEVICE_DENIED, client_id=request.client_id, sub=sub)

    async def _answer(self, key: str, waiting: Waiting, said: bytes) -> None:
        """Of any number of answers the first one counts, and the code that was typed is worth nothing any more."""
        # As long as the device may be told anything: a no must not turn into silence.
        ttl = waiting.expires_at + _TOLD_FOR - self._context.now()
        # Before the answer: once that is kept nothing more may fail, or a second press would find an answer.
        await self._transient.take(Kind.USER_CODE, digest(self._open_code(key, waiting)))
        if not await self._transient.put(Kind.DEVICE_ANSWER, key, said, ttl=ttl):
            raise FlowFinished(
                "the device was answered twice", client=await self._clients.find(waiting.request.client_id)
            )

    async def said(self, key: str) -> WindowAnswer | None:
        """The yes to a window, None where there is no answer yet; raises AccessDenied for a no."""
        raw = await self._transient.get(Kind.DEVICE_ANSWER, key)
        if raw == _DENIED:
            raise AccessDenied("the user refused in the other browser")
        return _read(WindowAnswer, raw)

    # --- at the token endpoint ---

    async def check_answered(self, client: Client, key: str) -> None:
        """Raise what a device is told while there is no yes (section 3.5).

        About an unknown code, or another client's, nothing is said here: there is no yes of this client's either.
        """
        waiting = _read(Waiting, await self._transient.get(Kind.DEVICE, key))
        if waiting is None:
            return
        if waiting.request.client_id != client.id:
            # As with every code: what the wrong party shows has leaked, and is dead from here on.
            await self._transient.take(Kind.DEVICE, key)
            return
        said = await self._transient.get(Kind.DEVICE_ANSWER, key)
        if said == _DENIED:
            raise AccessDenied("the user refused")
        if said is None and waiting.expires_at <= self._context.now():
            raise ExpiredToken("device_code has expired; begin anew")
        if said is None:
            await self._put_off(key)

    async def _put_off(self, key: str) -> NoReturn:
        raw, now = await self._transient.get(Kind.DEVICE_POLL, key), self._context.now()
        pace = _read(Pace, raw) or Pace(INTERVAL)
        early = now - pace.polled_at < pace.interval
        interval = pace.interval + INTERVAL if early else pace.interval
        await self._transient.replace(Kind.DEVICE_POLL, key, Pace(interval, now).to_bytes(), ttl=EXPIRES_IN)
        if early:
            raise SlowDown(f"asked too early; wait {INTERVAL} seconds longer than before, from now on")
        raise AuthorizationPending("the user has not answered yet; ask again after the interval")


def digest_of_number(key: str, number: str) -> str:
    """How the number of the window that waits under `key` is known."""
    return digest(f"number {key} {number}")


def _read(kind: type[R], raw: bytes | None) -> R | None:
    """What is kept; None where nothing is, or in the words of another version of ours, around an upgrade."""
    if raw is None:
        return None
    try:
        return kind.from_bytes(raw)
    except SealBroken:
        return None
