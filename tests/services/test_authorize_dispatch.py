"""What next for an authorization request: log in, ask, or answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.core.authorize.target import VerifiedRedirect
from broker.core.errors import (
    AccountBlocked,
    BadRedirectUri,
    ConsentRequired,
    InteractionRequired,
    InvalidRequest,
    LoginRequired,
    ProviderNotOffered,
    UnknownClient,
)
from broker.core.events import Event
from broker.core.people.identity import Identity
from broker.core.records import AuthorizationRequest, CodeRecord, Login
from broker.core.seal import digest
from broker.core.terms import Scope
from broker.services.authorize.codes import Answer
from broker.services.authorize.decide import Ask, Choose, Start, Step
from broker.services.sessions.single_sign_on import Session
from broker.store.transient import Kind
from tests.services.bare_broker import CHALLENGE, ISSUER, NOW, REDIRECT, World, app

pytestmark = pytest.mark.anyio


async def next_step(world: World, session: Session | None, **changed: str | None) -> Step:
    """The first decision about a request."""
    return await world.authorization.next_step(await world.request(**changed), world.clients["app"], session)


@pytest.mark.parametrize(
    "changed", [{}, {"prompt": "login"}, {"prompt": "select_account"}, {"prompt": "create"}, {"max_age": "0"}]
)
async def test_a_stranger_chooses_how_to_log_in(world: World, changed: dict[str, str | None]) -> None:
    new = changed.get("prompt") == "create"
    assert await next_step(world, None, **changed) == Choose(("alpha", "beta"), offers=not new)


async def test_prompt_none_never_shows_a_page(world: World) -> None:
    with pytest.raises(LoginRequired):
        await next_step(world, None, prompt="none")


@pytest.mark.parametrize(
    ("hint", "step"),
    [
        ("beta", Start("beta")),
        ("alpha", Start("alpha")),
        ("gamma", Choose(("alpha", "beta"))),
        ("", Choose(("alpha", "beta"))),
    ],
)
async def test_a_provider_hint_is_followed_when_the_client_offers_it(world: World, hint: str, step: Step) -> None:
    assert await next_step(world, None, idp_hint=hint) == step


async def test_b9_a_hint_at_a_provider_the_client_does_not_offer_is_not_followed(world: World) -> None:
    world.clients["app"] = app(providers=("alpha",))
    await world.restart()
    assert await next_step(world, None, idp_hint="beta") == Choose(("alpha",))


@pytest.mark.parametrize(("autoselect", "step"), [(True, Start("beta")), (False, Choose(("beta",)))])
async def test_a_single_provider_is_started_at_once_where_configured(
    world: World, autoselect: bool, step: Step
) -> None:
    world.clients["app"], world.autoselect_single = app(providers=("beta",)), autoselect
    await world.restart()
    assert await next_step(world, None) == step


async def test_a_client_left_without_a_provider_is_a_page(world: World) -> None:
    world.clients["app"], world.on = app(providers=("beta",)), {"alpha"}
    await world.restart()
    with pytest.raises(ProviderNotOffered):
        await next_step(world, None)


@pytest.mark.parametrize(
    ("seconds", "changed", "silent"),
    [
        (0, {}, True),
        (3000, {}, True),
        (0, {"prompt": "none"}, True),
        (0, {"prompt": "login"}, False),
        (0, {"prompt": "select_account"}, False),
        (0, {"prompt": "create"}, False),
        (0, {"prompt": "login consent"}, False),
        (0, {"max_age": "0"}, False),
        (1, {"max_age": "0"}, False),
        (1, {"max_age": "1"}, True),
        (2, {"max_age": "1"}, False),
        (2, {"max_age": "1", "prompt": "none"}, False),
        (100, {"max_age": "10000"}, True),
        (0, {"idp_hint": "alpha"}, True),
        (0, {"idp_hint": "beta"}, False),
        (0, {"idp_hint": "gamma"}, False),
    ],
)
async def test_a17_a_session_answers_as_far_as_the_request_lets_it(
    world: World, seconds: int, changed: dict[str, str | None], silent: bool
) -> None:
    _, _, session = await world.log_in()
    world.clock.now += seconds
    if silent:
        assert isinstance(await next_step(world, session, **changed), Answer)
    elif changed.get("prompt") == "none":
        with pytest.raises(LoginRequired):
            await next_step(world, session, **changed)
    else:
        assert isinstance(await next_step(world, session, **changed), Choose | Start)


@pytest.mark.parametrize("how", ["blocked", "provider off", "provider not listed", "other account", "no account"])
async def test_d11_b9_a_session_that_is_no_longer_welcome_answers_nothing(world: World, how: str) -> None:
    _, _, session = await world.log_in()
    client = world.clients["app"]
    if how == "blocked":
        await world.store.durable.accounts.set_blocked(session.login.sub, True)
    elif how == "provider off":
        world.on = {"beta"}
    elif how == "provider not listed":
        client = world.clients["app"] = app(providers=("beta",))
    elif how == "other account":
        session = replace(session, login=session.login.replace(sub="s9"))
    else:
        session = replace(session, login=session.login.replace(subject="x9"))
    await world.restart()
    with pytest.raises(LoginRequired):
        await next_step(world, session, prompt="none")
    assert isinstance(await next_step(world, session), Choose)
    if how == "blocked":
        with pytest.raises(AccountBlocked):
            await world.authorization.check_still_welcome(client, session)
    else:
        with pytest.raises(LoginRequired):
            await world.authorization.check_still_welcome(client, session)


async def test_a_welcome_session_stays_welcome_while_a_page_is_open(world: World) -> None:
    _, _, session = await world.log_in()
    await world.authorization.check_still_welcome(world.clients["app"], session)


async def test_an_answer_is_a_code_bound_to_everything(world: World) -> None:
    finished, _, session = await world.log_in()
    step = await next_step(world, session, claims='{"userinfo":{"email":null}}', login_hint="ann@app.test")
    assert isinstance(step, Answer)
    assert step.params | {"code": ""} == {"code": "", "state": "s-1", "iss": ISSUER}
    raw = await world.store.transient.get(Kind.CODE, digest(step.params["code"]))
    assert raw is not None
    kept = CodeRecord.from_bytes(raw)
    assert kept == CodeRecord(
        request=AuthorizationRequest(
            client_id="app",
            redirect_uri=REDIRECT,
            scope=("openid", "profile"),
            nonce="n-1",
            code_challenge=CHALLENGE,
            claims={"userinfo": {"email": None}},
        ),
        login=Login(
            sub=finished.person.account.sub,
            provider="alpha",
            provider_key=finished.person.link.provider_key,
            subject="x1",
            auth_time=NOW,
            amr=("fed",),
            sid=session.login.sid,
            began_at=NOW,
        ),
        expires_at=NOW + 60,
        agreed_at=NOW,
    )
    assert world.notes.count(Event.CODE_ISSUED) == 1


async def test_a11_iss_is_in_an_answer_without_state_too(world: World) -> None:
    _, _, session = await world.log_in()
    step = await next_step(world, session, state=None)
    assert isinstance(step, Answer)
    assert set(step.params) == {"code", "iss"}
    assert world.codes.build_common(await world.request()) == {
        "state": "s-1",
        "iss": world.context.issuer,
    }


async def test_consent_is_asked_for_or_refused_silently(world: World) -> None:
    world.clients["app"] = app(first_party=False)
    await world.restart()
    _, _, session = await world.log_in()
    assert isinstance(await next_step(world, session), Ask)
    with pytest.raises(ConsentRequired):
        await next_step(world, session, prompt="none")


async def test_a16_a_native_app_is_never_answered_silently(world: World) -> None:
    world.clients["app"] = app(redirect_uris=("com.example.app:/cb",))
    await world.restart()
    _, _, session = await world.log_in()
    assert isinstance(await next_step(world, session), Ask)
    with pytest.raises(InteractionRequired):
        await next_step(world, session, prompt="none")


@pytest.mark.parametrize(
    ("auth_time", "changed", "accepted"),
    [
        (None, {"prompt": "login"}, True),
        (None, {"max_age": "0"}, True),
        (NOW - 3600, {}, True),
        (NOW - 60, {"prompt": "login"}, True),
        (NOW - 61, {"prompt": "login"}, False),
        (NOW - 61, {"max_age": "0"}, False),
        (NOW - 61, {"max_age": "1"}, True),
        (NOW - 62, {"max_age": "1"}, False),
        (NOW - 3600, {"max_age": "10000"}, True),
        (NOW - 3600, {"max_age": "10000", "prompt": "login"}, False),
    ],
)
async def test_a17_a_login_the_upstream_took_from_an_old_session_is_refused(
    world: World, auth_time: int | None, changed: dict[str, str | None], accepted: bool
) -> None:
    world.upstreams["alpha"].identity = Identity("x1", auth_time=auth_time)
    request = await world.request(**changed)
    finished, _, session = await world.log_in(request)
    world.clock.now += 300  # the person took their time; what counts is when they set out
    after = world.authorization.after_login(request, world.clients["app"], session, fresh_since=finished.started_at)
    if accepted:
        assert isinstance(await after, Answer)
        return
    with pytest.raises(LoginRequired):
        await after


async def test_d7_an_app_that_is_to_ask_again_is_not_answered_by_a_login_that_asked_nobody(world: World) -> None:
    world.clients["app"] = app(scopes=frozenset(Scope))
    await world.restart()
    _, _, silent = await world.log_in()
    _, _, asked = await world.log_in(await world.request(prompt="login"))
    managing = {"scope": "openid identities.manage", "max_age": "300"}
    assert isinstance(await next_step(world, silent, max_age="300"), Answer)
    assert isinstance(await next_step(world, silent, **managing), Choose)
    assert not isinstance(await next_step(world, asked, **managing), Choose)


async def test_b9_a_login_through_a_provider_taken_away_meanwhile_is_a_page(world: World) -> None:
    finished, _, session = await world.log_in()
    client = app(providers=("beta",))
    with pytest.raises(ProviderNotOffered):
        await world.authorization.after_login(await world.request(), client, session, fresh_since=finished.started_at)


async def hint_of(world: World, client_id: str = "app", name: str = "alpha") -> tuple[str, Session]:
    """An ID token of somebody for a client, and their session."""
    _, _, session = await world.log_in(await world.request(client_id), name)
    answer = await world.redeem(await world.code(client_id, name), client_id)
    return answer["id_token"], session


async def test_a18_a_hint_names_who_may_answer(world: World) -> None:
    hint, ann = await hint_of(world)
    _, _, bob = await world.log_in(name="beta")
    assert isinstance(await next_step(world, ann, id_token_hint=hint, prompt="none"), Answer)
    world.clock.now += 3000
    assert isinstance(await next_step(world, ann, id_token_hint=hint, prompt="none"), Answer)
    with pytest.raises(LoginRequired):
        await next_step(world, bob, id_token_hint=hint, prompt="none")
    assert isinstance(await next_step(world, bob, id_token_hint=hint), Choose)


async def test_a18_somebody_else_logging_in_is_refused(world: World) -> None:
    hint, _ = await hint_of(world)
    request = await world.request(id_token_hint=hint)
    finished, _, bob = await world.log_in(request, "beta")
    with pytest.raises(LoginRequired):
        await world.authorization.after_login(request, world.clients["app"], bob, fresh_since=finished.started_at)


async def test_a18_a_hint_that_is_not_ours_or_not_for_this_client_is_refused(world: World) -> None:
    world.clients["other"] = app("other")
    await world.restart()
    other, _ = await hint_of(world, "other")
    good, session = await hint_of(world)
    access = (await world.redeem(await world.code()))["access_token"]
    head, body, _ = good.split(".")
    for hint in (other, access, "x", f"eyJhbGciOiJub25lIn0.{body}.", f"{head}.{body}.AAAA", good + "x"):
        with pytest.raises(InvalidRequest):
            await next_step(world, session, id_token_hint=hint, prompt="none")


async def test_a_kept_request_is_good_as_long_as_its_client_and_place_are(world: World) -> None:
    request = await world.request(response_mode="form_post")
    target = VerifiedRedirect.of(request, await world.directory.find_again(request.client_id))
    assert (target.client, target.redirect_uri, target.state) == (world.clients["app"], REDIRECT, "s-1")
    assert target.response_mode == "form_post"
    with pytest.raises(UnknownClient):
        await world.directory.find_again("gone")
    with pytest.raises(BadRedirectUri):
        VerifiedRedirect.of(request.replace(redirect_uri=REDIRECT + "/"), target.client)
