"""A broker, a clock that can be moved, and a relying party in a fresh browser: what every module starts from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from broker.demo.background import RunningBroker, running_in_background
from broker.demo.visitor import Visitor
from tests.conformance.authenticating_party import AUTH_CLIENTS
from tests.conformance.fapi_party import FAPI_CLIENTS, FapiParty
from tests.conformance.hearing_app import HearingApp, listening
from tests.conformance.openid_provider import CLIENTS, HOME, SECTIONS, UPSTREAMS, Clock, Operator
from tests.conformance.relying_party import RelyingParty


@pytest.fixture(scope="session")
def clock() -> Clock:
    """The time of broker, emulators and relying parties; it only moves forward."""
    return Clock()


@pytest.fixture(scope="session")
def hearing_app() -> Iterator[HearingApp]:
    """The back channel of the client `hearing`."""
    with listening() as app:
        yield app


@pytest.fixture(scope="session")
def conforming(clock: Clock, hearing_app: HearingApp) -> Iterator[RunningBroker]:
    """The broker under test, with the clients that an operator registers for the static plans."""
    hearing = {**CLIENTS["hearing"], "backchannel_logout_uri": hearing_app.uri}
    clients = {**CLIENTS, **AUTH_CLIENTS, **FAPI_CLIENTS, "hearing": hearing}
    with running_in_background(clients, clock, providers=UPSTREAMS, sections=SECTIONS) as running:
        yield running


@pytest.fixture
def response_mode() -> str:
    """How authorization responses come back; a plan of another mode overrides it."""
    return "query"


@pytest.fixture
def client_registration() -> str:
    """Who registers the clients; a plan that does it itself overrides this with `dynamic_client`."""
    return "static_client"


@pytest.fixture
async def op(
    conforming: RunningBroker, clock: Clock, response_mode: str, client_registration: str
) -> AsyncIterator[Operator]:
    """The OpenID Provider as a relying party finds it: over HTTP, by its discovery document."""
    async with aiohttp.ClientSession(trust_env=False, cookie_jar=aiohttp.DummyCookieJar()) as http:
        found = await Operator.discover(conforming, clock, response_mode, http)
        if client_registration == "dynamic_client":
            for name in ("first", "second"):
                await found.register(name)
            await found.register("posting", token_endpoint_auth_method="client_secret_post")
        yield found


@pytest.fixture
async def browser(clock: Clock) -> AsyncIterator[Visitor]:
    """A fresh browser profile. Scripts are off: every page must work without, a form_post page is read instead."""
    async with Visitor(scripts=False, stops=(HOME,), now=clock) as visitor:
        yield visitor


@pytest.fixture
def rp(op: Operator, browser: Visitor) -> RelyingParty:
    """The first client: confidential, first-party, `client_secret_basic`."""
    return RelyingParty(op, browser, "first")


@pytest.fixture
def party(op: Operator, browser: Visitor) -> FapiParty:
    """A first-party client of `profile: fapi2`."""
    return FapiParty(op, browser, "bank")
