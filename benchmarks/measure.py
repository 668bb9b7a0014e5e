"""What one turn of one server yields: CPU time and wall time per operation, memory, cold start."""

from __future__ import annotations

import time
from asyncio import gather
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count, repeat
from statistics import median, quantiles
from typing import Any

from benchmarks.calls import Prover, get_own_token, introspect, push
from benchmarks.driver import Pending, Visitor, open_connection
from benchmarks.process import DISCOVERY, Running
from benchmarks.servers import Contender

Action = Callable[[Visitor, int], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much of everything: visitors at once, operations per burst, bursts, logins before the first burst."""

    in_flight: int = 16
    warm_up: int = 1000
    logins: int = 800
    calls: int = 1600
    bursts: int = 3


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one kind of operation: CPU of the server in microseconds, operations per second, latency in milliseconds."""

    cpu: float
    rate: float
    p50: float
    p99: float


@dataclass(slots=True)
class Turn:
    """One server, fresh, once. Memory in megabytes, cold start in milliseconds, counts of what the upstream saw."""

    figures: dict[str, Figures] = field(default_factory=dict)
    idle: float = 0.0
    after: float = 0.0
    cold_start: float = 0.0
    connections: int = 0
    key_fetches: int = 0


class Bench:
    """Drives one running server."""

    def __init__(self, running: Running, contender: Contender, amounts: Amounts) -> None:
        """`running` was just started."""
        self._running = running
        self._contender = contender
        self._amounts = amounts
        self._visitors: list[Visitor] = []

    async def run(self) -> Turn:
        """Everything, in a fixed order."""
        amounts, turn = self._amounts, Turn(cold_start=self._running.cold_start * 1000)
        turn.idle = self._running.memory()
        async with AsyncExitStack() as held:
            for _ in range(amounts.in_flight):
                connection = await open_connection(self._running.server.host, self._running.server.port)
                held.callback(connection.close)
                self._visitors.append(self._contender.visitor(self._running.server, connection))
            await self._burst(amounts.warm_up, self._login)
            turn.figures["login"] = await self._bursts(amounts.logins, self._login)
            if self._contender.visitor is Visitor:
                turn.figures["token"] = await self._token()
                turn.figures["refresh"] = await self._refresh()
            if self._contender.back_channel:
                turn.figures |= await self._back_channel()
            turn.figures["userinfo"] = await self._userinfo()
            turn.figures["discovery"] = await self._bursts(amounts.calls, lambda who, _: who.document(DISCOVERY))
        turn.after = self._running.memory()
        return turn

    async def _login(self, visitor: Visitor, _: int) -> None:
        await visitor.login(self._contender.app)

    async def _token(self) -> Figures:
        """Code against tokens: the codes are made before the clock starts."""
        app, bursts = self._contender.app, []
        for _ in range(self._amounts.bursts):
            codes: list[Pending] = []

            async def make(visitor: Visitor, _: int, made: list[Pending] = codes) -> None:
                made.append(await visitor.authorize(app))

            await self._burst(self._amounts.logins, make)

            async def redeem(visitor: Visitor, _: int, made: list[Pending] = codes) -> None:
                await visitor.redeem(app, made.pop())

            bursts.append(await self._burst(len(codes), redeem))
        return _middle(bursts)

    async def _refresh(self) -> Figures:
        """Each visitor has a family of its own and rotates it."""
        keeper = self._contender.keeper
        newest: dict[Visitor, str] = {}
        for visitor in self._visitors:
            newest[visitor] = (await visitor.login(keeper))["refresh_token"]

        async def rotate(visitor: Visitor, _: int) -> None:
            newest[visitor] = (await visitor.refresh(keeper, newest[visitor]))["refresh_token"]

        await self._burst(self._amounts.calls // 4, rotate)
        return await self._bursts(self._amounts.calls, rotate)

    async def _back_channel(self) -> dict[str, Figures]:
        """What an app asks besides, as far as the server offers it."""
        app, robot, calls = self._contender.app, self._contender.robot, self._amounts.calls
        tokens = {visitor: (await visitor.login(app))["access_token"] for visitor in self._visitors}
        provers = {visitor: Prover(visitor.url("token_endpoint")) for visitor in self._visitors}
        actions: dict[str, tuple[str, Action]] = {
            "introspection": ("introspection_endpoint", lambda who, _: introspect(who, app, tokens[who])),
            "client_credentials": ("token_endpoint", lambda who, _: get_own_token(who, robot)),
            "dpop": (
                "dpop_signing_alg_values_supported",
                lambda who, _: get_own_token(who, robot, proof=provers[who].prove()),
            ),
            "par": ("pushed_authorization_request_endpoint", lambda who, _: push(who, app)),
        }
        offered = self._running.server.offers
        return {name: await self._bursts(calls, act) for name, (needs, act) in actions.items() if needs in offered}

    async def _userinfo(self) -> Figures:
        tokens = {visitor: (await visitor.login(self._contender.app))["access_token"] for visitor in self._visitors}
        return await self._bursts(self._amounts.calls, lambda visitor, _: visitor.userinfo(tokens[visitor]))

    async def _bursts(self, number: int, action: Action) -> Figures:
        return _middle([await self._burst(number, action) for _ in repeat(None, self._amounts.bursts)])

    async def _burst(self, number: int, action: Action) -> Figures:
        numbers, latencies = count(), []

        async def visit(visitor: Visitor) -> None:
            while (own := next(numbers)) < number:
                began = time.perf_counter()
                await action(visitor, own)
                latencies.append(time.perf_counter() - began)

        cpu, began = self._running.cpu(), time.perf_counter()
        await gather(*map(visit, self._visitors))
        took, used = time.perf_counter() - began, self._running.cpu() - cpu
        cuts = quantiles(latencies, n=100)
        return Figures(used / number * 1e6, number / took, cuts[49] * 1000, cuts[98] * 1000)


def _middle(bursts: list[Figures]) -> Figures:
    """The median of each column."""
    columns = [[getattr(burst, name) for burst in bursts] for name in Figures.__slots__]
    return Figures(*map(median, columns))
