"""Token exchange: what an app posts of a provider's kit opens what a login in the browser would, once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import jwt
import pytest

from broker.core.authorize.pkce import build_challenge
from broker.core.errors import (
    AccessDenied,
    AccountNotFound,
    BrokerError,
    ConsentRequired,
    CredentialRefused,
    FlowFinished,
    InvalidDpopProof,
    InvalidRequest,
    StoreUnavailable,
    UpstreamDenied,
    UpstreamInvalid,
    UpstreamRejected,
    UpstreamUnavailable,
)
from broker.core.events import Event
from broker.core.people.history import NOWHERE, Whence
from broker.core.people.identity import Identity
from broker.core.posted import CHALLENGE_TTL, REPLAY_KEPT, UNASKED_AGE, Brought, nonce_of
from broker.core.terms import AuthMethod, GrantType, PostedKind, TokenType
from broker.core.wire.parameters import Parameters
from broker.services.once import reply_mark
from broker.store.transient import Kind
from tests.core.prover import Prover
from tests.services.bare_broker import HERE, ISSUER, NOW, REDIRECT, World, app
from tests.services.upstreams import PostingUpstream

pytestmark = pytest.mark.anyio
GRANTS = frozenset({GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN, GrantType.TOKEN_EXCHANGE})
PHONE: dict[str, Any] = {"grants": GRANTS, "accept_posted": ("gamma",)}


@pytest.fixture
async def posting(world: World) -> World:
    """With a provider whose kit apps have, and two apps that have it: our own and somebody's."""
    world.clients |= {"phone": app("phone", **PHONE), "partner": app("partner", first_party=False, **PHONE)}
    world.upstreams["gamma"] = PostingUpstream(None, None)
    world.on.add("gamma")
    await world.restart()
    return world


def upstream_of(world: World) -> PostingUpstream:
    found = world.upstreams["gamma"]
    assert isinstance(found, PostingUpstream)
    return found


def challenge(world: World, client_id: str = "phone") -> dict[str, Any]:
    """A fresh one."""
    return world.posted.challenge(world.clients[client_id], Parameters([("provider", "gamma")]))


def form(world: World, token: str = "t-1", client_id: str = "phone", **more: str) -> Parameters:
    """A whole exchange."""
    sent = {
        "grant_type": GrantType.TOKEN_EXCHANGE.value,
        "subject_token": token,
        "subject_token_type": TokenType.ID_TOKEN.value,
        "subject_issuer": "gamma",
        "challenge": challenge(world, client_id)["challenge"],
    }
    return Parameters((sent | more).items())


async def exchange(
    world: World, token: str = "t-1", client_id: str = "phone", sent: Parameters | None = None, **more: str
) -> dict[str, Any]:
    """The token response."""
    asked = sent or form(world, token, client_id, **more)
    return await world.token_requests.answer(world.clients[client_id], asked)


def sub_of(answer: dict[str, Any]) -> str:
    return str(jwt.decode(answer["id_token"], options={"verify_signature": False})["sub"])


# --- what the provider is given ---


async def test_the_provider_gets_what_was_posted_with_the_challenge_it_was_made_for(posting: World) -> None:
    taken = challenge(posting)
    more = {"subject_token_secret": "s", "device_id": "d", "redirect_uri": "vk51://vk.ru/blank.html"}
    more |= {"subject_token_type": TokenType.CODE.value, "challenge": taken["challenge"]}
    await exchange(posting, sent=form(posting, "c-1", **more))
    (seen,) = upstream_of(posting).shown
    assert (seen.kind, seen.token, seen.secret, seen.device_id) == ("code", "c-1", "s", "d")
    flow = seen.flow
    assert (flow.nonce, flow.state, flow.redirect_uri) == (taken["nonce"], taken["state"], more["redirect_uri"])
    assert build_challenge(flow.code_verifier) == taken["code_challenge"]
    assert (taken["code_challenge_method"], taken["expires_in"], flow.started_at) == ("S256", CHALLENGE_TTL, NOW)
    assert taken["nonce"] == nonce_of(taken["challenge"])
    assert flow.code_verifier not in str(taken)
    assert "c-1" not in repr(seen)


