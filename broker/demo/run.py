"""`broker demo`: the broker, emulated upstreams and a sample app in one process, on loopback, forgetting everything."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr
from starlette.types import ASGIApp

from broker.app import build
from broker.config.client_model import ClientSettings
from broker.config.load import load
from broker.config.model import Config
from broker.core.errors import ConfigError
from broker.core.terms import GrantType, PostedKind
from broker.demo.emulation import PORTS, Address, build_emulators, emulated_types, left_out, turned, with_all
from broker.demo.phone import phone_client
from broker.demo.sample_spa import GoogleButton
from broker.demo.servers import DemoRefused, Port, PortTaken, check_host, serving, take_localhost, take_port
from broker.demo.upstreams import Emulator, Options
from broker.registry import settings_class


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo."""

    config: Config
    emulators: Mapping[str, Emulator]
    upstreams: Mapping[str, str]  # type -> address for browsers
    sample: str  # address of the sample app, "" without one
    management: str
    left_out: tuple[str, ...]
    yours: tuple[str, str]  # client_id and secret for an app of one's own, empty without such a client


def main(
    config_path: str | Path,
    *,
    host: str = "127.0.0.1",
    i_know: bool = False,
    everything: bool = False,
    ports: Mapping[str, int] = PORTS,
) -> int:
    """Serve until Ctrl-C or SIGTERM; the exit status. `ports` are those of the emulators by type, 0 for any.

    `everything`: with all providers of the configuration that have an emulator, those too that are not enabled.
    """
    try:
        check_host(host, i_know=i_know)
        config = load(config_path, settings_class)
        asyncio.run(_serve(with_all(config) if everything else config, host, ports))
    except (ConfigError, DemoRefused, PortTaken) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


