"""The kill switch: what an operator switches off is refused on every path at once, and works again when it is on."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from broker.core.authorize.consent import Said
from broker.core.errors import (
    BrokerError,
    ClientSwitchedOff,
    InvalidClient,
    InvalidGrant,
    InvalidToken,
    LoginRequired,
    NotFound,
    ProviderNotOffered,
    ProviderSwitchedOff,
    StoreUnavailable,
)
from broker.core.events import Event
from broker.core.logout import Telling
from broker.core.people.identity import Account, Link
from broker.core.records import ClientToken
from broker.core.switches import Switch, Switchable
from broker.core.terms import AuthMethod, GrantType, TokenType
from broker.core.wire.parameters import Parameters
from broker.services.authorize.decide import Ask, Choose, Start
from broker.services.login.outcomes import LoginFailed
from broker.services.switches import Off, Switches
from broker.store.switches import SwitchStore
from tests.services.attempts import asked, back
from tests.services.bare_broker import NOW, World, app, proven
from tests.services.chats import SECRET as SECRET_OF_BOT
from tests.services.chats import BotUpstream
from tests.services.messengers import Messenger
from tests.services.two_ways import STRANGER, purpose, set_up
from tests.services.upstreams import PostingUpstream

pytestmark = pytest.mark.anyio
PROVIDER, CLIENT = Switchable.PROVIDER, Switchable.CLIENT
SECRET = "s3cret"


async def off(world: World, name: str = "alpha", kind: Switchable = PROVIDER) -> None:
    await world.switches.off(kind, name, why="a test", by="root")


async def on(world: World, name: str = "alpha", kind: Switchable = PROVIDER) -> None:
    assert await world.switches.on(kind, name, why="it is over", by="root")


async def tokens_of(world: World, name: str = "alpha") -> dict[str, Any]:
    return await world.redeem(await world.code("app", name, scope="openid offline_access"))


# --- the switch itself ---


async def test_it_is_told_once_with_who_and_why_and_outlives_a_restart(world: World) -> None:
    first, changed = await world.switches.off(PROVIDER, "alpha", why=" its secret leaked ", by="ada")
    assert changed
    world.clock.now += 100
    assert await world.switches.off(PROVIDER, "alpha", why="another reason", by="bob") == (first, False)
    assert first == Switch(PROVIDER, "alpha", NOW, "its secret leaked", "ada")
    await world.restart()
    with pytest.raises(ProviderSwitchedOff):
        world.providers.find("alpha")
    assert await world.switches.on(PROVIDER, "alpha", why="a new secret", by="bob")
    assert not await world.switches.on(PROVIDER, "alpha", why="a new secret", by="bob")
    assert world.providers.find("alpha")
    assert [fields for event, fields in world.notes.heard if event is Event.PROVIDER_SWITCHED] == [
        {"provider": "alpha", "switched": "off", "why": "its secret leaked", "by": "ada"},
        {"provider": "alpha", "switched": "on", "why": "a new secret", "by": "bob"},
    ]


@pytest.mark.parametrize(("kind", "name"), [(PROVIDER, "nobody"), (PROVIDER, "app"), (CLIENT, "alpha"), (CLIENT, "")])
async def test_what_is_misspelt_is_not_said_to_be_off(world: World, kind: Switchable, name: str) -> None:
    for change in (world.switches.off, world.switches.on):
        with pytest.raises(NotFound, match="there is no"):
            await change(kind, name, why="a test", by="root")
    assert await world.store.durable.switches.off() == ()


async def test_another_node_knows_when_it_looks_again(world: World) -> None:
    other = Switches(world.context, world.store.durable.switches, Off(world.clock), known={})
    await world.store.durable.switches.turn_off(Switch(PROVIDER, "alpha", NOW, "elsewhere", "root"))
    await world.store.durable.switches.turn_off(Switch(CLIENT, "app", NOW, "elsewhere", "root"))
    assert world.providers.find("alpha")
    for _ in range(3):
        await world.switches.refresh()
    with pytest.raises(ProviderSwitchedOff):
        world.providers.find("alpha")
    assert await world.directory.find("app") is None
    await other.on(PROVIDER, "alpha", why="there", by="root")
    await world.switches.refresh()
    assert world.providers.find("alpha")
    assert [fields for event, fields in world.notes.heard if event is Event.SWITCH_SEEN] == [
        {"client_id": "app", "switched": "off"},
        {"provider": "alpha", "switched": "off"},
        {"client_id": "app", "switched": "off"},  # the other node's
        {"provider": "alpha", "switched": "on"},
    ]


async def test_k_what_was_known_stays_in_force_while_the_store_is_away(world: World) -> None:
    await off(world)

    class Away(SwitchStore):
        """A store that does not answer."""

        async def off(self) -> tuple[Switch, ...]:
            raise StoreUnavailable("away")

        async def turn_off(self, switch: Switch) -> bool:
            raise StoreUnavailable("away")

        async def turn_on(self, kind: Switchable, name: str) -> bool:
            raise StoreUnavailable("away")

    switches = Switches(world.context, Away(), world.off, known={})
    with pytest.raises(StoreUnavailable):
        await switches.refresh()
    with pytest.raises(ProviderSwitchedOff):
        world.providers.find("alpha")


# --- a provider ---


async def test_b9_a_login_neither_begins_nor_comes_back(world: World) -> None:
    begun, flow = await world.begin(await world.request())
    callback = back(world, begun, flow)
    await off(world)
    with pytest.raises(ProviderSwitchedOff) as refused:
        await world.begin(await world.request())
    assert "operator switched this provider off" in refused.value.public
    with pytest.raises(LoginFailed) as failed:
        await world.logins.finish(callback)
    assert isinstance(failed.value.cause, ProviderSwitchedOff)
    assert not failed.value.only, "there is another way"
    assert asked(world) == 0
    await on(world)
    assert await world.finish(callback), "nothing was spent"


async def test_b9_who_is_left_with_no_other_way_is_told_so(world: World) -> None:
    world.clients["app"] = app(providers=("alpha",))
    await world.restart()
    begun, flow = await world.begin(await world.request())
    callback = back(world, begun, flow)
    await off(world)
    with pytest.raises(LoginFailed) as failed:
        await world.logins.finish(callback)
    assert failed.value.only


async def test_b9_f9_what_apps_hold_counts_no_more_and_counts_again(world: World) -> None:
    before, other = await tokens_of(world), await tokens_of(world, "beta")
    code = await world.code()
    await off(world)
    for refused in (world.refresh(before["refresh_token"]), world.redeem(code)):
        with pytest.raises(InvalidGrant) as told:
            await refused
        assert "operator switched this provider off" in told.value.public
    assert not await world.is_alive(before["access_token"])
    assert await world.is_alive(other["access_token"])
    await on(world)
    assert await world.is_alive(before["access_token"])
    assert await world.refresh(before["refresh_token"])


async def test_b9_a_session_answers_nothing_and_its_person_chooses(world: World) -> None:
    _, _, session = await world.log_in()
    client = world.clients["app"]
    await off(world)
    with pytest.raises(LoginRequired):
        await world.authorization.next_step(await world.request(prompt="none"), client, session)
    with pytest.raises(LoginRequired):
        await world.authorization.check_still_welcome(client, session)
    with pytest.raises(ProviderSwitchedOff):
        await world.authorization.after_login(await world.request(), client, session)
    step = await world.authorization.next_step(await world.request(), client, session)
    assert step == Choose(("beta",), shown=("alpha", "beta"))


async def test_nobody_is_sent_by_the_one_way_that_is_left(world: World) -> None:
    world.autoselect_single = True
    await world.restart()
    client = world.clients["app"]
    await off(world)
    step = await world.authorization.next_step(await world.request(), client, None)
    assert step == Choose(("beta",), shown=("alpha", "beta")), "they would be somebody new there"
    assert await world.authorization.next_step(await world.request(idp_hint="beta"), client, None) == Start("beta")
    await off(world, "beta")
    step = await world.authorization.next_step(await world.request(), client, None)
    assert step == Choose((), shown=("alpha", "beta"))
    world.clients["app"] = app(providers=())
    await world.restart()
    with pytest.raises(ProviderNotOffered):
        await world.authorization.next_step(await world.request(), world.clients["app"], None)


async def test_b9_a_question_that_is_open_is_not_answered(world: World) -> None:
    await set_up(world)
    done = await world.arrive(await purpose(world), "alpha", STRANGER)
    assert isinstance(done.step, Ask)
    await off(world)
    with pytest.raises(ProviderNotOffered):
        await world.joining.open_(done.step.ticket, "b1")


async def test_b9_a_posted_credential_and_a_challenge_are_refused(world: World) -> None:
    grants = frozenset({GrantType.AUTHORIZATION_CODE, GrantType.TOKEN_EXCHANGE})
    world.clients |= {
        "phone": app("phone", grants=grants, accept_posted=("gamma",)),
        "plain": app("plain", grants=grants),
    }
    world.upstreams["gamma"] = PostingUpstream(None, None)
    world.on.add("gamma")
    await world.restart()
    challenge = world.posted.challenge(world.clients["phone"], Parameters([("provider", "gamma")]))["challenge"]
    sent = {
        "grant_type": GrantType.TOKEN_EXCHANGE.value,
        "subject_token": "t-1",
        "subject_token_type": TokenType.ID_TOKEN.value,
        "subject_issuer": "gamma",
        "challenge": challenge,
    }
    await off(world, "gamma")
    with pytest.raises(ProviderSwitchedOff):
        world.posted.challenge(world.clients["phone"], Parameters([("provider", "gamma")]))
    with pytest.raises(ProviderSwitchedOff):
        await world.token_requests.answer(world.clients["phone"], Parameters(sent.items()))
    with pytest.raises(BrokerError, match="may not bring") as strange:
        world.posted.challenge(world.clients["plain"], Parameters([("provider", "gamma")]))
    assert not isinstance(strange.value, ProviderSwitchedOff), "who never may is told nothing of it"
    await on(world, "gamma")
    assert await world.token_requests.answer(world.clients["phone"], Parameters(sent.items()))


async def test_b9_an_identity_nobody_asked_for_lets_nobody_in(world: World) -> None:
    world.clients["app"] = app(initiate_login_uri="https://app.test/login")
    await world.restart()
    sealed, *_ = await world.unasked.hold("beta", "app", {"hash": "h1"}, browser="b1")
    await off(world, "beta")
    with pytest.raises(ProviderSwitchedOff):
        async with world.unasked.confirm(sealed, browser="b1"):
            raise AssertionError("somebody was let in")
    with pytest.raises(ProviderSwitchedOff):
        await world.unasked.hold("beta", "app", {"hash": "h2"}, browser="b1")
    await on(world, "beta")
    await off(world, "app", CLIENT)
    with pytest.raises(ClientSwitchedOff):
        await world.unasked.hold("beta", "app", {"hash": "h2"}, browser="b1")


async def test_b9_people_are_not_looked_up_by_it(world: World) -> None:
    world.clients["app"] = app(identities=app().identities.__class__(lookup_identities=True))
    await world.restart()
    await tokens_of(world)
    asked_for = Parameters({"provider": "alpha", "subject": "x1"}.items())
    assert await world.lookup.answer(world.clients["app"], asked_for)
    await off(world)
    with pytest.raises(ProviderSwitchedOff):
        await world.lookup.answer(world.clients["app"], asked_for)


async def test_b9_its_bot_hears_nobody(world: World) -> None:
    world.upstreams["alpha"] = BotUpstream(None, None)
    await world.restart()

    def headers(_name: str, _default: str) -> str:
        return SECRET_OF_BOT

    world.by_bot.updates.admit("alpha", headers)
    await off(world)
    with pytest.raises(NotFound):
        world.by_bot.updates.admit("alpha", headers)


@pytest.fixture
async def messenger(world: World) -> Messenger:
    """Of alpha; Ann came by it, and `robot` may write to her."""
    world.upstreams["alpha"].bot = found = Messenger()
    grants = frozenset({GrantType.CLIENT_CREDENTIALS})
    world.clients["robot"] = app("robot", grants=grants, auth_method=AuthMethod.POST, service_scopes=("notify",))
    await world.restart()
    key = world.providers.find("alpha").key
    await world.store.durable.people.adopt(Account("ann", NOW), Link(key, "x1", "alpha", {}, {}, NOW))
    await world.store.durable.consents.save_consent("ann", "robot", "", Said(frozenset({"openid"})), NOW)
    return found


async def send(world: World) -> None:
    await world.notify.sending.look()
    await world.notify.sending.settle()
    assert world.notes.crashes == []


async def test_its_bot_writes_nothing_and_what_is_queued_waits(world: World, messenger: Messenger) -> None:
    robot = world.clients["robot"]
    message = await world.notify.orders.accept(robot, {"sub": "ann", "text": "hello"})
    await off(world)
    await send(world)
    assert messenger.heard == []
    with pytest.raises(BrokerError, match="bot that may write"):
        await world.notify.orders.accept(robot, {"sub": "ann", "text": "again"})
    await on(world)
    await send(world)
    assert [subject for subject, _ in messenger.heard] == ["x1"]
    assert (await world.notify.orders.tell(robot, message))["status"] == "sent"


# --- a client ---


async def test_f9_a_client_gets_nothing_and_what_it_has_opens_nothing(world: World) -> None:
    before = await tokens_of(world)
    begun, flow = await world.begin(await world.request())
    callback = back(world, begun, flow)
    await off(world, "app", CLIENT)
    for refused in (world.request(), world.logins.finish(callback)):
        with pytest.raises(ClientSwitchedOff) as told:
            await refused
        assert "operator switched this client off" in told.value.public
    with pytest.raises(InvalidToken):
        await world.tokens.verify_access(before["access_token"])
    await on(world, "app", CLIENT)
    assert await world.finish(callback), "nothing was spent"
    assert await world.is_alive(before["access_token"])
    assert await world.refresh(before["refresh_token"])


async def test_f9_only_who_proves_to_be_the_client_hears_that_it_is_off(world: World) -> None:
    digests = (sha256(SECRET.encode()).hexdigest(),)
    world.clients["app"] = app(auth_method=AuthMethod.POST, secret_digests=digests)
    await world.restart()
    await off(world, "app", CLIENT)
    for secret, kind in ((SECRET, ClientSwitchedOff), ("another", InvalidClient)):
        with pytest.raises(kind):
            await proven(world.directory, "", Parameters({"client_id": "app", "client_secret": secret}.items()))


async def test_f9_an_api_is_told_that_the_token_of_a_switched_off_client_is_dead(world: World) -> None:
    api = "https://api.test"
    world.clients["api"] = app("api", tokens=app().tokens.__class__(serves=(api,)))
    requests = app().requests.__class__(resources=(api,))
    world.clients["app"] = app(requests=requests)
    await world.restart()
    code = await world.code("app", "alpha", resource=api)
    token = Parameters([("token", (await world.redeem(code))["access_token"])])
    assert (await world.introspection.answer(world.clients["api"], token))["active"]
    await off(world, "app", CLIENT)
    assert await world.introspection.answer(world.clients["api"], token) == {"active": False}


async def test_f9_its_own_tokens_and_its_messages_are_refused(world: World, messenger: Messenger) -> None:
    message = await world.notify.orders.accept(world.clients["robot"], {"sub": "ann", "text": "spam"})
    token = (await world.own_token("robot"))["access_token"]
    opened = world.tokens.open_access(token)
    assert isinstance(opened, ClientToken)
    assert await world.tokens.held.find_own(opened)
    await off(world, "robot", CLIENT)
    assert await world.tokens.held.find_own(opened) is None
    await send(world)
    assert messenger.heard == []
    told = await world.notify.orders.tell(world.clients["robot"], message)
    assert (told["status"], told["reason"]) == ("failed", "the app was switched off by an operator")


async def test_people_can_sign_out_of_it_and_it_hears_of_that(world: World) -> None:
    await off(world, "app", CLIENT)
    assert await world.directory.known("app") is world.clients["app"]
    told = await world.logout.find_clients({"app": Telling.TOLD})
    assert [client.id for client, _ in told] == ["app"]