class Careless(PostingUpstream):
    """One whose kit carries nothing of ours."""

    challenged = frozenset[PostedKind]()


async def test_a_challenge_that_need_not_be_may_be_missing(posting: World) -> None:
    upstream = posting.upstreams["gamma"] = Careless(None, None)
    await posting.restart()
    sent = form(posting, challenge="")
    assert sub_of(await exchange(posting, sent=sent))
    flow = upstream.shown[-1].flow
    assert (flow.nonce, flow.state, flow.code_verifier, flow.started_at) == ("", "", "", 0)
    with pytest.raises(CredentialRefused):
        await exchange(posting, sent=sent)


async def test_m1_only_an_id_token_may_come_unasked(posting: World) -> None:
    client, upstream = posting.clients["phone"], upstream_of(posting)
    with pytest.raises(InvalidRequest, match="challenge is missing"):
        await posting.posted.prove(client, Brought(PostedKind.CODE, "c-1", "gamma"), unasked=True)
    await posting.posted.prove(client, Brought(PostedKind.ID_TOKEN, "t-1", "gamma"), unasked=True)
    assert (upstream.shown[-1].unasked, upstream.shown[-1].flow.started_at) == (True, NOW - UNASKED_AGE)
    asked = Brought(PostedKind.ID_TOKEN, "t-2", "gamma", challenge=challenge(posting)["challenge"])
    await posting.posted.prove(client, asked, unasked=True)
    assert not upstream.shown[-1].unasked, "who took a challenge is held to it"


async def test_a_provider_that_takes_too_long_is_away_and_nothing_is_spent(posting: World) -> None:
    posting.deadline = 0.05
    await posting.restart()
    upstream_of(posting).slow = 30
    sent = form(posting)
    with pytest.raises(UpstreamUnavailable):
        await exchange(posting, sent=sent)
    assert posting.notes.heard[-1][1]["outcome"] == "UpstreamUnavailable"
    upstream_of(posting).slow = 0
    assert sub_of(await exchange(posting, sent=sent))


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (UpstreamInvalid("the token is of another app"), CredentialRefused),
        (UpstreamRejected("the code is bad"), CredentialRefused),
        (UpstreamDenied("another domain"), AccessDenied),
    ],
)
async def test_the_app_hears_little_and_the_operator_all(
    posting: World, failure: BrokerError, told: type[BrokerError]
) -> None:
    upstream_of(posting).failure = failure
    with pytest.raises(told) as caught:
        await exchange(posting)
    assert failure.detail not in caught.value.public
    ((_, noted),) = [heard for heard in posting.notes.heard if heard[0] is Event.CREDENTIAL_REFUSED]
    assert (noted["provider"], noted["client_id"], noted["kind"]) == ("gamma", "phone", "id_token")
    assert (noted["outcome"], noted["reason"]) == (type(failure).__name__, failure.detail)
    assert "t-1" not in str(noted)


# --- whose it is ---


async def test_the_login_is_no_fresh_one_and_the_person_sees_it(posting: World) -> None:
    answer = await exchange(posting, scope="openid profile")
    _, held = await posting.tokens.verify_access(answer["access_token"])
    login = held.grant.login
    assert (login.auth_time, login.asked_at, login.acr, login.amr) == (0, 0, "", ("fed",))
    history = posting.store.durable.history
    (seen,) = await history.sign_ins(held.account, limit=10)
    assert (seen.client_id, seen.provider, seen.at, seen.sid) == ("phone", "gamma", NOW, held.session)
    assert await history.living(held.account, now=NOW) == (), "there is no browser to sign out of"
    assert posting.notes.count(Event.SESSION_STARTED) == 0
    assert posting.notes.heard[-2:] == [
        (
            Event.LOGIN_SUCCEEDED,
            {"provider": "gamma", "client_id": "phone", "sub": held.account, "posted": "id_token"},
        ),
        (Event.TOKEN_EXCHANGED, {"provider": "gamma", "client_id": "phone"}),
    ]


