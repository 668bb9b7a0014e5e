"""Somebody nobody knows is asked whether they have an account, where the operator wants it; nothing is made before."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from broker.core.errors import FlowFinished, FlowGone, ForeignPost, LoginRequired, ProviderNotOffered
from broker.core.events import Event
from broker.core.people.identity import Account, Identity
from broker.core.people.linking import LinkingPolicy, LinkingRule
from broker.core.records import Device
from broker.core.terms import GrantType
from broker.core.wire.parameters import Parameters
from broker.services.authorize.consent import About
from broker.services.authorize.decide import Ask
from broker.services.login.outcomes import Visitor
from broker.services.people.held import build_link
from tests.services.bare_broker import NOBODY, NOW, World, app
from tests.services.two_ways import (
    ANN,
    CONFIRM,
    STRANGER,
    TRUSTING,
    answer,
    code_in,
    decline,
    is_at,
    offered,
    owner,
    purpose,
    seek,
    set_up,
    ticket_of,
    ways,
)

pytestmark = pytest.mark.anyio
EXPLICIT = LinkingRule()
ASKING = LinkingRule(LinkingPolicy.VERIFIED_EMAIL, ("other.test",))


async def test_explicit_asks_nobody(world: World) -> None:
    await set_up(world, EXPLICIT)
    done = await world.arrive(await purpose(world), "alpha", STRANGER)
    assert code_in(done.step)
    assert world.notes.count(Event.ACCOUNT_CREATED) == 2


async def test_whom_nothing_points_at_an_account_is_not_asked(world: World) -> None:
    await set_up(world)
    is_at(world, "alpha", "a-zoe", {"name": "Zoe"})
    for visitor in (NOBODY, Visitor(last_used="alpha"), Visitor(last_used="gone")):
        is_at(world, "alpha", f"a-zoe-{visitor.last_used}", {"name": "Zoe"})
        assert code_in((await world.arrive(await purpose(world), "alpha", visitor)).step)


async def test_who_is_known_is_not_asked(world: World) -> None:
    await set_up(world)
    ticket = await offered(world)
    await decline(world, ticket)
    assert code_in((await world.arrive(await purpose(world), "alpha", STRANGER)).step)


async def test_k15_nothing_is_made_while_the_question_is_open(world: World) -> None:
    await set_up(world)
    done = await world.arrive(await purpose(world), "alpha", STRANGER)
    assert (done.cookie, done.person, done.browser) == ("", None, "b1")
    assert await owner(world, "alpha", "a-ann") == ""
    assert world.notes.count(Event.ACCOUNT_CREATED) == 1, "that of beta"


async def test_a_browser_without_a_mark_gets_one(world: World) -> None:
    await set_up(world)
    done = await world.arrive(await purpose(world), "alpha", Visitor(last_used="beta"))
    assert len(done.browser) == 43
    assert await world.joining.open_(ticket_of(done, "/join"), done.browser)


async def test_a_no_makes_the_account_and_the_login_goes_on_as_if_nobody_had_asked(world: World) -> None:
    await set_up(world)
    ticket = await offered(world, state="mine")
    world.clock.now += 100
    done = await decline(world, ticket)
    session = await world.sessions.find(done.cookie)
    assert session is not None
    login = session.login
    assert (login.provider, login.subject, login.auth_time, login.began_at) == ("alpha", "a-ann", NOW, NOW)
    tokens = await world.redeem(code_in(done.step))
    assert tokens["id_token"]
    assert await owner(world, "alpha", "a-ann") == login.sub
    with pytest.raises(FlowFinished) as caught:
        await decline(world, ticket)
    assert caught.value.client == world.clients["app"]


async def test_a_yes_joins_after_a_login_at_the_other_way_and_another_yes(world: World) -> None:
    session = await set_up(world)
    done = await seek(world, await offered(world))
    assert world.upstreams["beta"].flows[-1].wishes.prompt == ("login",), "a proof is a fresh login"
    question = ticket_of(done, "/account/link")
    assert done.cookie
    assert await owner(world, "alpha", "a-ann") == ""
    settled = await answer(world, question, done.cookie)
    assert settled.answered.value == "linked"
    assert await ways(world, session.login.sub) == [("beta", "b-ann"), ("alpha", "a-ann")]
    assert await world.redeem(code_in(settled.step))
    assert world.notes.count(Event.ACCOUNT_LINKED) == 1


async def test_a_second_thought_joins_nothing_and_the_login_goes_on(world: World) -> None:
    session = await set_up(world)
    done = await seek(world, await offered(world))
    settled = await answer(world, ticket_of(done, "/account/link"), done.cookie, allowed=False)
    assert settled.answered.value == "cancelled"
    assert code_in(settled.step)
    assert await ways(world, session.login.sub) == [("beta", "b-ann")]


async def test_where_both_sides_proved_the_address_the_account_is_named_and_its_login_joins(world: World) -> None:
    session = await set_up(world, TRUSTING)
    ticket = await offered(world, Visitor(browser="b1"))
    question = await world.joining.open_(ticket, "b1")
    assert (question.ticket.prove, question.ways) == (session.login.sub, ("beta",))
    done = await seek(world, ticket)
    assert code_in(done.step)
    assert await ways(world, session.login.sub) == [("beta", "b-ann"), ("alpha", "a-ann")]


async def test_a_login_to_another_account_than_the_named_one_is_asked(world: World) -> None:
    session = await set_up(world, TRUSTING)
    ticket = await offered(world)
    is_at(world, "beta", "b-other", {"name": "Other"})
    await world.log_in(name="beta")
    done = await seek(world, ticket)
    assert ticket_of(done, "/account/link")
    assert await ways(world, session.login.sub) == [("beta", "b-ann")]
    assert await owner(world, "alpha", "a-ann") == ""


async def test_of_two_accounts_with_the_address_none_is_named(world: World) -> None:
    session = await set_up(world, TRUSTING)
    is_at(world, "beta", "b-twin")
    _, _, twin = await world.log_in(name="beta")
    assert twin.login.sub != session.login.sub
    question = await world.joining.open_(await offered(world, Visitor(browser="b1")), "b1")
    assert question.ticket.prove == ""


async def test_no_account_is_named_that_cannot_be_reached_from_here(world: World) -> None:
    session = await set_up(world, TRUSTING)
    gone = build_link("gone", "gone", Identity("g-ann", ANN), now=NOW)
    await world.store.durable.people.adopt(Account("g" * 26, NOW), gone)
    people = world.store.durable.people
    await people.update_link(build_link(session.login.provider_key, "beta", Identity("b-ann", {}), now=NOW))
    question = await world.joining.open_(await offered(world), "b1")
    assert (question.ticket.prove, question.ways) == ("", ("beta",))


async def test_where_there_is_no_other_way_nobody_is_asked(world: World) -> None:
    world.clients["narrow"] = app("narrow", providers=("alpha",))
    await set_up(world, TRUSTING)
    narrow = type(await purpose(world))(await world.request("narrow"))
    assert code_in((await world.arrive(narrow, "alpha", STRANGER)).step)


async def test_who_looks_in_vain_is_asked_once_more_and_keeps_what_they_showed_first(world: World) -> None:
    await set_up(world)
    ticket = await offered(world)
    is_at(world, "beta", "b-nobody", {"name": "Nobody"})
    again = ticket_of(await seek(world, ticket), "/join")
    question = await world.joining.open_(again, "b1")
    assert (question.ticket.missed, question.ticket.held.subject) == ("beta", "a-ann")
    assert await owner(world, "beta", "b-nobody") == ""
    session = await world.sessions.find((await decline(world, again)).cookie)
    assert session is not None
    assert session.login.subject == "a-ann"


async def test_d5_a_question_is_bound_to_the_browser_it_was_put_to(world: World) -> None:
    await set_up(world)
    ticket = await offered(world)
    for browser in ("b2", ""):
        with pytest.raises(ForeignPost):
            await world.joining.open_(ticket, browser)
        with pytest.raises(ForeignPost):
            await decline(world, ticket, Visitor(browser=browser))
    assert await world.joining.open_(ticket, "b1")


async def test_d8_a_made_up_ticket_is_nobodys(world: World) -> None:
    await set_up(world)
    ticket = await offered(world)
    for forged in ("", "x", "@x", ticket[:-1], ticket[:40] + ("A" if ticket[40] != "A" else "B") + ticket[41:]):
        with pytest.raises((ForeignPost, FlowGone)):
            await world.joining.open_(forged, "b1")


@pytest.mark.parametrize("rule", [CONFIRM, TRUSTING], ids=["asked", "named"])
async def test_d5_what_was_shown_is_good_for_ten_minutes(world: World, rule: LinkingRule) -> None:
    session = await set_up(world, rule)
    ticket = await offered(world)
    question = await world.joining.open_(ticket, "b1")
    world.clock.now += 599
    assert await world.joining.open_(ticket, "b1")
    world.clock.now += 1
    with pytest.raises(FlowGone):
        await world.joining.open_(ticket, "b1")
    done = await world.arrive(question.seeking, "beta", STRANGER)
    assert code_in(done.step), "the login goes on; they may add it at their account page"
    assert await ways(world, session.login.sub) == [("beta", "b-ann")]


async def test_who_looks_in_vain_and_too_late_is_somebody_new_there(world: World) -> None:
    await set_up(world)
    question = await world.joining.open_(await offered(world), "b1")
    is_at(world, "beta", "b-nobody", {"name": "Nobody"})
    world.clock.now += 600
    assert code_in((await world.arrive(question.seeking, "beta", STRANGER)).step)
    assert await owner(world, "beta", "b-nobody")


async def test_b9_a_provider_that_was_switched_off_vouches_for_nobody_any_more(world: World) -> None:
    await set_up(world)
    ticket = await offered(world)
    world.on.discard("alpha")
    await world.restart()
    with pytest.raises(ProviderNotOffered):
        await decline(world, ticket)


async def test_what_is_too_large_for_a_browser_stays_here_for_as_long(world: World) -> None:
    await set_up(world)
    long = {name: "https://a.test/" + "p" * 1000 for name in ("profile", "picture", "website", "link")}
    is_at(world, "alpha", "a-ann", {"name": "Ann"} | long)
    ticket = await offered(world)
    assert ticket.startswith("@")
    assert (await world.joining.open_(ticket, "b1")).ticket.held.claims["name"] == "Ann"
    with pytest.raises(ForeignPost):
        await world.joining.open_(ticket, "b2")
    assert await decline(world, ticket)


async def test_of_fifty_answers_one_counts(world: World) -> None:
    await set_up(world)
    ticket = await offered(world)
    outcomes = await asyncio.gather(*(decline(world, ticket) for _ in range(50)), return_exceptions=True)
    assert sum(isinstance(outcome, FlowFinished) for outcome in outcomes) == 49
    assert world.notes.count(Event.ACCOUNT_CREATED) == 2, "beta's before, and one"


async def test_a_login_its_request_does_not_accept_joins_nothing_and_leaves_who_was_there(world: World) -> None:
    session = await set_up(world)
    is_at(world, "beta", "b-before", {"name": "Before"})
    _, cookie, before = await world.log_in(name="beta")
    is_at(world, "beta", "b-ann")
    visitor = Visitor(cookie, "b1", "beta")
    request = (await world.request()).replace(hinted_sub="somebody-else")
    ticket = ticket_of(await world.arrive(type(await purpose(world))(request), "alpha", visitor), "/join")
    with pytest.raises(LoginRequired):
        await seek(world, ticket, visitor)
    assert await world.sessions.find(cookie) == before
    assert await ways(world, session.login.sub) == [("beta", "b-ann")]


async def test_d7_an_old_login_at_the_other_way_proves_nothing(world: World) -> None:
    session = await set_up(world)
    ticket = await offered(world)
    world.upstreams["beta"].identity = Identity("b-ann", ANN, auth_time=NOW - 3600)
    done = await seek(world, ticket)
    assert code_in(done.step)
    assert await ways(world, session.login.sub) == [("beta", "b-ann")]


@pytest.mark.parametrize("joined", [True, False])
async def test_a_device_waits_while_its_person_is_asked(world: World, joined: bool) -> None:
    world.clients["tv"] = app(
        "tv", redirect_uris=(), grants=frozenset({GrantType.DEVICE_CODE}), scopes=frozenset({"openid"})
    )
    await set_up(world)
    told = await world.devices.begin(world.clients["tv"], Parameters([("scope", "openid")]), place="")
    ticket = await world.devices.enter(told["user_code"], browser="b1")
    waiting = await world.devices.open_ticket(str(ticket), browser="b1")
    asked = ticket_of(await world.arrive(Device(waiting.request), "alpha", STRANGER), "/join")
    done = await seek(world, asked) if joined else await decline(world, asked)
    step: object = done.step
    if joined:
        step = (await answer(world, ticket_of(done, "/account/link"), done.cookie)).step
    assert isinstance(step, Ask)
    assert step.path == "/device/confirm"
    assert await world.questions.open_(step.ticket, done.cookie, about=About.DEVICE)


CLAIMS: dict[str, dict[str, Any]] = {
    "true": {"email_verified": True},
    "false": {"email_verified": False},
    "absent": {},
    "text": {"email_verified": "true"},
    "number": {"email_verified": 1},
    "null": {"email_verified": None},
}
TRUSTS = {"explicit": EXPLICIT, "confirm": CONFIRM, "other domain": ASKING, "this domain": TRUSTING}


@pytest.mark.parametrize("local", [True, False], ids=["proven here", "unproven here"])
@pytest.mark.parametrize("trust", TRUSTS)
@pytest.mark.parametrize("claim", CLAIMS)
async def test_d1_d2_c18_only_an_address_proven_on_both_sides_in_a_trusted_domain_names_an_account(
    world: World, claim: str, trust: str, local: bool
) -> None:
    session = await set_up(world, TRUSTS[trust])
    is_at(world, "beta", "b-ann", {**ANN, "email_verified": local})
    await world.log_in(name="beta")
    # What no adapter lets through (threats D4) is tried all the same: as if one did.
    identity = Identity("a-ann", {"name": "Ann"})
    object.__setattr__(identity, "claims", {"name": "Ann", "email": "ann@a.test"} | CLAIMS[claim])
    world.upstreams["alpha"].identity = identity
    done = await world.arrive(await purpose(world), "alpha", Visitor(browser="b1"))
    asked = claim == "true" and local and trust != "explicit"
    assert isinstance(done.step, Ask) == asked
    if asked:
        question = await world.joining.open_(ticket_of(done, "/join"), "b1")
        assert question.ticket.prove == (session.login.sub if trust == "this domain" else "")
    assert await ways(world, session.login.sub) == [("beta", "b-ann")], "nothing is joined without a proof"
    assert (await owner(world, "alpha", "a-ann") == "") == asked


async def test_d2_a_squatter_is_left_with_what_they_had(world: World) -> None:
    world.linking_rules["alpha"] = TRUSTING
    await world.restart()
    is_at(world, "beta", "b-squatter", {"name": "Ann", "email": "ann@a.test", "email_verified": False})
    _, _, squatter = await world.log_in(name="beta")
    is_at(world, "alpha", "a-ann")
    assert code_in((await world.arrive(await purpose(world), "alpha", Visitor(browser="b1"))).step)
    assert await owner(world, "alpha", "a-ann") != squatter.login.sub
    assert await ways(world, squatter.login.sub) == [("beta", "b-squatter")]


async def test_d18_who_proved_no_address_gets_the_same_whether_or_not_somebody_has_it(world: World) -> None:
    await set_up(world, TRUSTING)
    for subject, address in (("a-1", "ann@a.test"), ("a-2", "nobody@a.test")):
        is_at(world, "alpha", subject, {"email": address, "email_verified": False})
        assert code_in((await world.arrive(await purpose(world), "alpha", Visitor(browser="b1"))).step)
        is_at(world, "alpha", f"{subject}-again", {"email": address, "email_verified": False})
        question = await world.joining.open_(await offered(world), "b1")
        assert (question.ticket.prove, question.ways) == ("", ("beta",))
