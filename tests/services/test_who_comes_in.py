"""Who may come in: one policy at every door, and no account for whoever was not invited."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from broker.core.access import AccessPolicy, AccessRule, SignUp
from broker.core.clients.client import DrfPolicy, IdentityPolicy
from broker.core.errors import (
    NOT_ADMITTED,
    AccessBarred,
    AccessDenied,
    AccountNotFound,
    InvalidGrant,
    InvalidRequest,
    LoginRequired,
    NotFound,
    SignUpClosed,
)
from broker.core.events import Event
from broker.core.operators.catalogue import USE_CASES
from broker.core.people.identity import Identity
from broker.core.records import Authorize, Device
from broker.core.terms import GrantType
from broker.core.wire.parameters import Parameters
from broker.services.authorize.decide import Choose
from broker.services.login.outcomes import LoginFailed
from tests.services.bare_broker import HERE, NOW, World, app
from tests.services.test_account_page import arrive
from tests.services.test_entry import confirm, hold
from tests.services.test_grant_token_exchange import PHONE, exchange, form
from tests.services.two_ways import add, decline, is_at, logged_in, offered, set_up, ticket_of
from tests.services.upstreams import PostingUpstream

pytestmark = pytest.mark.anyio
STAFF = AccessPolicy(rules=(AccessRule("staff", "contains(groups, 'staff')"),))
CORP = AccessPolicy(email_domains=("corp.test",))
INVITED, KNOWN = AccessPolicy(sign_up=SignUp.INVITED), AccessPolicy(sign_up=SignUp.KNOWN)
ANN: dict[str, Any] = {"name": "Ann", "email": "ann@a.test", "email_verified": True}


async def demand(world: World, policy: AccessPolicy, *, client: str = "") -> None:
    """The operator changes the configuration: for all, or for this client."""
    if client:
        world.clients[client] = replace(world.clients[client], access=policy)
    else:
        world.access = policy
    await world.restart()


def refused(world: World) -> list[dict[str, object]]:
    """What the operator hears of whom it did not let in."""
    return [dict(fields) for event, fields in world.notes.heard if event is Event.ACCESS_REFUSED]


def say(world: World, subject: str = "x1", name: str = "alpha", /, **claims: object) -> None:
    """What the upstream says of whoever comes next."""
    world.upstreams[name].identity = Identity(subject, {**ANN, **claims})


async def come(world: World, client_id: str = "app", name: str = "alpha") -> Exception:
    """Somebody logs in and is not let in."""
    with pytest.raises(LoginFailed) as caught:
        await world.arrive(Authorize(await world.request(client_id)), name)
    return caught.value.cause


async def test_d15_who_does_not_meet_a_demand_gets_neither_in_nor_an_account(world: World) -> None:
    await demand(world, STAFF)
    cause = await come(world)
    assert isinstance(cause, AccessBarred)
    assert "staff" not in cause.public, "which demand it was is the operator's to know"
    expected = {"provider": "alpha", "client_id": "app", "sub": "", "demand": "access.rules.staff"}
    assert refused(world) == [expected]
    say(world, groups=["guest"])
    assert isinstance(await come(world), AccessBarred)
    assert world.notes.count(Event.ACCOUNT_CREATED) == 0
    say(world, groups=["staff"])
    await arrive(world)


async def test_a_client_demands_for_itself_and_more_only(world: World) -> None:
    world.clients["open"] = app("open")
    await demand(world, CORP, client="app")
    await world.arrive(Authorize(await world.request("open")))
    assert isinstance(await come(world), AccessBarred)
    assert refused(world)[0]["demand"] == "clients.app.access.email_domains"
    await demand(world, STAFF)
    say(world, email="ann@corp.test")
    assert isinstance(await come(world), AccessBarred)
    assert isinstance(await come(world, "open"), AccessBarred)
    say(world, email="ann@corp.test", groups=["staff"])
    await arrive(world)


async def test_a_rule_of_one_provider_is_asked_about_its_people_alone(world: World) -> None:
    await demand(world, AccessPolicy(rules=(AccessRule("ours", "!guest", frozenset({"beta"})),)))
    await arrive(world)
    assert isinstance(await come(world, name="beta"), AccessBarred)


async def test_d11_who_is_shut_out_later_stays_so_at_every_door(world: World) -> None:
    say(world, groups=["staff"])
    code = await world.code(scope="openid offline_access")
    tokens = await world.redeem(await world.code(scope="openid offline_access"))
    _, cookie, session = await world.log_in()
    await demand(world, CORP, client="app")
    with pytest.raises(AccessDenied, match="access policy"):
        await next_step(world, session, prompt="none")
    assert isinstance(await next_step(world, session), Choose)
    with pytest.raises(AccessBarred):
        await world.authorization.check_still_welcome(world.clients["app"], session)
    with pytest.raises(InvalidGrant) as caught:
        await world.refresh(tokens["refresh_token"])
    assert caught.value.detail == "clients.app.access.email_domains"
    assert "email" not in caught.value.public
    with pytest.raises(InvalidGrant):
        await world.redeem(code)
    assert not await world.is_alive(tokens["access_token"])
    assert await world.introspect(tokens["access_token"]) == {"active": False}
    assert await world.account_page.visit(cookie) is not None, "what one app demands shuts no account page"
    await demand(world, AccessPolicy(), client="app")
    assert await world.is_alive(tokens["access_token"]), "nothing was revoked"
    assert (await world.refresh(tokens["refresh_token"]))["access_token"]
    await demand(world, CORP)
    assert await world.account_page.visit(cookie) is None
    assert not await world.is_alive(tokens["access_token"])


async def next_step(world: World, session: Any, /, **changed: str | None) -> Any:
    return await world.authorization.next_step(await world.request(**changed), world.clients["app"], session)


async def test_a_silent_request_about_somebody_else_is_told_to_log_in(world: World) -> None:
    tokens = await world.redeem(await world.code())
    say(world, "x2")
    _, _, session = await world.log_in()
    await demand(world, CORP, client="app")
    with pytest.raises(LoginRequired):
        await next_step(world, session, prompt="none", id_token_hint=tokens["id_token"])
    with pytest.raises(LoginRequired):
        await next_step(world, None, prompt="none")


async def test_what_the_upstream_said_last_counts_for_what_was_given_before(world: World) -> None:
    await demand(world, STAFF, client="app")
    say(world, groups=["staff"])
    tokens = await world.redeem(await world.code(scope="openid offline_access"))
    say(world, groups=[])
    assert isinstance(await come(world), AccessBarred)
    assert refused(world)[0]["sub"] != ""
    assert not await world.is_alive(tokens["access_token"])
    with pytest.raises(InvalidGrant):
        await world.refresh(tokens["refresh_token"])
    say(world, groups=["staff"])
    await arrive(world)
    assert await world.is_alive(tokens["access_token"])


async def test_d11_a_device_a_link_a_kit_and_an_old_api_let_nobody_in_by_the_side(world: World) -> None:
    world.upstreams["gamma"] = PostingUpstream(None, None)
    world.on.add("gamma")
    drf = DrfPolicy({"old": "gamma"}, ("gamma",))
    world.clients |= {
        "phone": app("phone", **PHONE, drf=drf),
        "app": app(
            initiate_login_uri="https://app.test/start",
            grants=frozenset({GrantType.AUTHORIZATION_CODE, GrantType.DEVICE_CODE}),
        ),
    }
    await demand(world, CORP)
    waiting = await world.request()
    with pytest.raises(LoginFailed) as failed:
        await world.arrive(Device(waiting.replace(device="d", redirect_uri="")))
    assert isinstance(failed.value.cause, AccessBarred)
    with pytest.raises(AccessBarred):
        await confirm(world, await hold(world), browser="b1")
    with pytest.raises(AccessDenied) as kit:
        await exchange(world)
    with pytest.raises(AccountNotFound):
        await exchange(world, "t-2", sign_up="false")
    old = {"grant_type": "convert_token", "backend": "old", "token": "eyJh.eyJh.x", "client_id": "phone"}
    assert world.drf is not None
    with pytest.raises(AccessDenied) as call:
        await world.drf.convert(world.clients["phone"], Parameters(old.items()), whence=HERE)
    assert {kit.value.public, call.value.public} == {NOT_ADMITTED}
    assert world.notes.count(Event.ACCOUNT_CREATED) == 0


async def test_a_way_in_that_lets_nobody_in_is_not_added(world: World) -> None:
    await set_up(world)
    cookie, session = await logged_in(world)
    is_at(world, "alpha", "a-ann", {"name": "Ann"})
    rule = AccessRule("far", "member", frozenset({"alpha"}))
    await demand(world, AccessPolicy(rules=(rule,)))
    with pytest.raises(LoginFailed) as caught:
        await add(world, cookie, session)
    assert isinstance(caught.value.cause, AccessBarred)
    assert [link.provider for link in await world.store.durable.people.links(session.login.sub)] == ["beta"]


async def test_a_question_whether_to_add_a_way_is_not_put_where_it_lets_nobody_in_by_now(world: World) -> None:
    await set_up(world)
    cookie, session = await logged_in(world)
    ticket = ticket_of(await add(world, cookie, session), "/account/link")
    assert await world.linking.open_(ticket, cookie)
    await demand(world, AccessPolicy(rules=(AccessRule("far", "member", frozenset({"alpha"})),)))
    with pytest.raises(AccessBarred):
        await world.linking.open_(ticket, cookie)


async def test_d18_a_look_up_tells_of_nobody_who_could_not_come_in(world: World) -> None:
    world.clients["app"] = app(identities=IdentityPolicy(lookup_identities=True))
    await world.restart()
    await arrive(world)
    asked = Parameters([("provider", "alpha"), ("subject", "x1")])
    assert await world.lookup.answer(world.clients["app"], asked)
    await demand(world, CORP, client="app")
    with pytest.raises(NotFound):
        await world.lookup.answer(world.clients["app"], asked)


# --- who gets an account ---


async def ask(world: World, name: str, /, **values: object) -> dict[str, Any]:
    """An operator's answer."""
    given = {"why": "new in the team", **values} if USE_CASES[name].writes else values
    return await world.operators.answer(name, given, by="root")


