"""One request to an emulated upstream, and what pages and switches may ask of the upstream it went to."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qsl, unquote_plus

import orjson
from starlette.requests import Request

from broker.demo.faults import Faults
from broker.demo.people import Person
from broker.demo.rules import Rule

BODY_LIMIT = 256 * 1024


class Upstream(Protocol):
    """What is shown of an upstream on its pages and switched by its control API."""

    faults: Faults
    people: dict[str, Person]
    claims: dict[str, dict[str, object]]

    @property
    def type(self) -> str:
        """The provider type it is an upstream for."""

    @property
    def title(self) -> str:
        """Its name as people know it."""

    @property
    def colour(self) -> str:
        """Of its pages, as CSS has it."""

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What it does as the service does, and how we know."""

    def subject(self, person: Person, /) -> str:
        """The id by which it knows the person."""

    def settle(self) -> None:
        """The three people and nobody else live here, and all that is told is so."""

    def forget(self) -> None:
        """No code and no token survives."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, read. `params` joins query and form; a form field wins."""

    method: str
    path: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    headers: Mapping[str, str]
    target: str  # path and query as received
    body: bytes = b""

    @property
    def params(self) -> dict[str, str]:
        """Query and form in one."""
        return {**self.query, **self.form}

    @property
    def json(self) -> dict[str, object]:
        """The body as a JSON object; empty for anything else."""
        try:
            found = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return {}
        return found if isinstance(found, dict) else {}

    def get(self, name: str) -> str:
        """A parameter, "" where absent."""
        return self.params.get(name, "")


async def read_call(request: Request) -> Call:
    """The request as a Call; a body above the limit is cut."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            break
    is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    raw_query = request.url.query
    return Call(
        method=request.method,
        path=request.url.path,
        query=dict(parse_qsl(raw_query, keep_blank_values=True)),
        form=dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)) if is_form else {},
        headers=dict(request.headers),
        target=request.url.path + (f"?{raw_query}" if raw_query else ""),
        body=body,
    )


def client_credentials(call: Call) -> tuple[str, str]:
    """HTTP Basic with form-encoded parts (RFC 6749 section 2.3.1), or the two form fields."""
    scheme, _, text = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return call.get("client_id"), call.get("client_secret")
    client_id, secret = read_basic(text)
    return unquote_plus(client_id), unquote_plus(secret)


def read_basic(text: str) -> tuple[str, str]:
    """The two halves of HTTP Basic credentials as they came; both empty where these are none."""
    try:
        client_id, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client_id, secret
