"""The public ASGI app in this process, over stores in memory that can be switched off, and upstreams of our own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2

from broker.assembly import Parts, Services, Settings, build_public
from broker.assembly.operators import build_admin
from broker.cli.common import resolve
from broker.config.load import load_text
from broker.core.errors import StoreUnavailable
from broker.core.seal import Seal, derive
from broker.core.webhooks import Subscriptions
from broker.services.context import Context
from broker.services.keys.ring import KeyRing
from broker.services.keys.signing import SealedKeys
from broker.services.people.subjects import Subjects
from broker.services.providers import ProviderInstance, Providers
from broker.services.switches import Off, Switches
from broker.store.base import Durable
from broker.store.sqlite.store import SqliteStore
from broker.store.transient import Kind, Transient
from broker.upstream.guard import LOOPBACK
from broker.upstream.outbound import Outbound
from broker.web.manage import Management
from tests.services.bare_broker import MASTER, RULES, Clock, Notes
from tests.services.upstreams import Upstream

ISSUER = "https://id.test"
MANAGEMENT = "http://127.0.0.1:9400"
REDIRECT = "https://app.test/cb"
CONFIG = f"""\
version: 1
issuer: {ISSUER}
keys:
  algorithms: [ES256]
providers:
  alpha: {{type: google, client_id: a, client_secret: fUk0tN3vVq1yqv4mJg0qO7cC2o9n1bXz}}
  beta: {{type: google, client_id: b, client_secret: fUk0tN3vVq1yqv4mJg0qO7cC2o9n1bXz}}
