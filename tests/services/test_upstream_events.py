"""What an upstream tells of people: what each word ends, once, and what it leaves alone."""

from __future__ import annotations

import pytest

from broker.core.errors import (
    InvalidGrant,
    InvalidRequest,
    ProviderSwitchedOff,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from broker.core.events import Event
from broker.core.people.identity import Identity, Link
from broker.core.records import HeldIdentity
from broker.core.switches import Switchable
from broker.services.people.changes import AccountRules
from broker.store.accounts import Merged
from broker.store.people import Linked
from broker.store.upstream_tokens import KeptTokens
from broker.upstream.abilities import Meaning
from tests.services.bare_broker import HERE, NOW, World
from tests.services.two_ways import set_up, ways
from tests.services.upstreams import TellingUpstream

pytestmark = pytest.mark.anyio


@pytest.fixture
async def upstream(world: World) -> TellingUpstream:
    """The provider `alpha` tells of people."""
    found = TellingUpstream(None, None)
    world.upstreams["alpha"] = found
    await world.restart()
    return found


async def tell(world: World, meaning: Meaning, subject: str = "x1", key: str = "k1") -> int:
    """It tells; a second goes by on both sides of it."""
    world.clock.now += 1
    status = await world.upstream_events.receive("alpha", f"{meaning}/{subject}/{key}".encode())
    world.clock.now += 1
    return status


def outcomes(world: World) -> list[object]:
    """What came of every event, in order."""
    return [fields["outcome"] for event, fields in world.notes.heard if event is Event.UPSTREAM_EVENT]


async def lives(world: World, refresh_token: str) -> bool:
    """Whether an app can refresh."""
    try:
        await world.refresh(refresh_token)
    except InvalidGrant:
        return False
    return True


async def offline_token(world: World) -> str:
    """The refresh token of a grant that outlives its session."""
    found = await world.redeem(await world.code(scope="openid offline_access", prompt="consent"))
    token: str = found["refresh_token"]
    return token


async def give_way(world: World, sub: str) -> None:
    """The account can be opened by `alpha` as well."""
    link = Link(world.providers.find("alpha").key, "a-ann", "alpha", {}, {}, NOW)
    done = await world.store.durable.people.link(sub, link, began_at=NOW, now=NOW)
    assert done == Linked(again=False)


@pytest.mark.parametrize(("meaning", "outlives"), [(Meaning.SESSIONS_OVER, True), (Meaning.WITHDRAWN, False)])
async def test_sessions_end_and_where_consent_was_taken_back_grants_that_outlive_them_too(
    world: World, upstream: TellingUpstream, meaning: Meaning, outlives: bool
) -> None:
    _, value, _ = await world.log_in()
    token = await offline_token(world)
    upstream.identity = Identity("x2")
    _, other, _ = await world.log_in()
    others = await offline_token(world)
    assert await tell(world, meaning) == 202
    assert await world.sessions.find(value) is None
    assert await lives(world, token) is outlives
    assert await world.sessions.find(other) is not None
    assert await lives(world, others)
    assert outcomes(world) == ["ended"]
    upstream.identity = Identity("x1")
    _, again, session = await world.log_in()
    assert await world.sessions.find(again) is not None, "a login after it is as good as ever"
    (sub,) = {found["sub"] for event, found in world.notes.heard if event is Event.UPSTREAM_EVENT}
    assert session.login.sub == sub


async def test_consent_that_was_taken_back_leaves_no_token_of_the_upstreams(
    world: World, upstream: TellingUpstream
) -> None:
    _, _, session = await world.log_in()
    login, store = session.login, world.store.durable.upstream_tokens
    kept = KeptTokens(login.provider_key, "x1", "sealed", "v1", NOW)
    assert await store.keep(login.sub, kept, expires_at=NOW + 1000)
    await tell(world, Meaning.SESSIONS_OVER)
    assert await store.of_account(login.sub, now=NOW) == (kept,)
    await tell(world, Meaning.WITHDRAWN, key="k2")
    assert await store.of_account(login.sub, now=NOW) == ()


async def test_a_login_that_is_under_way_is_over_as_well(world: World, upstream: TellingUpstream) -> None:
    begun, flow = await world.begin(await world.request())
    await tell(world, Meaning.SESSIONS_OVER)
    finished = await world.finish(world.callback("alpha", {"state": flow.state, "code": "u"}, begun.sealed))
    shown = finished.who.shown
    value, session = world.sessions.build(finished.person, finished.identity, shown.instance, began_at=shown.started_at)
    await world.sessions.keep(session, replacing=None, client_id="app", whence=HERE)
    assert await world.sessions.find(value) is None


async def test_an_account_that_is_gone_there_takes_its_way_in_along_and_leaves_the_others(
    world: World, upstream: TellingUpstream
) -> None:
    session = await set_up(world)
    sub = session.login.sub
    await give_way(world, sub)
    assert await ways(world, sub) == [("beta", "b-ann"), ("alpha", "a-ann")]
    assert await tell(world, Meaning.GONE, "a-ann") == 202
    assert await ways(world, sub) == [("beta", "b-ann")]
    account = await world.store.durable.accounts.resolve(sub)
    assert account is not None
    assert account.closes_at is None
    assert outcomes(world) == ["unlinked"]


async def test_a_way_in_that_is_switched_off_today_keeps_the_account(world: World, upstream: TellingUpstream) -> None:
    session = await set_up(world)
    await give_way(world, session.login.sub)
    world.on.discard("beta")
    await world.restart()
    await tell(world, Meaning.GONE, "a-ann")
    assert await ways(world, session.login.sub) == [("beta", "b-ann")]
    assert outcomes(world) == ["unlinked"]


@pytest.mark.parametrize("wait", [14 * 86400, 0])
async def test_the_account_with_its_last_way_in_goes_as_if_its_person_had_asked_for_it(
    world: World, upstream: TellingUpstream, wait: int
) -> None:
    world.account_rules = AccountRules(deletion_wait=wait, history_kept=86400)
    await world.restart()
    _, value, session = await world.log_in()
    token = await offline_token(world)
    await tell(world, Meaning.GONE)
    account = await world.store.durable.accounts.resolve(session.login.sub)
    assert (account.closes_at if account else 0) == (NOW + 1 + wait if wait else 0)
    assert await world.sessions.find(value) is None
    assert not await lives(world, token)
    assert outcomes(world) == ["closed"]
    assert await tell(world, Meaning.GONE, key="k2") == 202, "told again in other words"
    assert outcomes(world)[1:] == ["kept" if wait else "nobody"]


async def test_a_blocked_account_stays_what_it_is(world: World, upstream: TellingUpstream) -> None:
    _, _, session = await world.log_in()
    await world.store.durable.accounts.set_blocked(session.login.sub, True)
    await tell(world, Meaning.GONE)
    account = await world.store.durable.accounts.resolve(session.login.sub)
    assert account is not None
    assert (account.blocked, account.closes_at) == (True, None)
    assert outcomes(world) == ["kept"]


async def test_what_is_known_of_a_person_changes_and_nothing_ends(world: World, upstream: TellingUpstream) -> None:
    upstream.identity = Identity("x1", raw_ids={"an_id": "x1"}, lasting=(frozenset({"off"}),))
    _, value, session = await world.log_in()
    upstream.marks = {"off": "true"}
    await tell(world, Meaning.MARKED)
    (link,) = await world.store.durable.people.links(session.login.sub)
    assert dict(link.raw_ids) == {"an_id": "x1", "off": "true"}
    await world.log_in()
    (link,) = await world.store.durable.people.links(session.login.sub)
    assert dict(link.raw_ids) == {"an_id": "x1", "off": "true"}, "a login does not tell the opposite"
    upstream.marks = {"off": None}
    await tell(world, Meaning.MARKED, key="k2")
    (link,) = await world.store.durable.people.links(session.login.sub)
    assert dict(link.raw_ids) == {"an_id": "x1"}
    assert await world.sessions.find(value) is not None


async def test_g21_the_same_message_again_is_answered_as_before_and_does_nothing(
    world: World, upstream: TellingUpstream
) -> None:
    await world.log_in()
    await tell(world, Meaning.SESSIONS_OVER)
    _, value, _ = await world.log_in()
    assert await tell(world, Meaning.SESSIONS_OVER) == 202
    assert await world.sessions.find(value) is not None
    assert outcomes(world) == ["ended", "repeated"]
    await tell(world, Meaning.SESSIONS_OVER, key="k2")
    assert await world.sessions.find(value) is None


@pytest.mark.parametrize("meaning", [Meaning.SESSIONS_OVER, Meaning.WITHDRAWN, Meaning.GONE, Meaning.MARKED])
async def test_nobody_who_is_here_is_no_failure(world: World, upstream: TellingUpstream, meaning: Meaning) -> None:
    assert await tell(world, meaning, "stranger") == 202
    assert outcomes(world) == ["nobody"]


async def test_what_is_only_told_is_noted(world: World, upstream: TellingUpstream) -> None:
    _, value, _ = await world.log_in()
    assert await tell(world, Meaning.NOTED, "") == 202
    assert await world.sessions.find(value) is not None
    assert outcomes(world) == ["noted"]


async def test_g21_a_message_that_is_not_believed_ends_nothing_and_may_come_again_when_it_is(
    world: World, upstream: TellingUpstream
) -> None:
    _, value, _ = await world.log_in()
    upstream.answer = UpstreamInvalid("event: the signature does not fit")
    with pytest.raises(InvalidRequest) as refused:
        await tell(world, Meaning.GONE)
    assert "signature" not in refused.value.public
    upstream.answer = UpstreamUnavailable("no keys")
    with pytest.raises(UpstreamUnavailable):
        await tell(world, Meaning.GONE)
    assert await world.sessions.find(value) is not None
    assert outcomes(world) == ["UpstreamInvalid", "UpstreamUnavailable"]
    upstream.answer = None
    await tell(world, Meaning.SESSIONS_OVER)
    assert await world.sessions.find(value) is None


@pytest.mark.parametrize("name", ["beta", "nobody"])
async def test_a_provider_that_tells_of_nobody_is_not_heard(world: World, upstream: TellingUpstream, name: str) -> None:
    with pytest.raises(InvalidRequest):
        await world.upstream_events.receive(name, b"sessions_over/x1/k1")


async def test_b9_while_an_operator_has_the_provider_off_its_word_is_to_come_again(
    world: World, upstream: TellingUpstream
) -> None:
    _, value, _ = await world.log_in()
    await world.switches.off(Switchable.PROVIDER, "alpha", why="a secret leaked", by="ops")
    with pytest.raises(ProviderSwitchedOff) as refused:
        await tell(world, Meaning.SESSIONS_OVER)
    assert refused.value.status == 503
    await world.switches.on(Switchable.PROVIDER, "alpha", why="a new secret", by="ops")
    await tell(world, Meaning.SESSIONS_OVER)
    assert await world.sessions.find(value) is None


async def test_a_way_in_that_came_by_a_merge_is_parted_with_at_its_home_too(
    world: World, upstream: TellingUpstream
) -> None:
    kept = (await set_up(world)).login.sub
    _, _, session = await world.log_in(name="alpha")
    made = session.login.sub
    durable, proof = world.store.durable, HeldIdentity("alpha", session.login.provider_key, "a-ann", "j1", NOW, NOW)
    known = {*await durable.accounts.known_to(kept), *await durable.accounts.known_to(made)}
    merged = await durable.accounts.merge(
        kept, made, proof=proof, now=NOW, expires_at=NOW + 999, known=known, seen_as={}
    )
    assert isinstance(merged, Merged)
    await tell(world, Meaning.GONE, "a-ann")
    assert await ways(world, kept) == [("beta", "b-ann")]
    account = await durable.accounts.resolve(made)
    assert account is not None
    assert (account.sub, account.closes_at) == (made, NOW + 1 + world.account_rules.deletion_wait)
    assert outcomes(world) == ["unlinked"]
