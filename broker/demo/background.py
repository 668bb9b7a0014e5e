"""A broker with emulated upstreams in a thread of its own, for tests that are not asynchronous or not ours."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import orjson
from starlette.types import ASGIApp

from broker.app import build
from broker.config.model import Config
from broker.demo.emulation import Address, build_emulators, turned
from broker.demo.headless import ClientData, Login, log_in
from broker.demo.loops import Background, background
from broker.demo.servers import serving, take_port
from broker.demo.switches import Named, People, Switches
from broker.demo.upstreams import EMULATORS, Options
from broker.observe import Observer, Setup
from broker.registry import settings_class
from broker.services.keys.ring import KeyRing
from broker.store.base import Durable

PROVIDERS: Final[Mapping[str, Mapping[str, object]]] = {
    kind: EMULATORS[kind].settings for kind in ("google", "vk", "ok", "yandex", "telegram", "oidc")
}
"""The providers of a broker for tests where it names none; each is known to its emulator."""

TEST_APP: Final = "test-app"
_CLIENT: Final[Mapping[str, object]] = {
    "name": "Test app",
    "redirect_uris": ["http://127.0.0.1/callback"],  # a loopback address: every port fits
    "secret": "test-app-secret-of-at-least-32-characters",
    "scopes": ["openid", "profile", "email", "phone", "address", "offline_access", "identities", "identities.manage"],
    "first_party": True,
    "account_linking": True,
    "lookup_identities": True,
    "grants": ["authorization_code", "refresh_token", "client_credentials"],
    "service_scopes": ["notify"],
}
_PLENTY: Final = "1000000/s"
_LIMITS: Final = dict.fromkeys(
    (
        *("login_start", "callback", "account", "token", "client_auth_failure", "identity_lookup", "registration"),
        *("notify", "bot_start", "bot_wait", "bot_update"),
    ),
    _PLENTY,
)


class Notebook:
    """Where the broker's log lines go instead of the terminal."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def write(self, line: bytes) -> None:
        """Keep one line of the log."""
        self.lines.append(orjson.loads(line))


@dataclass(frozen=True, slots=True)
class RunningBroker:
    """A broker that answers at `issuer` until its context ends.

    `emulators` are by the type of the provider; `people` have accounts there; `providers` are the names to log in by;
    `log` is what the broker logs, event by event; `durable` is its database, which lives on `loop`.
    """

    issuer: str
    emulators: Mapping[str, Switches]
    clients: Mapping[str, ClientData]
    log: list[dict[str, Any]]
    loop: asyncio.AbstractEventLoop
    keys: KeyRing
    durable: Durable
    people: People
    providers: tuple[str, ...]

    @property
    def discovery(self) -> str:
        """The address of the discovery document."""
        return f"{self.issuer}/.well-known/openid-configuration"

    def client(self, client_id: str = TEST_APP) -> ClientData:
        """Id, secret and redirect URI of a registered client."""
        return self.clients[client_id]

    def rotate_keys(self) -> None:
        """As `broker keys rotate --now`: new keys sign, the old ones stay published."""

        async def rotate() -> None:
            for algorithm in tuple(self.keys.current.signers):
                await self.keys.rotate(algorithm, at_once=True)

        asyncio.run_coroutine_threadsafe(rotate(), self.loop).result(timeout=10)

    def login(
        self,
        provider: str = "google",
        person: str = "ada",
        *,
        client_id: str = TEST_APP,
        scope: str = "",
        prompt: str = "",
    ) -> Login:
        """Sign `person` in through `provider` as a browser would; verified claims and tokens, or LoginFailed.

        LookupError, with the names there are, for a person or provider that does not exist.
        """
        if provider not in self.providers:
            raise LookupError(f"no provider {provider}; there are {', '.join(sorted(self.providers))}")
        self.people.check(person)
        scope = scope or "openid profile email offline_access"
        client = self.client(client_id)
        going = log_in(self.issuer, client, provider=provider, person=person, scope=scope, prompt=prompt)
        return asyncio.run_coroutine_threadsafe(going, self.loop).result(timeout=60)


