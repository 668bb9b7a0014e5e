"""What an upstream's own session has to do with ours: it ends ours, ours ends it, and it is asked when apps refresh."""

from __future__ import annotations

import pytest

from broker.core.errors import (
    InvalidGrant,
    InvalidRequest,
    InvalidToken,
    UpstreamDenied,
    UpstreamError,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from broker.core.events import Event
from broker.core.wire.parameters import Parameters
from broker.services.sessions.single_sign_on import Session
from broker.store.transient import Kind
from tests.services.bare_broker import HERE, NOW, World
from tests.services.talking_upstream import TalkingUpstream

pytestmark = pytest.mark.anyio


@pytest.fixture
async def upstream(world: World) -> TalkingUpstream:
    """The provider `alpha` can do everything."""
    found = TalkingUpstream()
    found.speak_of()
    world.upstreams["alpha"] = found
    await world.restart()
    return found


async def told(world: World, token: str, name: str = "alpha") -> None:
    """The upstream says that somebody logged out; a second goes by on both sides of it."""
    world.clock.now += 1
    await world.upstream_logouts.receive(name, Parameters([("logout_token", token)]))
    world.clock.now += 1


async def logged_in(world: World) -> tuple[str, Session]:
    """The cookie and the session of a login."""
    _, value, session = await world.log_in()
    return value, session


async def test_a_logout_at_the_upstream_ends_the_session_it_names_and_no_other(
    world: World, upstream: TalkingUpstream
) -> None:
    value, _ = await logged_in(world)
    upstream.speak_of(sid="u-2")
    other, _ = await logged_in(world)
    await told(world, "x1/u-1/j1")
    assert await world.sessions.find(value) is None
    assert await world.sessions.find(other) is not None
    assert world.notes.count(Event.SESSION_ENDED) == 1


async def test_a_logout_without_a_session_ends_all_of_that_person_and_nobody_elses(
    world: World, upstream: TalkingUpstream
) -> None:
    values = [(await logged_in(world))[0] for _ in range(2)]
    upstream.speak_of("x2", sid="")
    other, _ = await logged_in(world)
    await told(world, "x1//j1")
    assert [await world.sessions.find(value) for value in values] == [None, None]
    assert await world.sessions.find(other) is not None


async def test_who_logs_in_after_a_logout_stays(world: World, upstream: TalkingUpstream) -> None:
    await told(world, "x1//j1")
    value, _ = await logged_in(world)
    assert await world.sessions.find(value) is not None


async def test_a_store_that_forgot_and_was_filled_anew_brings_no_session_back(
    world: World, upstream: TalkingUpstream
) -> None:
    value, session = await logged_in(world)
    await told(world, "x1/u-1/j1")
    assert await world.sessions.find(value) is None
    await world.store.transient.put(Kind.SESSION, session.key, session.record.to_bytes(), ttl=600)
    assert await world.sessions.find(value) is None


async def test_a_session_of_a_provider_that_does_not_tell_is_never_looked_up(
    world: World, upstream: TalkingUpstream
) -> None:
    value, _ = await logged_in(world)
    await told(world, "x1/u-1/j1")
    upstream.silent = True
    await world.restart()
    assert await world.sessions.find(value) is not None


async def test_tokens_of_the_session_die_with_it_and_offline_ones_outlive_it(
    world: World, upstream: TalkingUpstream
) -> None:
    online = await world.redeem(await world.code())
    offline = await world.redeem(await world.code(scope="openid offline_access"))
    await told(world, "x1/u-1/j1")
    with pytest.raises(InvalidToken):
        await world.tokens.verify_access(online["access_token"])
    await world.tokens.verify_access(offline["access_token"])
    assert "refresh_token" in await world.refresh(offline["refresh_token"])


async def test_a_code_of_a_login_that_ended_meanwhile_gives_nothing(world: World, upstream: TalkingUpstream) -> None:
    code = await world.code()
    await told(world, "x1/u-1/j1")
    with pytest.raises(InvalidGrant, match="ended at the provider"):
        await world.redeem(code)
    assert world.notes.count(Event.CODE_REPLAYED) == 0, "nobody showed it twice"
    with pytest.raises(InvalidGrant):
        await world.redeem(code)


async def test_a_login_that_a_logout_overtook_is_over(world: World, upstream: TalkingUpstream) -> None:
    begun, flow = await world.begin(await world.request())
    await told(world, "x1/u-1/j1")
    params = {"state": flow.state, "code": "u"}
    finished = await world.finish(world.callback("alpha", params, begun.sealed))
    who = finished.who.shown
    value, session = world.sessions.build(finished.person, who.identity, who.instance, began_at=who.started_at)
    await world.sessions.keep(session, replacing=None, client_id="app", whence=HERE)
    assert await world.sessions.find(value) is None


async def test_g8_a_token_counts_once(world: World, upstream: TalkingUpstream) -> None:
    await told(world, "x1/u-1/j1")
    value, _ = await logged_in(world)
    with pytest.raises(InvalidRequest, match="used before"):
        await told(world, "x1/u-1/j1")
    assert await world.sessions.find(value) is not None
    await told(world, "x1/u-1/j2")
    assert await world.sessions.find(value) is None


@pytest.mark.parametrize("failure", [UpstreamInvalid("forged"), UpstreamUnavailable("no keys")], ids=["bad", "no keys"])
async def test_g8_a_token_that_is_not_verified_ends_nothing(
    world: World, upstream: TalkingUpstream, failure: UpstreamError
) -> None:
    value, _ = await logged_in(world)
    upstream.answer = failure
    with pytest.raises(InvalidRequest) as refused:
        await told(world, "x1/u-1/j1")
    assert failure.detail not in refused.value.public
    assert await world.sessions.find(value) is not None


@pytest.mark.parametrize("name", ["beta", "nobody"])
async def test_only_a_provider_that_is_told_to_receives_logouts(
    world: World, upstream: TalkingUpstream, name: str
) -> None:
    with pytest.raises(InvalidRequest, match="no provider of this name"):
        await told(world, "x1/u-1/j1", name)


async def test_a_logout_without_a_token_or_with_two_is_refused(world: World, upstream: TalkingUpstream) -> None:
    for pairs in ([], [("logout_token", "x1//j1"), ("logout_token", "x1//j2")]):
        with pytest.raises(InvalidRequest, match=r"missing|once"):
            await world.upstream_logouts.receive("alpha", Parameters(pairs))


async def test_a_session_ended_here_takes_its_tokens_along(world: World, upstream: TalkingUpstream) -> None:
    finished, value, session = await world.log_in()
    step = await world.codes.issue(finished.request, session, agreed_at=world.clock())
    tokens = await world.redeem(step.params["code"])
    await world.endings.end_session(session, reason="logout")
    assert await world.sessions.find(value) is None
    assert not await world.is_alive(tokens["access_token"])


async def test_j2_the_upstreams_tokens_are_sealed_for_their_session(world: World, upstream: TalkingUpstream) -> None:
    upstream.speak_of(refresh_token="the-refresh-token")
    _, session = await logged_in(world)
    raw = session.record.to_bytes()
    assert b"the-id-token" not in raw
    assert b"the-refresh-token" not in raw
    href = await world.upstream.end_href(session.record, return_to="https://id.test/out", state="s")
    assert href == "https://up.test/logout?the-id-token&https://id.test/out&s"
    planted = session.record.replace(login=session.login.replace(sid="another"))
    assert await world.upstream.end_href(planted) == ""


async def test_an_upstream_that_cannot_be_asked_keeps_nobody_from_logging_out_here(
    world: World, upstream: TalkingUpstream
) -> None:
    _, session = await logged_in(world)
    upstream.answer = UpstreamUnavailable("down")
    assert await world.upstream.end_href(session.record) == ""
    upstream.silent = True
    await world.restart()
    assert await world.upstream.end_href(session.record) == ""


async def test_an_app_that_refreshes_makes_us_ask_the_upstream_every_ten_minutes(
    world: World, upstream: TalkingUpstream
) -> None:
    upstream.speak_of(refresh_token="r", nonce="n")
    token = (await world.redeem(await world.code(scope="openid offline_access")))["refresh_token"]
    for seconds in (599, 0, 1, 599, 1):
        world.clock.now += seconds
        token = (await world.refresh(token))["refresh_token"]
    assert upstream.refreshed == ["x1:r:n:None", "x1:r+:n:None"]
    assert world.clock.now == NOW + 1200


@pytest.mark.parametrize("failure", [UpstreamDenied("gone"), UpstreamInvalid("other sub")], ids=["denied", "other sub"])
async def test_b9_whom_the_upstream_refuses_is_refused_at_refresh_and_stays_so(
    world: World, upstream: TalkingUpstream, failure: UpstreamError
) -> None:
    upstream.speak_of(refresh_token="r")
    tokens = await world.redeem(await world.code(scope="openid offline_access"))
    world.clock.now += 600
    upstream.answer = failure
    with pytest.raises(InvalidGrant) as refused:
        await world.refresh(tokens["refresh_token"])
    assert "log in again" in refused.value.public
    upstream.answer = None
    with pytest.raises(InvalidGrant):
        await world.refresh(tokens["refresh_token"])
    assert not await world.is_alive(tokens["access_token"])


async def test_an_upstream_that_does_not_answer_logs_nobody_out(world: World, upstream: TalkingUpstream) -> None:
    upstream.speak_of(refresh_token="r")
    token = (await world.redeem(await world.code(scope="openid offline_access")))["refresh_token"]
    world.clock.now += 600
    upstream.answer = UpstreamUnavailable("down")
    token = (await world.refresh(token))["refresh_token"]
    world.clock.now += 600
    upstream.answer = None
    assert "refresh_token" in await world.refresh(token)
    assert upstream.refreshed == ["x1:r::None", "x1:r::None"]


async def test_two_grants_of_one_session_share_what_the_upstream_is_asked_with(
    world: World, upstream: TalkingUpstream
) -> None:
    upstream.speak_of(refresh_token="r")
    request = await world.request(scope="openid offline_access")
    _, _, session = await world.log_in(request)
    tokens = []
    for _ in range(2):
        step = await world.codes.issue(request, session, agreed_at=world.clock())
        tokens.append((await world.redeem(step.params["code"]))["refresh_token"])
    for token in tokens:
        world.clock.now += 600
        await world.refresh(token)
    assert upstream.refreshed == ["x1:r::None", "x1:r+::None"]


async def test_without_offline_access_nothing_is_kept_to_ask_with(world: World, upstream: TalkingUpstream) -> None:
    upstream.speak_of(refresh_token="r")
    finished, _, session = await world.log_in()
    await world.redeem((await world.codes.issue(finished.request, session, agreed_at=world.clock())).params["code"])
    assert await world.store.durable.sessions.claim_login(session.login.sid, now=NOW + 9999, every=1) is None
