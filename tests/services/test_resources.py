"""Tokens for APIs: from the request through consent and code to the audience, and who is told about them."""

from __future__ import annotations

from typing import Any

import pytest

from broker.core.clients.client import Client, RequestPolicy, TokenPolicy
from broker.core.errors import InvalidAuthorizationDetails, InvalidTarget, InvalidToken
from broker.core.jose.compact import decode_segment
from broker.core.records import AccessToken, ClientToken
from broker.core.terms import AuthMethod, GrantType, TokenFormat
from broker.core.wire.parameters import Parameters
from broker.core.wire.strict_json import parse_object
from broker.services.authorize.decide import Ask
from tests.services.bare_broker import ISSUER, REDIRECT, VERIFIER, World, app

pytestmark = pytest.mark.anyio
API, FILES, OTHER = "https://api.test", "https://files.test", "https://other.test"
OFFLINE = "openid offline_access"


def clients(token_format: TokenFormat = TokenFormat.OPAQUE) -> dict[str, Client]:
    """An app and a robot that may have tokens for two APIs, the server of one of these, and a stranger."""
    asks = RequestPolicy(resources=(API, FILES))
    secret = {"auth_method": AuthMethod.BASIC}
    robot = app(
        "robot",
        requests=asks,
        grants=frozenset({GrantType.CLIENT_CREDENTIALS}),
        access_token_format=token_format,
        **secret,
    )
    return {
        "app": app(requests=asks, access_token_format=token_format),
        "robot": robot,
        "api": app("api", tokens=TokenPolicy(serves=(API,)), **secret),
        "stranger": app("stranger", tokens=TokenPolicy(serves=(OTHER,)), **secret),
    }


@pytest.fixture(params=list(TokenFormat))
async def apis(world: World, request: pytest.FixtureRequest) -> World:
    """A world with APIs, in both formats of access tokens."""
    world.clients |= clients(request.param)
    await world.restart()
    return world


async def code(world: World, *resources: str, scope: str = OFFLINE) -> str:
    """A code of a login for these APIs."""
    request = (await world.request(scope=scope)).replace(resource=resources)
    _, _, session = await world.log_in(request)
    return (await world.codes.issue(request, session, agreed_at=world.clock())).params["code"]


async def redeem(world: World, code: str, *resources: str) -> dict[str, Any]:
    """The token response, for these APIs."""
    sent = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    named = [("resource", resource) for resource in resources]
    return await world.token_requests.answer(world.clients["app"], Parameters([*sent.items(), *named]))


async def refresh(world: World, token: str, *resources: str, **more: str) -> dict[str, Any]:
    """The next token response, for these APIs."""
    sent = {"grant_type": "refresh_token", "refresh_token": token, **more}
    named = [("resource", resource) for resource in resources]
    return await world.token_requests.answer(world.clients["app"], Parameters([*sent.items(), *named]))


def audience(world: World, answer: dict[str, Any]) -> tuple[str, ...]:
    """Whom the access token is for."""
    return world.tokens.open_access(answer["access_token"]).audience