async def test_where_only_who_is_known_comes_in_nobody_new_gets_an_account(world: World) -> None:
    _, found = await arrive(world)
    await demand(world, KNOWN, client="app")
    _, again = await arrive(world)
    assert again.account.sub == found.account.sub
    say(world, "x2")
    cause = await come(world)
    assert isinstance(cause, SignUpClosed)
    assert "nobody sign up" in cause.public
    assert refused(world)[0]["demand"] == "sign_up: known"
    assert await world.store.durable.people.person(world.providers.find("alpha").key, "x2") is None
    await ask(world, "invite.add", provider="alpha", subject="x2")
    assert isinstance(await come(world), SignUpClosed), "an invitation opens what is open to the invited"


@pytest.mark.parametrize(
    ("invited", "claims"),
    [
        ({"provider": "alpha", "subject": "x7"}, {}),
        ({"email": "ANN@a.test"}, {}),
        ({"phone": "+15550100123"}, {"phone_number": "+15550100123", "phone_number_verified": True}),
    ],
)
async def test_who_was_invited_gets_an_account_once(
    world: World, invited: dict[str, str], claims: dict[str, object]
) -> None:
    await demand(world, INVITED)
    say(world, "x7", **claims)
    assert isinstance(await come(world), SignUpClosed)
    told = await ask(world, "invite.add", **invited)
    (listed,) = (await ask(world, "invite.list"))["invitations"]
    assert listed == told
    assert not {"x7", "ANN@a.test", "ann@a.test", "+15550100123"} & set(map(str, told.values()))
    await arrive(world)
    assert (await ask(world, "invite.list"))["invitations"] == []
    say(world, "x8", **claims)
    assert isinstance(await come(world), SignUpClosed)
    say(world, "x7", **claims)
    await arrive(world)
    (made,) = [fields for event, fields in world.notes.heard if event is Event.ACCOUNT_CREATED]
    assert made["invited"]