@contextlib.contextmanager
def running_in_background(
    clients: Mapping[str, Mapping[str, object]],
    clock: Callable[[], float] = time.time,
    front: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    *,
    providers: Mapping[str, Mapping[str, object]] = PROVIDERS,
    sections: Mapping[str, Mapping[str, object]] = MappingProxyType({}),
) -> Iterator[RunningBroker]:
    """The broker with the test app and `clients` (as in config.yaml), answering on free loopback ports.

    `clock` gives epoch seconds to broker and emulators; it is called from more than one thread. `front` puts something
    between the broker and its listener, as a proxy is in life; one that tampers shows what a client believes.
    `providers` are by name, with the keys of config.yaml; the name is the type where none is given. `sections` are
    further sections of config.yaml.
    """
    with background("broker") as there:
        world = _World({TEST_APP: _CLIENT, **clients}, clock, there, front, providers=providers, sections=sections)
        try:
            yield there.run(world.open())
        finally:
            there.run(world.close())


class _World:
    """Everything that lives on the background loop."""

    def __init__(
        self,
        clients: Mapping[str, Mapping[str, object]],
        clock: Callable[[], float],
        there: Background,
        front: Callable[[ASGIApp], ASGIApp],
        *,
        providers: Mapping[str, Mapping[str, object]],
        sections: Mapping[str, Mapping[str, object]],
    ) -> None:
        self._sections = sections
        self._clients = clients
        self._clock = clock
        self._there = there
        self._front = front
        self._providers = providers
        self._stack = contextlib.AsyncExitStack()

    async def open(self) -> RunningBroker:
        """Take ports, build, listen."""
        kinds = dict.fromkeys(str(given.get("type", name)) for name, given in self._providers.items())
        ports = {name: take_port(name, "127.0.0.1") for name in ("broker", *kinds)}
        for port in ports.values():
            self._stack.callback(port.close)
        issuer = f"http://127.0.0.1:{ports['broker'].number}"
        config = _build_config(issuer, self._clients, self._providers, self._sections)
        emulators = build_emulators(config, Options(clock=self._clock))
        # Another host than the broker's, so that the way back is a cross-site one as it is in life.
        urls = {kind: f"http://localhost:{ports[kind].number}" for kind in emulators}
        addresses = {kind: Address(url, url.replace("localhost", "127.0.0.1")) for kind, url in urls.items()}
        notebook = Notebook()
        observer = Observer.open_(Setup(level="debug", style="json", providers=self._providers), lines=notebook)
        broker = await build(turned(config, addresses, emulators), observer=observer, clock=self._clock)
        self._stack.push_async_callback(broker.close)
        apps: dict[str, ASGIApp] = {
            "broker": self._front(broker.public),
            **{kind: emulator.app for kind, emulator in emulators.items()},
        }
        await self._stack.enter_async_context(serving([(port, apps[name]) for name, port in ports.items()]))
        await broker.start()
        switches = Named(
            "upstream", {kind: Switches(one, urls[kind], self._there.call) for kind, one in emulators.items()}
        )
        known = Named("client", _client_data(config))
        people, providers = People(emulators, self._there.call), tuple(config.providers)
        return RunningBroker(
            issuer, switches, known, notebook.lines, self._there.loop, broker.keys, broker.durable, people, providers
        )

    async def close(self) -> None:
        """Stop listening, let go of everything."""
        await self._stack.aclose()


def _build_config(
    issuer: str,
    clients: Mapping[str, Mapping[str, object]],
    given: Mapping[str, Mapping[str, object]],
    sections: Mapping[str, Mapping[str, object]],
) -> Config:
    typed = {name: {"type": name, **settings} for name, settings in given.items()}
    providers = {name: settings_class(str(s["type"])).model_validate(s) for name, s in typed.items()}
    return Config.model_validate(
        {
            "version": 1,
            "issuer": issuer,
            "server": {"management": None},
            "providers": providers,
            "clients": {name: dict(given) for name, given in clients.items()},
            "limits": _LIMITS,
            **{name: dict(section) for name, section in sections.items()},
        }
    )


def _client_data(config: Config) -> dict[str, ClientData]:
    found = {}
    for client_id, client in config.clients.items():
        secret = client.secret.get_secret_value() if client.secret else ""
        method = "client_secret_basic" if client.auth_method == "client_secret" else str(client.auth_method)
        found[client_id] = ClientData(client_id, secret, next(iter(client.redirect_uris), ""), method)
    return found
