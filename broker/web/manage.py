"""The management listener: is it alive, is it ready, what does it count. Never on the public address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from broker.core.errors import StoreUnavailable

Check = Callable[[], Awaitable[None]]


class Management:
    """`/livez`, `/readyz`, `/metrics`. An upstream that is down never makes us unready: the others still work."""

    def __init__(self, checks: dict[str, Check], expose: Callable[[], bytes]) -> None:
        """`checks` by name raise StoreUnavailable; `expose` is the metrics text."""
        self._checks = checks
        self._expose = expose
        self.stopping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] != "http":
            return
        response = await self._answer(scope["path"], scope["method"])
        await response(scope, receive, send)

    async def _answer(self, path: str, method: str) -> Response:
        if method not in {"GET", "HEAD"}:
            return Response(status_code=405, headers={"allow": "GET"})
        if path in {"/livez", "/healthz"}:
            return Response(b"ok\n", media_type="text/plain")
        if path == "/readyz":
            return await self._ready()
        if path == "/metrics":
            return Response(self._expose(), media_type="text/plain; version=0.0.4; charset=utf-8")
        return Response(b"/livez /readyz /metrics\n", 404, media_type="text/plain")

    async def _ready(self) -> Response:
        state = {name: await _run(check) for name, check in self._checks.items()}
        state["server"] = "stopping" if self.stopping else "ok"
        ready = all(word == "ok" for word in state.values())
        return Response(orjson.dumps(state), 200 if ready else 503, {"cache-control": "no-store"}, "application/json")


async def _run(check: Check) -> str:
    try:
        await check()
    except StoreUnavailable:
        return "unavailable"
    return "ok"
