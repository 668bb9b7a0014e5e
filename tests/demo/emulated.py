"""Emulators over ASGI: no sockets, a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2

from broker.demo.upstreams import Emulator, Options

NOW = 1767225700
STATE = "s" * 43
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
CALLBACK = "http://localhost:8400/callback/x"


@dataclass
class Clock:
    """Epoch seconds that a test moves."""

    at: float = NOW

    def __call__(self) -> float:
        return self.at


@dataclass
class Upstream:
    """An emulator, spoken to as the broker and a browser speak to it."""

    emulator: Emulator
    http: httpx2.AsyncClient
    clock: Clock
    slept: list[float] = field(default_factory=list)

    async def get(self, path: str, **params: str) -> httpx2.Response:
        return await self.http.get(path, params=params)

    async def post(
        self, path: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        return await self.http.post(path, data=dict(form or {}), headers=headers)

    async def order(self, what: str, **body: Any) -> httpx2.Response:
        return await self.http.post(f"/_emulator/{what}", json=body)

    async def fault(self, name: str, **more: Any) -> None:
        assert (await self.order("faults", fault=name, **more)).status_code == 204

    async def answer_of(self, path: str, person: str = "ada", **params: str) -> dict[str, str]:
        """The callback's parameters after `person` agreed, query and fragment in one."""
        answer = await self.get(path, _person=person, **params)
        assert answer.status_code == 302, answer.text
        return params_of(answer)


def params_of(answer: httpx2.Response) -> dict[str, str]:
    """Query and fragment of a redirect's target."""
    parts = urlsplit(answer.headers["location"])
    return dict(parse_qsl(parts.query)) | dict(parse_qsl(parts.fragment))


@asynccontextmanager
async def emulated(build: Callable[..., Emulator]) -> AsyncIterator[Upstream]:
    """The emulator made by `build(options=...)`, reached without a socket."""
    clock, slept = Clock(), list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    emulator = build(options=Options(clock=clock, sleep=sleep))
    transport = httpx2.ASGITransport(app=emulator.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8410") as http:
        yield Upstream(emulator, http, clock, slept)
