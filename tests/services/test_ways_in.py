"""Adding a way in from the account page, and joining two accounts: two proofs in one browser, and a yes to a page."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from broker.core.authorize.consent import Said
from broker.core.clients.client import IdentityPolicy, TokenPolicy
from broker.core.errors import (
    AlreadyLinked,
    FlowFinished,
    FlowGone,
    ForeignPost,
    InvalidGrant,
    LoginTooOld,
    NoAccount,
    NobodyAsked,
    OtherPerson,
    ProviderNotOffered,
    UpstreamDenied,
)
from broker.core.events import Event
from broker.core.people.history import Happened
from broker.core.people.identity import Identity
from broker.core.records import Account, Authorize, LinkReturn
from broker.core.terms import SubjectType
from broker.services.login.complete import Completed, Home
from broker.services.login.outcomes import LoginFailed, Visitor
from broker.services.people.held import build_link
from broker.services.people.linking import Answered
from broker.services.people.merging import Merging
from broker.services.people.subjects import Subjects
from broker.services.sessions.single_sign_on import Session
from broker.store.accounts import AccountStore, Merged
from tests.services.bare_broker import NOW, REDIRECT, SALT, World, app
from tests.services.two_ways import (
    ANN,
    add,
    answer,
    decline,
    is_at,
    logged_in,
    offered,
    owner,
    purpose,
    seek,
    set_up,
    ticket_of,
    ways,
)

pytestmark = pytest.mark.anyio


def usable(world: World) -> frozenset[str]:
    """Keys of the providers that are switched on."""
    return frozenset(key for _, key in world.providers.enabled)


def refusals(world: World) -> list[object]:
    """Why ways in were not added."""
    return [fields["reason"] for event, fields in world.notes.heard if event is Event.ACCOUNT_LINK_REFUSED]


async def ready(world: World) -> tuple[str, Session, str]:
    """Ann is at her account page and has shown who she is at `alpha`: cookie, session, the ticket of the question."""
    await set_up(world)
    cookie, session = await logged_in(world)
    return cookie, session, ticket_of(await add(world, cookie, session), "/account/link")


async def two_accounts(world: World) -> tuple[str, Session, str, str]:
    """The same, but `alpha` opens an account of its own: cookie, session, the other account, the ticket."""
    await set_up(world)
    _, other = await logged_in(world, "alpha")
    cookie, session = await logged_in(world)
    return cookie, session, other.login.sub, ticket_of(await add(world, cookie, session), "/account/link")


# --- adding a way in ---


async def test_a_way_in_is_added_by_a_login_there_and_a_yes(world: World) -> None:
    cookie, session, ticket = await ready(world)
    assert world.upstreams["alpha"].flows[-1].wishes.prompt == ("login",)
    settled = await answer(world, ticket, cookie)
    assert (settled.answered, settled.step) == (Answered.LINKED, None)
    assert await ways(world, session.login.sub) == [("beta", "b-ann"), ("alpha", "a-ann")]
    (event,) = await world.store.durable.history.events(session.login.sub, limit=9)
    assert (event.what, event.provider) == (Happened.LINKED, "alpha")
    assert await world.sessions.find(cookie) == session, "she stays signed in as she was"
    assert (await logged_in(world, "alpha"))[1].login.sub == session.login.sub


async def test_a_no_adds_nothing(world: World) -> None:
    cookie, session, ticket = await ready(world)
    assert (await answer(world, ticket, cookie, allowed=False)).answered is Answered.CANCELLED
    assert await ways(world, session.login.sub) == [("beta", "b-ann")]
    with pytest.raises(FlowFinished):
        await answer(world, ticket, cookie)


async def test_what_is_hers_already_is_not_asked_about(world: World) -> None:
    cookie, session, ticket = await ready(world)
    await answer(world, ticket, cookie)
    assert await add(world, cookie, session) == Completed(Home())


async def test_d7_a_way_in_is_added_within_five_minutes_of_a_login(world: World) -> None:
    await set_up(world)
    cookie, session = await logged_in(world)
    world.clock.now += 300
    assert await add(world, cookie, session)
    world.clock.now += 1
    with pytest.raises(LoginTooOld) as caught:
        world.linking.begin(session, "alpha")
    assert (caught.value.provider, caught.value.then) == ("beta", "link/alpha")


async def test_d7_an_upstream_that_asked_nobody_proves_nothing(world: World) -> None:
    await set_up(world)
    cookie, session = await logged_in(world)
    world.upstreams["alpha"].identity = Identity("a-ann", ANN, auth_time=NOW - 61)
    with pytest.raises(NobodyAsked):
        await add(world, cookie, session)
    world.upstreams["alpha"].identity = Identity("a-ann", ANN, auth_time=NOW - 60)
    assert ticket_of(await add(world, cookie, session), "/account/link")
    assert refusals(world) == ["an old login"]


@pytest.mark.parametrize("there", ["nobody", "somebody else", "the same person in another session"])
async def test_b6_what_one_session_began_no_other_ends(world: World, there: str) -> None:
    await set_up(world)
    cookie, session = await logged_in(world)
    begun = world.linking.begin(session, "alpha")
    if there == "somebody else":
        is_at(world, "beta", "b-bob", {"name": "Bob"})
    other = "" if there == "nobody" else (await logged_in(world))[0]
    with pytest.raises(OtherPerson):
        await world.arrive(begun, "alpha", Visitor(other))
    assert refusals(world) == ["another session"]
    assert await owner(world, "alpha", "a-ann") == ""
    assert cookie


async def test_d5_a_question_is_bound_to_the_session_it_was_put_to(world: World) -> None:
    cookie, session, ticket = await ready(world)
    again, _ = await logged_in(world)
    for other in (again, "", "made up"):
        with pytest.raises(ForeignPost):
            await answer(world, ticket, other)
    assert await ways(world, session.login.sub) == [("beta", "b-ann")]
    assert (await answer(world, ticket, cookie)).answered is Answered.LINKED


async def test_d5_a_proof_of_one_subject_is_none_of_another(world: World) -> None:
    cookie, session, ticket = await ready(world)
    is_at(world, "alpha", "a-victim", {"name": "Victim"})
    await answer(world, ticket, cookie)
    assert await ways(world, session.login.sub) == [("beta", "b-ann"), ("alpha", "a-ann")]


async def test_d5_a_question_about_a_way_in_is_good_for_ten_minutes(world: World) -> None:
    cookie, _, ticket = await ready(world)
    world.clock.now += 600
    with pytest.raises(FlowGone):
        await answer(world, ticket, cookie)


async def test_d6_a_proof_that_was_used_survives_no_unlinking(world: World) -> None:
    await set_up(world)
    first = await offered(world)
    seeking = (await world.joining.open_(first, "b1")).seeking
    done = await seek(world, first)
    ticket = ticket_of(done, "/account/link")
    session = (await answer(world, ticket, done.cookie)).question.session
    sub, key = session.login.sub, world.providers.find("alpha").key
    await world.store.durable.people.unlink(sub, key, "a-ann", usable=usable(world), now=NOW, expires_at=NOW + 99)
    with pytest.raises(FlowFinished):
        await answer(world, ticket, done.cookie)
    with pytest.raises(FlowFinished):
        await decline(world, first)
    is_at(world, "beta", "b-ann")
    again = await world.arrive(seeking, "beta", Visitor(browser="b1"))
    with pytest.raises(FlowFinished):
        await answer(world, ticket_of(again, "/account/link"), again.cookie)
    assert await ways(world, sub) == [("beta", "b-ann")]


async def test_d8_a_made_up_question_is_nobodys(world: World) -> None:
    cookie, _, ticket = await ready(world)
    for forged in ("", "x", ticket[:-2], ticket[:50] + ("A" if ticket[50] != "A" else "B") + ticket[51:]):
        with pytest.raises(ForeignPost):
            await answer(world, forged, cookie)


async def test_b8_a_question_of_one_kind_is_none_of_the_other(world: World) -> None:
    cookie, _, ticket = await ready(world)
    with pytest.raises(ForeignPost):
        await world.joining.open_(ticket, "b1")
    with pytest.raises(ForeignPost):
        await answer(world, await offered(world), cookie)


async def test_b9_what_was_switched_off_is_not_added(world: World) -> None:
    cookie, _, ticket = await ready(world)
    world.on.discard("alpha")
    await world.restart()
    with pytest.raises(ProviderNotOffered):
        await answer(world, ticket, cookie)


async def test_d12_of_two_accounts_that_add_one_way_at_once_one_has_it(world: World) -> None:
    cookie, session, ticket = await ready(world)
    is_at(world, "beta", "b-bob", {"name": "Bob"})
    theirs, bob = await logged_in(world)
    other = ticket_of(await add(world, theirs, bob), "/account/link")
    outcomes = await asyncio.gather(
        *(answer(world, ticket, cookie) for _ in range(25)),
        *(answer(world, other, theirs) for _ in range(25)),
        return_exceptions=True,
    )
    assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, AlreadyLinked) for outcome in outcomes) == 1
    assert await owner(world, "alpha", "a-ann") in {session.login.sub, bob.login.sub}
    assert refusals(world) == ["another account"]


async def test_a_blocked_account_gets_no_way_in(world: World) -> None:
    cookie, session, ticket = await ready(world)
    await world.store.durable.accounts.set_blocked(session.login.sub, True)
    with pytest.raises(AlreadyLinked):
        await answer(world, ticket, cookie)
    assert await owner(world, "alpha", "a-ann") == ""


async def test_an_app_that_asked_for_it_is_in_the_question(world: World) -> None:
    world.clients["app"] = app(identities=IdentityPolicy(account_linking=True))
    await set_up(world)
    cookie, session = await logged_in(world)
    back = LinkReturn("app", REDIRECT, "s")
    done = await world.arrive(world.linking.begin(session, "alpha", back=back), "alpha", Visitor(cookie))
    assert (await world.linking.open_(ticket_of(done, "/account/link"), cookie)).ticket.back == back


async def test_a_login_there_that_fails_belongs_to_no_app(world: World) -> None:
    await set_up(world)
    cookie, session = await logged_in(world)
    begun = world.linking.begin(session, "alpha")
    world.upstreams["alpha"].failure = UpstreamDenied("no")
    with pytest.raises(LoginFailed):
        await world.arrive(begun, "alpha", Visitor(cookie))
    world.upstreams["alpha"].failure = None
    assert ticket_of(await add(world, cookie, session), "/account/link")


# --- joining two accounts ---


async def test_the_account_somebody_is_in_takes_in_the_other(world: World) -> None:
    cookie, session, other, ticket = await two_accounts(world)
    question = await world.linking.open_(ticket, cookie)
    assert [link.provider for link in question.links] == ["beta"]
    assert [link.provider for link in question.others] == ["alpha"]
    assert (await answer(world, ticket, cookie)).answered is Answered.MERGED
    assert await ways(world, session.login.sub) == [("beta", "b-ann"), ("alpha", "a-ann")]
    assert await ways(world, other) == []
    resolved = await world.store.durable.accounts.resolve(other)
    assert resolved is not None
    assert resolved.sub == session.login.sub
    assert [fields for event, fields in world.notes.heard if event is Event.ACCOUNT_MERGED] == [
        {"sub": session.login.sub, "absorbed": other, "provider": "alpha"}
    ]


async def test_accounts_that_are_kept_apart_stay_so(world: World) -> None:
    cookie, session, other, ticket = await two_accounts(world)
    await answer(world, ticket, cookie, allowed=False)
    assert await ways(world, session.login.sub) == [("beta", "b-ann")]
    assert await ways(world, other) == [("alpha", "a-ann")]


async def test_d3_the_account_that_goes_is_signed_out_with_all_it_gave(world: World) -> None:
    await set_up(world)
    there, _ = await logged_in(world, "alpha")
    tokens = await world.redeem(await world.code("app", "alpha", scope="openid offline_access"))
    cookie, session = await logged_in(world)
    pending = await add(world, cookie, session)
    await answer(world, ticket_of(pending, "/account/link"), cookie)
    assert await world.sessions.find(there) is None
    assert not await world.is_alive(tokens["access_token"])
    with pytest.raises(InvalidGrant):
        await world.refresh(tokens["refresh_token"])


async def test_d3_what_the_account_that_goes_was_asked_is_not_answered_any_more(world: World) -> None:
    await set_up(world)
    there, other = await logged_in(world, "alpha")
    is_at(world, "beta", "b-trojan", {"name": "Trojan"})
    pending = ticket_of(await add(world, there, other, "beta"), "/account/link")
    is_at(world, "beta", "b-ann")
    cookie, session = await logged_in(world)
    await answer(world, ticket_of(await add(world, cookie, session), "/account/link"), cookie)
    with pytest.raises(ForeignPost):
        await answer(world, pending, there)
    assert await owner(world, "beta", "b-trojan") == ""


async def test_d3_every_way_that_moves_is_named_before(world: World) -> None:
    await set_up(world)
    there, other = await logged_in(world, "alpha")
    is_at(world, "beta", "b-trojan", {"name": "Trojan"})
    await answer(world, ticket_of(await add(world, there, other, "beta"), "/account/link"), there)
    is_at(world, "beta", "b-ann")
    cookie, session = await logged_in(world)
    question = await world.linking.open_(ticket_of(await add(world, cookie, session), "/account/link"), cookie)
    assert [link.subject for link in question.others] == ["a-ann", "b-trojan"]


async def test_d17_what_an_app_called_the_account_that_went_leads_to_the_one_that_stayed(world: World) -> None:
    world.clients["pair"] = app("pair", tokens=TokenPolicy(subject_type=SubjectType.PAIRWISE, sector="pair.test"))
    await set_up(world)
    await world.redeem(await world.code("pair", "alpha"), "pair")
    _, other = await logged_in(world, "alpha")
    seen = Subjects(SALT).of(other.login.sub, world.clients["pair"])
    cookie, session = await logged_in(world)
    await answer(world, ticket_of(await add(world, cookie, session), "/account/link"), cookie)
    resolved = await world.store.durable.accounts.resolve(seen)
    assert resolved is not None
    assert resolved.sub == session.login.sub


async def test_d17_an_app_of_which_nothing_is_kept_knows_the_account_that_went(world: World) -> None:
    tokens = TokenPolicy(subject_type=SubjectType.PAIRWISE, sector="pair.test")
    world.clients["pair"] = app("pair", tokens=tokens)
    cookie, _, other, ticket = await two_accounts(world)
    assert await world.store.durable.accounts.known_to(other) == ("app",)
    assert (await answer(world, ticket, cookie)).answered is Answered.MERGED
    kept = await world.store.durable.accounts.resolve(Subjects(SALT).of(other, world.clients["pair"]))
    assert kept is not None
    assert kept.former == (other,)


class Meanwhile:
    """The accounts in the store; another app gets to know one just when it was said to whom that is known."""

    def __init__(self, world: World) -> None:
        """`world` has the store."""
        self._world = world
        self.asked: list[tuple[str, ...]] = []

    def __getattr__(self, name: str) -> Any:
        """Whatever else it does."""
        return getattr(self._world.store.durable.accounts, name)

    async def known_to(self, sub: str) -> tuple[str, ...]:
        """As it was before."""
        durable = self._world.store.durable
        self.asked.append(await durable.accounts.known_to(sub))
        await durable.consents.save_consent(sub, "late", "", Said(frozenset({"openid"})), NOW)
        return self.asked[-1]


async def test_d17_who_gets_to_know_an_account_while_it_goes_is_asked_for_its_name_there_too(world: World) -> None:
    cookie, session, other, ticket = await two_accounts(world)
    held = (await world.linking.open_(ticket, cookie)).ticket.held
    store = Meanwhile(world)
    merging = Merging(
        world.context,
        cast("AccountStore", store),
        world.directory,
        Subjects(SALT),
        remember_for=86400,
        queued=lambda: None,
    )
    assert await merging.merge(session.login.sub, other, held) == Merged(again=False)
    assert store.asked == [("app",), ("app", "late")]


async def test_of_fifty_yeses_to_a_merge_one_counts(world: World) -> None:
    cookie, session, _, ticket = await two_accounts(world)
    outcomes = await asyncio.gather(*(answer(world, ticket, cookie) for _ in range(50)), return_exceptions=True)
    assert sum(isinstance(outcome, FlowFinished) for outcome in outcomes) == 49
    assert len(await ways(world, session.login.sub)) == 2


async def test_a_blocked_account_is_not_joined(world: World) -> None:
    cookie, _, other, ticket = await two_accounts(world)
    await world.store.durable.accounts.set_blocked(other, True)
    with pytest.raises(AlreadyLinked):
        await answer(world, ticket, cookie)
    assert await ways(world, other) == [("alpha", "a-ann")]
    assert refusals(world) == ["not to be joined"]


async def test_a_way_that_opens_a_third_account_by_now_joins_nothing(world: World) -> None:
    cookie, session, other, ticket = await two_accounts(world)
    people, key = world.store.durable.people, world.providers.find("alpha").key
    await people.link(other, build_link(key, "alpha", Identity("a-spare"), now=NOW), began_at=NOW + 1, now=NOW)
    await people.unlink(other, key, "a-ann", usable=usable(world), now=NOW, expires_at=NOW + 99)
    await logged_in(world, "alpha")
    with pytest.raises(AlreadyLinked):
        await answer(world, ticket, cookie)
    assert await ways(world, other) == [("alpha", "a-spare")]
    assert await ways(world, session.login.sub) == [("beta", "b-ann")]


async def test_d6_a_question_about_two_accounts_falls_when_the_way_in_is_taken_away(world: World) -> None:
    cookie, session, other, ticket = await two_accounts(world)
    people, key = world.store.durable.people, world.providers.find("alpha").key
    await people.link(other, build_link(key, "alpha", Identity("a-spare"), now=NOW), began_at=NOW + 1, now=NOW)
    await people.unlink(other, key, "a-ann", usable=usable(world), now=NOW, expires_at=NOW + 99)
    again = ticket_of(await add(world, cookie, session), "/account/link")
    assert (await answer(world, again, cookie)).answered is Answered.LINKED
    with pytest.raises(AlreadyLinked):
        await world.linking.open_(ticket, cookie)
    with pytest.raises(AlreadyLinked):
        await answer(world, ticket, cookie)
    assert await ways(world, other) == [("alpha", "a-spare")]
    assert refusals(world) == ["not to be joined"] * 2


async def test_d6_a_question_that_was_open_already_is_not_answered_with_a_proof_that_fell(world: World) -> None:
    cookie, session, other, ticket = await two_accounts(world)
    question = await world.linking.open_(ticket, cookie)
    people, key = world.store.durable.people, world.providers.find("alpha").key
    await people.link(other, build_link(key, "alpha", Identity("a-spare"), now=NOW), began_at=NOW + 1, now=NOW)
    await people.unlink(other, key, "a-ann", usable=usable(world), now=NOW, expires_at=NOW + 99)
    await people.link(
        session.login.sub, build_link(key, "alpha", Identity("a-ann"), now=NOW), began_at=NOW + 1, now=NOW
    )
    with pytest.raises(AlreadyLinked):
        async with world.linking.answer(question, allowed=True):
            pass
    assert await ways(world, other) == [("alpha", "a-spare")]


# --- at the account page ---


async def test_somebody_known_comes_to_their_account(world: World) -> None:
    await set_up(world)
    done = await world.arrive(Account(page="link/alpha"), "beta")
    assert done.person is not None
    assert (done.step, done.person.link.provider) == (Home("link/alpha"), "beta")
    session = await world.sessions.find(done.cookie)
    assert session is not None
    assert session.login.subject == "b-ann"
    assert world.upstreams["beta"].flows[-1].wishes.prompt == ("login",)
    assert world.sessions.is_fresh(session), "they may see to it at once"


async def test_who_shows_again_that_it_is_them_is_asked_by_the_upstream(world: World) -> None:
    await set_up(world)
    cookie, session = await logged_in(world)
    world.clock.now += 900
    done = await world.arrive(Account(session.login.sub), "beta", Visitor(cookie))
    assert world.upstreams["beta"].flows[-1].wishes.prompt == ("login",)
    again = await world.sessions.find(done.cookie)
    assert again is not None
    assert again.login.sid == session.login.sid
    assert world.sessions.is_fresh(again)
    assert world.notes.count(Event.LOGIN_SUCCEEDED) == 3


async def test_somebody_else_does_not_show_that_it_is_them(world: World) -> None:
    await set_up(world)
    cookie, session = await logged_in(world)
    is_at(world, "beta", "b-bob", {"name": "Bob"})
    await logged_in(world)
    before = world.notes.count(Event.LOGIN_SUCCEEDED)
    with pytest.raises(OtherPerson):
        await world.arrive(Account(session.login.sub), "beta", Visitor(cookie))
    assert await world.sessions.find(cookie) == session
    assert world.notes.count(Event.LOGIN_SUCCEEDED) == before


async def test_k15_nobody_gets_an_account_by_coming_to_the_account_page(world: World) -> None:
    await set_up(world)
    is_at(world, "beta", "b-nobody", {})
    with pytest.raises(LoginFailed) as caught:
        await world.arrive(Account(), "beta")
    assert isinstance(caught.value.cause, NoAccount)
    assert caught.value.client is None
    assert await owner(world, "beta", "b-nobody") == ""


async def test_a_login_for_an_app_goes_on_after_its_account_was_joined(world: World) -> None:
    await set_up(world)
    ticket = await offered(world)
    _, other = await logged_in(world, "alpha")
    done = await seek(world, ticket)
    question = await world.linking.open_(ticket_of(done, "/account/link"), done.cookie)
    assert question.ticket.other == other.login.sub
    assert isinstance(question.ticket.then, Authorize)
    settled = await answer(world, ticket_of(done, "/account/link"), done.cookie)
    assert settled.answered is Answered.MERGED
    assert settled.step


async def test_d11_who_was_blocked_while_a_page_was_open_goes_nowhere(world: World) -> None:
    session = await set_up(world)
    done = await seek(world, await offered(world))
    await world.store.durable.accounts.set_blocked(session.login.sub, True)
    with pytest.raises(AlreadyLinked):
        await answer(world, ticket_of(done, "/account/link"), done.cookie)
    assert await purpose(world)
