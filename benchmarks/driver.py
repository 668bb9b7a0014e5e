"""Browser and relying party in one, on bare asyncio protocols: what a person and an app do, and nothing slower.

Every login is checked: cookies, redirects, `state`, `iss`, PKCE, nonce, `sub`. It works on any OpenID Provider whose
login leads straight to the bench's upstream.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from os import urandom
from typing import Any, cast
from urllib.parse import parse_qs, urlencode, urlsplit

import orjson

from benchmarks.upstream import AUTHORIZE, build_code

USERS = 500
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_LOCATION = re.compile(rb"(?i)\r\nlocation: *([^\r]+)")
_COOKIE = re.compile(rb"(?i)\r\nset-cookie: *([^=\r]+)=([^;\r]*)([^\r]*)")
_COOKIE_PATH = re.compile(rb"(?i); *path=([^;\r]+)")
_NO_BODY = {204, 304}
_MAX_HOPS = 8


class BenchError(Exception):
    """The server under test answered something a login cannot go on with."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; `head` ends before the empty line."""

    status: int
    head: bytes
    body: bytes

    @property
    def location(self) -> str:
        """Where it redirects to, or ""."""
        found = _LOCATION.search(self.head)
        return found[1].decode() if found else ""

    def json(self) -> Any:
        """The body of a 200."""
        if self.status != 200:
            raise BenchError(f"{self.status}: {self.body[:300]!r}")
        return orjson.loads(self.body)


class Connection(asyncio.Protocol):
    """One kept connection that carries one request at a time."""

    def __init__(self) -> None:
        """Use `open_connection`."""
        self._buffer = b""
        self._waiting: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready to send."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but the base class

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits learns it."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(BenchError(f"connection lost: {exc}"))

    def data_received(self, data: bytes) -> None:
        """Hand over the answer when it is whole."""
        self._buffer = self._buffer + data if self._buffer else data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._waiting is None:
            return
        status = int(self._buffer[9:12])
        found = _LENGTH.search(self._buffer, 0, end)
        if found is None and status not in _NO_BODY:
            self._waiting.set_exception(BenchError("an answer without content-length"))
            return
        whole = end + 4 + (int(found[1]) if found and status not in _NO_BODY else 0)
        if len(self._buffer) >= whole:
            answer = Answer(status, self._buffer[:end], self._buffer[end + 4 : whole])
            self._buffer = self._buffer[whole:]
            self._waiting.set_result(answer)

    async def exchange(self, request: bytes) -> Answer:
        """Send one request and wait for its answer."""
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


async def open_connection(host: str, port: int) -> Connection:
    """A fresh connection to the server under test."""
    _, connection = await asyncio.get_running_loop().create_connection(Connection, host, port)
    return connection


class Jar:
    """The cookies of one visit, sent back by path."""

    def __init__(self) -> None:
        """Empty: every login comes in a fresh browser."""
        self._cookies: dict[tuple[bytes, bytes], bytes] = {}

    def keep(self, answer: Answer) -> None:
        """Take what `answer` sets; an empty value is a deletion."""
        for name, value, attributes in _COOKIE.findall(answer.head):
            found = _COOKIE_PATH.search(attributes)
            key = (name, found[1] if found else b"/")
            if value:
                self._cookies[key] = value
            else:
                self._cookies.pop(key, None)

    def header(self, path: bytes) -> bytes:
        """The Cookie line for a request to `path`, or nothing."""
        sent = [
            name + b"=" + value
            for (name, below), value in self._cookies.items()
            if path == below or below == b"/" or path.startswith(below.rstrip(b"/") + b"/")
        ]
        return b"Cookie: " + b"; ".join(sent) + b"\r\n" if sent else b""


@dataclass(frozen=True, slots=True)
class App:
    """A client as registered at the server under test."""

    client_id: str
    client_secret: str
    redirect_uri: str
    scope: str

    @property
    def basic(self) -> bytes:
        """`client_secret_basic` (RFC 6749 section 2.3.1)."""
        return b"Authorization: Basic " + b64encode(f"{self.client_id}:{self.client_secret}".encode()) + b"\r\n"


@dataclass(frozen=True, slots=True)
class Pending:
    """An authorization code in the app's hands."""

    code: str
    verifier: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Server:
    """The server under test, as its discovery document describes it."""

    issuer: str
    host: str
    port: int
    paths: Mapping[str, str]
    offers: frozenset[str]

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Server:
        """From the discovery document; all endpoints are on the issuer's host."""
        issuer = urlsplit(metadata["issuer"])
        paths = {name: urlsplit(value).path for name, value in metadata.items() if name.endswith("_endpoint")}
        return cls(metadata["issuer"], issuer.hostname or "", issuer.port or 80, paths, frozenset(metadata))


