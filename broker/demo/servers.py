"""Several ASGI applications in one event loop, each on its own loopback port."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

_GRACE = 2  # seconds for requests in flight
_PAUSE = 0.005  # seconds between two looks whether they are answered


class DemoRefused(Exception):
    """The demo does not start; the text says why and what to do."""


class PortTaken(Exception):
    """Somebody else listens there; the text names who wanted the port."""

    def __init__(self, name: str, host: str, port: int) -> None:
        super().__init__(f"{name} needs port {port} of {host}, and another program has it")


def check_host(host: str, *, i_know: bool) -> None:
    """Raise DemoRefused for an address that others can reach: everybody can sign in here as anybody."""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        raise DemoRefused(f"--host takes an address such as 127.0.0.1, not {host!r}") from None
    if not loopback and not i_know:
        raise DemoRefused(
            f"In the demo everybody signs in as anybody, and others can reach {host}. Add --i-know if you mean it."
        )


@dataclass(frozen=True, slots=True)
class Port:
    """Listening sockets with one number; connections wait until their application is served."""

    name: str
    bound: tuple[socket.socket, ...]

    @property
    def number(self) -> int:
        """The port number."""
        number: int = self.bound[0].getsockname()[1]
        return number

    def close(self) -> None:
        """Give the port back."""
        for bound in self.bound:
            bound.close()


def take_port(name: str, host: str, number: int = 0) -> Port:
    """The port, or any free one for 0; raises PortTaken."""
    return Port(name, (_listen(name, host, number),))


def take_localhost(name: str, number: int = 0) -> Port:
    """The port on both addresses that `localhost` may stand for, [::1] where this machine has it; raises PortTaken.

    Whoever looks the name up gets either of them first, and some libraries try no other.
    """
    first = take_port(name, "127.0.0.1", number)
    try:
        return Port(name, (*first.bound, _listen(name, "::1", first.number)))
    except PortTaken:
        first.close()
        raise
    except OSError as error:
        if error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:  # no IPv6 here
            return first
        first.close()
        raise


def _listen(name: str, host: str, number: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, number))
        bound.listen(2048)  # only a listening socket keeps others away
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(name, host, number) from None
        raise
    return bound


class _Server(uvicorn.Server):
    """One of many: it leaves signals to whoever runs them all."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",  # which ignores `Upgrade: h2c`, as Java's client sends it to everybody without TLS
                log_config=None,
                log_level="warning",
                access_log=False,
                lifespan="off",
                server_header=False,
                proxy_headers=False,
                # Longer than the broker: who hangs up first may do so under a POST, which nobody may repeat.
                timeout_keep_alive=120,
            )
        )
        self.listening = asyncio.Event()
        self._leaving = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.listening.set()

    def leave(self) -> None:
        """End `serve`, as soon as requests in flight are answered."""
        self.should_exit = True
        self._leaving.set()

    async def main_loop(self) -> None:
        # uvicorn looks ten times a second whether it shall leave. One look a second keeps the Date header right.
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # As uvicorn's, which pauses for a tenth of a second even when nobody is connected.
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        state = self.server_state
        for connection in tuple(state.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(_GRACE):
                while state.connections or state.tasks:  # noqa: ASYNC110 - two sets that tell nobody
                    await asyncio.sleep(_PAUSE)
                for server in self.servers:
                    await server.wait_closed()
        except TimeoutError:
            for task in state.tasks:
                task.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(apps: Sequence[tuple[Port, ASGIApp]]) -> AsyncIterator[None]:
    """All applications answer inside the context; afterwards requests in flight have had two seconds."""
    servers = [_Server(app) for _, app in apps]
    tasks = [asyncio.create_task(s.serve(sockets=list(p.bound))) for s, (p, _) in zip(servers, apps, strict=True)]
    try:
        for server in servers:
            await server.listening.wait()
        yield
    finally:
        for server in servers:
            server.leave()
        await asyncio.gather(*tasks)
