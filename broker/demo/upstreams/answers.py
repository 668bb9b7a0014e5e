"""What emulated upstreams answer with: JSON, errors, the way back to the app, and what is no answer at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode, urlsplit

import orjson
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

BROKEN: Final[Mapping[str, Callable[[], Response]]] = {
    "500": lambda: PlainTextResponse("Internal Server Error", status_code=500),
    "html_502": lambda: HTMLResponse("<html><h1>502 Bad Gateway</h1></html>", status_code=502),
    "empty_answer": lambda: Response(b"", media_type="application/json"),
    "not_json": lambda: HTMLResponse("<html><h1>Scheduled maintenance</h1></html>"),
    "huge_answer": lambda: Response(b'{"a":"' + b"x" * 2 * 1024 * 1024 + b'"}', media_type="application/json"),
}
"""The transport faults that are an answer."""


def json_answer(value: object, status: int = 200, **headers: str) -> Response:
    """JSON with the given header fields (underscores become hyphens)."""
    return Response(
        orjson.dumps(value),
        status_code=status,
        media_type="application/json",
        headers={name.replace("_", "-"): text for name, text in headers.items()},
    )


def error_answer(error: str, description: str, status: int = 400) -> Response:
    """An error with its description (RFC 6749 section 5.2)."""
    return json_answer({"error": error, "error_description": description}, status)


def back_to(redirect_uri: str, params: Mapping[str, str], *, fragment: bool = False) -> Response:
    """302 to the app with `params` in the query, or in the fragment; empty ones are left out."""
    encoded = urlencode({name: value for name, value in params.items() if value})
    if fragment:
        target = f"{redirect_uri.partition('#')[0]}#{encoded}"
    else:
        target = redirect_uri + ("&" if urlsplit(redirect_uri).query else "?") * bool(encoded) + encoded
    return RedirectResponse(target, status_code=HTTPStatus.FOUND)
