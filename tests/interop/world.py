"""A running broker, and the people who sign in to foreign software through it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import product
from typing import Any, Final, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from starlette.types import ASGIApp

from broker.demo.background import RunningBroker
from broker.demo.people import PEOPLE
from broker.demo.servers import Port, PortTaken, serving, take_port
from broker.demo.visitor import Page, Visitor
from tests.interop.meddler import Meddler

PROVIDERS: Final = ("google", "vk", "ok", "yandex", "telegram")
ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")
METHODS: Final = ("client_secret_basic", "client_secret_post", "none")
SCOPE: Final = "openid profile email phone offline_access identities"
NOT_OURS: Final = "es256-client_secret_post"
"""Not marked as ours: its people are asked for consent."""
ROBOT: Final = "robot"
"""Gets tokens for itself; nobody logs in there."""
SPA: Final = "spa"
"""Runs in browsers, at one registered origin."""
AGENT: Final = "agent"
"""Runs on people's own machines, where it keeps no secret."""
KEYED: Final = "keyed"
"""Proves itself with a key of its own."""
BANK: Final = "bank"
"""Held to the FAPI 2.0 Security Profile."""
LEAVING: Final = "leaving"
"""Its people log out of everything from there."""
GUARDED: Final = "guarded"
"""Behind Apache; is told when its people have logged out elsewhere."""
PUSHING: Final = "pushing"
"""Answered to pushed requests only."""
ODD: Final = "odd-secret"
"""Its secret survives in a header only if the client encodes it as RFC 6749 section 2.3.1 says."""
_KEY: Final = ec.generate_private_key(ec.SECP256R1())
_NAMES: Final = {"kid": "its-key", "alg": "ES256", "use": "sig"}
_EC: Final = ECAlgorithm(ECAlgorithm.SHA256)
PRIVATE_KEY: Final[dict[str, Any]] = {**_EC.to_jwk(_KEY, as_dict=True), **_NAMES}
_PUBLIC_KEY: Final[dict[str, Any]] = {**_EC.to_jwk(_KEY.public_key(), as_dict=True), **_NAMES}
INITIAL_TOKEN: Final = "it_0123456789abcdef0123456789abcdef"
"""With it apps register themselves."""
SECTIONS: Final[Mapping[str, Mapping[str, object]]] = {
    "network": {"client_networks": ["127.0.0.0/8"]},  # the apps are on this machine
    "registration": {
        "token_hashes": [f"sha256:{sha256(INITIAL_TOKEN.encode()).hexdigest()}"],
        "scopes": SCOPE.split(),
    },
}
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports that clients are registered with: `spa` of the single-page app, `agent` where the agent waits for answers.

    `app` is of an app that logs people out, `apache` of a site that is told of it.
    """

    spa: int
    agent: int
    app: int
    apache: int


def free_ports(names: Iterable[str]) -> dict[str, int]:
    """Below those the system gives away, so that no connection takes one; all are held until all are found."""
    found: dict[str, int] = {}
    with contextlib.ExitStack() as held:
        for name in names:
            while name not in found:
                number = 20_000 + secrets.randbelow(12_000)
                with contextlib.suppress(PortTaken):
                    held.enter_context(contextlib.closing(take_port(name, "127.0.0.1", number)))
                    found[name] = number
    return found


def client_id(algorithm: str, method: str) -> str:
    """There is a client for every pair."""
    return f"{algorithm}-{method}".lower()


def build_clients(ports: Ports) -> dict[str, Mapping[str, object]]:
    """As in config.yaml."""
    paths = ("callback", "private/oidc", "oidc/callback/", "accounts/oidc/example-id/login/callback/")
    common = {
        "name": "A client written by others",
        "redirect_uris": [f"http://127.0.0.1/{path}" for path in paths],  # with any port
        "scopes": SCOPE.split(),
    }
    found: dict[str, Mapping[str, object]] = {}
    for algorithm, method in product(ALGORITHMS, METHODS):
        name = client_id(algorithm, method)
        found[name] = {**common, "auth_method": method, "id_token_alg": algorithm, "first_party": name != NOT_OURS}
        if method != "none":
            found[name] = {**found[name], "secret": f"{name}-{'0123456789abcdef' * 2}"}
    found[SPA] = {**common, "auth_method": "none", "origins": [f"http://127.0.0.1:{ports.spa}"], "first_party": True}
    grants = ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]
    waiting = {"redirect_uris": [f"http://localhost:{ports.agent}"], "grants": grants}
    found[AGENT] = {**common, "auth_method": "none", **waiting}
    basic = found[client_id("RS256", "client_secret_basic")]
    found[KEYED] = {**common, "auth_method": "private_key_jwt", "jwks": {"keys": [_PUBLIC_KEY]}, "first_party": True}
    found[BANK] = {**common, "profile": "fapi2", "jwks": {"keys": [_PUBLIC_KEY]}, "first_party": True}
    found[LEAVING] = {**basic, "post_logout_redirect_uris": [f"http://127.0.0.1:{ports.app}/left"]}
    found[GUARDED] = {
        **basic,
        "post_logout_redirect_uris": [f"http://127.0.0.1:{ports.apache}/bye"],
        "backchannel_logout_uri": f"http://127.0.0.1:{ports.apache}/private/oidc?logout=backchannel",
        "backchannel_logout_session_required": True,
    }
    found[PUSHING] = {**found[client_id("ES256", "client_secret_basic")], "require_par": True}
    found[ROBOT] = {
        "name": "A service written by others",
        "secret": "robot-0123456789abcdef0123456789abcdef",
        "grants": ["client_credentials"],
        "service_scopes": ["orders:read", "orders:write"],
    }
    return {**found, ODD: {**common, "secret": "a+b/c=d e:f%20&g?h#i\"j'k<l>m" * 2, "first_party": True}}


@dataclass(frozen=True, slots=True)
class Shown:
    """What an app learns about somebody; `email` is None for many."""

    name: str
    email: str | None


def shown(person: str, provider: str) -> Shown:
    """What the upstream tells about one of the demo's people."""
    (known,) = (candidate for candidate in PEOPLE if candidate.key == person)
    # OK gives addresses to apps only for which its support has switched that on; this one is not among them.
    email = "" if provider == "ok" else known.email_at(provider)
    return Shown(known.name, email or None)


