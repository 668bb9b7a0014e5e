"""The servers under test, each configured as the same broker in front of the same upstream."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from benchmarks import upstream
from benchmarks.calls import SERVICE_SCOPE
from benchmarks.driver import App, FloorVisitor, Visitor

PEER = Path(__file__).parent / "peer"
_REDIRECT = "http://127.0.0.1:9/cb"
_SECRET = "bench-client-secret-0123456789abcdef0123456789"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server runs: its ports, a directory of its own, and the upstream's address and algorithm."""

    port: int
    management: int
    directory: Path
    upstream: str
    algorithm: str


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start it."""

    command: Sequence[str]
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Contender:
    """A server under test. `app` logs in, `keeper` gets refresh tokens besides, `robot` logs nobody in.

    Without `back_channel` only what depends on the signature of an ID token is measured, and userinfo.
    """

    name: str
    title: str
    algorithm: str
    prepare: Callable[[Place], Launch]
    keeper_scope: str = ""
    visitor: type[Visitor] = Visitor
    back_channel: bool = True

    @property
    def app(self) -> App:
        """The client that logs in."""
        return App("bench", _SECRET, _REDIRECT, "openid profile")

    @property
    def keeper(self) -> App:
        """The client that refreshes."""
        return App("bench-keeper", _SECRET, _REDIRECT, self.keeper_scope)

    @property
    def robot(self) -> App:
        """The client that gets tokens for itself."""
        return App("bench-robot", _SECRET, "", SERVICE_SCOPE)


def _prepare_ours(place: Place) -> Launch:
    config = place.directory / "config.yaml"
    config.write_text(
        f"""
version: 1
issuer: http://127.0.0.1:{place.port}
server: {{listen: "127.0.0.1:{place.port}", management: "127.0.0.1:{place.management}"}}
storage: {{sqlite: {{path: {place.directory}/broker.db}}}}
limits: {{login_start: 1000000/s, callback: 1000000/s, token: 1000000/s}}
providers:
  telegram:
    type: telegram
    client_id: "{upstream.CLIENT_ID}"
    client_secret: {upstream.CLIENT_SECRET}
    server_base: {place.upstream}
clients:
  bench:
    name: Bench
    redirect_uris: [{_REDIRECT}]
    secret: {_SECRET}
    first_party: true
    scopes: [openid, profile]
    grants: [authorization_code]
    id_token_alg: {place.algorithm}
  bench-keeper:
    name: Bench with refresh tokens
    redirect_uris: [{_REDIRECT}]
    secret: {_SECRET}
    first_party: true
    scopes: [openid, profile, offline_access]
    id_token_alg: {place.algorithm}
  bench-robot:
    name: Bench without people
    secret: {_SECRET}
    grants: [client_credentials]
    service_scopes: ["{SERVICE_SCOPE}"]
""",
        encoding="utf-8",
    )
    return Launch([sys.executable, "-m", "broker", "serve", "--create", "--config", str(config)], {})


def _prepare_floor(place: Place) -> Launch:
    return Launch([sys.executable, "-m", "benchmarks.floor", str(place.port)], {})


def _prepare_peer(place: Place) -> Launch:
    setup = {
        "port": place.port,
        "upstream": place.upstream,
        "authorize": upstream.AUTHORIZE,
        "upstreamIssuer": upstream.ISSUER,
        "upstreamId": upstream.CLIENT_ID,
        "upstreamSecret": upstream.CLIENT_SECRET,
        "algorithm": place.algorithm,
        "clients": [
            {"id": "bench", "secret": _SECRET, "redirectUri": _REDIRECT, "grants": ["authorization_code"]},
            {
                "id": "bench-keeper",
                "secret": _SECRET,
                "redirectUri": _REDIRECT,
                "grants": ["authorization_code", "refresh_token"],
            },
        ],
        "robot": {"id": "bench-robot", "secret": _SECRET, "scope": SERVICE_SCOPE},
    }
    environ = {"BENCH_SETUP": orjson.dumps(setup).decode(), "NODE_ENV": "production"}
    return Launch(["node", str(PEER / "server.mjs")], environ)


_OURS_KEEPER = "openid profile offline_access"
CONTENDERS = (
    Contender("ours", "this broker, ES256, SQLite on disk", "ES256", _prepare_ours, _OURS_KEEPER),
    Contender("floor", "bare Starlette, no logic", "ES256", _prepare_floor, visitor=FloorVisitor, back_channel=False),
    Contender("peer", "oidc-provider, ES256, in memory", "ES256", _prepare_peer, "openid profile"),
    Contender(
        "ours-rs256", "this broker, RS256, SQLite on disk", "RS256", _prepare_ours, _OURS_KEEPER, back_channel=False
    ),
    Contender(
        "peer-rs256", "oidc-provider, RS256, in memory", "RS256", _prepare_peer, "openid profile", back_channel=False
    ),
)