clients:
  app:
    name: App
    redirect_uris: [{REDIRECT}]
    auth_method: none
    first_party: true
    id_token_alg: ES256
    home_uri: https://app.test/
    origins: [https://spa.test]
"""


class Switched:
    """A transient store somebody can pull the plug of, for everything or for what `fails` names: "put code"."""

    def __init__(self, store: Transient) -> None:
        """`store` answers while the plug is in."""
        self.store, self.down = store, False
        self.fails: set[str] = set()

    def _there(self, what: str = "") -> Transient:
        if self.down or what in self.fails:
            raise StoreUnavailable(f"transient: switched off {what}")
        return self.store

    async def put(self, kind: Kind, key: str, value: bytes, *, ttl: int) -> bool:
        """Transient.put."""
        return await self._there(f"put {kind}").put(kind, key, value, ttl=ttl)

    async def get(self, kind: Kind, key: str) -> bytes | None:
        """Transient.get."""
        return await self._there(f"get {kind}").get(kind, key)

    async def replace(self, kind: Kind, key: str, value: bytes, *, ttl: int) -> bool:
        """Transient.replace."""
        return await self._there(f"replace {kind}").replace(kind, key, value, ttl=ttl)

    async def take(self, kind: Kind, key: str) -> bytes | None:
        """Transient.take."""
        return await self._there(f"take {kind}").take(kind, key)

    async def ping(self) -> None:
        """Transient.ping."""
        await self._there().ping()

    async def close(self) -> None:
        """Transient.close."""
        await self.store.close()


class SwitchedDurable:
    """A durable store of which what `fails` names does not answer: "people.person", or "*" for everything."""

    def __init__(self, store: Durable) -> None:
        """`store` answers everything else."""
        self.store = store
        self.fails: set[str] = set()

    def subscribe(self, subscriptions: Subscriptions) -> None:
        """Not a call of the database."""
        self.store.subscribe(subscriptions)

    def __getattr__(self, repository: str) -> Any:
        """Durable's repository of this name."""
        return SwitchedRepository(self, repository)


class SwitchedRepository:
    """One of its repositories."""

    def __init__(self, switched: SwitchedDurable, name: str) -> None:
        """`switched` says what fails."""
        self._switched, self._name = switched, name

    def __getattr__(self, method: str) -> Any:
        """The repository's method of this name."""
        return partial(self._call, method)

    async def _call(self, method: str, *args: Any, **named: Any) -> Any:
        if {f"{self._name}.{method}", "*"} & self._switched.fails:
            raise StoreUnavailable(f"durable: {self._name}.{method} switched off")
        return await getattr(getattr(self._switched.store, self._name), method)(*args, **named)


class Hearing(Notes):
    """Stands no crash."""

    def on_crash(self, error: Exception) -> None:
        """A bug."""
        raise AssertionError("nobody foresaw this") from error


@dataclass
class PublicApp:
    """The app and what stands behind it; `browser` keeps cookies and follows nothing.

    `management` is at the operators' listener.
    """

    browser: httpx2.AsyncClient
    management: httpx2.AsyncClient
    transient: Switched
    durable: SwitchedDurable
    upstreams: dict[str, Upstream]
    clock: Clock
    notes: Hearing
    services: Services
    switches: Switches

    async def authorize(self, **changed: str) -> httpx2.Response:
        """An authorization request of the app."""
        asked = {
            "client_id": "app",
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": "openid",
            "state": "s-1",
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "code_challenge_method": "S256",
        }
        return await self.browser.get(f"/authorize?{urlencode(asked | changed)}")

    def callback(self, name: str = "alpha") -> str:
        """Where this upstream would send the browser of the newest attempt."""
        return f"/callback/{name}?{urlencode({'state': self.upstreams[name].flows[-1].state, 'code': 'u'})}"


def answer_of(response: httpx2.Response) -> dict[str, str]:
    """The authorization response the browser carries to the app."""
    assert response.headers["location"].startswith(REDIRECT), response.headers["location"]
    return dict(parse_qsl(urlsplit(response.headers["location"]).query))


def _down_for(upstream: Upstream) -> float | None:
    return None if upstream.failure is None else upstream.down_for


@asynccontextmanager
async def public_app(
    text: str = CONFIG,
    *,
    database: str = ":memory:",
    levels: tuple[str, ...] = (),
    kind: type[Upstream] = Upstream,
    keys_of: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[PublicApp]:
    """The app of this configuration, its state in the file `database`. `alpha`, of this `kind`, can reach `levels`.

    `keys_of`: under what the people of a provider are linked, its name unless it is here.
    """
    config = load_text(text, "config.yaml", resolve, environ={}, base=Path()).config
    clock, notes = Clock(), Hearing()
    store = await SqliteStore.open(database, clock=clock)
    context = Context(ISSUER, clock, os.urandom, notes, clock)

    def seal(purpose: str) -> Seal:
        return Seal((MASTER,), purpose, randomness=os.urandom, clock=clock)

    sealed = SealedKeys(seal("signing key"))
    keys = KeyRing(context, store.durable.keys, sealed, algorithms=config.keys.algorithms, rules=RULES)
    outbound = await Outbound.open(recorder=notes, inside=LOOPBACK)
    await keys.refresh()
    transient, durable = Switched(store.transient), SwitchedDurable(store.durable)
    upstreams = {"alpha": kind(None, None), "beta": Upstream(None, None)}
    upstreams["alpha"].levels = levels
    upstreams["alpha"].refuses_embedded = True
    instances = [
        ProviderInstance.of(
            name,
            "upstream",
            keys_of.get(name, name),
            upstream,
            down_for=partial(_down_for, upstream),
            linking=config.providers[name].linking_rule,
            accepts=frozenset(config.providers[name].accept_posted),
        )
        for name, upstream in upstreams.items()
    ]
    off = Off(clock)
    parts = Parts(
        context=context,
        durable=cast("Durable", durable),  # every repository, by name
        transient=transient,
        keys=keys,
        providers=Providers(tuple(instances), autoselect_single=True, flow_ttl=600, off=off),
        outbound=outbound,
        subjects=Subjects(bytes(32)),
        seal=seal,
        derive=lambda purpose: (derive(MASTER, purpose),),
        observer=notes,
        off=off,
    )
    services = Services(parts, Settings.of(config, parts.providers))
    services.subscribe()
    await services.look()
    transport = httpx2.ASGITransport(build_public(parts, services, config))
    operated = build_admin(parts, services.operators, config)
    admin = httpx2.ASGITransport(Management({}, bytes, lambda: operated))
    async with (
        httpx2.AsyncClient(transport=transport, base_url=ISSUER) as browser,
        httpx2.AsyncClient(transport=admin, base_url=MANAGEMENT) as management,
    ):
        yield PublicApp(browser, management, transient, durable, upstreams, clock, notes, services, services.switches)
    await outbound.close()
    await store.close()