async def _serve(config: Config, host: str, ports: Mapping[str, int]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(config, host, ports=ports) as demo:
        sys.stdout.write(banner(demo))
        sys.stdout.flush()
        await stop.wait()
    sys.stdout.write("\nStopped; everything is forgotten.\n")


@contextlib.asynccontextmanager
async def running(config: Config, host: str = "127.0.0.1", *, ports: Mapping[str, int] = PORTS) -> AsyncIterator[Demo]:
    """The whole demo, answering; raises PortTaken, DemoRefused or ConfigError."""
    client = sample_client(config)
    if client is not None and not all(map(find_spec, ("httpx2", "itsdangerous", "segno"))):
        raise DemoRefused("The sample app needs three more packages: pip install 'identity-broker[demo]'")
    with contextlib.ExitStack() as stack:
        wanted = _wanted_ports(config, client, ports)
        taken = {name: stack.enter_context(contextlib.closing(_take(name, host, n))) for name, n in wanted.items()}
        loopback = ipaddress.ip_address(host).is_loopback
        emulators = build_emulators(config, Options(loopback_only=loopback))
        addresses = {kind: _address(taken[kind].number) for kind in emulators}
        broker = await build(turned(config, addresses, emulators))
        try:
            apps: dict[str, ASGIApp] = {kind: emulator.app for kind, emulator in emulators.items()}
            apps |= {"broker": broker.public, "management": broker.management}
            if client is not None:
                apps["sample app"] = _build_sample(config, client, addresses)
            async with serving([(port, apps[name]) for name, port in taken.items()]):
                await broker.start()
                yield _describe(config, emulators, addresses, client)
        finally:
            await broker.close()


def _wanted_ports(config: Config, client: str | None, emulators: Mapping[str, int]) -> dict[str, int]:
    wanted = {"broker": _port_of(config.server.listen)}
    if config.server.management is not None:
        wanted["management"] = _port_of(config.server.management)
    wanted |= {kind: emulators[kind] for kind in emulated_types(config)}
    if client is not None:
        wanted["sample app"] = urlsplit(_sample_uri(config.clients[client])).port or 80
    return wanted


def _take(name: str, host: str, number: int) -> Port:
    """The management listener stays on loopback, whatever the others do; the broker is at `localhost`."""
    if name == "broker" and host == "127.0.0.1":
        return take_localhost(name, number)
    return take_port(name, "127.0.0.1" if name == "management" else host, number)


def _port_of(listen: str) -> int:
    number = listen.rpartition(":")[2]
    if not number.isdigit():
        raise DemoRefused(f"The demo listens on TCP ports; server.listen is {listen}")
    return int(number)


def _address(port: int) -> Address:
    """Another host than the broker's, so that the way back is a cross-site one as it is in life."""
    return Address(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port}")


def sample_client(config: Config) -> str | None:
    """The client_id of the sample app: the first with a secret and a redirect URI at a port of 127.0.0.1."""
    for client_id, client in config.clients.items():
        if client.secret is not None and _sample_uri(client):
            return client_id
    return None


def tv_client(config: Config) -> str:
    """The client_id of the sample app's television: the first without a secret that has the grant of devices, or ""."""
    for client_id, client in config.clients.items():
        if client.auth_method == "none" and GrantType.DEVICE_CODE in client.grants:
            return client_id
    return ""


def spa_client(config: Config, sample: str) -> str:
    """The client_id of the sample app's single page: the first that is answered at /spa beside `sample`, or ""."""
    there = urlsplit(sample)._replace(path="/spa").geturl()
    return next((client_id for client_id, client in config.clients.items() if there in client.redirect_uris), "")


def own_client(config: Config) -> tuple[str, str]:
    """Client_id and secret of the first client that may be anywhere on this machine, or two empty texts."""
    for client_id, client in config.clients.items():
        if client.loopback_redirects and client.secret is not None:
            return client_id, client.secret.get_secret_value()
    return "", ""


def _sample_uri(client: ClientSettings) -> str:
    return next(
        (uri for uri in client.redirect_uris if urlsplit(uri).hostname == "127.0.0.1" and urlsplit(uri).port), ""
    )


def google_button(config: Config, client_id: str, addresses: Mapping[str, Address]) -> GoogleButton | None:
    """Google's button for the page of this client, where it may exchange what that gives."""
    client = config.clients.get(client_id)
    for name in client.accept_posted if client else ():
        settings = config.providers[name]
        if settings.type in addresses and PostedKind.CREDENTIAL in settings.accept_posted:
            return GoogleButton(f"{addresses[settings.type].browser}/gsi/client", settings.client_id, name)
    return None


def _build_sample(config: Config, client_id: str, addresses: Mapping[str, Address]) -> ASGIApp:
    from broker.demo.sample_app import Registration, build_sample_app  # noqa: PLC0415 - needs the extra `demo`

    client = config.clients[client_id]
    secret = client.secret or SecretStr("")
    offered = client.providers or tuple(name for name, s in config.providers.items() if s.enabled)
    providers = tuple(name for name in offered if name not in left_out(config))
    here, tv = _sample_uri(client), tv_client(config)
    registration = Registration(config.issuer, client_id, secret.get_secret_value(), here, providers, tv=tv)
    spa = spa_client(config, here)
    return build_sample_app(replace(registration, spa=spa, google=google_button(config, spa, addresses)))


def _describe(
    config: Config, emulators: Mapping[str, Emulator], addresses: Mapping[str, Address], client: str | None
) -> Demo:
    sample = urlsplit(_sample_uri(config.clients[client]))._replace(path="/").geturl() if client else ""
    return Demo(
        config=config,
        emulators=emulators,
        upstreams={kind: address.browser for kind, address in addresses.items()},
        sample=sample,
        management=config.server.management or "",
        left_out=left_out(config),
        yours=own_client(config),
    )


def banner(demo: Demo) -> str:
    """What the terminal shows once everything answers."""
    lines = ["", f"  Open  {demo.sample or demo.config.issuer}", ""]
    lines.append(f"  Broker       {demo.config.issuer}")
    lines += [f"  {demo.emulators[kind].title:<12} {url}  (emulated)" for kind, url in demo.upstreams.items()]
    if demo.management:
        lines.append(f"  Management   http://{demo.management}/readyz  /livez  /metrics")
    if phone_client(demo.config):
        lines.append(f"  Phone app    {_command()} demo phone  (in another terminal; --help says more)")
    lines += [f"  {name}: nobody emulates this type, so it is left out" for name in demo.left_out]
    if demo.yours[0]:
        lines += ["", "  Your own app, at any address of this machine:"]
        values = (("issuer", demo.config.issuer), ("client id", demo.yours[0]), ("client secret", demo.yours[1]))
        lines += [f"    {name:<14} {value}" for name, value in values]
    lines += [
        "",
        "  Anybody can sign in as anybody here: never put it on a network.",
        "  Ctrl-C forgets everything.",
        "",
    ]
    return "\n".join(lines) + "\n"


def _command() -> str:
    """How this program was called."""
    return sys.argv[0] if Path(sys.argv[0]).name == "broker" else "broker"
