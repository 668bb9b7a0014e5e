"""A window in which a provider lets nobody in: its request waits there for a login in another browser.

The other browser is sent the way of somebody who has a device in front of them (`broker.services.devices`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from hmac import compare_digest

from broker.core.authorize.target import VerifiedRedirect
from broker.core.devices import WindowAnswer, WindowTicket, parse_number
from broker.core.errors import FlowFinished, FlowGone, ForeignPost, InvalidRequest, SealBroken
from broker.core.records import AuthorizationRequest
from broker.core.seal import Seal, digest
from broker.core.terms import Prompt
from broker.services.authorize.codes import Codes
from broker.services.authorize.decide import Return
from broker.services.authorize.pushed import PushedRequests
from broker.services.authorize.requests import Asked
from broker.services.clients.directory import Clients
from broker.services.context import Context
from broker.services.devices import EXPIRES_IN, Devices, digest_of_number
from broker.services.once import once
from broker.store.transient import Kind, Transient

TRIES = 5  # numbers that are looked at for one answer


class Missed(StrEnum):
    """Why a number led nowhere."""

    EARLY = "early"  # nobody has said yes or no yet
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Window:
    """A window that waits under `key`: the request it is to be answered, where, and the code to type elsewhere."""

    key: str
    request: AuthorizationRequest
    target: VerifiedRedirect
    user_code: str


class Elsewhere:
    """One use case each: a window begins to wait, is shown, and gets its one answer."""

    def __init__(
        self,
        context: Context,
        clients: Clients,
        transient: Transient,
        seal: Seal,
        *,
        devices: Devices,
        codes: Codes,
        pushed: PushedRequests,
    ) -> None:
        """`seal` has the purpose "window"."""
        self._context = context
        self._clients = clients
        self._transient = transient
        self._seal = seal
        self._devices = devices
        self._codes = codes
        self._pushed = pushed

    async def begin(self, asked: Asked, *, place: str, browser: str) -> tuple[str, str]:
        """The request waits `EXPIRES_IN` seconds: a ticket, and the value that its browser has to keep.

        `browser` is what it has kept so far, or "". Raises InvalidRequest for a request that shows no page. What is
        known elsewhere of the request says nothing of where its answer goes.
        """
        if Prompt.NONE in asked.request.prompt:
            raise InvalidRequest("a silent request is shown nowhere")
        key = digest(self._context.mint())  # of what nobody is told, so no device code is good for it
        known = asked.request.replace(redirect_uri="", state="", response_mode="query", idp_hint="", request_uri="")
        await self._devices.wait(key, known, place=place, resumes=asked.request)
        ticket = WindowTicket(key, self._context.now() + EXPIRES_IN)
        browser = browser or self._devices.mint_browser()
        return self._seal.seal(ticket.to_bytes(), bound_to=browser.encode()), browser

    async def open_(self, sealed: str, *, browser: str) -> Window:
        """The window of a ticket of exactly this browser; raises ForeignPost, FlowGone, UnknownClient."""
        try:
            key = WindowTicket.from_bytes(self._seal.open_(sealed, bound_to=browser.encode())).device
        except SealBroken as error:
            raise ForeignPost(error.detail) from None
        waiting = await self._devices.recall(key)
        if waiting.resumes is None:
            raise FlowGone("a device is no window")
        client = await self._clients.find_again(waiting.resumes.client_id)
        target = VerifiedRedirect.of(waiting.resumes, client)
        return Window(key, waiting.resumes, target, self._devices.user_code_of(key, waiting))

    @asynccontextmanager
    async def finish(self, window: Window, typed: str) -> AsyncIterator[Return | Missed]:
        """The answer that was given elsewhere, for whoever types the number that is shown there.

        Raises AccessDenied for a no, FlowGone after too many tries, FlowFinished for a second time. The body shows it;
        what fails there is told at the same place.
        """
        async with self._pushed.answering(window.target, asked=True):
            said = await self._devices.said(window.key)
            if said is None:
                yield Missed.EARLY
            elif not await self._is_right(window, said, typed):
                yield Missed.WRONG
            else:
                twice = FlowFinished("the window has its answer", client=window.target.client)
                async with once(self._transient, digest(f"window {window.key}"), ttl=2 * EXPIRES_IN, again=twice):
                    answer = await self._codes.hand_over(said.code, window.request)
                yield Return(window.target, answer.params)

    async def _is_right(self, window: Window, said: WindowAnswer, typed: str) -> bool:
        """Whether that is the number; every look at one is counted before, however many come at once."""
        for number in range(TRIES):
            tried = digest(f"try {number} {window.key}")
            if await self._transient.put(Kind.CLAIM, tried, b"1", ttl=2 * EXPIRES_IN):
                return compare_digest(digest_of_number(window.key, parse_number(typed)), said.number)
        raise FlowGone("too many wrong numbers", client=window.target.client)
