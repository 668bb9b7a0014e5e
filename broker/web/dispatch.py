"""One request in, one answer out: route by the raw path, read once; every failure becomes an answer here."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from time import perf_counter
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from broker.core.events import request_id
from broker.core.wire.addresses import is_loopback_host
from broker.web.errors import JsonErrors
from broker.web.http.proofs import nonce_of
from broker.web.http.reading import is_dpop_use

_PORT = re.compile(r":[0-9]{1,5}$")
Endpoint = Callable[[Request], Awaitable[Response]]
Observe = Callable[[str, int, float], None]


_UNLESS_SAID = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class Access(StrEnum):
    """Who may call a route, and so what a failure looks like."""

    BROWSER = "browser"  # a person: failures are pages
    CLIENT = "client"  # an app that authenticates, or brings a token: failures are JSON
    PUBLIC = "public"  # anybody: documents and files


@dataclass(frozen=True, slots=True)
class Route:
    """A path below the issuer's; `{name}` matches one segment of URL-safe characters. `endpoints` by method."""

    path: str
    endpoints: Mapping[str, Endpoint]
    access: Access
    name: str
    cors: bool = False
    rooted: bool = False  # the path is absolute, not below the issuer's
    dpop: bool = False  # access tokens may be bound to a key, and come by the scheme DPoP


@dataclass(frozen=True, slots=True)
class Site:
    """What the dispatcher must know about the issuer. `host` as in a Host header, lower case; `also`: other hosts.

    `origins` says which may call from a browser now: apps come and go.
    """

    issuer: str
    origin: str
    base: str
    host: str
    secure: bool
    origins: Callable[[], Collection[str]] = frozenset
    also: frozenset[str] = frozenset()

    @classmethod
    def of(cls, issuer: str, origins: Callable[[], Collection[str]] = frozenset, *, also: Iterable[str] = ()) -> Site:
        """From the issuer's URL and the origins that may call from a browser."""
        parts = urlsplit(issuer)
        origin = f"{parts.scheme}://{parts.netloc}"
        return cls(issuer, origin, parts.path, parts.netloc, parts.scheme == "https", origins, frozenset(also))

    @property
    def on_own_machine(self) -> bool:
        """Whether only browsers on the same machine find it."""
        return is_loopback_host(_PORT.sub("", self.host))


