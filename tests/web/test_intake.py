"""The intake of the endpoints an app authenticates at: nobody is let in uncounted."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from hashlib import sha256
from urllib.parse import urlencode

import pytest
from starlette.requests import Request
from starlette.types import Message

from broker.core.authorize.whereabouts import Whereabouts, whereabouts_of
from broker.core.clients.client import Client
from broker.core.clients.credentials import Credentials, parse_credentials
from broker.core.errors import InvalidClient, TooManyRequests
from broker.core.terms import AuthMethod
from broker.core.wire.parameters import Parameters
from broker.web.limits.client_address import Sources
from broker.web.limits.intake import Intake, ProvesClients
from broker.web.limits.rate_limits import Limits, Rate
from tests.services.bare_broker import Clock, Notes, World, app
from tests.web.test_limits import make_visitors

pytestmark = pytest.mark.anyio
SHOP = Client("shop", {}, ())
FORM = [
    (b"content-type", b"application/x-www-form-urlencoded"),
    (b"authorization", b"Basic c2hvcDpzZWNyZXQ="),
    (b"content-length", b"7"),
]


class Directory:
    """Proves clients by `verify`, whatever was brought; nothing brought is nothing claimed."""

    def __init__(self, verify: Callable[[Credentials], Awaitable[Client]]) -> None:
        self._verify = verify

    async def read(self, authorization: str, params: Parameters) -> Credentials:
        """ProvesClients.read."""
        try:
            return parse_credentials(authorization, params)
        except InvalidClient:
            return Credentials(AuthMethod.NONE, "")

    async def verify(self, credentials: Credentials) -> Client:
        """ProvesClients.verify."""
        return await self._verify(credentials)


def make_intake(clients: ProvesClients) -> Intake:
    """Lets three calls of a client through in a minute, and two failures of a source and client."""
    rates = {"token": Rate(3, 60), "client_auth_failure": Rate(2, 60)}
    limits = Limits(rates, Notes(), clock=Clock(), shared=None)
    return Intake(limits, Sources(()), make_visitors(Clock()), 1024, clients)


def request(*, secret_of: str = "shop", address: str = "192.0.2.1", form: bytes = b"token=t") -> Request:
    """A form posted with a secret of this client, "": without any."""

    async def receive() -> Message:
        return {"type": "http.request", "body": form, "more_body": False}

    headers = FORM
    if secret_of != "shop":
        shown = (b"authorization", b"Basic " + b64encode(f"{secret_of}:secret".encode()))
        headers = [FORM[0], FORM[2], *([shown] if secret_of else [])]
    scope = {"type": "http", "method": "POST", "path": "/revoke", "headers": headers, "client": (address, 1)}
    return Request(scope, receive)


async def _known(credentials: Credentials) -> Client:
    assert credentials == Credentials(AuthMethod.BASIC, "shop", "secret")
    return SHOP


async def _anybody(_: Credentials) -> Client:
    return SHOP


async def _stranger(_: Credentials) -> Client:
    raise InvalidClient("no")


KNOWN = Directory(_known)  # whoever sends what `request` sends is the shop
ANYBODY = Directory(_anybody)  # every proof is good
STRANGER = Directory(_stranger)  # nobody proves anything


async def admit(intake: Intake, request: Request, *, confidential: str = "") -> Client:
    """Who is let in."""
    async with intake.admit(request, confidential=confidential) as (client, _):
        return client


async def test_a_client_is_let_in_with_its_form_as_often_as_the_limit_says() -> None:
    intake = make_intake(KNOWN)
    for _ in range(3):
        async with intake.admit(request()) as (client, params):
            assert (client, dict(params)) == (SHOP, {"token": "t"})
    with pytest.raises(TooManyRequests) as caught:
        await admit(intake, request())
    assert whereabouts_of(caught.value) == Whereabouts(client=SHOP)


async def test_f31_who_guessed_too_often_is_refused_with_the_right_secret_too() -> None:
    intake = make_intake(STRANGER)
    for _ in range(2):
        with pytest.raises(InvalidClient):
            await admit(intake, request())
    with pytest.raises(TooManyRequests):
        await admit(replace(intake, clients=KNOWN), request())


async def test_f31_neighbours_behind_one_address_do_not_lock_each_other_out() -> None:
    intake = make_intake(STRANGER)
    for _ in range(5):
        with pytest.raises((InvalidClient, TooManyRequests)):
            await admit(intake, request())
        with pytest.raises((InvalidClient, TooManyRequests)):
            await admit(intake, request(secret_of=""))
    for other in (request(secret_of="other"), request(secret_of=""), request(address="192.0.2.2")):
        assert await admit(replace(intake, clients=ANYBODY), other) is SHOP


async def test_f31_names_that_a_source_makes_up_fill_no_memory() -> None:
    intake = make_intake(STRANGER)
    told = Counter[type[Exception]]()
    for number in range(2000):
        try:
            await admit(intake, request(secret_of=f"made-up-{number}" * 20))
        except (InvalidClient, TooManyRequests) as refused:
            told[type(refused)] += 1
    assert told[InvalidClient] <= 2 * 256


async def test_f19_only_a_client_with_a_secret_may_ask() -> None:
    world = await World.open()
    secret = sha256(b"s3cret").hexdigest()
    world.clients = {"app": app(auth_method=AuthMethod.POST, secret_digests=(secret,)), "open": app("open")}
    await world.restart()
    intake = make_intake(world.directory)

    def told(address: str = "192.0.2.1", **form: str) -> Request:
        return request(secret_of="", address=address, form=urlencode(form).encode())

    good = await admit(intake, told(client_id="app", client_secret="s3cret"), confidential="introspection")
    assert good is world.clients["app"]
    wrongs: tuple[dict[str, str], ...] = (
        {"client_id": "app", "client_secret": "x"},
        {"client_id": "app"},
        {"client_id": "open"},
        {},
    )
    for number, wrong in enumerate(wrongs, 10):
        with pytest.raises(InvalidClient):
            await admit(intake, told(f"192.0.2.{number}", **wrong), confidential="introspection")
    assert await admit(intake, told(client_id="open")) is world.clients["open"]