@dataclass(frozen=True, slots=True)
class World:
    """One broker for all foreign clients. Its loop also runs the apps; the tests themselves are not asynchronous."""

    broker: RunningBroker
    meddler: Meddler
    ports: Ports

    @property
    def issuer(self) -> str:
        """All that a client is told, besides its id and secret."""
        return self.broker.issuer

    def run(self, going: Coroutine[Any, Any, Result]) -> Result:
        """The result of something asynchronous."""
        return asyncio.run_coroutine_threadsafe(going, self.broker.loop).result(timeout=60)

    @contextlib.contextmanager
    def serving(self, port: Port, app: ASGIApp) -> Iterator[str]:
        """The address at which `app` answers inside the context."""

        @contextlib.asynccontextmanager
        async def opened() -> AsyncIterator[None]:
            async with serving([(port, app)]):
                yield

        context = opened()
        self.run(context.__aenter__())
        try:
            yield f"http://127.0.0.1:{port.number}"
        finally:
            self.run(context.__aexit__(None, None, None))
            port.close()

    def sign_in(self, start: str, provider: str = "google", person: str = "ada") -> Page:
        """A fresh browser goes to `start`, chooses provider and person, agrees if asked; where it ends."""
        return self.run(_sign_in(start, provider, person))


async def _sign_in(start: str, provider: str, person: str) -> Page:
    async with Visitor() as visitor:
        return await walk(visitor, start, provider, person)


async def confirm(url: str, answer: str) -> Page:
    """A fresh browser goes where a device sends it, signs in there and allows or denies; where it ends."""
    async with Visitor() as visitor:
        await visitor.get(url)
        await visitor.click("continue")
        await visitor.click("provider-google")
        await visitor.click("person-ada")
        return await visitor.click(answer)


async def walk(visitor: Visitor, start: str, provider: str, person: str) -> Page:
    """As `World.sign_in`, for a browser that goes on afterwards."""
    await visitor.get(start)
    return await choose(visitor, provider, person)


async def choose(visitor: Visitor, provider: str, person: str) -> Page:
    """From the broker's login page on."""
    await visitor.click(f"provider-{provider}")
    page = await visitor.click(f"person-{person}")
    return await visitor.click("allow") if page.has("allow") else page
