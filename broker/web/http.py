"""Reading requests strictly: bounded bodies, one content type, the parameters of exactly one place."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request

from broker.core.errors import InvalidRequest
from broker.core.parameters import Parameters, parse_form

MAX_QUERY = 8 * 1024  # bytes
FORM = "application/x-www-form-urlencoded"


def read_query(request: Request, *, limit: int = MAX_QUERY) -> Parameters:
    """The parameters of the query, at most `limit` bytes; raises InvalidRequest, or HTTPException 414 beyond."""
    raw: bytes = request.scope["query_string"]
    if len(raw) > limit:
        raise HTTPException(414, "the request line is too long")
    return parse_form(raw)


async def read_form(request: Request, *, limit: int) -> Parameters:
    """The parameters of a form body; the query is not looked at. `limit` in bytes.

    Raises HTTPException 413 beyond the limit and 415 for another content type.
    """
    content_type, _, parameter = request.headers.get("content-type", "").partition(";")
    charset = parameter.strip().lower()
    if content_type.strip().lower() != FORM or charset not in {"", "charset=utf-8"}:
        raise HTTPException(415, f"send the parameters as {FORM}")
    return parse_form(await read_body(request, limit=limit))


async def read_body(request: Request, *, limit: int) -> bytes:
    """The body, at most `limit` bytes; reading stops at the first byte too many."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdigit() or int(declared) > limit:
        raise HTTPException(413, f"the body is larger than {limit} bytes")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise HTTPException(413, f"the body is larger than {limit} bytes")
    return bytes(body)


def read_bearer(request: Request, params: Parameters | None = None) -> str:
    """The access token from the header (RFC 6750 section 2.1) or a form body (2.2), never from a query.

    "" when there is none; raises InvalidRequest when it came in two ways or in the query.
    """
    if b"access_token=" in request.scope["query_string"]:
        raise InvalidRequest("an access token never travels in a URL; send an Authorization header")
    scheme, _, header = request.headers.get("authorization", "").partition(" ")
    in_header = header.strip() if scheme.lower() == "bearer" else ""
    in_body = params.text("access_token") if params is not None else ""
    if in_header and in_body:
        raise InvalidRequest("the access token was sent twice")
    return in_header or in_body