class Dispatcher:
    """The public ASGI app."""

    def __init__(
        self,
        routes: Iterable[Route],
        site: Site,
        errors: JsonErrors,
        *,
        mint_id: Callable[[], str],
        observe: Observe,
        on_crash: Callable[[Exception], None],
    ) -> None:
        """`observe` is told route name, status and seconds; `on_crash` what nobody foresaw."""
        self._site = site
        self._errors = errors
        self._mint_id = mint_id
        self._observe = observe
        self._on_crash = on_crash
        self._exact: dict[str, Route] = {}
        self._patterns: list[tuple[re.Pattern[str], Route]] = []
        for route in routes:
            path = route.path if route.rooted else site.base + route.path
            if "{" in path:
                pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[A-Za-z0-9._~-]+)", path.replace(".", r"\."))
                self._patterns.append((re.compile(pattern), route))
            else:
                self._exact[path] = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry; a WebSocket is refused by the server, a lifespan is not ours."""
        if scope["type"] != "http":
            return
        started = perf_counter()
        reference = self._mint_id()
        token = request_id.set(reference)
        route, params = self._find(scope)
        try:
            response = await self._answer(Request(scope, receive), route, params)
            self._seal(response, scope, route, reference)
            await response(scope, receive, _head(send) if scope["method"] == "HEAD" else send)
            self._observe(route.name if route else "none", response.status_code, perf_counter() - started)
        finally:
            request_id.reset(token)

    def _find(self, scope: Scope) -> tuple[Route | None, Mapping[str, str]]:
        # The raw path, undecoded: no route of ours has a character that needs encoding, so two spellings never meet.
        path = scope.get("raw_path", scope["path"].encode()).partition(b"?")[0].decode("latin-1")
        if route := self._exact.get(path):
            return route, {}
        for pattern, route in self._patterns:
            if found := pattern.fullmatch(path):
                return route, found.groupdict()
        return None, {}

    async def _answer(self, request: Request, route: Route | None, params: Mapping[str, str]) -> Response:
        try:
            if route is None:
                raise HTTPException(404, "there is nothing at this address")
            self._check_host(request, route)
            if request.method == "OPTIONS" and route.cors:
                return self._preflight(request, route)
            endpoint = self._select(request, route)
            request.scope["path_params"] = params
            return await endpoint(request)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:
            return self._fail(request, route, error)

    def _fail(self, request: Request, route: Route | None, error: Exception) -> Response:
        try:
            if self._errors.is_unforeseen(error):
                self._on_crash(error)
            if _is_for_person(request, route):
                return self._errors.as_page(request, error)
            return self._errors.as_json(error, realm=self._site.issuer, schemes=_schemes(request, route))
        except Exception as second:  # the error page itself is broken: still no stack trace for anybody
            self._on_crash(second)
            return Response(f"Something broke on our side. Reference: {request_id.get()}", 500, media_type="text/plain")

    def _check_host(self, request: Request, route: Route) -> None:
        """Nothing is ever made from the Host header; a foreign one is still refused (threats H6)."""
        hosts = [value for name, value in request.scope["headers"] if name == b"host"]
        host = hosts[0].decode("latin-1").lower() if len(hosts) == 1 else ""
        if host == self._site.host or host in self._site.also:
            return
        local = all(is_loopback_host(_PORT.sub("", name)) for name in (host, self._site.host))
        if not local and route.access is not Access.PUBLIC:
            raise HTTPException(421, "this host is not served here; the proxy must pass the Host header on")

    @staticmethod
    def _select(request: Request, route: Route) -> Endpoint:
        asked = "GET" if request.method == "HEAD" and route.access is Access.PUBLIC else request.method
        endpoint = route.endpoints.get(asked)
        if endpoint is None:
            raise HTTPException(405, "this method is not offered here", {"allow": ", ".join(route.endpoints)})
        return endpoint

    def _preflight(self, request: Request, route: Route) -> Response:
        if request.headers.get("origin") not in self._site.origins():
            return Response(status_code=403)
        headers = {
            "access-control-allow-methods": ", ".join(route.endpoints),
            "access-control-allow-headers": "authorization, content-type, dpop",
            "access-control-max-age": "600",
        }
        return Response(status_code=204, headers=headers)

    def _seal(self, response: Response, scope: Scope, route: Route | None, reference: str) -> None:
        """Headers that no endpoint may forget."""
        present = {name for name, _ in response.raw_headers}
        response.raw_headers += [header for header in _UNLESS_SAID if header[0] not in present]
        response.raw_headers.append((b"x-request-id", reference.encode("ascii")))
        if self._site.secure:
            response.raw_headers.append((b"strict-transport-security", b"max-age=63072000"))
        if nonce := nonce_of(scope):
            response.raw_headers.append((b"dpop-nonce", nonce.encode("ascii")))
        if route is not None and route.cors:
            headers = MutableHeaders(raw=response.raw_headers)
            headers.append("vary", "Origin")
            origin = Headers(scope=scope).get("origin")
            if origin is not None and origin in self._site.origins():
                headers["access-control-allow-origin"] = origin
                headers["access-control-expose-headers"] = "DPoP-Nonce, WWW-Authenticate"


def _is_for_person(request: Request, route: Route | None) -> bool:
    """Whether a failure is read by a person: on their routes, and where they strayed from any."""
    if route is None:
        return "text/html" in request.headers.get("accept", "")
    return route.access is Access.BROWSER


def _schemes(request: Request, route: Route | None) -> tuple[str, ...]:
    if route is None or not route.dpop:
        return ("Bearer",)
    return ("DPoP", "Bearer") if is_dpop_use(request) else ("Bearer", "DPoP")


def _head(send: Send) -> Send:
    async def without_body(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return without_body