async def test_d4_an_address_that_nobody_proved_is_nobodys_invitation(world: World) -> None:
    await demand(world, INVITED)
    await ask(world, "invite.add", email="ann@a.test")
    await ask(world, "invite.add", phone="+15550100123")
    say(world, email_verified=False, phone_number="+15550100123", phone_number_verified=False)
    assert isinstance(await come(world), SignUpClosed)
    await ask(world, "invite.add", provider="beta", subject="x1")
    assert isinstance(await come(world), SignUpClosed), "an id counts at its own provider"


async def test_an_invitation_opens_no_other_gate_and_is_not_spent_at_it(world: World) -> None:
    await ask(world, "invite.add", email="ann@a.test")
    await demand(world, replace(STAFF, sign_up=SignUp.INVITED))
    assert isinstance(await come(world), AccessBarred)
    assert len((await ask(world, "invite.list"))["invitations"]) == 1


async def test_an_invitation_ends_by_itself_or_is_taken_back(world: World) -> None:
    await demand(world, INVITED)
    told = await ask(world, "invite.add", email="ann@a.test", days=2)
    assert told["expires_at"] == NOW + 2 * 86400
    assert await ask(world, "invite.remove", email="ann@A.test") == {"removed": True}
    with pytest.raises(NotFound):
        await ask(world, "invite.remove", invite=told["invite"])
    assert isinstance(await come(world), SignUpClosed)
    again = await ask(world, "invite.add", email="ann@a.test")
    assert again["invite"] == told["invite"]
    assert await ask(world, "invite.remove", invite=again["invite"]) == {"removed": True}
    await ask(world, "invite.add", email="ann@a.test", days=2)
    world.clock.now += 2 * 86400
    assert isinstance(await come(world), SignUpClosed)
    assert (await ask(world, "invite.list"))["invitations"] == []
    heard = [event for event, _ in world.notes.heard if event in {Event.INVITATION_MADE, Event.INVITATION_REMOVED}]
    made, gone = Event.INVITATION_MADE, Event.INVITATION_REMOVED
    assert heard == [made, gone, made, gone, made]


