"""The account page: what people see of themselves and may do, with a fresh login where nothing can be undone."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from broker.core.authorize.consent import Said
from broker.core.errors import (
    AccountBlocked,
    AccountClosing,
    FlowFinished,
    FlowGone,
    ForeignPost,
    InvalidGrant,
    LoginTooOld,
)
from broker.core.events import Event
from broker.core.people.history import Happened
from broker.core.people.identity import Identity, Link, Person
from broker.core.records import Authorize
from broker.core.seal import digest
from broker.core.terms import GrantType
from broker.core.wire.parameters import Parameters
from broker.services.login.outcomes import LoginFailed
from broker.services.people.changes import AccountRules, Removal
from broker.services.people.forms import Action
from broker.services.people.page import Visit
from broker.services.sessions.single_sign_on import Session
from tests.contract.people import proof
from tests.services.bare_broker import HERE, NOW, World, app

pytestmark = pytest.mark.anyio
ANN = Identity("x1", {"name": "Ann", "email": "ann@a.test", "email_verified": True})
OFFLINE = "openid offline_access"


async def arrive(world: World, name: str = "alpha") -> tuple[str, Visit]:
    """Somebody logs in: the cookie of their session, and who they are at their page. Time goes on."""
    _, cookie, _ = await world.log_in(await world.request(prompt="login"), name)
    world.clock.now += 1
    return cookie, await visit(world, cookie)


async def visit(world: World, cookie: str) -> Visit:
    """Who is at the page."""
    found = await world.account_page.visit(cookie)
    assert found is not None
    return found


def ticket(world: World, found: Visit, action: Action, about: str = "") -> str:
    """The ticket of a form that they were shown."""
    return world.forms.ticket(action, found.session, about=about)


async def add_beta(world: World, sub: str) -> Link:
    """A second way into the account."""
    beta = world.providers.find("beta")
    world.upstreams["beta"].identity = Identity("y1", {"name": "Anna B."})
    link = Link(beta.key, "y1", "beta", {"name": "Anna B."}, {}, NOW)
    await world.store.durable.people.link(sub, link, began_at=int(world.clock.now) + 1, now=NOW)
    return link


async def come_home(world: World, sub: str) -> str:
    """Ann signs in at her account page alone, as somebody may whose account is to be deleted; her cookie."""
    alpha = world.providers.find("alpha")
    person = await world.store.durable.people.person(alpha.key, ANN.subject)
    assert person is not None
    world.standing.check_account(person.account, at_home=True)
    assert person.account.sub == sub
    cookie, _ = await world.sessions.start(person, ANN, alpha, replacing=None, client_id="", whence=HERE)
    return cookie


async def test_people_see_ways_in_browsers_apps_and_what_happened(world: World) -> None:
    cookie, found = await arrive(world)
    await add_beta(world, found.account.sub)
    await world.redeem(await world.code())
    seen = await world.account_page.show(found)
    assert [(link.provider, link.subject) for link in seen.links] == [("alpha", "x1"), ("beta", "y1")]
    assert [(one.client_id, one.place, one.agent) for one in seen.living] == [("app", HERE.place, HERE.agent)] * 2
    assert [one.sid for one in seen.living][-1] == found.session.login.sid
    assert [one.client_id for one in seen.accesses] == ["app"]
    assert [event.what for event in seen.events] == [Happened.LINKED]
    assert seen.clients == {"app": world.clients["app"]}
    assert len(seen.sign_ins) == 2
    assert (await visit(world, cookie)).person.link.claims["name"] == "Ann"


async def test_a_session_that_counts_nowhere_else_counts_not_here(world: World) -> None:
    cookie, found = await arrive(world)
    assert await world.account_page.visit("") is None
    world.on.discard("alpha")
    await world.restart()
    assert await world.account_page.visit(cookie) is None, "its provider is switched off"
    world.on.add("alpha")
    await world.restart()
    await world.store.durable.accounts.set_blocked(found.account.sub, True)
    with pytest.raises(AccountBlocked):
        await world.account_page.visit(cookie)


@pytest.mark.parametrize("action", Action)
async def test_d7_what_cannot_be_undone_asks_for_a_login_of_the_last_five_minutes(world: World, action: Action) -> None:
    cookie, found = await arrive(world)
    world.clock.now = NOW + 300
    await world.account_page.prove(cookie, action, ticket(world, found, action))
    world.clock.now += 1
    if action in {Action.END, Action.TAKE_BACK, Action.WITHDRAW, Action.KEEP}:
        await world.account_page.prove(cookie, action, ticket(world, found, action))
        return
    with pytest.raises(LoginTooOld) as raised:
        await world.account_page.prove(cookie, action, ticket(world, found, action, "h1"), about="h1")
    assert (raised.value.provider, raised.value.then) == ("alpha", f"{action}/h1"), "they come back to the question"
    with pytest.raises(LoginTooOld) as raised:
        world.account_page.check(found, action)
    assert raised.value.then == action


@pytest.mark.parametrize(
    ("told", "sent", "fresh"),
    [
        (None, {}, False),
        (None, {"prompt": "create"}, False),
        (None, {"prompt": "login"}, True),
        (None, {"max_age": "3600"}, True),
        (NOW - 300, {}, True),
        (NOW - 301, {}, False),
    ],
    ids=str,
)
async def test_d7_a_login_counts_where_somebody_was_asked_for_it(
    world: World, told: int | None, sent: dict[str, str], fresh: bool
) -> None:
    world.upstreams["alpha"].identity = replace(ANN, auth_time=told)
    done = await world.arrive(Authorize(await world.request(**sent)))
    found = await visit(world, done.cookie)
    if fresh:
        world.account_page.check(found, Action.DELETE)
        return
    with pytest.raises(LoginTooOld):
        world.account_page.check(found, Action.DELETE)


async def test_d8_g5_a_form_counts_in_its_session_for_what_it_was_made_for(world: World) -> None:
    cookie, found = await arrive(world)
    world.upstreams["alpha"].identity = Identity("x2", {"name": "Boris"})
    _, other = await arrive(world)
    for wrong in (
        "",
        "made-up",
        ticket(world, other, Action.UNLINK, "h1"),
        ticket(world, found, Action.UNLINK, "h2"),
        ticket(world, found, Action.UNLINK),
        ticket(world, found, Action.DELETE, "h1"),
    ):
        with pytest.raises(ForeignPost):
            await world.account_page.prove(cookie, Action.UNLINK, wrong, about="h1")
    good = ticket(world, found, Action.END)
    with pytest.raises(ForeignPost):
        await world.account_page.prove("", Action.END, good)
    for _ in range(2):
        world.clock.now += 1800
        assert await world.sessions.find(cookie) is not None
    with pytest.raises(FlowGone):
        await world.account_page.prove(cookie, Action.END, good)


async def test_what_was_done_is_told_in_its_session_and_nowhere_else(world: World) -> None:
    cookie, _ = await arrive(world)
    sealed = world.forms.notice("kept", cookie)
    assert world.forms.read_notice(sealed, cookie) == "kept"
    assert world.forms.read_notice(sealed, "another") == ""
    assert world.forms.read_notice("kept", cookie) == ""


async def test_d16_a_way_in_that_is_removed_takes_its_sessions_and_grants_with_it(world: World) -> None:
    tokens = await world.redeem(await world.code("app", scope=OFFLINE))
    cookie, found = await arrive(world)
    link = await add_beta(world, found.account.sub)
    there, home = await arrive(world, "beta")
    assert home.account.sub == found.account.sub
    alpha = found.person.link
    posted = ticket(world, home, Action.UNLINK, alpha.handle)
    assert await world.account_changes.unlink(there, posted, alpha.handle) is Removal.DONE
    assert await world.account_page.visit(cookie) is None, "the session through it is over"
    with pytest.raises(InvalidGrant):
        await world.refresh(tokens["refresh_token"])
    assert (Event.ACCOUNT_UNLINKED, {"sub": home.account.sub, "provider": "alpha"}) in world.notes.heard
    last = ticket(world, home, Action.UNLINK, link.handle)
    assert await world.account_changes.unlink(there, last, link.handle) is Removal.LAST
    assert await world.account_page.visit(there) is not None


async def test_d16_the_last_way_in_that_works_stays(world: World) -> None:
    cookie, found = await arrive(world)
    await add_beta(world, found.account.sub)
    world.on.discard("beta")
    await world.restart()
    home = await visit(world, cookie)
    alpha = found.person.link.handle
    assert await world.account_changes.unlink(cookie, ticket(world, home, Action.UNLINK, alpha), alpha) is Removal.LAST
    assert len(await world.store.durable.people.links(found.account.sub)) == 2


async def test_who_removes_the_way_they_came_in_by_is_signed_out_here(world: World) -> None:
    cookie, found = await arrive(world)
    await add_beta(world, found.account.sub)
    alpha = found.person.link.handle
    posted = ticket(world, found, Action.UNLINK, alpha)
    assert await world.account_changes.unlink(cookie, posted, alpha) is Removal.SIGNED_OUT
    assert await world.sessions.find(cookie) is None


async def test_d6_a_removal_counts_once_and_for_a_way_of_theirs(world: World) -> None:
    cookie, found = await arrive(world)
    world.upstreams["alpha"].identity = Identity("x2")
    _, stranger = await arrive(world)
    theirs = stranger.person.link.handle
    posted = ticket(world, found, Action.UNLINK, theirs)
    assert await world.account_changes.unlink(cookie, posted, theirs) is Removal.NONE
    beta = (await add_beta(world, found.account.sub)).handle
    posted = ticket(world, found, Action.UNLINK, beta)
    assert await world.account_changes.unlink(cookie, posted, beta) is Removal.DONE
    await add_beta(world, found.account.sub)
    with pytest.raises(FlowFinished):
        await world.account_changes.unlink(cookie, posted, beta)


async def test_a_session_elsewhere_ends_by_the_hand_of_its_person_alone(world: World) -> None:
    cookie, found = await arrive(world)
    there, elsewhere = await arrive(world)
    world.upstreams["alpha"].identity = Identity("x2")
    strange, stranger = await arrive(world)
    end = ticket(world, found, Action.END)
    assert not await world.account_changes.end(cookie, end, stranger.session.login.sid)
    assert await world.sessions.find(strange) is not None
    assert await world.account_changes.end(cookie, end, elsewhere.session.login.sid)
    assert await world.sessions.find(there) is None
    assert await world.sessions.find(cookie) is not None
    assert not await world.account_changes.end(cookie, end, elsewhere.session.login.sid), "it is over"


async def test_nobody_is_signed_in_by_a_session_that_was_idle_for_too_long(world: World) -> None:
    _, gone = await arrive(world)
    world.clock.now += 1800
    staying, here = await arrive(world)
    world.clock.now += 1799  # the first one is idle for an hour
    seen = await world.account_page.show(await visit(world, staying))
    assert [one.sid for one in seen.living] == [here.session.login.sid]
    assert len(seen.sign_ins) == 2, "the history knows it still"
    end = ticket(world, here, Action.END)
    assert not await world.account_changes.end(staying, end, gone.session.login.sid)


async def test_a_session_that_goes_on_under_a_new_cookie_is_seen_by_that(world: World) -> None:
    _, _, session = await world.log_in()
    world.clock.now += 60
    _, cookie, _ = await world.log_in(replacing=session)
    seen = await world.account_page.show(await visit(world, cookie))
    assert [one.sid for one in seen.living] == [session.login.sid]


async def test_a_session_whose_cookie_was_not_written_down_is_seen_until_its_absolute_limit(world: World) -> None:
    cookie, found = await arrive(world)
    (row,) = await world.store.durable.history.living(found.account.sub, now=NOW)
    await world.store.durable.history.signed_in(replace(row, sid="old", key=""), expires_at=row.ends_at)
    assert {one.sid for one in (await world.account_page.show(found)).living} == {row.sid, "old"}
    assert await world.account_changes.end(cookie, ticket(world, found, Action.END), "old")


async def test_signing_out_everywhere_else_leaves_this_browser(world: World) -> None:
    cookie, found = await arrive(world)
    there, _ = await arrive(world)
    tokens = await world.redeem(await world.code())
    world.clock.now += 1
    await world.account_changes.sign_out_elsewhere(cookie, ticket(world, found, Action.SIGN_OUT))
    assert await world.sessions.find(there) is None
    assert await world.sessions.find(cookie) is not None
    assert not await world.is_alive(tokens["access_token"])
    assert [one.sid for one in (await world.account_page.show(found)).living] == [found.session.login.sid]
    assert world.notes.count(Event.ACCOUNT_SIGNED_OUT) == 1


async def test_an_app_whose_access_is_taken_back_has_none_and_must_ask_again(world: World) -> None:
    world.clients["app"] = app(first_party=False)
    await world.restart()
    tokens = await world.redeem(await world.code("app", scope=OFFLINE))
    cookie, found = await arrive(world)
    back = ticket(world, found, Action.TAKE_BACK)
    assert not await world.account_changes.take_back(cookie, back, "other")
    assert await world.account_changes.take_back(cookie, back, "app")
    with pytest.raises(InvalidGrant):
        await world.refresh(tokens["refresh_token"])
    assert (await world.account_page.show(found)).accesses == ()
    request = await world.request()
    assert await world.consents.find_agreed(request, world.clients["app"], found.account.sub, fresh=True) is None
    assert (Event.CONSENT_TAKEN_BACK, {"client_id": "app", "sub": found.account.sub}) in world.notes.heard
    assert not await world.account_changes.take_back(cookie, back, "app")


async def approved(world: World, session: Session, **asked: str) -> str:
    """A device that heard a yes in this session: its code."""
    told = await world.devices.begin(world.clients["tv"], Parameters(asked.items()), place="")
    key = digest(told["device_code"])
    waiting = await world.devices.find(key)
    left, now = world.devices.left_of(waiting), world.clock()
    await world.devices.approve(key, world.codes.build(waiting.request, session, ttl=left, agreed_at=now))
    return str(told["device_code"])


async def poll(world: World, code: str) -> dict[str, Any]:
    """What the device gets."""
    sent = Parameters([("grant_type", GrantType.DEVICE_CODE), ("device_code", code)])
    return await world.token_requests.answer(world.clients["tv"], sent)


async def test_d6_a_device_that_asks_late_gets_nothing_of_what_was_taken_back_and_no_later_yes_helps_it(
    world: World,
) -> None:
    devices = frozenset({GrantType.DEVICE_CODE, GrantType.REFRESH_TOKEN})
    scopes = frozenset({"openid", "profile", "offline_access"})
    world.clients["tv"] = app("tv", redirect_uris=(), grants=devices, scopes=scopes)
    await world.restart()
    cookie, found = await arrive(world)
    wide = [await approved(world, found.session, scope="openid profile offline_access") for _ in range(2)]
    world.clock.now += 0.25
    assert not await world.account_changes.take_back(cookie, ticket(world, found, Action.TAKE_BACK), "tv")
    world.clock.now += 0.25
    narrow = await approved(world, found.session, scope="openid")
    world.clock.now += 300
    with pytest.raises(InvalidGrant):
        await poll(world, wide[0])
    assert (await poll(world, narrow))["scope"] == "openid"
    world.clock.now += 290
    assert await world.store.durable.sessions.sweep(now=int(world.clock.now)) == 0
    with pytest.raises(InvalidGrant):
        await poll(world, wide[1])


@pytest.mark.parametrize("first_party", [True, False])
async def test_d6_a_new_yes_redeems_no_code_of_before_and_the_login_it_is_given_in_works(
    world: World, first_party: bool
) -> None:
    world.clients["app"] = app(first_party=first_party)
    await world.restart()
    await world.redeem(await world.code())
    cookie, found = await arrive(world)
    wide = await world.code("app", scope=OFFLINE)
    world.clock.now += 0.25
    assert await world.account_changes.take_back(cookie, ticket(world, found, Action.TAKE_BACK), "app")
    world.clock.now += 0.25
    narrow = await world.code("app", scope="openid")
    with pytest.raises(InvalidGrant):
        await world.redeem(wide)
    assert (await world.redeem(narrow))["access_token"]


async def test_d11_an_account_that_is_to_be_deleted_opens_nothing_but_its_own_page(world: World) -> None:
    tokens = await world.redeem(await world.code("app", scope=OFFLINE))
    code = await world.code()
    cookie, found = await arrive(world)
    sub = found.account.sub
    when = await world.account_changes.close(cookie, ticket(world, found, Action.DELETE))
    assert when == int(world.clock.now) + 14 * 86400
    assert await world.sessions.find(cookie) is None
    for token, kind in ((tokens["refresh_token"], "refresh"), (code, "code")):
        with pytest.raises(InvalidGrant):
            await (world.refresh(token) if kind == "refresh" else world.redeem(token))
    assert not await world.is_alive(tokens["access_token"])
    world.clock.now += 1
    with pytest.raises(LoginFailed) as raised:
        await world.log_in()
    assert isinstance(raised.value.cause, AccountClosing)
    assert raised.value.cause.closes_at == when
    session = await world.sessions.find(await come_home(world, sub))
    assert session is not None
    silent = await world.request(prompt="none")
    with pytest.raises(Exception, match="must log in"):
        await world.authorization.next_step(silent, world.clients["app"], session)


async def test_an_account_that_is_kept_is_as_before_and_until_then_only_that_can_be_done(world: World) -> None:
    cookie, found = await arrive(world)
    await world.account_changes.close(cookie, ticket(world, found, Action.DELETE))
    world.clock.now += 1
    home = await come_home(world, found.account.sub)
    there = await visit(world, home)
    assert there.account.closes_at is not None
    for action in set(Action) - {Action.KEEP, Action.EXPORT}:
        with pytest.raises(AccountClosing):
            await world.account_page.prove(home, action, ticket(world, there, action))
    assert await world.account_changes.keep(home, ticket(world, there, Action.KEEP))
    assert (await visit(world, home)).account.closes_at is None
    assert not await world.account_changes.keep(home, ticket(world, there, Action.KEEP)), "it is kept already"
    await arrive(world)
    assert world.notes.count(Event.ACCOUNT_KEPT) == 1


async def test_d17_a_deleted_person_who_comes_back_is_somebody_new(world: World) -> None:
    cookie, found = await arrive(world)
    when = await world.account_changes.close(cookie, ticket(world, found, Action.DELETE))
    assert when is not None
    assert await world.deeds.delete_due() == 0
    world.clock.now = when
    assert await world.deeds.delete_due() == 1
    assert (Event.ACCOUNT_DELETED, {"sub": found.account.sub}) in world.notes.heard
    _, again = await arrive(world)
    assert again.account.sub != found.account.sub
    assert (await world.account_page.show(again)).events == ()


async def test_without_a_waiting_time_an_account_is_deleted_at_once(world: World) -> None:
    world.account_rules = AccountRules(deletion_wait=0, history_kept=86400)
    await world.restart()
    cookie, found = await arrive(world)
    assert await world.account_changes.close(cookie, ticket(world, found, Action.DELETE)) is None
    assert await world.store.durable.accounts.resolve(found.account.sub) is None
    assert await world.store.durable.people.person(found.person.link.provider_key, "x1") is None


async def test_people_get_all_that_is_kept_of_them(world: World) -> None:
    cookie, found = await arrive(world)
    await world.redeem(await world.code("app", scope="openid profile"))
    document = json.loads(await world.account_page.export(cookie, ticket(world, found, Action.EXPORT)))
    assert document["account"]["sub"] == found.account.sub
    assert document["ways_in"][0]["claims"]["email"] == "ann@a.test"
    assert [one["client_id"] for one in document["apps"]] == ["app"]
    assert {one["agent"] for one in document["sign_ins"]} == {HERE.agent}
    assert document["events"] == document["former"] == []
    assert "key" not in document["sign_ins"][0], "nor how a cookie is known"
    assert world.notes.count(Event.ACCOUNT_EXPORTED) == 1


async def test_people_get_what_is_kept_of_an_account_that_became_part_of_theirs(world: World) -> None:
    _, other = await arrive(world, "beta")
    former, said = other.account.sub, Said(frozenset({"openid"}), frozenset({"email"}))
    await world.store.durable.consents.save_consent(former, "app", "p", said, NOW)
    cookie, found = await arrive(world)
    shown = proof(other.person.link.subject, provider_key=other.person.link.provider_key)
    until = NOW + 9
    await world.store.durable.accounts.merge(
        found.account.sub, former, proof=shown, now=NOW, expires_at=until, known={"app"}, seen_as={}
    )
    found = await visit(world, cookie)
    document = json.loads(await world.account_page.export(cookie, ticket(world, found, Action.EXPORT)))
    (taken_in,) = document["former"]
    assert taken_in["sub"] == former
    assert [(one["scope"], one["refused"]) for one in taken_in["apps"]] == [(["openid"], ["email"])]
    assert [one["sid"] for one in taken_in["sign_ins"]] == [other.session.login.sid]
    assert [one["what"] for one in taken_in["events"]] == [Happened.ABSORBED]
    assert {one["sid"] for one in document["sign_ins"]} == {found.session.login.sid}


async def test_logging_in_again_in_one_browser_is_one_session_with_the_time_of_the_last(world: World) -> None:
    _, cookie, session = await world.log_in()
    world.clock.now += 60
    _, _, again = await world.log_in(replacing=session)
    assert await world.sessions.find(cookie) is None
    (one,) = await world.store.durable.history.living(session.login.sub, now=NOW + 61)
    assert (one.sid, one.at) == (again.login.sid, NOW + 60)


async def test_history_is_kept_for_as_long_as_the_operator_says_and_never_shorter_than_a_session(world: World) -> None:
    world.account_rules = AccountRules(deletion_wait=0, history_kept=1)
    await world.restart()
    _, found = await arrive(world)
    history, until = world.store.durable.history, NOW + 86400 + 86400  # a day late, as everything that is swept
    await history.sweep(now=until - 1)
    assert len(await history.sign_ins(found.account.sub, limit=9)) == 1
    await history.sweep(now=until)
    assert await history.sign_ins(found.account.sub, limit=9) == ()


async def test_a_person_is_no_visitor_by_the_link_of_another(world: World) -> None:
    _, found = await arrive(world)
    person = Person(found.account, Link(found.person.link.provider_key, "x9", "alpha", {}, {}, NOW))
    alpha = world.providers.find("alpha")
    cookie, _ = await world.sessions.start(person, Identity("x9"), alpha, replacing=None, client_id="app", whence=HERE)
    assert await world.account_page.visit(cookie) is None
