"""Single sign-on sessions: a fresh id at every login, limits on our side."""

from __future__ import annotations

import pytest

from broker.core.events import Event
from broker.core.people.identity import Account, Identity, Link, Person
from broker.core.seal import digest
from broker.services.sessions.single_sign_on import Session
from broker.store.transient import Kind
from tests.services.bare_broker import HERE, NOW, World

pytestmark = pytest.mark.anyio
PERSON = Person(Account("s1", NOW), Link("p1", "x1", "alpha", {}, {}, NOW))
IDENTITY = Identity("x1", amr=("fed", "upstream-app"))


async def start(world: World, identity: Identity = IDENTITY, replacing: Session | None = None) -> tuple[str, Session]:
    """Somebody logged in."""
    await world.store.durable.people.adopt(PERSON.account, PERSON.link)
    alpha = world.providers.find("alpha")
    return await world.sessions.start(PERSON, identity, alpha, replacing=replacing, client_id="app", whence=HERE)


async def test_a_session_says_who_logged_in_when_and_how(world: World) -> None:
    value, session = await start(world)
    assert await world.sessions.find(value) == session
    record, login = session.record, session.login
    assert (login.sub, login.provider, login.provider_key, login.subject) == ("s1", "alpha", "p1", "x1")
    assert (login.auth_time, login.amr, record.created_at, record.seen_at) == (NOW, ("fed", "upstream-app"), NOW, NOW)


async def test_a_session_counts_from_the_moment_it_is_kept(world: World) -> None:
    before_value, before = await start(world)
    value, session = world.sessions.build(PERSON, IDENTITY, world.providers.find("alpha"))
    assert await world.sessions.find(value) is None
    assert await world.sessions.find(before_value) == before
    await world.sessions.keep(session, replacing=before, client_id="app", whence=HERE)
    assert await world.sessions.find(value) == session
    assert await world.sessions.find(before_value) is None


async def test_g1_a_login_kills_the_session_it_replaces(world: World) -> None:
    planted, before = await start(world)
    value, session = await start(world, replacing=before)
    assert await world.sessions.find(planted) is None
    assert await world.sessions.find(value) == session
    assert value != planted
    assert session.key != before.key
    assert session.login.sid == before.login.sid, "apps know it by this name, which opens nothing"
    assert world.notes.count(Event.SESSION_ENDED) == 0


async def test_d7_a_session_is_fresh_for_five_minutes_from_when_its_person_was_asked(world: World) -> None:
    alpha = world.providers.find("alpha")
    _, session = world.sessions.build(PERSON, IDENTITY, alpha, asked_at=NOW + 60)
    _, unasked = await start(world)
    assert session.login.asked_at == NOW, "not in the future, whatever the upstream's clock says"
    assert unasked.login.auth_time == NOW
    assert world.sessions.is_fresh(session)
    assert not world.sessions.is_fresh(unasked)
    world.clock.now += 300
    assert world.sessions.is_fresh(session)
    world.clock.now += 1
    assert not world.sessions.is_fresh(session)


async def keep_again(world: World, session: Session) -> None:
    """The store of sessions is as it was before."""
    await world.store.transient.put(Kind.SESSION, session.key, session.record.to_bytes(), ttl=10**6)


@pytest.mark.parametrize("later", [0, 601, 3599])
async def test_k25_a_session_that_was_ended_stays_dead_when_the_store_goes_back_in_time(
    world: World, later: int
) -> None:
    value, session = await start(world)
    await world.endings.end_session(session, reason="logout")
    world.clock.now += later
    await keep_again(world, session)
    assert await world.sessions.find(value) is None
    assert await world.store.transient.get(Kind.SESSION, session.key) is None


async def test_k25_a_cookie_that_a_login_replaced_stays_worthless_when_the_store_goes_back_in_time(
    world: World,
) -> None:
    planted, before = await start(world)
    value, session = await start(world, replacing=before)
    await keep_again(world, before)
    assert await world.sessions.find(planted) is None
    assert await world.sessions.find(value) == session, "the session itself goes on"


@pytest.mark.parametrize("value", ["", "x", "s" * 40, "é", "\ud7ff", "x" * 10_000])
async def test_g1_a_planted_value_is_no_session(world: World, value: str) -> None:
    assert await world.sessions.find(value) is None


async def test_j2_the_store_knows_the_digest_only(world: World) -> None:
    value, session = await start(world)
    assert session.key == digest(value)
    assert await world.store.transient.get(Kind.SESSION, value) is None
    raw = await world.store.transient.get(Kind.SESSION, session.key)
    assert raw is not None
    assert value.encode() not in raw
    assert session.login.sid not in value


async def test_b8_a_session_is_found_among_sessions_only(world: World) -> None:
    value, session = await start(world)
    for kind in set(Kind) - {Kind.SESSION}:
        assert await world.store.transient.get(kind, session.key) is None
    code = await world.code()
    assert await world.sessions.find(code) is None
    assert await world.sessions.find(value)


async def test_a_session_of_another_version_is_none(world: World) -> None:
    await world.store.transient.put(Kind.SESSION, digest("s-old"), b'{"k":"session","since":1}', ttl=60)
    assert await world.sessions.find("s-old") is None


@pytest.mark.parametrize(("seconds", "alive"), [(0, True), (3599, True), (3600, False), (10**6, False)])
async def test_g18_an_unused_session_ends(world: World, seconds: int, alive: bool) -> None:
    value, _ = await start(world)
    world.clock.now += seconds
    assert (await world.sessions.find(value) is not None) is alive


async def test_g18_a_used_session_ends_a_day_after_its_login(world: World) -> None:
    value, _ = await start(world)
    for _ in range(86_400 // 3000):
        world.clock.now += 3000
        if world.clock.now < NOW + 86_400:
            assert await world.sessions.find(value) is not None
    world.clock.now = NOW + 86_399
    assert await world.sessions.find(value) is not None
    world.clock.now = NOW + 86_400
    assert await world.sessions.find(value) is None


@pytest.mark.parametrize(("seen_before", "created_before"), [(3600, 3600), (0, 86_400)])
async def test_g18_the_record_says_when_it_ends_whatever_the_store_keeps(
    world: World, seen_before: int, created_before: int
) -> None:
    value, session = await start(world)
    aged = session.record.replace(seen_at=NOW - seen_before, created_at=NOW - created_before)
    assert await world.store.transient.replace(Kind.SESSION, session.key, aged.to_bytes(), ttl=10**6)
    assert await world.sessions.find(value) is None
    assert await world.store.transient.get(Kind.SESSION, session.key) is None


@pytest.mark.parametrize(("seconds", "seen_at"), [(299, NOW), (300, NOW + 300), (3000, NOW + 3000)])
async def test_a_session_in_use_is_written_every_five_minutes(world: World, seconds: int, seen_at: int) -> None:
    value, session = await start(world)
    world.clock.now += seconds
    found = await world.sessions.find(value)
    assert found is not None
    assert (found.record.seen_at, found.login.sid, found.key) == (seen_at, session.login.sid, session.key)
    assert (found.login.auth_time, found.record.created_at) == (NOW, NOW)


@pytest.mark.parametrize(("told", "kept"), [(None, NOW), (NOW - 500, NOW - 500), (NOW + 500, NOW), (NOW, NOW)])
async def test_a17_auth_time_is_what_the_upstream_proves_and_never_in_the_future(
    world: World, told: int | None, kept: int
) -> None:
    _, session = await start(world, Identity("x1", auth_time=told))
    assert session.login.auth_time == kept
