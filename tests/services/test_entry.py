"""An identity nobody asked for counts once the person says, in the same browser, that it is theirs."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest

from broker.core.authorize.pushed import PushedRequest
from broker.core.clients.client import Client
from broker.core.errors import (
    AccountBlocked,
    BrokerError,
    FlowFinished,
    FlowGone,
    ForeignPost,
    NothingAsked,
    ProviderNotOffered,
    StoreUnavailable,
    UnknownClient,
    UpstreamInvalid,
)
from broker.core.events import Event
from broker.core.people.identity import Identity, Person
from broker.core.records import EntryTicket
from broker.services.login.outcomes import LoginFailed
from broker.services.providers import ProviderInstance
from tests.services.bare_broker import HERE, ISSUER, NOW, World, app, seal
from tests.services.upstreams import SigningUpstream

pytestmark = pytest.mark.anyio
SIGNED = {"hash": "h1"}


@pytest.fixture
async def door(world: World) -> World:
    """A world whose client can be entered from a link."""
    world.clients["app"] = app(initiate_login_uri="https://app.test/start")
    world.clients["closed"] = app("closed")
    await world.restart()
    return world


async def hold(world: World, *, browser: str = "b1", signature: str = "h1") -> str:
    """The sealed ticket of a link opened in a browser."""
    sealed, _, _ = await world.unasked.hold("beta", "app", {"hash": signature}, browser=browser)
    return sealed


async def confirm(world: World, sealed: str, *, browser: str) -> tuple[Person, Identity, ProviderInstance, Client]:
    """Whom the ticket is about, once they said yes."""
    async with world.unasked.confirm(sealed, browser=browser) as entered:
        return entered


async def test_a_link_is_held_then_confirmed_by_the_person(door: World) -> None:
    sealed, ticket, client = await door.unasked.hold("beta", "app", SIGNED, browser="b1")
    assert (ticket.subject, ticket.claims["name"], client.id) == ("x1", "Ann", "app")
    assert door.notes.count(Event.ACCOUNT_CREATED) == 0
    person, identity, instance, _ = await confirm(door, sealed, browser="b1")
    assert (identity.subject, instance.name, person.link.subject) == ("x1", "beta", "x1")
    assert identity == door.upstreams["beta"].identity
    finished, _, _ = await door.log_in(name="beta")
    assert finished.person.account == person.account


async def test_who_enters_takes_the_place_of_whoever_was_logged_in(door: World) -> None:
    _, cookie, before = await door.log_in()
    entered = await door.unasked.enter(await hold(door), cookie, browser="b1", whence=HERE)
    session = await door.sessions.find(entered.cookie)
    assert session is not None
    assert (session.login.provider, entered.person.link.provider, entered.client.id) == ("beta", "beta", "app")
    assert session.login.sub != before.login.sub
    assert entered.href == f"https://app.test/start?iss={quote(ISSUER, safe='')}"
    assert await door.sessions.find(cookie) is None


@pytest.mark.parametrize("browser", ["", "b2", "B1", "b1 "])
async def test_b1_a_link_is_confirmed_in_the_browser_that_opened_it(door: World, browser: str) -> None:
    sealed = await hold(door)
    with pytest.raises(ForeignPost):
        await confirm(door, sealed, browser=browser)
    assert door.notes.count(Event.ACCOUNT_CREATED) == 0


async def test_c8_a_link_counts_once(door: World) -> None:
    sealed, again = await hold(door), await hold(door, browser="b2")
    outcomes = await asyncio.gather(
        *(confirm(door, sealed, browser="b1") for _ in range(20)),
        *(confirm(door, again, browser="b2") for _ in range(20)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, FlowFinished) for outcome in outcomes) == 39


async def test_k22_a_link_confirmed_while_no_session_can_be_kept_can_be_confirmed_again(door: World) -> None:
    sealed = await hold(door)
    with pytest.raises(StoreUnavailable):
        async with door.unasked.confirm(sealed, browser="b1"):
            raise StoreUnavailable("sessions are away")
    assert door.notes.count(Event.LOGIN_SUCCEEDED) == 0
    await confirm(door, sealed, browser="b1")
    with pytest.raises(FlowFinished):
        await confirm(door, sealed, browser="b1")


async def test_c10_a_link_used_here_is_used_at_the_callback_too(door: World) -> None:
    await confirm(door, await hold(door), browser="b1")
    begun, flow = await door.begin(await door.request(), "beta")
    with pytest.raises(LoginFailed) as caught:
        await door.finish(door.callback("beta", {"state": flow.state, "hash": "h1"}, begun.sealed))
    assert isinstance(caught.value.cause, FlowFinished)


async def test_c8_a_link_signed_for_longer_is_remembered_for_longer(door: World) -> None:
    beta = door.upstreams["beta"]
    assert isinstance(beta, SigningUpstream)
    beta.valid_until = NOW + 86_400
    await confirm(door, await hold(door), browser="b1")
    door.clock.now += 86_000
    sealed = await hold(door)
    with pytest.raises(FlowFinished):
        await confirm(door, sealed, browser="b1")


@pytest.mark.parametrize(
    ("valid_for", "seconds", "good"),
    [(86_400, 299, True), (86_400, 300, False), (100, 99, True), (100, 100, False), (86_400, 10**6, False)],
)
async def test_a_question_dies_after_five_minutes_or_with_its_signature(
    door: World, valid_for: int, seconds: int, good: bool
) -> None:
    beta = door.upstreams["beta"]
    assert isinstance(beta, SigningUpstream)
    beta.valid_until = NOW + valid_for
    sealed = await hold(door)
    door.clock.now += seconds
    if good:
        assert await confirm(door, sealed, browser="b1")
        return
    with pytest.raises(FlowGone):
        await confirm(door, sealed, browser="b1")


@pytest.mark.parametrize(
    ("provider", "client_id", "failure"),
    [
        ("beta", "nobody", UnknownClient),
        ("beta", "closed", UnknownClient),
        ("gamma", "app", ProviderNotOffered),
        ("alpha", "app", NothingAsked),
    ],
)
async def test_b10_only_clients_and_providers_that_expect_it_are_entered(
    door: World, provider: str, client_id: str, failure: type[BrokerError]
) -> None:
    with pytest.raises(failure):
        await door.unasked.hold(provider, client_id, SIGNED, browser="b1")


async def test_a_link_that_does_not_verify_is_the_visitors_mistake(door: World) -> None:
    door.upstreams["beta"].failure = UpstreamInvalid("the signature does not fit")
    with pytest.raises(NothingAsked):
        await hold(door)


async def test_b9_a_provider_switched_off_meanwhile_lets_nobody_in(door: World) -> None:
    sealed = await hold(door)
    door.on = {"alpha"}
    await door.restart()
    with pytest.raises(ProviderNotOffered):
        await confirm(door, sealed, browser="b1")


async def test_d11_a_blocked_person_is_not_let_in(door: World) -> None:
    person, _, _, _ = await confirm(door, await hold(door), browser="b1")
    await door.store.durable.accounts.set_blocked(person.account.sub, True)
    sealed = await hold(door, signature="h2")
    with pytest.raises(AccountBlocked):
        await confirm(door, sealed, browser="b1")


async def test_b8_nothing_else_of_ours_is_a_ticket(door: World) -> None:
    ticket = EntryTicket("beta", "app", "x1", {}, {}, ("fed",), "h1", NOW + 300, NOW + 300)
    for sealed in (
        "",
        "x",
        seal("consent").seal(ticket.to_bytes(), bound_to=b"b1"),
        seal("entry").seal(ticket.to_bytes()),
        seal("entry").seal(PushedRequest(await door.request()).to_bytes(), bound_to=b"b1"),
    ):
        with pytest.raises(ForeignPost):
            await confirm(door, sealed, browser="b1")


@pytest.mark.parametrize(
    ("uri", "href"),
    [
        ("https://app.test/start", "https://app.test/start?iss=https%3A%2F%2Fid.test"),
        ("https://app.test/start?a=1", "https://app.test/start?a=1&iss=https%3A%2F%2Fid.test"),
    ],
)
async def test_the_app_is_told_which_issuer_to_log_in_at(door: World, uri: str, href: str) -> None:
    assert door.unasked.initiate_href(app(initiate_login_uri=uri)) == href
    assert ISSUER == "https://id.test"
