"""Pushed authorization requests: checked once, shown as often as people reload, answered once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec
import orjson
import pytest

from broker.core.authorize.pushed import PREFIX, PushedRequest
from broker.core.authorize.request import to_params
from broker.core.authorize.whereabouts import Whereabouts, whereabouts_of
from broker.core.errors import (
    BadRedirectUri,
    InvalidRequest,
    InvalidRequestUri,
    InvalidScope,
    LoginRequired,
    PageError,
    RequestError,
    TooManyRequests,
)
from broker.core.events import Event
from broker.core.records import AuthorizationRequest
from broker.core.seal import digest
from broker.core.wire.parameters import Parameters, parse_form
from broker.core.wire.query import encode_query
from broker.services.authorize.codes import Answer
from broker.services.authorize.decide import Choose
from broker.services.authorize.pushed import EXPIRES_IN
from broker.services.authorize.requests import Asked
from broker.store.transient import Kind
from tests.services.bare_broker import CHALLENGE, REDIRECT, World, app

pytestmark = pytest.mark.anyio
KEPT = 1800  # seconds, as the bare broker is built


async def push(world: World, *more: tuple[str, str], **changed: str | None) -> str:
    """The request_uri of a good request of the app."""
    values: dict[str, str | None] = {
        "client_id": "app",
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": "openid profile",
        "state": "s-1",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    sent = [(name, value) for name, value in (values | changed).items() if value is not None]
    answer = await world.requests.push(world.clients["app"], Parameters([*sent, *more]))
    assert answer["expires_in"] == EXPIRES_IN
    return str(answer["request_uri"])


async def show(world: World, request_uri: str, *more: tuple[str, str], client_id: str = "app") -> Asked:
    """A browser comes with a pushed request."""
    sent = Parameters([("client_id", client_id), ("request_uri", request_uri), *more])
    return await world.requests.verify(sent)


async def test_a_pushed_request_is_the_request_that_was_pushed(world: World) -> None:
    request_uri = await push(world, state="s-2", login_hint="ann", claims='{"userinfo":{"email":null}}')
    asked = await show(world, request_uri)
    plain = await world.request(state="s-2", login_hint="ann", claims='{"userinfo":{"email":null}}', nonce=None)
    assert asked.request.replace(request_uri="") == plain
    assert asked.request.request_uri == asked.target.request_uri == request_uri
    assert (asked.target.redirect_uri, asked.target.state) == (REDIRECT, "s-2")
    assert world.notes.count(Event.REQUEST_PUSHED) == 1


async def test_f14_the_name_of_a_request_is_no_guess_and_is_not_kept(world: World) -> None:
    first, second = await push(world), await push(world)
    assert first != second
    assert first.startswith(PREFIX)
    assert len(first.removeprefix(PREFIX)) == 43, "256 bits"
    assert await world.store.transient.get(Kind.PAR, first) is None
    kept = await world.store.transient.get(Kind.PAR, digest(first))
    assert kept is not None
    assert first.removeprefix(PREFIX).encode() not in kept


@pytest.mark.parametrize(
    "outer",
    [
        [("redirect_uri", "https://evil.test/")],
        [("scope", "openid email"), ("state", "other"), ("nonce", "other")],
        [("response_type", "token"), ("prompt", "none"), ("max_age", "x")],
        [("state", "a"), ("state", "b"), ("request", "x"), ("registration", "{}")],
    ],
    ids=["redirect_uri", "scope", "malformed", "repeated"],
)
async def test_what_else_is_in_the_address_counts_for_nothing(world: World, outer: list[tuple[str, str]]) -> None:
    request_uri = await push(world)
    asked = await show(world, request_uri)
    assert await show(world, request_uri, *outer) == asked


async def test_our_own_links_may_choose_language_and_provider(world: World) -> None:
    request_uri = await push(world, idp_hint="alpha", ui_locales="en")
    changed = (await show(world, request_uri, ("idp_hint", "beta"), ("ui_locales", "ru"))).request
    assert (changed.idp_hint, changed.ui_locales) == ("beta", ("ru",))
    plain = (await show(world, request_uri)).request
    assert (plain.idp_hint, plain.ui_locales) == ("alpha", ("en",))
    anywhere = (await show(world, request_uri, ("idp_hint", "-"))).request
    assert anywhere.idp_hint == ""
    assert isinstance(await world.authorization.next_step(anywhere, world.clients["app"], None), Choose)
    with pytest.raises(InvalidRequest):
        await show(world, request_uri, ("idp_hint", "x" * 2000))


@pytest.mark.parametrize("hint", ["", "alpha"])
@pytest.mark.parametrize("locales", [(), ("ru", "en")])
async def test_a25_a_pushed_request_that_goes_out_comes_back_whole(
    world: World, hint: str, locales: tuple[str, ...]
) -> None:
    request_uri = await push(world, idp_hint="beta", dpop_jkt=CHALLENGE)
    request = (await show(world, request_uri)).request.replace(idp_hint=hint, ui_locales=locales)
    sent = parse_form(encode_query(to_params(request)).encode())
    assert (await world.requests.verify(sent)).request == request


async def test_f14_a_browser_must_come_within_a_minute(world: World) -> None:
    request_uri = await push(world)
    world.clock.now += EXPIRES_IN
    with pytest.raises(InvalidRequestUri):
        await show(world, request_uri)


async def test_a_person_may_take_the_time_a_login_takes(world: World) -> None:
    request_uri = await push(world)
    world.clock.now += EXPIRES_IN - 1
    await show(world, request_uri)
    world.clock.now += KEPT - 1
    asked = await show(world, request_uri)
    _, _, session = await world.log_in()
    assert isinstance(await world.codes.issue(asked.request, session, agreed_at=world.clock()), Answer)


async def test_k21_a_pushed_request_is_written_when_it_is_first_shown_and_ends_however_often_it_is_shown(
    world: World,
) -> None:
    request_uri = await push(world)
    await show(world, request_uri)
    first = await world.store.transient.get(Kind.PAR, digest(request_uri))
    for _ in range(5):
        world.clock.now += KEPT // 6
        await show(world, request_uri)
        assert await world.store.transient.get(Kind.PAR, digest(request_uri)) == first
    assert first is not None
    await world.store.transient.replace(Kind.PAR, digest(request_uri), first, ttl=10**6)
    world.clock.now += KEPT // 6
    with pytest.raises(InvalidRequestUri):
        await show(world, request_uri)


async def test_a_request_pushed_before_an_update_can_be_shown_after_it(world: World) -> None:
    request_uri = await push(world)
    kept = PushedRequest.from_bytes(await world.store.transient.get(Kind.PAR, digest(request_uri)) or b"")
    old = b'{"k":"pushed",%s' % orjson.dumps({"request": msgspec.json.encode(kept.request).decode(), "until": 0})[1:]
    await world.store.transient.replace(Kind.PAR, digest(request_uri), old, ttl=60)
    assert (await show(world, request_uri)).request.state == "s-1"


async def test_one_that_nobody_comes_back_to_ends_by_itself(world: World) -> None:
    request_uri = await push(world)
    await show(world, request_uri)
    world.clock.now += KEPT
    with pytest.raises(InvalidRequestUri):
        await show(world, request_uri)


async def test_f14_an_answer_ends_it(world: World) -> None:
    request_uri = await push(world)
    asked = await show(world, request_uri)
    asked = await show(world, request_uri)
    _, _, session = await world.log_in(asked.request)
    await world.codes.issue(asked.request, session, agreed_at=world.clock())
    with pytest.raises(InvalidRequestUri):
        await show(world, request_uri)
    with pytest.raises(InvalidRequestUri):
        await world.codes.issue(asked.request, session, agreed_at=world.clock())
    assert world.notes.count(Event.CODE_ISSUED) == 1


async def test_f14_two_tabs_at_once_get_one_code(world: World) -> None:
    asked = await show(world, await push(world))
    _, _, session = await world.log_in(asked.request)
    answers = await asyncio.gather(
        *(world.codes.issue(asked.request, session, agreed_at=world.clock()) for _ in range(8)), return_exceptions=True
    )
    assert [type(answer) for answer in answers].count(Answer) == 1
    assert [type(answer) for answer in answers].count(InvalidRequestUri) == 7


async def test_f14_an_error_that_goes_back_ends_it_too(world: World) -> None:
    request_uri = await push(world, prompt="none")
    asked = await show(world, request_uri)
    assert asked.target.silent
    with pytest.raises(LoginRequired):
        async with world.pushed.answering(asked.target):
            await world.authorization.next_step(asked.request, asked.target.client, None)
    with pytest.raises(InvalidRequestUri):
        await show(world, request_uri)


async def test_f14_what_stays_on_a_page_leaves_it_as_it_was(world: World) -> None:
    request_uri = await push(world)
    asked = await show(world, request_uri)
    with pytest.raises(TooManyRequests) as caught:
        async with world.pushed.answering(asked.target):
            raise TooManyRequests("not now", retry_after=1)
    assert whereabouts_of(caught.value) == Whereabouts(target=asked.target)
    assert (await show(world, request_uri)).target == asked.target


async def test_f14_what_our_pages_add_is_checked_and_an_error_in_it_is_an_answer(world: World) -> None:
    request_uri = await push(world)
    target = (await show(world, request_uri)).target
    with pytest.raises(InvalidRequest) as caught:
        await show(world, request_uri, ("idp_hint", "x" * 2000))
    assert whereabouts_of(caught.value).target == target
    with pytest.raises(InvalidRequestUri):
        await show(world, request_uri)


async def test_f14_it_is_the_clients_that_pushed_it(world: World) -> None:
    world.clients["other"] = app("other")
    request_uri = await push(world)
    with pytest.raises(InvalidRequestUri):
        await show(world, request_uri, client_id="other")
    assert (await show(world, request_uri)).target.client.id == "app"


@pytest.mark.parametrize("request_uri", [PREFIX, PREFIX + "x", PREFIX + "A" * 43, PREFIX + "A" * 9000])
async def test_f14_a_guess_is_nothing(world: World, request_uri: str) -> None:
    await push(world)
    with pytest.raises(InvalidRequestUri):
        await show(world, request_uri)


async def test_b8_a_value_of_another_kind_or_version_names_no_request(world: World) -> None:
    code = await world.code()
    with pytest.raises(InvalidRequestUri):
        await show(world, PREFIX + code)
    for raw in (b"x", b'{"k":"pushed","new":1}', b'{"k":"pushed","request":"{}"}', b'{"k":"code"}'):
        await world.store.transient.put(Kind.PAR, digest(PREFIX + repr(raw)), raw, ttl=60)
        with pytest.raises(InvalidRequestUri):
            await show(world, PREFIX + repr(raw))


@pytest.mark.parametrize(
    ("spoiled", "failure"),
    [
        ({"client_id": None}, InvalidRequest),
        ({"client_id": "other"}, InvalidRequest),
        ({"request_uri": "https://app.test/r"}, InvalidRequest),
        ({"request_uri": PREFIX + "x"}, InvalidRequest),
        ({"redirect_uri": "https://evil.test/"}, BadRedirectUri),
        ({"redirect_uri": None}, BadRedirectUri),
        ({"scope": "admin"}, InvalidScope),
        ({"code_challenge": None}, InvalidRequest),
        ({"id_token_hint": "x"}, InvalidRequest),
        ({"response_type": "token"}, RequestError),
    ],
)
async def test_f14_everything_is_checked_when_it_is_pushed(
    world: World, spoiled: dict[str, str | None], failure: type[Exception]
) -> None:
    world.clients["other"] = app("other")
    with pytest.raises(failure):
        await push(world, **spoiled)
    assert world.notes.count(Event.REQUEST_PUSHED) == 0


async def test_h1_a_parameter_is_pushed_once(world: World) -> None:
    for name in ("scope", "client_id", "anything"):
        with pytest.raises(InvalidRequest):
            await push(world, (name, "x"), (name, "x"))
    request_uri = await push(world)
    for name in ("client_id", "request_uri"):
        with pytest.raises(PageError, match="repeated"):
            await show(world, request_uri, (name, "x"))


async def test_a_client_that_must_push_is_answered_to_nothing_else(world: World) -> None:
    world.clients["app"] = app(requests=replace(world.clients["app"].requests, require_par=True))
    await world.restart()
    with pytest.raises(InvalidRequest, match="push"):
        await world.request()
    assert isinstance((await show(world, await push(world))).request, AuthorizationRequest)


async def test_a_request_stands_no_longer_than_its_redirect_uri(world: World) -> None:
    request_uri = await push(world)
    world.clients["app"] = app(redirect_uris=("https://app.test/new",))
    await world.restart()
    with pytest.raises(BadRedirectUri):
        await show(world, request_uri)