class Visitor:
    """One browser and one app over one connection, a request after the other."""

    subjects = count()

    def __init__(self, server: Server, connection: Connection) -> None:
        """`connection` belongs to this visitor alone."""
        self._server = server
        self._connection = connection
        self._host = f"Host: {server.host}:{server.port}\r\n".encode()
        self._origin = f"http://{server.host}:{server.port}"

    async def authorize(self, app: App) -> Pending:
        """From the authorization request to the code at the client's redirect URI."""
        state, nonce, verifier = _random(), _random(), _random()
        asked = build_request(app, state, nonce, verifier)
        target = f"{self._server.paths['authorization_endpoint']}?{urlencode(asked)}"
        jar = Jar()
        for _ in range(_MAX_HOPS):
            answer = await self._connection.exchange(self._get(target, jar))
            jar.keep(answer)
            location = answer.location
            if not location:
                raise BenchError(f"{answer.status} at {target[:60]}: {answer.body[:300]!r}")
            if location.startswith(app.redirect_uri):
                return Pending(self._check_response(location, state), verifier, nonce)
            target = self._follow(location)
        raise BenchError("too many redirects")

    async def redeem(self, app: App, pending: Pending) -> dict[str, Any]:
        """The token response for a code, its ID token checked but for the signature."""
        form = {
            "grant_type": "authorization_code",
            "code": pending.code,
            "redirect_uri": app.redirect_uri,
            "code_verifier": pending.verifier,
        }
        tokens: dict[str, Any] = (await self.post("token_endpoint", app, form)).json()
        claims = read_claims(tokens["id_token"])
        if (claims["iss"], claims["aud"], claims["nonce"]) != (self._server.issuer, app.client_id, pending.nonce):
            raise BenchError(f"wrong ID token: {claims}")
        return tokens

    async def refresh(self, app: App, refresh_token: str) -> dict[str, Any]:
        """The token response for a refresh token."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        tokens: dict[str, Any] = (await self.post("token_endpoint", app, form)).json()
        if tokens["refresh_token"] == refresh_token:
            raise BenchError("the refresh token was not rotated")
        return tokens

    async def userinfo(self, access_token: str) -> dict[str, Any]:
        """The claims behind an access token."""
        target = self._server.paths["userinfo_endpoint"]
        bearer = f"Authorization: Bearer {access_token}\r\n".encode()
        answer = await self._connection.exchange(b"GET %s HTTP/1.1\r\n%s%s\r\n" % (target.encode(), self._host, bearer))
        claims: dict[str, Any] = answer.json()
        return claims

    async def document(self, path: str) -> None:
        """A public document."""
        answer = await self._connection.exchange(b"GET %s HTTP/1.1\r\n%s\r\n" % (path.encode(), self._host))
        if answer.status != 200:
            raise BenchError(f"{answer.status} at {path}")

    async def login(self, app: App) -> dict[str, Any]:
        """All of it: the person logs in, the app redeems the code and asks who it was."""
        tokens = await self.redeem(app, await self.authorize(app))
        if (await self.userinfo(tokens["access_token"]))["sub"] != read_claims(tokens["id_token"])["sub"]:
            raise BenchError("userinfo is about somebody else")
        return tokens

    def _get(self, target: str, jar: Jar) -> bytes:
        path = target.partition("?")[0].encode()
        return b"GET %s HTTP/1.1\r\n%sAccept: text/html\r\n%s\r\n" % (target.encode(), self._host, jar.header(path))

    def url(self, endpoint: str) -> str:
        """Of an endpoint of this name."""
        return f"{self._origin}{self._server.paths[endpoint]}"

    async def post(self, endpoint: str, app: App, form: Mapping[str, str], *, headers: bytes = b"") -> Answer:
        """The app calls an endpoint of this name in the discovery document; `headers` are whole lines."""
        body = urlencode(form).encode()
        return await self._connection.exchange(
            b"POST %s HTTP/1.1\r\n%s%s%sContent-Type: application/x-www-form-urlencoded\r\n"
            b"Content-Length: %d\r\n\r\n%s"
            % (self._server.paths[endpoint].encode(), self._host, app.basic, headers, len(body), body)
        )

    def _follow(self, location: str) -> str:
        """The next request's target; at the upstream somebody logs in and is sent to the callback."""
        if location.startswith(AUTHORIZE):
            asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
            code = build_code(10_000 + next(self.subjects) % USERS, asked["code_challenge"], asked["nonce"])
            location = f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"
        return location.removeprefix(self._origin)

    def _check_response(self, location: str, state: str) -> str:
        params = parse_qs(urlsplit(location).query)
        if params.get("state") != [state] or params.get("iss") != [self._server.issuer] or "code" not in params:
            raise BenchError(f"wrong authorization response: {location}")
        return params["code"][0]


class FloorVisitor(Visitor):
    """Sends the four requests of a login to a server that thinks of nothing."""

    async def login(self, app: App) -> dict[str, Any]:
        """Four requests of the size a broker gets."""
        paths = self._server.paths
        query = urlencode({"client_id": app.client_id, "redirect_uri": app.redirect_uri, "state": "s" * 43})
        for target in (f"{paths['authorization_endpoint']}?{query}", f"/callback/bench?code={'c' * 90}&state=s"):
            if (await self._connection.exchange(self._get(target, Jar()))).status != 303:
                raise BenchError("the floor did not redirect")
        tokens: dict[str, Any] = (
            await self.post("token_endpoint", app, {"grant_type": "authorization_code", "code": "c" * 40})
        ).json()
        await self.userinfo(tokens["access_token"])
        return tokens


def build_request(app: App, state: str, nonce: str, verifier: str) -> dict[str, str]:
    """The parameters of an authorization request."""
    return {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": app.redirect_uri,
        "scope": app.scope,
        "state": state,
        "nonce": nonce,
        "code_challenge": _b64(sha256(verifier.encode()).digest()),
        "code_challenge_method": "S256",
    }


def read_claims(id_token: str) -> dict[str, Any]:
    """The claims of a JWT, unverified."""
    payload = id_token.split(".")[1]
    claims: dict[str, Any] = orjson.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def _random() -> str:
    return _b64(urandom(32))


def _b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
