"""Whose wish a logout is, and what ends with it (OIDC RP-Initiated Logout 1.0; threats A18, G1, G5-G7)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from broker.core.clients.client import LogoutPolicy, TokenPolicy
from broker.core.errors import FlowGone, ForeignPost, InvalidGrant, InvalidRequest, LoginRequired
from broker.core.events import Event
from broker.core.logout import Telling
from broker.core.terms import SubjectType
from broker.core.wire.parameters import Parameters
from broker.services.logout.rp_initiated import LogoutWish
from broker.services.sessions.single_sign_on import Session
from broker.store.transient import Kind
from tests.services.apps import delivering
from tests.services.bare_broker import NOW, REDIRECT, World, app

pytestmark = pytest.mark.anyio
AFTER = "https://app.test/bye"
TELL = "https://app.test/backchannel"
FRAME = "https://app.test/frame"
DONE = "https://id.test/logout/done"


@pytest.fixture
async def world(world: World) -> World:
    """One app that is told by both channels, and one that is not."""
    policy = LogoutPolicy((AFTER, "com.example.app:/bye"), backchannel_logout_uri=TELL, frontchannel_logout_uri=FRAME)
    world.clients |= {"app": app(logout=policy), "quiet": app("quiet")}
    await world.restart()
    return world


async def signed_in(world: World, client_id: str = "app", /, **changed: str) -> tuple[Session, dict[str, Any]]:
    """A session and the tokens an app got in it."""
    request = await world.request(client_id, **changed)
    _, _, session = await world.log_in(request)
    return session, await also(world, session, client_id, **changed)


async def also(world: World, session: Session, client_id: str, /, **changed: str) -> dict[str, Any]:
    """The tokens of one more app in the same session."""
    answer = await world.codes.issue(await world.request(client_id, **changed), session, agreed_at=world.clock())
    return await world.redeem(answer.params["code"], client_id)


async def verify(world: World, **params: str) -> LogoutWish:
    """A logout request, checked."""
    return await world.logout.verify(Parameters(params.items()))


async def test_the_app_that_shows_its_id_token_of_this_session_need_not_ask(world: World) -> None:
    session, tokens = await signed_in(world)
    wish = await verify(world, id_token_hint=tokens["id_token"], post_logout_redirect_uri=AFTER, state="a b")
    assert world.logout.is_plain(wish, session)
    assert wish.redirect_uri == f"{AFTER}?state=a+b"


async def test_an_expired_id_token_is_a_hint_all_the_same(world: World) -> None:
    session, tokens = await signed_in(world)
    world.clock.now += 601
    assert world.logout.is_plain(await verify(world, id_token_hint=tokens["id_token"]), session)


async def test_a_later_session_of_the_same_person_need_not_be_asked_for(world: World) -> None:
    _, tokens = await signed_in(world)
    _, _, later = await world.log_in()
    wish = await verify(world, id_token_hint=tokens["id_token"])
    assert wish.sid != later.login.sid
    assert world.logout.is_plain(wish, later)


async def test_a_pairwise_subject_is_known_again(world: World) -> None:
    world.clients["app"] = app(tokens=TokenPolicy(subject_type=SubjectType.PAIRWISE, sector="app.test"))
    await world.restart()
    _, tokens = await signed_in(world)
    _, _, later = await world.log_in()
    wish = await verify(world, id_token_hint=tokens["id_token"])
    assert wish.sub != later.login.sub
    assert world.logout.is_plain(wish, later)


async def test_a18_the_hint_of_somebody_else_ends_nothing_unasked(world: World) -> None:
    _, tokens = await signed_in(world)
    world.upstreams["alpha"].identity = type(world.upstreams["alpha"].identity)("x2", {})
    _, _, other = await world.log_in()
    assert not world.logout.is_plain(await verify(world, id_token_hint=tokens["id_token"]), other)


async def test_without_a_hint_the_person_is_asked_and_sent_nowhere(world: World) -> None:
    session, _ = await signed_in(world)
    wish = await verify(world, client_id="app", post_logout_redirect_uri=AFTER, state="s")
    assert wish == LogoutWish(problem=wish.problem)
    assert "id_token_hint, which is missing" in wish.problem
    assert not world.logout.is_plain(wish, session)


async def test_without_a_session_there_is_nothing_to_ask(world: World) -> None:
    assert world.logout.is_plain(await verify(world), None)


@pytest.mark.parametrize("spoilt", ["other_key", "none", "other_type", "cut", "words"])
async def test_a18_a_hint_that_proves_nothing_is_as_good_as_none(world: World, spoilt: str) -> None:
    session, tokens = await signed_in(world)
    head, body, signature = tokens["id_token"].split(".")
    hint = {
        "other_key": f"{head}.{body}.{'A' * len(signature)}",
        "none": f"eyJhbGciOiJub25lIn0.{body}.",
        "other_type": tokens["access_token"],
        "cut": f"{head}.{body}",
        "words": "not a token",
    }[spoilt]
    wish = await verify(world, id_token_hint=hint, post_logout_redirect_uri="https://evil.test/")
    assert wish == LogoutWish(problem=wish.problem)
    assert "id_token_hint is not an ID token" in wish.problem
    assert not world.logout.is_plain(wish, session)
    assert world.notes.count(Event.REQUEST_REFUSED) == 1


async def test_the_hint_of_an_app_that_is_gone_proves_nothing(world: World) -> None:
    _, tokens = await signed_in(world, "quiet")
    del world.clients["quiet"]
    await world.restart()
    wish = await verify(world, id_token_hint=tokens["id_token"])
    assert (wish.client, wish.sub, wish.redirect_uri) == (None, "", "")


async def test_client_id_must_be_the_one_the_hint_was_issued_to(world: World) -> None:
    _, tokens = await signed_in(world)
    with pytest.raises(InvalidRequest, match="client_id"):
        await verify(world, id_token_hint=tokens["id_token"], client_id="quiet")
    assert (await verify(world, id_token_hint=tokens["id_token"], client_id="app")).client == world.clients["app"]


@pytest.mark.parametrize(
    "uri",
    [
        f"{AFTER}/",
        f"{AFTER}?x=1",
        f"{AFTER}#x",
        "https://APP.test/bye",
        "https://app.test:443/bye",
        "https://app.test/%62ye",
        "https://app.test.evil.test/bye",
        "http://app.test/bye",
        "javascript:alert(1)",
        "com.example.app:/bye/more",
        REDIRECT,
    ],
)
async def test_a1_people_are_sent_to_a_registered_uri_byte_for_byte_or_nowhere(world: World, uri: str) -> None:
    session, tokens = await signed_in(world)
    wish = await verify(world, id_token_hint=tokens["id_token"], post_logout_redirect_uri=uri)
    assert wish.redirect_uri == ""
    assert "not one of the post_logout_redirect_uris" in wish.problem
    assert not world.logout.is_plain(wish, session), "the person decides"
    assert (await world.logout.finish(wish, session, return_to="https://id.test/x")).redirect_uri == ""
    assert world.notes.count(Event.REQUEST_REFUSED) == 1


async def test_a_parameter_that_came_twice_is_refused(world: World) -> None:
    for name in ("id_token_hint", "post_logout_redirect_uri", "state", "client_id", "logout_hint", "ui_locales"):
        with pytest.raises(InvalidRequest, match="more than once"):
            await world.logout.verify(Parameters([(name, "a"), (name, "a")]))


async def test_a_state_has_a_limit(world: World) -> None:
    with pytest.raises(InvalidRequest, match="state"):
        await verify(world, state="s" * 2049)


async def test_g7_the_session_and_what_hangs_on_it_end(world: World) -> None:
    session, tokens = await signed_in(world)
    await world.logout.finish(LogoutWish(), session, return_to=DONE)
    assert not await world.is_alive(tokens["access_token"])
    with pytest.raises(LoginRequired):
        await world.authorization.next_step(
            await world.request(prompt="none"), world.clients["app"], await world.sessions.find(session.key)
        )
    assert await world.store.transient.get(Kind.SESSION, session.key) is None


async def test_g7_access_while_away_outlives_the_session(world: World) -> None:
    session, tokens = await signed_in(world, scope="openid offline_access", prompt="consent")
    await world.logout.finish(LogoutWish(), session, return_to=DONE)
    assert await world.is_alive(tokens["access_token"])
    assert await world.refresh(tokens["refresh_token"])


async def test_g7_a_code_of_the_ended_session_gives_nothing(world: World) -> None:
    session, _ = await signed_in(world)
    answer = await world.codes.issue(await world.request(), session, agreed_at=world.clock())
    await world.logout.finish(LogoutWish(), session, return_to=DONE)
    with pytest.raises(InvalidGrant):
        await world.redeem(answer.params["code"])
    assert sum(await world.store.durable.deliveries.waiting()) == 1


async def test_everybody_else_stays_logged_in(world: World) -> None:
    session, _ = await signed_in(world)
    _, value, other = await world.log_in()
    await world.logout.finish(LogoutWish(), session, return_to=DONE)
    assert await world.sessions.find(value) == other


async def test_it_says_which_apps_were_told_and_how(world: World) -> None:
    world.apps.status[TELL] = 200
    session, _ = await signed_in(world)
    await also(world, session, "quiet")
    async with delivering(world.deliveries):
        done = await world.logout.finish(LogoutWish(), session, return_to=DONE)
    assert done.apps == {"app": Telling.TOLD}
    known = world.tokens.subjects.sid_of(session.login.sid, world.clients["app"])
    assert done.frames == (f"{FRAME}?iss=https%3A%2F%2Fid.test&sid={known}",)
    assert [(client.id, word) for client, word in await world.logout.find_clients(done.apps)] == [("app", "told")]


async def test_nobody_waits_for_an_app_that_hangs(world: World) -> None:
    world.apps.hangs.add(TELL)
    session, _ = await signed_in(world)
    async with delivering(world.deliveries):
        done = await world.logout.finish(LogoutWish(), session, return_to=DONE)
    assert done.apps == {"app": Telling.WAITING}
    assert sum(await world.store.durable.deliveries.waiting()) == 1


async def test_an_app_that_only_a_browser_can_tell_is_told_by_the_browser(world: World) -> None:
    world.clients["app"] = app(logout=LogoutPolicy(frontchannel_logout_uri=f"{FRAME}?x=1"))
    await world.restart()
    session, _ = await signed_in(world)
    done = await world.logout.finish(LogoutWish(), session, return_to=DONE)
    assert done.apps == {"app": Telling.BY_BROWSER}
    assert done.frames[0].startswith(f"{FRAME}?x=1&iss=")
    assert sum(await world.store.durable.deliveries.waiting()) == 0


async def test_g5_the_question_is_bound_to_its_session(world: World) -> None:
    session, tokens = await signed_in(world)
    _, _, other = await world.log_in()
    wish = await verify(world, id_token_hint=tokens["id_token"], post_logout_redirect_uri=AFTER)
    sealed = world.logout.build_ticket(wish, session)
    assert (await world.logout.open_ticket(sealed, session)).redirect_uri == AFTER
    with pytest.raises(ForeignPost):
        await world.logout.open_ticket(sealed, other)
    for forged in (
        "",
        "x",
        sealed[:-2],
        world.consents.build_ticket(await world.request(), world.clients["app"], session),
    ):
        with pytest.raises(ForeignPost):
            await world.logout.open_ticket(forged, session)
    world.clock.now = NOW + 600
    with pytest.raises(FlowGone):
        await world.logout.open_ticket(sealed, session)


async def test_whoever_logs_in_again_stays_the_same_to_apps(world: World) -> None:
    session, tokens = await signed_in(world)
    _, value, again = await world.log_in(replacing=session)
    assert again.login.sid == session.login.sid
    assert again.key != session.key
    assert sum(await world.store.durable.deliveries.waiting()) == 0
    assert await world.is_alive(tokens["access_token"])
    found = await world.sessions.find(value)
    assert found == again
    await world.logout.finish(LogoutWish(), found, return_to=DONE)
    assert sum(await world.store.durable.deliveries.waiting()) == 1


async def test_somebody_else_who_logs_in_in_this_browser_ends_the_session_for_its_apps(world: World) -> None:
    session, tokens = await signed_in(world)
    world.upstreams["alpha"].identity = type(world.upstreams["alpha"].identity)("x2", {})
    _, _, other = await world.log_in(replacing=session)
    assert other.login.sid != session.login.sid
    assert sum(await world.store.durable.deliveries.waiting()) == 1
    assert not await world.is_alive(tokens["access_token"])


async def test_what_a_broken_state_leads_to_is_a_plain_logout(world: World) -> None:
    for state in ("", "unheard-of"):
        done = await world.logout.recall(state)
        assert (done.client, done.redirect_uri, done.apps, done.frames) == (None, "", {}, ())


async def test_a_button_pressed_twice_at_once_logs_out_once_and_breaks_nothing(world: World) -> None:
    session, _ = await signed_in(world)
    world.apps.status[TELL] = 200
    async with delivering(world.deliveries):
        both = await asyncio.gather(
            *(world.logout.finish(LogoutWish(), session, return_to=DONE) for _ in range(2)), return_exceptions=True
        )
    assert [type(done).__name__ for done in both] == ["LoggedOut", "LoggedOut"], both
    assert len(world.apps.tokens(TELL)) == 1