async def test_a_request_says_for_which_apis(world: World) -> None:
    world.clients |= clients()
    await world.restart()
    sent = [("client_id", "app"), ("redirect_uri", REDIRECT), ("response_type", "code"), ("scope", "openid")]
    sent += [("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), ("code_challenge_method", "S256")]
    named = [("resource", FILES), ("resource", API)]
    asked = await world.requests.verify(Parameters(sent + named))
    assert asked.request.resource == (FILES, API)
    pushed = await world.requests.push(world.clients["app"], Parameters(sent + named))
    again = Parameters([("client_id", "app"), ("request_uri", pushed["request_uri"]), ("resource", OTHER)])
    assert (await world.requests.verify(again)).request.resource == (FILES, API)
    with pytest.raises(InvalidTarget):
        await world.requests.push(world.clients["app"], Parameters([*sent, ("resource", OTHER)]))


async def test_f28_every_access_token_says_whom_it_is_for(apis: World) -> None:
    assert audience(apis, await redeem(apis, await code(apis))) == ()
    assert audience(apis, await redeem(apis, await code(apis, API))) == (API, ISSUER)
    assert audience(apis, await redeem(apis, await code(apis, API, FILES), FILES)) == (FILES,)
    plain = await code(apis, API, FILES, scope="profile offline_access")
    assert audience(apis, await redeem(apis, plain)) == (API, FILES)


async def test_f28_an_api_that_was_not_granted_is_no_audience(apis: World) -> None:
    granted = await code(apis, API)
    for wrong in (OTHER, FILES, f"{API}/", "nonsense"):
        with pytest.raises(InvalidTarget):
            await redeem(apis, granted, wrong)
    answer = await redeem(apis, granted, API)
    for wrong in (OTHER, FILES):
        with pytest.raises(InvalidTarget):
            await refresh(apis, answer["refresh_token"], wrong)
    assert audience(apis, await refresh(apis, answer["refresh_token"], API)) == (API,)
    with pytest.raises(InvalidTarget):
        await redeem(apis, await code(apis), API)


async def test_a_refresh_names_another_of_the_granted_apis_each_time(apis: World) -> None:
    answer = await redeem(apis, await code(apis, API, FILES), API)
    answer = await refresh(apis, answer["refresh_token"], FILES)
    assert audience(apis, answer) == (FILES,)
    answer = await refresh(apis, answer["refresh_token"])
    assert audience(apis, answer) == (API, FILES, ISSUER)
    answer = await refresh(apis, answer["refresh_token"], scope="offline_access")
    assert audience(apis, answer) == (API, FILES)


async def test_f28_a_token_for_apis_alone_opens_nothing_here(apis: World) -> None:
    granted = await code(apis, API)
    answer = await redeem(apis, granted, API)
    with pytest.raises(InvalidToken, match="audience"):
        await apis.tokens.verify_access(answer["access_token"])
    answer = await refresh(apis, answer["refresh_token"])
    token, _ = await apis.tokens.verify_access(answer["access_token"])
    assert isinstance(token, AccessToken)


async def test_a_client_gets_tokens_for_its_apis_itself(apis: World) -> None:
    answer = await apis.own_token(resource=API)
    token = apis.tokens.open_access(answer["access_token"])
    assert isinstance(token, ClientToken)
    assert token.audience == (API,)
    assert audience(apis, await apis.own_token()) == ()
    with pytest.raises(InvalidTarget):
        await apis.own_token(resource=OTHER)


async def test_a_jwt_says_its_audience_as_rfc_9068_has_it(world: World) -> None:
    world.clients |= clients(TokenFormat.JWT)
    await world.restart()

    def said(answer: dict[str, Any]) -> object:
        payload = decode_segment(answer["access_token"].split(".")[1])
        return parse_object(payload.decode(), depth=4)["aud"]

    assert said(await redeem(world, await code(world))) == ISSUER
    assert said(await redeem(world, await code(world, API), API)) == API
    assert said(await redeem(world, await code(world, API, FILES))) == [API, FILES, ISSUER]
    assert said(await world.own_token(resource=API)) == API


async def test_f19_an_api_is_told_about_tokens_for_it_and_about_no_others(apis: World) -> None:
    both = await redeem(apis, await code(apis, API, FILES))
    files = await redeem(apis, await code(apis, API, FILES), FILES)
    own = await apis.own_token(resource=API)
    plain = await redeem(apis, await code(apis))
    seen = await apis.introspect(both["access_token"], "api")
    assert (seen["active"], seen["client_id"], seen["aud"]) == (True, "app", [API, FILES, ISSUER])
    assert seen == await apis.introspect(both["access_token"], "app")
    robot = await apis.introspect(own["access_token"], "api")
    assert (robot["active"], robot["client_id"], robot["aud"]) == (True, "robot", API)
    for hidden in (files["access_token"], plain["access_token"], both["refresh_token"], plain["id_token"]):
        assert await apis.introspect(hidden, "api") == {"active": False}
    for token in (both["access_token"], own["access_token"]):
        assert await apis.introspect(token, "stranger") == {"active": False}


async def test_f19_what_ended_is_over_for_the_api_too(apis: World) -> None:
    answer, own = await redeem(apis, await code(apis, API)), await apis.own_token(resource=API)
    await apis.revoke(answer["access_token"], "api")
    assert (await apis.introspect(answer["access_token"], "api"))["active"], "an API cannot revoke what it was shown"
    await apis.revoke(answer["access_token"], "app")
    await apis.revoke(own["access_token"], "robot")
    for token in (answer["access_token"], own["access_token"]):
        assert await apis.introspect(token, "api") == {"active": False}
    alive = (await redeem(apis, await code(apis, API)))["access_token"]
    del apis.clients["app"]
    await apis.restart()
    assert await apis.introspect(alive, "api") == {"active": False}


async def test_g17_an_api_is_agreed_to_like_a_scope(world: World) -> None:
    world.clients |= clients()
    world.clients["app"] = app(first_party=False, requests=RequestPolicy(resources=(API, FILES)))
    await world.restart()
    client = world.clients["app"]
    plain = await world.request(scope="openid")
    with_api = plain.replace(resource=(API,))
    finished, _, session = await world.log_in(plain)
    sub = session.login.sub
    step = await world.authorization.after_login(plain, client, session, fresh_since=finished.started_at)
    assert isinstance(step, Ask)
    ticket = world.consents.open_ticket(step.ticket, session)
    async with world.consents.answer(ticket, sub, ticket.request):
        pass
    assert await world.consents.find_agreed(plain, client, sub, fresh=True) == plain
    assert await world.consents.find_agreed(with_api, client, sub, fresh=True) is None
    ticket = world.consents.open_ticket(world.consents.build_ticket(with_api, client, session), session)
    async with world.consents.answer(ticket, sub, ticket.request):
        pass
    assert await world.consents.find_agreed(with_api, client, sub, fresh=True) == with_api


async def test_rich_authorization_requests_are_refused_by_name(world: World) -> None:
    with pytest.raises(InvalidAuthorizationDetails):
        await world.request(authorization_details="[]")
    with pytest.raises(InvalidAuthorizationDetails):
        await world.redeem(await world.code(), authorization_details="[]")
