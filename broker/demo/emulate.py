"""`broker emulate`: emulated upstreams without a broker, for whoever tests code of their own against them."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from broker.core.wire.addresses import origin_of
from broker.demo.emulation import registered_apps
from broker.demo.headless import ClientData
from broker.demo.loops import background
from broker.demo.servers import DemoRefused, PortTaken, check_host, serving, take_port
from broker.demo.switches import Named, People, Switches
from broker.demo.upstreams import EMULATORS, Emulator, Options, RegisteredApp
from broker.registry import settings_class


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which upstreams, where, and the app that is registered at each.

    `types` in the order of their ports, all there are where it is empty. `port` is that of the first, the others
    follow; 0 for any, None for those of the demo. `client_id` and `client_secret` replace the emulator's own.
    """

    types: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int | None = None
    client_id: str = ""
    client_secret: str = ""

    def ports(self) -> dict[str, int]:
        """Type -> port, 0 for any; raises LookupError for a type that nobody emulates."""
        types = self.types or tuple(EMULATORS)
        known = Named("upstream", EMULATORS)
        if self.port is None:
            return {kind: known[kind].port for kind in types}
        return {known[kind].type: self.port and self.port + place for place, kind in enumerate(dict.fromkeys(types))}


@dataclass(frozen=True, slots=True)
class Service:
    """One emulated upstream that answers at `url`, and the app it knows."""

    emulator: Emulator
    url: str
    client: ClientData

    @property
    def paths(self) -> tuple[str, ...]:
        """Where it answers as the service does."""
        paths = [path for path, _, _ in self.emulator.routes() if not path.startswith("/_emulator/")]
        return tuple(dict.fromkeys(paths))

    def told(self) -> dict[str, object]:
        """What a client has to know."""
        client = self.client
        return {
            "url": self.url,
            "client_id": client.client_id,
            "client_secret": client.client_secret,
            "paths": self.paths,
        }


@dataclass(frozen=True, slots=True)
class RunningEmulators:
    """Emulated upstreams that answer until their context ends: their switches and the app of each, by type."""

    emulators: Mapping[str, Switches]
    clients: Mapping[str, ClientData]
    people: People


def build_service(kind: str, url: str, wanted: Wanted, options: Options) -> Service:
    """An upstream at `url` that knows one app."""
    given = {"type": kind, **EMULATORS[kind].settings}
    if "issuer" in given:  # the issuer is where it is, or no client would believe it
        given["issuer"] = url
    origins = list(dict.fromkeys(map(origin_of, wanted.redirect_uris)))
    (app,) = registered_apps(origins[0], [(kind, settings_class(kind).model_validate(given))], origins)
    app = _as_wanted(app, wanted)
    method = "client_secret_basic" if app.client_secret else "none"
    client = ClientData(app.client_id, app.client_secret, wanted.redirect_uris[0], method)
    return Service(EMULATORS[kind]([app], options), url, client)


def _as_wanted(app: RegisteredApp, wanted: Wanted) -> RegisteredApp:
    """A name of one's own is one wherever it stands, as in the token of a bot; who has no secret gets none."""
    client_id = wanted.client_id or app.client_id
    extras = {name: text.replace(app.client_id, client_id) for name, text in app.extras.items()}
    secret = wanted.client_secret if app.client_secret and wanted.client_secret else app.client_secret
    return RegisteredApp(client_id, secret, wanted.redirect_uris, extras)


@contextlib.asynccontextmanager
async def emulating(wanted: Wanted, options: Options) -> AsyncIterator[dict[str, Service]]:
    """All of them, answering; raises PortTaken or LookupError."""
    with contextlib.ExitStack() as stack:
        taken = {
            kind: stack.enter_context(contextlib.closing(take_port(kind, wanted.host, number)))
            for kind, number in wanted.ports().items()
        }
        found = {
            kind: build_service(kind, f"http://127.0.0.1:{port.number}", wanted, options)
            for kind, port in taken.items()
        }
        async with serving([(port, found[kind].emulator.app) for kind, port in taken.items()]):
            yield found


@contextlib.contextmanager
def emulating_in_background(
    types: Sequence[str], redirect_uris: Sequence[str], clock: Callable[[], float]
) -> Iterator[RunningEmulators]:
    """The same in a thread of its own, on free ports; LookupError for a type that nobody emulates."""
    wanted = Wanted(tuple(types), tuple(redirect_uris), port=0)
    with background("emulators") as there:
        opened = emulating(wanted, Options(clock=clock))
        found = there.run(opened.__aenter__())
        try:
            emulators = {kind: one.emulator for kind, one in found.items()}
            switches = {kind: Switches(one.emulator, one.url, there.call) for kind, one in found.items()}
            clients = Named("upstream", {kind: one.client for kind, one in found.items()})
            yield RunningEmulators(Named("upstream", switches), clients, People(emulators, there.call))
        finally:
            there.run(opened.__aexit__(None, None, None))


def main(wanted: Wanted, *, i_know: bool = False, as_json: bool = False) -> int:
    """Serve until Ctrl-C or SIGTERM; the exit status. `as_json`: one line for programs once everything answers."""
    try:
        check_host(wanted.host, i_know=i_know)
        asyncio.run(_serve(wanted, as_json=as_json))
    except (DemoRefused, LookupError, PortTaken) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


async def _serve(wanted: Wanted, *, as_json: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    loopback_only = wanted.host in {"127.0.0.1", "::1"}
    async with emulating(wanted, Options(loopback_only=loopback_only)) as found:
        told = {kind: one.told() for kind, one in found.items()}
        sys.stdout.write(orjson.dumps(told).decode() + "\n" if as_json else banner(found))
        sys.stdout.flush()
        await stop.wait()


def banner(found: Mapping[str, Service]) -> str:
    """What the terminal shows once everything answers."""
    lines = [""]
    for one in found.values():
        lines.append(f"  {one.emulator.title:<12} {one.url}  (emulated)")
        lines.append(f"    client id     {one.client.client_id}")
        lines += [f"    client secret {one.client.client_secret}"] if one.client.client_secret else []
        lines.append(f"    answers       {' '.join(one.paths)}")
    lines += [
        "",
        "  Anybody can sign in as anybody here: never put it on a network.",
        "  Ctrl-C forgets everything.",
        "",
    ]
    return "\n".join(lines) + "\n"
