"""Consent: asked once per client and scope, bound to one session, good for one answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from broker.core.authorize.consent import Said
from broker.core.authorize.pushed import PushedRequest
from broker.core.clients.client import Origin, TokenPolicy
from broker.core.errors import ConsentRequired, FlowFinished, FlowGone, ForeignPost
from broker.core.events import Event
from broker.core.records import AuthorizationRequest, CodeRecord, ConsentTicket
from broker.core.seal import digest
from broker.core.terms import SubjectType
from broker.services.authorize.codes import Answer
from broker.services.authorize.decide import Ask
from broker.services.authorize.questions import Choice, Question
from broker.services.sessions.single_sign_on import Session
from broker.store.transient import Kind
from tests.services.bare_broker import NOW, REDIRECT, World, app, seal

pytestmark = pytest.mark.anyio
EMAIL = '{"userinfo":{"email":null}}'


@pytest.fixture
async def asking(world: World) -> World:
    """A world whose client is not ours: people are asked."""
    world.clients["app"] = app(first_party=False)
    await world.restart()
    return world


async def ask(world: World, **changed: str | None) -> tuple[str, Session]:
    """A question put to a fresh session."""
    request = await world.request(**changed)
    finished, _, session = await world.log_in(request)
    step = await world.authorization.after_login(
        request, world.clients["app"], session, fresh_since=finished.started_at
    )
    assert isinstance(step, Ask)
    return step.ticket, session


async def answer(world: World, ticket: ConsentTicket, sub: str, *, allowed: bool) -> None:
    """The one answer, of which nothing else comes."""
    async with world.consents.answer(ticket, sub, ticket.request if allowed else None):
        pass


async def agree(world: World, session: Session, **changed: str | None) -> None:
    """Yes to a question about this request."""
    ticket = world.consents.open_ticket(
        world.consents.build_ticket(await world.request(**changed), world.clients["app"], session), session
    )
    await answer(world, ticket, session.login.sub, allowed=True)


async def agreed_to(world: World, session: Session, request: AuthorizationRequest) -> AuthorizationRequest | None:
    """What of this request is given after a login for it, None where a question is needed."""
    return await world.consents.find_agreed(request, world.clients["app"], session.login.sub, fresh=True)


async def needed(world: World, session: Session, **changed: str | None) -> bool:
    """Whether this request needs a question after a login for it."""
    return await agreed_to(world, session, await world.request(**changed)) is None


async def needed_silently(world: World, session: Session) -> bool:
    """Whether a request needs a question although nobody logged in for it."""
    request, client = await world.request(), world.clients["app"]
    return await world.consents.find_agreed(request, client, session.login.sub, fresh=False) is None


PROMISES: dict[str, dict[str, Any]] = {
    "another name": {"name": {"en": "Totally Other Bank"}},
    "another name in one language": {"name": {"en": "App", "ru": "Чужой банк"}},
    "another policy": {"origin": Origin(policy_uri="https://app.test/other")},
    "other terms": {"origin": Origin(tos_uri="https://app.test/other")},
    "subjects of a sector": {"tokens": TokenPolicy(subject_type=SubjectType.PAIRWISE, sector="app.test")},
}


@pytest.mark.parametrize("changed", PROMISES.values(), ids=PROMISES)
async def test_a23_a_yes_to_what_the_page_promised_is_none_to_another_promise(
    asking: World, changed: dict[str, Any]
) -> None:
    _, session = await ask(asking)
    await agree(asking, session)
    before = asking.clients["app"]
    asking.clients["app"] = replace(before, **changed)
    await asking.restart()
    assert await needed(asking, session)
    client, silent = asking.clients["app"], await asking.request(prompt="none")
    with pytest.raises(ConsentRequired):
        await asking.authorization.after_login(silent, client, session)
    await agree(asking, session)
    assert not await needed(asking, session)
    asking.clients["app"] = before
    await asking.restart()
    assert not await needed(asking, session), "what the person said to the first promise still stands"


async def test_a23_nor_to_another_host(asking: World) -> None:
    asking.clients["app"] = replace(asking.clients["app"], redirect_uris=(REDIRECT, "https://other-bank.test/cb"))
    await asking.restart()
    _, session = await ask(asking)
    await agree(asking, session, scope="openid profile email")
    assert not await needed(asking, session)
    assert await needed(asking, session, redirect_uri="https://other-bank.test/cb")


async def test_a23_from_pairwise_to_public_asks_again(asking: World) -> None:
    plain = asking.clients["app"]
    asking.clients["app"] = replace(plain, tokens=TokenPolicy(subject_type=SubjectType.PAIRWISE, sector="app.test"))
    await asking.restart()
    _, session = await ask(asking)
    await agree(asking, session)
    asking.clients["app"] = plain
    await asking.restart()
    assert await needed(asking, session)


async def test_a23_a_client_that_changes_while_its_question_is_open_gets_no_answer(asking: World) -> None:
    sealed, session = await ask(asking)
    ticket = asking.consents.open_ticket(sealed, session)
    asking.consents.check_promise(ticket, asking.clients["app"])
    with pytest.raises(FlowGone):
        asking.consents.check_promise(ticket, app(first_party=False, name={"en": "Totally Other Bank"}))


async def test_a23_what_was_agreed_to_without_a_promise_is_asked_once_more(asking: World) -> None:
    _, session = await ask(asking)
    before = Said(frozenset({"openid", "profile"}))
    await asking.store.durable.consents.save_consent(session.login.sub, "app", "", before, NOW)
    assert await needed(asking, session)


async def test_g17_the_first_use_of_a_client_asks_and_the_next_does_not(asking: World) -> None:
    _, session = await ask(asking)
    assert await needed(asking, session)
    await agree(asking, session)
    assert not await needed(asking, session)
    assert not await needed_silently(asking, session)
    assert asking.notes.count(Event.CONSENT_GIVEN) == 1


@pytest.mark.parametrize(
    ("agreed", "asked", "again"),
    [
        ({"scope": "openid email"}, {"scope": "openid"}, False),
        ({"scope": "openid email"}, {"scope": "email openid"}, False),
        ({"scope": "openid"}, {"scope": "openid email"}, True),
        ({"scope": "openid"}, {"scope": "openid offline_access"}, True),
        ({"scope": "openid"}, {"scope": "openid", "claims": EMAIL}, True),
        ({"scope": "openid", "claims": EMAIL}, {"scope": "openid", "claims": EMAIL}, False),
        ({"scope": "openid email"}, {"scope": "openid", "claims": EMAIL}, False),
        ({"scope": "openid email"}, {"scope": "openid", "prompt": "consent"}, True),
    ],
)
async def test_only_what_was_agreed_to_is_given_without_asking(
    asking: World, agreed: dict[str, str | None], asked: dict[str, str | None], again: bool
) -> None:
    _, _, session = await asking.log_in()
    await agree(asking, session, **agreed)
    assert await needed(asking, session, **asked) is again


async def test_consents_add_up(asking: World) -> None:
    _, _, session = await asking.log_in()
    await agree(asking, session, scope="openid email")
    await agree(asking, session, scope="openid profile")
    assert not await needed(asking, session, scope="openid email profile")


async def test_g17_consent_is_per_client_and_per_person(asking: World) -> None:
    asking.clients["other"] = app("other", first_party=False)
    await asking.restart()
    _, _, ann = await asking.log_in()
    await agree(asking, ann)
    _, _, bob = await asking.log_in(name="beta")
    assert await needed(asking, bob)
    other = asking.clients["other"]
    request = await asking.request("other")
    assert await asking.consents.find_agreed(request, other, ann.login.sub, fresh=True) is None


async def test_a_client_of_ours_asks_only_when_told_to(world: World) -> None:
    _, _, session = await world.log_in()
    assert not await needed(world, session)
    assert await needed(world, session, prompt="consent")


@pytest.mark.parametrize("first_party", [True, False])
async def test_a16_an_app_that_another_could_impersonate_is_never_answered_silently(
    world: World, first_party: bool
) -> None:
    world.clients["app"] = app(first_party=first_party, redirect_uris=("com.example.app:/cb",))
    await world.restart()
    _, _, session = await world.log_in()
    await agree(world, session)
    assert not await needed(world, session)
    assert await needed_silently(world, session)


async def test_a13_a_question_is_answered_in_the_session_it_was_put_to(asking: World) -> None:
    ticket, ann = await ask(asking)
    _, _, bob = await asking.log_in(name="beta")
    _, _, ann_elsewhere = await asking.log_in()
    for session in (bob, ann_elsewhere, None):
        with pytest.raises(ForeignPost):
            asking.consents.open_ticket(ticket, session)
    assert asking.consents.open_ticket(ticket, ann)


async def test_a13_a_question_is_answered_once(asking: World) -> None:
    sealed, session = await ask(asking)
    ticket = asking.consents.open_ticket(sealed, session)
    outcomes = await asyncio.gather(
        *(answer(asking, ticket, session.login.sub, allowed=True) for _ in range(20)),
        return_exceptions=True,
    )
    assert sum(outcome is None for outcome in outcomes) == 1
    assert sum(isinstance(outcome, FlowFinished) for outcome in outcomes) == 19


@pytest.mark.parametrize("allowed", [True, False])
async def test_a13_an_answer_cannot_be_changed_afterwards(asking: World, allowed: bool) -> None:
    sealed, session = await ask(asking)
    ticket = asking.consents.open_ticket(sealed, session)
    await answer(asking, ticket, session.login.sub, allowed=allowed)
    with pytest.raises(FlowFinished):
        await answer(asking, ticket, session.login.sub, allowed=not allowed)
    assert await needed(asking, session) is not allowed
    assert asking.notes.count(Event.CONSENT_REFUSED) == (not allowed)


@pytest.mark.parametrize(("seconds", "good"), [(0, True), (599, True), (600, False), (10**6, False)])
async def test_a13_a_question_is_good_for_ten_minutes(asking: World, seconds: int, good: bool) -> None:
    ticket, session = await ask(asking)
    asking.clock.now += seconds
    if good:
        assert asking.consents.open_ticket(ticket, session)
        return
    with pytest.raises(FlowGone):
        asking.consents.open_ticket(ticket, session)


async def test_a14_the_question_itself_says_what_is_agreed_to(asking: World) -> None:
    sealed, session = await ask(asking, scope="openid email")
    ticket = asking.consents.open_ticket(sealed, session)
    assert ticket.request == await asking.request(scope="openid email")


@pytest.mark.parametrize("purpose", ["flow", "entry", "access token"])
async def test_b8_a_record_of_another_kind_or_purpose_is_no_question(asking: World, purpose: str) -> None:
    sealed, session = await ask(asking)
    ticket = asking.consents.open_ticket(sealed, session)
    for forged in (
        seal(purpose).seal(ticket.to_bytes()),
        seal("consent").seal(PushedRequest(ticket.request).to_bytes()),
        seal("consent").seal(b"{}"),
        sealed[:-1],
        "",
        "x",
    ):
        with pytest.raises(ForeignPost):
            asking.consents.open_ticket(forged, session)


async def test_a_question_of_a_dying_second_can_still_be_answered_once(asking: World) -> None:
    _, _, session = await asking.log_in()
    request: AuthorizationRequest = await asking.request()
    ticket = ConsentTicket(request, session.key, "j1", NOW)
    await answer(asking, ticket, session.login.sub, allowed=True)
    with pytest.raises(FlowFinished):
        await answer(asking, ticket, session.login.sub, allowed=True)


async def choose(world: World, session: Session, marked: frozenset[str] | None, **changed: str | None) -> Question:
    """A question in this session, answered by what was left marked."""
    client = world.clients["app"]
    ticket = world.consents.open_ticket(
        world.consents.build_ticket(await world.request(**changed), client, session), session
    )
    question = Question(ticket, client, session)
    async with world.consents.answer(ticket, session.login.sub, question.agreed(Choice(True, marked))):
        return question


async def given(world: World, session: Session, **changed: str | None) -> tuple[str, ...] | None:
    """The scopes that are given without a question, None where one is put."""
    agreed = await agreed_to(world, session, await world.request(**changed))
    return agreed.scope if agreed else None


FULL: dict[str, str | None] = {"scope": "openid profile email offline_access"}


async def test_what_was_left_out_is_neither_given_nor_asked_for_at_the_next_login(asking: World) -> None:
    _, _, session = await asking.log_in()
    await choose(asking, session, frozenset({"profile"}), **FULL)
    assert await given(asking, session, **FULL) == ("openid", "profile")
    assert await given(asking, session, scope="openid", claims=EMAIL) == ("openid",)
    _, _, later = await asking.log_in()
    assert await given(asking, later, **FULL) == ("openid", "profile"), "it is the person's answer, not the session's"


async def test_a_new_scope_asks_and_the_page_remembers_what_was_left_out(asking: World) -> None:
    _, _, session = await asking.log_in()
    await choose(asking, session, frozenset({"profile"}), scope="openid profile email")
    assert await given(asking, session, **FULL) is None
    request = await asking.request(**FULL)
    assert (await asking.consents.recall(request, asking.clients["app"], session.login.sub)).no == {"email"}


async def test_a14_what_was_left_out_at_one_host_is_not_given_at_another(asking: World) -> None:
    elsewhere: dict[str, str | None] = {"redirect_uri": "https://www.app.test/cb"}
    hosts = (REDIRECT, "https://www.app.test/cb")
    asking.clients["app"] = app(first_party=False, redirect_uris=hosts)
    await asking.restart()
    _, _, session = await asking.log_in()
    await agree(asking, session, **FULL)
    await agree(asking, session, **FULL, **elsewhere)
    await choose(asking, session, frozenset({"profile"}), **FULL, prompt="consent")
    assert await given(asking, session, **FULL) == ("openid", "profile")
    assert await given(asking, session, **FULL, **elsewhere) is None, "the person is asked"
    assert await given(asking, session, scope="openid profile", **elsewhere) == ("openid", "profile")
    await agree(asking, session, **FULL, **elsewhere)
    assert await given(asking, session, **FULL) == ("openid", "profile"), "that yes is for its own host"


async def test_the_last_answer_replaces_the_one_before_in_both_directions(asking: World) -> None:
    _, _, session = await asking.log_in()
    await choose(asking, session, frozenset({"profile"}), **FULL)
    await choose(asking, session, frozenset({"email"}), **FULL, prompt="consent")
    assert await given(asking, session, **FULL) == ("openid", "email")
    await agree(asking, session, **FULL)
    assert await given(asking, session, **FULL) == ("openid", "profile", "email", "offline_access")
    assert await given(asking, session, **FULL, prompt="consent") is None, "asking again is what the word is for"


async def test_a14_what_is_marked_adds_nothing_to_what_was_asked(asking: World) -> None:
    _, _, session = await asking.log_in()
    question = await choose(asking, session, frozenset({"profile", "offline_access", "admin"}), scope="openid email")
    assert question.agreed(Choice(True, frozenset({"profile", "admin"}))) == await asking.request(scope="openid")
    assert await given(asking, session, scope="openid email") == ("openid",)
    assert await given(asking, session, **FULL) is None


async def test_a14_what_may_not_be_left_out_is_not_left_out(asking: World) -> None:
    asking.clients["app"] = replace(asking.clients["app"], required_scopes=frozenset({"email"}))
    await asking.restart()
    _, _, session = await asking.log_in()
    await choose(asking, session, frozenset(), **FULL)
    assert await given(asking, session, **FULL) == ("openid", "email")


async def test_leaving_everything_out_of_a_request_without_openid_is_a_no(asking: World) -> None:
    _, _, session = await asking.log_in()
    await choose(asking, session, frozenset(), scope="email")
    assert asking.notes.count(Event.CONSENT_REFUSED) == 1
    assert await given(asking, session, scope="email") is None


async def test_a_silent_request_gets_what_was_agreed_to_and_no_more(asking: World) -> None:
    _, _, session = await asking.log_in()
    await choose(asking, session, frozenset({"email"}), **FULL)
    silent = await asking.request(**FULL, prompt="none")
    answered = await asking.authorization.after_login(silent, asking.clients["app"], session)
    assert isinstance(answered, Answer)
    raw = await asking.store.transient.get(Kind.CODE, digest(answered.params["code"]))
    assert raw is not None
    assert CodeRecord.from_bytes(raw).request.scope == ("openid", "email")
