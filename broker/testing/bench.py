"""A provider on the bench: made from its fixture, with real connections to an upstream that says what a test wants."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt import encode
from jwt.algorithms import RSAAlgorithm

from broker.core.events import Event
from broker.core.people.identity import Identity
from broker.registry import provider_types
from broker.testing.raw_server import RawServer, answer_of, raw_server
from broker.upstream.answer import NOT_NOW
from broker.upstream.http import HttpPool
from broker.upstream.lend import lend
from broker.upstream.model import Channel, Flow, Provider, ProviderSettings, Redirect, Reply, Widget, unpack_reply

EMULATED = "emulated"  # a member of fixtures that is no variant: how tests use the emulator of the type
NOW = 1767225700  # the fixed clock of the published test vectors
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
STATE = "state-of-this-attempt-0123456789abcdefghijkl"
FLOW = Flow(
    state=STATE,
    nonce="n-0S6_WzA2Mj",
    code_verifier=VERIFIER,
    redirect_uri="https://id.example.com/callback/x",
    callback_with_state=f"https://id.example.com/callback/x/{STATE}",
    started_at=NOW - 110,
)


@dataclass
class Notes:
    """A Recorder that remembers."""

    events: list[tuple[Event, Mapping[str, object]]] = field(default_factory=list)

    def record(self, event: Event, /, **fields: str | int | float | bool | None) -> None:
        """Take note."""
        self.events.append((event, fields))

    def of(self, event: Event) -> list[Mapping[str, object]]:
        """The fields of every such event."""
        return [fields for one, fields in self.events if one is event]


@cache
def signing_key() -> RSAPrivateKey:
    """The key the upstream on the bench signs with."""
    return generate_private_key(public_exponent=65537, key_size=2048)


def public_jwk(kid: str = "bench") -> dict[str, Any]:
    """Its public half, as published."""
    jwk: dict[str, Any] = RSAAlgorithm.to_jwk(signing_key().public_key(), as_dict=True)
    return jwk | {"kid": kid, "alg": "RS256", "use": "sig"}


@dataclass
class Case:
    """One way of one type, as its fixture describes it: settings, a good reply, good answers, what must come out."""

    type: str
    variant: str
    data: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.type}-{self.variant}"

    def with_changes(self, changes: Mapping[str, Any]) -> Case:
        """The same with members of answers set: `{"/token user_id": 5}`; the marker "$absent" removes one."""
        changed = copy.deepcopy(self.data)
        for where, value in changes.items():
            target: Any = changed
            *path, last = where.split(" ")
            for step in path:
                target = target[int(step) if isinstance(target, list) else step]
            if value == "$absent":
                target.pop(last, None)
            else:
                target[last] = value
        return replace(self, data=changed)

    @property
    def paths(self) -> list[str]:
        """The upstream's paths that a login calls."""
        return list(self.data.get("answers", {}))

    @property
    def is_oidc(self) -> bool:
        """Whether an ID token is what counts."""
        return "id_token" in self.data

    def members(self) -> list[str]:
        """Where everything stands that is told about a person, as `with_changes` takes it.

        Answers about keys and endpoints are left out, and so is what decides whether an ID token counts. What only a
        row of `people` mentions is among them.
        """
        told = {path: answer for path, answer in self.data.get("answers", {}).items() if _is_about_people(answer)}
        found = [f"answers {where}" for where in _places(told)] + [
            f"id_token {where}" for where in _places(self.data.get("id_token", {})) if where not in _DECISIVE
        ]
        rows = (row["change"] for row in self.data["people"].values())
        more = [where for row in rows for where in row if not where.startswith("reply ")]
        return [
            where
            for where in dict.fromkeys([*found, *more])
            if where.startswith("id_token ") or any(where.startswith(f"answers {path} ") for path in told)
            if where.removeprefix("id_token ") not in _DECISIVE
        ]

    def body(self, path: str) -> bytes:
        """The right answer at `path`, as bytes."""
        return self.encoded(path, self.filled({**self.begin, **self.data.get("answers", {})}[path]))

    def encoded(self, path: str, value: Any) -> bytes:
        """An answer at `path` as its upstream writes it: JSON, or a form."""
        return urlencode(value).encode() if path in self.data.get("forms", ()) else json.dumps(value).encode()

    @property
    def begin(self) -> Mapping[str, Any]:
        """By path: what is answered to calls that are made before the browser leaves."""
        found: Mapping[str, Any] = self.data.get("begin", {})
        return found

    @property
    def flow(self) -> Flow:
        """The attempt that the reply answers."""
        return replace(FLOW, memo=self.data.get("memo", {}))

    def filled(self, value: Any) -> Any:
        """The fixture's value with its placeholders filled."""
        if isinstance(value, dict):
            return {name: self.filled(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.filled(inner) for inner in value]
        fill = self._placeholders().get(value) if isinstance(value, str) else None
        return fill() if fill else value

    def _placeholders(self) -> Mapping[str, Callable[[], Any]]:
        return {
            "$state": lambda: STATE,
            "$nonce": lambda: FLOW.nonce,
            "$now": lambda: NOW,
            "$soon": lambda: NOW + 3600,
            "$id_token": self.id_token,
            "$jwk": public_jwk,
        }

    def id_token(self, **changes: Any) -> str:
        """The fixture's ID token, signed; a change to None removes the claim."""
        claims = self.filled(self.data["id_token"]) | changes
        kept = {name: value for name, value in claims.items() if value is not None or name not in changes}
        return encode(kept, signing_key(), algorithm="RS256", headers={"kid": "bench"})

    def reply(self, **changes: str) -> Reply:
        """The fixture's reply; a change to "$absent" removes the parameter."""
        params = self.filled(self.data["reply"]["params"]) | changes
        kept = {name: value for name, value in params.items() if value != "$absent"}
        return Reply(Channel(self.data["reply"]["via"]), kept)

    @asynccontextmanager
    async def on_bench(self, **settings: Any) -> AsyncIterator[Bench]:
        """The provider with these further settings, connected to a server with the fixture's answers."""
        kind = provider_types([self.type])[self.type]
        async with raw_server() as server:
            server.answers.update({path: answer_of(self.body(path)) for path in (*self.paths, *self.begin)})
            pool = await HttpPool.open()
            notes = Notes()
            chosen = kind.Settings.model_validate(
                {"type": self.type, **self.data["settings"], "server_base": server.url, **settings}
            )
            try:
                not_now = getattr(kind, "not_now", NOT_NOW)
                tools = lend(pool, "x", chosen, recorder=notes, not_now=not_now, now=lambda: NOW)
                yield Bench(self, kind(chosen, tools), chosen, server, notes)
            finally:
                await pool.close()


@dataclass
class Bench:
    """A provider that can be logged in with."""

    case: Case
    provider: Provider
    settings: ProviderSettings
    server: RawServer
    notes: Notes

    async def begin(self, flow: Flow = FLOW) -> dict[str, str]:
        """The query of the address the browser is sent to."""
        step = await self.provider.begin(flow)
        assert isinstance(step, (Redirect, Widget))
        return dict(parse_qsl(urlsplit(step.url).query))

    async def finish(self, reply: Reply | None = None, flow: Flow | None = None) -> Identity:
        """What the provider makes of the reply; nobody waits longer than a person would."""
        async with asyncio.timeout(20):
            return await self.provider.finish(
                flow or self.case.flow, unpack_reply(self.provider, reply or self.case.reply())
            )


# Of an ID token (OIDC Core 2) and of a token response (RFC 6749 section 5.1): these are believed whole or not at all.
_DECISIVE = frozenset({"iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "at_hash", "auth_time"})
_NOT_ABOUT_PEOPLE = frozenset({"access_token", "oauth_token", "keys", "issuer"})


def _is_about_people(answer: object) -> bool:
    return isinstance(answer, dict) and not _NOT_ABOUT_PEOPLE & answer.keys()


def _places(value: Mapping[str, Any]) -> Iterator[str]:
    for name, inner in value.items():
        yield name
        if isinstance(inner, dict):
            yield from (f"{name} {place}" for place in _places(inner))


def load_cases(kind: str, folder: Path) -> list[Case]:
    """Every variant of a type, from `<kind>.json` in `folder`; tests/fixtures/README.md says what stands in one."""
    data = json.loads((folder / f"{kind}.json").read_text(encoding="utf-8"))
    return [Case(kind, variant, inner) for variant, inner in data.items() if variant != EMULATED]
