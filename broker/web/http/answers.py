"""JSON answers, with the headers every one of them needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

NO_STORE = {"cache-control": "no-store", "pragma": "no-cache", "x-content-type-options": "nosniff"}


def answer_json(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON that nobody keeps (RFC 6749 section 5.1)."""
    return Response(orjson.dumps(body), status, NO_STORE | dict(headers or {}), "application/json")