async def test_invitations_are_listed_page_by_page(world: World) -> None:
    for number in range(3):
        await ask(world, "invite.add", provider="alpha", subject=f"y{number}")
    first = await ask(world, "invite.list", limit=2)
    second = await ask(world, "invite.list", limit=2, after=first["next"])
    ids = [one["invite"] for one in first["invitations"] + second["invitations"]]
    assert (len(set(ids)), ids) == (3, sorted(ids))
    assert "next" not in second


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"provider": "alpha"},
        {"subject": "x1"},
        {"provider": "nobody", "subject": "x1"},
        {"email": "ann"},
        {"email": "änn@a.test"},
        {"phone": "5550100123"},
        {"email": "ann@a.test", "phone": "+15550100123"},
    ],
)
async def test_an_invitation_names_one_thing_that_can_be_proved(world: World, wrong: dict[str, str]) -> None:
    for name in ("invite.add", "invite.remove"):
        with pytest.raises(InvalidRequest):
            await ask(world, name, **wrong)
    with pytest.raises(InvalidRequest):
        await ask(world, "invite.remove", invite="i", email="ann@a.test")


async def test_who_says_that_they_have_no_account_does_not_get_one_by_that(world: World) -> None:
    await set_up(world)
    ticket = await offered(world)
    world.access = KNOWN
    await world.restart()
    with pytest.raises(SignUpClosed):
        await decline(world, ticket)
    assert world.notes.count(Event.ACCOUNT_CREATED) == 1, "that of beta"


async def test_a_posted_credential_makes_no_account_where_nobody_gets_one(world: World) -> None:
    world.upstreams["gamma"] = PostingUpstream(None, None)
    world.on.add("gamma")
    world.clients["phone"] = app("phone", **PHONE)
    await demand(world, INVITED)
    for sent in (form(world), form(world, "t-2", sign_up="true")):
        with pytest.raises(AccessDenied) as caught:
            await exchange(world, sent=sent)
        assert "without an invitation" in caught.value.public
    await ask(world, "invite.add", provider="gamma", subject="x1")
    assert (await exchange(world, "t-3"))["access_token"]