@pytest.mark.parametrize(("method", "seen"), [(AuthMethod.NONE, HERE), (AuthMethod.POST, NOWHERE)])
async def test_where_they_are_is_where_a_phone_calls_from_and_not_where_a_server_stands(
    posting: World, method: AuthMethod, seen: Whence
) -> None:
    posting.clients["phone"] = phone = replace(posting.clients["phone"], auth_method=method)
    answer = await posting.token_requests.answer(phone, form(posting), whence=HERE)
    _, held = await posting.tokens.verify_access(answer["access_token"])
    (sign_in,) = await posting.store.durable.history.sign_ins(held.account, limit=10)
    assert (sign_in.place, sign_in.agent) == (seen.place, seen.agent)


@pytest.mark.parametrize(("said", "told"), [(NOW - 60, NOW - 60), (NOW + 60, NOW)])
async def test_when_they_authenticated_is_what_the_provider_says(posting: World, said: int, told: int) -> None:
    upstream_of(posting).identity = Identity("x1", auth_time=said)
    answer = await exchange(posting)
    assert jwt.decode(answer["id_token"], options={"verify_signature": False})["auth_time"] == told
    _, held = await posting.tokens.verify_access(answer["access_token"])
    assert held.grant.login.asked_at == 0


async def test_d11_who_is_blocked_or_closing_gets_nothing(posting: World) -> None:
    _, held = await posting.tokens.verify_access((await exchange(posting))["access_token"])
    accounts, sub = posting.store.durable.accounts, held.account
    await accounts.set_blocked(sub, True)
    with pytest.raises(AccessDenied, match=f"account {sub} is blocked"):
        await exchange(posting, "t-2")
    with pytest.raises(AccountNotFound):
        await exchange(posting, "t-3", sign_up="false")
    await accounts.set_blocked(sub, False)
    await accounts.close(sub, closes_at=NOW + 60, now=NOW, expires_at=NOW + 60)
    with pytest.raises(AccessDenied):
        await exchange(posting, "t-4")


async def test_m7_a_provider_that_is_off_or_not_offered_gives_nothing(posting: World) -> None:
    sent = form(posting)
    posting.clients["phone"] = replace(posting.clients["phone"], providers=("alpha",))
    with pytest.raises(BrokerError) as caught:
        await exchange(posting, sent=sent)
    assert caught.value.code == "unauthorized_client"
    posting.clients["phone"] = replace(posting.clients["phone"], providers=None)
    posting.on.discard("gamma")
    await posting.restart()
    with pytest.raises(BrokerError) as caught:
        await exchange(posting, sent=sent)
    assert caught.value.code == "unauthorized_client"


async def test_d12_many_at_once_make_one_account(posting: World) -> None:
    answers = await asyncio.gather(*(exchange(posting, f"t-{number}") for number in range(50)))
    assert len({sub_of(answer) for answer in answers}) == 1
    assert posting.notes.count(Event.ACCOUNT_CREATED) == 1


async def test_with_sign_up_off_nobody_is_made(posting: World) -> None:
    with pytest.raises(AccountNotFound):
        await exchange(posting, sign_up="false")
    assert posting.notes.count(Event.ACCOUNT_CREATED) == 0
    first = sub_of(await exchange(posting, "t-2"))
    assert sub_of(await exchange(posting, "t-3", sign_up="false")) == first


