"""The door of the endpoints an app authenticates at: nobody is let in uncounted."""

from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.types import Message

from broker.core.client import Client
from broker.core.errors import InvalidClient, TooManyRequests
from broker.core.parameters import Parameters
from broker.web.door import Door
from broker.web.limits import Limits, Rate
from broker.web.source import Sources
from tests.services.bare_broker import Clock, Notes

pytestmark = pytest.mark.anyio
SHOP = Client("shop", {}, ())
FORM = [
    (b"content-type", b"application/x-www-form-urlencoded"),
    (b"authorization", b"Basic x"),
    (b"content-length", b"7"),
]


def make_door() -> Door:
    """Lets three calls of a client through in a minute, and two failures of a source."""
    rates = {"token": Rate(3, 60), "client_auth_failure": Rate(2, 60)}
    return Door(Limits(rates, Notes(), clock=Clock(), shared=None), Sources(()), 1024)


def request() -> Request:
    """A form posted from one address."""

    async def receive() -> Message:
        return {"type": "http.request", "body": b"token=t", "more_body": False}

    scope = {"type": "http", "method": "POST", "path": "/revoke", "headers": FORM, "client": ("192.0.2.1", 1)}
    return Request(scope, receive)


async def known(authorization: str, params: Parameters) -> Client:
    """Whoever sends what `request` sends is the shop."""
    assert (authorization, dict(params)) == ("Basic x", {"token": "t"})
    return SHOP


async def stranger(_: str, __: Parameters) -> Client:
    """Nobody proves anything."""
    raise InvalidClient("no")


async def test_a_client_is_let_in_with_its_form_as_often_as_the_limit_says() -> None:
    door = make_door()
    for _ in range(3):
        client, params = await door.admit(request(), known)
        assert (client, dict(params)) == (SHOP, {"token": "t"})
    with pytest.raises(TooManyRequests):
        await door.admit(request(), known)


async def test_failures_to_prove_oneself_are_counted_per_source() -> None:
    door = make_door()
    for _ in range(2):
        with pytest.raises(InvalidClient):
            await door.admit(request(), stranger)
    with pytest.raises(TooManyRequests):
        await door.admit(request(), stranger)
    assert (await door.admit(request(), known))[0] is SHOP, "who proves itself is counted for itself"
