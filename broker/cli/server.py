"""One process, one event loop, two listeners; and the order in which they stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGTERM

import click
import uvicorn
from starlette.types import ASGIApp
from uvicorn._types import ASGI3Application

from broker.app import build
from broker.assembly.broker import Broker
from broker.assembly.reloading import Source
from broker.cli.control import ControlSocket
from broker.cli.desk import Desk
from broker.cli.protocol import bounded_by
from broker.config.model import Config, Tls
from broker.core.errors import ConfigError, StoreUnavailable

KEEP_ALIVE = 15  # seconds an idle connection stays open


class Listener(uvicorn.Server):
    """A uvicorn server that leaves signals to us: both listeners stop when we say so."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing to capture."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Set `accepting` once connections are accepted."""
        await super().startup(sockets)
        self.accepting.set()


@dataclass(frozen=True, slots=True)
class Sockets:
    """Bound before anything else, so that a port in use is the first thing the operator hears of."""

    public: socket.socket
    management: socket.socket | None


def run(config: Config, *, dev_tls: bool = False, create: bool = False, source: Source | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit code. Prints what stops it from starting, without a traceback.

    `create`: make the database where it is missing, whatever says that there was one. `source`: for a reload.
    """
    try:
        tls = _dev_tls(config) if dev_tls else config.server.tls
        sockets = Sockets(bind(config.server.listen), _bind_management(config))
    except OSError as error:
        click.echo(f"cannot listen: {error}", err=True)
        return 1
    except ConfigError as error:
        click.echo(str(error), err=True)
        return 1
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(serve(config, sockets, tls, create=create, source=source))


async def serve(
    config: Config, sockets: Sockets, tls: Tls | None, *, create: bool = False, source: Source | None = None
) -> int:
    """Build the broker, serve, and stop in this order: say so, accept nothing new, finish, let go."""
    try:
        broker = await build(config, create=create, source=source)
    except (ConfigError, StoreUnavailable, ssl.SSLError) as error:
        click.echo(str(error), err=True)
        return 1
    try:
        await _serve(broker, config, sockets, tls)
    finally:
        await broker.close()
    return 0


async def _serve(broker: Broker, config: Config, sockets: Sockets, tls: Tls | None) -> None:
    await _tell_key_ages(broker)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # a warning per malformed request would be a flood
    gc.collect()
    gc.freeze()  # what is here now lives as long as the process; the collector need not look at it again
    public = Listener(_settings(broker.public, config, tls))
    management = Listener(_settings(broker.management, config, None))
    stop, tasks = _on_signals(public, management), []
    for listener, sock in ((public, sockets.public), (management, sockets.management)):
        if sock is not None:
            tasks.append(asyncio.create_task(listener.serve([sock])))
            await listener.accepting.wait()
    control = ControlSocket(config, Desk(broker).answer)
    await control.start()
    await broker.start()
    notify("READY=1")
    reloads = asyncio.create_task(_reload_on_signals(broker))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    reloads.cancel()
    broker.stop_accepting()
    notify("STOPPING=1")
    await control.close()
    for listener, task in zip((public, management), tasks, strict=False):
        # The management listener comes second, so that probes see "stopping" while requests are finished.
        listener.should_exit = True
        await task


async def _tell_key_ages(broker: Broker) -> None:
    """To the metrics; keys that take over later tell by themselves."""
    now = time.time()
    for key in await broker.durable.keys.signing_keys():
        if key.retired_at is None and key.active_at <= now:
            broker.observer.metrics.key_active(key.algorithm, key.active_at)


def bind(address: str) -> socket.socket:
    """A bound socket for `host:port` or `unix:/path`; raises OSError. A unix socket nobody listens on is replaced."""
    if address.startswith("unix:"):
        return _bind_unix(address.removeprefix("unix:"))
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.getaddrinfo(host, int(port), family, socket.SOCK_STREAM, 0, socket.AI_PASSIVE)
    sock = socket.socket(found[0][0], socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(found[0][4])
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"{error.strerror}: {address}") from None
    return sock


def _bind_unix(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if Path(path).is_socket():
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                if probe.connect_ex(path) == 0:
                    raise OSError(98, f"somebody listens on {path}")
            Path(path).unlink()
        sock.bind(path)
        Path(path).chmod(0o660)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"{error.strerror}: {path}") from None
    return sock


def _bind_management(config: Config) -> socket.socket | None:
    return bind(config.server.management) if config.server.management is not None else None


def _settings(app: ASGIApp, config: Config, tls: Tls | None) -> uvicorn.Config:
    kind: ASGI3Application = app  # type: ignore[assignment]  # the same protocol, spelt twice
    return uvicorn.Config(
        kind,
        http=bounded_by(config.limits.request_body),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the broker reads X-Forwarded-For itself, from trusted_proxies only
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=config.server.shutdown_grace,
        ssl_certfile=tls.cert if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )


def _on_signals(*listeners: Listener) -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; a second one stops waiting for requests in flight."""
    stop = asyncio.Event()

    def told() -> None:
        if stop.is_set():
            for listener in listeners:
                listener.force_exit = True
        stop.set()

    for number in (SIGTERM, SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told)
    return stop


async def _reload_on_signals(broker: Broker) -> None:
    """Read the configuration anew after SIGHUP; those that come meanwhile mean one more time."""
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(SIGHUP, asked.set)
    while True:
        await asked.wait()
        asked.clear()
        notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        await broker.reloading.reload(by="SIGHUP")
        notify("READY=1")


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        from uvloop import Loop
    except ImportError:  # not to be had on every platform; a slower loop does the same
        return None
    return Loop


def _dev_tls(config: Config) -> Tls:
    from broker.cli.dev_tls import make_certificate

    made = make_certificate(config)
    click.echo(made.how_to_trust, err=True)
    return Tls(cert=str(made.certificate), key=str(made.key))


def notify(state: str, address: str | None = None) -> None:
    """Send `READY=1` or `STOPPING=1` to the socket in NOTIFY_SOCKET; a systemd that does not listen is no failure."""
    address = address or os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as out:
            out.connect("\0" + address[1:] if address.startswith("@") else address)
            out.sendall(state.encode())
    except OSError:
        return  # the server runs as well without a supervisor that hears it