async def test_m7_a_yes_counts_to_whichever_host_of_the_client_it_was_said(posting: World) -> None:
    other = "https://other.test/cb"
    posting.clients["partner"] = replace(posting.clients["partner"], redirect_uris=(other, REDIRECT))
    with pytest.raises(ConsentRequired):
        await exchange(posting, client_id="partner")
    assert posting.notes.count(Event.ACCOUNT_CREATED) == 0, "and nobody was made for it"
    await posting.code("partner", "gamma", redirect_uri=REDIRECT, scope="openid profile")
    assert (await exchange(posting, "t-2", "partner", scope="openid profile"))["scope"] == "openid profile"
    with pytest.raises(ConsentRequired):
        await exchange(posting, "t-3", "partner", scope="openid email")


# --- once ---


async def test_m2_what_the_transient_store_forgot_the_grant_still_knows(posting: World) -> None:
    first, mark = await exchange(posting), reply_mark(posting.providers.find("gamma").key, "t-1")
    assert await posting.store.transient.take(Kind.CLAIM, mark)
    with pytest.raises(CredentialRefused):
        await exchange(posting)
    assert not await posting.is_alive(first["access_token"]), "it leaked: what it gave has ended, as that of a code"


async def test_m2_a_credential_is_remembered_until_it_expires_and_for_a_day_at_most(posting: World) -> None:
    upstream_of(posting).valid_until = NOW + 7 * 86400
    await exchange(posting)
    mark = reply_mark(posting.providers.find("gamma").key, "t-1")
    posting.clock.now = NOW + REPLAY_KEPT - 1
    assert await posting.store.transient.get(Kind.CLAIM, mark)
    posting.clock.now = NOW + REPLAY_KEPT
    assert await posting.store.transient.get(Kind.CLAIM, mark) is None


async def test_m2_a_challenge_counts_once_whatever_comes_with_it(posting: World) -> None:
    taken = challenge(posting)["challenge"]
    await exchange(posting, "t-1", challenge=taken)
    with pytest.raises(CredentialRefused):
        await exchange(posting, "t-2", challenge=taken)
    assert sub_of(await exchange(posting, "t-2")), "which was not spent by that"


async def test_m2_what_signed_somebody_in_on_a_page_signs_nobody_in_by_an_app(posting: World) -> None:
    key = posting.providers.find("gamma").key
    async with posting.logins.replying(key, "t-1"):
        pass
    with pytest.raises(CredentialRefused):
        await exchange(posting)
    await exchange(posting, "t-2")
    with pytest.raises(FlowFinished):
        async with posting.logins.replying(key, "t-2"):
            pass


async def test_m2_where_a_store_is_away_nothing_is_spent(posting: World) -> None:
    sent = form(posting)
    proven = await posting.posted.verify(posting.clients["phone"], sent)
    with pytest.raises(StoreUnavailable):
        async with posting.posted.spending(proven):
            raise StoreUnavailable("grants are away")
    assert sub_of(await exchange(posting, sent=sent))


async def test_m2_a_proof_of_possession_that_is_no_good_spends_nothing(posting: World) -> None:
    """The tokens are bound to the key of a good one (RFC 9449 section 5)."""
    shown = Prover().prove("POST", f"{ISSUER}/token", at=NOW)
    phone, sent = posting.clients["phone"], form(posting, "t-2")
    first = await posting.token_requests.answer(phone, form(posting), proof=shown)
    assert first["token_type"] == "DPoP"
    with pytest.raises(InvalidDpopProof):
        await posting.token_requests.answer(phone, sent, proof=shown)
    assert sub_of(await exchange(posting, sent=sent))


async def test_a_login_that_is_over_gives_nothing(posting: World) -> None:
    _, held = await posting.tokens.verify_access((await exchange(posting))["access_token"])
    sent = form(posting, "t-2")
    posting.clock.now = NOW + 1
    await posting.store.durable.accounts.sign_out(held.account, now=NOW + 1, expires_at=NOW + 86400)
    posting.clock.now = NOW + 2  # it set out before
    with pytest.raises(CredentialRefused, match="the login has ended"):
        await exchange(posting, sent=sent)
