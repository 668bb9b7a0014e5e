"""Reading requests strictly: bounded bodies, one content type, the parameters of exactly one place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from broker.core.errors import InvalidRequest
from broker.core.wire import strict_json
from broker.core.wire.parameters import Parameters, parse_form

MAX_QUERY = 8 * 1024  # bytes
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


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


async def read_json(request: Request, *, limit: int) -> dict[str, Any]:
    """The JSON object in the body, `limit` in bytes, read as `strict_json` does; the query is not looked at.

    Raises HTTPException 413 and 415 as `read_form`, and InvalidRequest.
    """
    content_type, _, parameter = request.headers.get("content-type", "").partition(";")
    if content_type.strip().lower() != JSON or parameter.strip().lower() not in {"", "charset=utf-8"}:
        raise HTTPException(415, f"send the parameters as {JSON}")
    try:
        return strict_json.parse_object(await read_body(request, limit=limit))
    except strict_json.Malformed as problem:
        raise InvalidRequest(f"the body is {problem}") from None


async def read_body(request: Request, *, limit: int) -> bytes:
    """The body, at most `limit` bytes; reading stops at the first byte too many."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise HTTPException(413, f"the body is larger than {limit} bytes")
    return bytes(body)


@dataclass(frozen=True, slots=True)
class ShownToken:
    """An access token as it came: `value` is "" when none did, `dpop`: by the scheme DPoP (RFC 9449 section 7.1)."""

    value: str = field(repr=False)
    dpop: bool = False


def read_access_token(request: Request, params: Parameters | None = None) -> ShownToken:
    """The access token from the header (RFC 6750 section 2.1, RFC 9449 7.1) or a form body (RFC 6750 2.2).

    Never from a query; raises InvalidRequest when it came in two ways or in the query.
    """
    if b"access_token=" in request.scope["query_string"]:
        raise InvalidRequest("an access token never travels in a URL; send an Authorization header")
    scheme, token = _read_authorization(request)
    in_header = token if scheme in {"bearer", "dpop"} else ""
    in_body = params.get("access_token", "") if params is not None else ""
    if in_header and in_body:
        raise InvalidRequest("the access token was sent twice")
    return ShownToken(in_header or in_body, dpop=bool(in_header) and scheme == "dpop")


def read_bearer(request: Request) -> str:
    """A token of another kind than an access token, from the header alone (RFC 7592 section 3); "" without one.

    Raises InvalidRequest when it came in the query.
    """
    shown = read_access_token(request)
    return "" if shown.dpop else shown.value


def is_dpop_use(request: Request) -> bool:
    """Whether an access token comes by the scheme DPoP: then a refusal is a resource's, and speaks of DPoP."""
    return _read_authorization(request)[0] == "dpop"


def _read_authorization(request: Request) -> tuple[str, str]:
    """The scheme, whose case does not matter (RFC 9110 section 11.1), and what follows."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    return scheme.lower(), rest.strip()
