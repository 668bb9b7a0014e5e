"""The management listener: is it alive, is it ready, what does it count, and what operators ask.

Never on the public address.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import orjson
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from broker.core.errors import StoreUnavailable

Check = Callable[[], Awaitable[None]]
PATIENCE = 2.0  # seconds for all checks together; less than who asks will wait


class Management:
    """`/livez`, `/readyz`, `/metrics`. An upstream that is down never makes us unready: the others still work."""

    def __init__(
        self,
        checks: dict[str, Check],
        expose: Callable[[], bytes],
        admin: Callable[[], ASGIApp | None] = lambda: None,
        *,
        patience: float = PATIENCE,
    ) -> None:
        """`checks` by name raise StoreUnavailable, and `/readyz` says why; `expose` is the metrics text.

        `admin` is what answers below `/admin/` now, None where that is off.
        `patience`: seconds that a check may take; all begin at once.
        """
        self._patience = patience
        self._checks = checks
        self._expose = expose
        self._admin = admin
        self.stopping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] != "http":
            return
        if scope["path"].startswith("/admin/") and (admin := self._admin()) is not None:
            await admin(scope, receive, send)  # which looks at the raw path
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
        found = await asyncio.gather(*(_run(check, self._patience) for check in self._checks.values()))
        state = dict(zip(self._checks, found, strict=True))
        state["server"] = "stopping" if self.stopping else "ok"
        ready = all(word == "ok" for word in state.values())
        return Response(orjson.dumps(state), 200 if ready else 503, {"cache-control": "no-store"}, "application/json")


async def _run(check: Check, patience: float) -> str:
    try:
        async with asyncio.timeout(patience):
            await check()
    except StoreUnavailable as error:
        return error.detail
    except TimeoutError:
        return f"no answer in {patience:g} s"
    return "ok"
