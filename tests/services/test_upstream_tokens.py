"""Upstreams' own tokens: who leaves some here, who gets them, and how they are renewed when everybody asks at once."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from broker.core.errors import (
    AccessDenied,
    ConsentRequired,
    InvalidDpopProof,
    InvalidRequest,
    InvalidTarget,
    LoginRequired,
    ProviderSwitchedOff,
    UpstreamDenied,
    UpstreamUnavailable,
)
from broker.core.events import Event
from broker.core.people.identity import Identity
from broker.core.records import Authorize
from broker.core.switches import Switchable
from broker.core.terms import AuthMethod, GrantType, TokenType
from broker.core.upstream_tokens import UpstreamTokens
from broker.core.wire.parameters import Parameters
from broker.services.authorize.decide import Ask, Return
from broker.services.authorize.questions import Choice
from broker.services.login.outcomes import Visitor
from broker.services.people.forms import Action
from broker.store.upstream_tokens import KeptTokens
from broker.upstream.abilities import Abilities
from broker.upstream.model import Flow, Reply
from tests.core.prover import Prover
from tests.services.bare_broker import ISSUER, NOW, World, app
from tests.services.upstreams import Upstream

pytestmark = pytest.mark.anyio
GRANTS = frozenset({GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN, GrantType.TOKEN_EXCHANGE})
TAKER: dict[str, Any] = {"grants": GRANTS, "auth_method": AuthMethod.BASIC}
GAMMA = {"gamma": ("calendar",)}


class KeepingUpstream(Upstream):
    """Gives tokens, and others for them: `a1` at the first login, then `a2` and so on, each for an hour."""

    def __init__(self) -> None:
        """Nobody has asked."""
        super().__init__(None, None)
        self.given = 0
        self.renewed: list[UpstreamTokens] = []
        self.answer: Exception | None = None
        self.slow = 0.0  # seconds
        self.lives: int | None = 3600
        self.refreshes = True
        self.keeps = True
        self.given_back: list[UpstreamTokens] = []
        self.takes_back = True

    def abilities(self) -> Abilities:
        """Its tokens may be kept, unless the operator changed that."""
        return Abilities(keeps=self if self.keeps else None)

    async def finish(self, flow: Flow, reply: Reply) -> Identity:
        """With tokens, where somebody may have them."""
        identity = await super().finish(flow, reply)
        return replace(identity, tokens=self.next_tokens()) if flow.keeps_tokens else identity

    def next_tokens(self) -> UpstreamTokens:
        """Others than ever before."""
        self.given += 1
        expires_at = None if self.lives is None else NOW + self.lives
        return UpstreamTokens(f"a{self.given}", f"r{self.given}" if self.refreshes else "", expires_at, ("calendar",))

    async def renew(self, subject: str, kept: UpstreamTokens) -> UpstreamTokens:
        """Others, good for an hour from when they are asked for, unless it is to fail."""
        self.renewed.append(kept)
        await asyncio.sleep(self.slow)
        if self.answer is not None:
            raise self.answer
        return self.next_tokens().replace(expires_at=NOW + 7200)

    async def give_back(self, kept: UpstreamTokens) -> bool:
        """It is told, unless it is to fail or has no place for that."""
        if self.answer is not None:
            raise self.answer
        self.given_back.append(kept)
        return self.takes_back


@pytest.fixture
async def upstream(world: World) -> KeepingUpstream:
    """The provider `gamma`; `shop` may have its tokens and needs a yes, `ours` may without, `plain` may not."""
    found = KeepingUpstream()
    world.upstreams["gamma"] = found
    world.on.add("gamma")
    world.clients |= {
        "shop": app("shop", first_party=False, upstream_tokens=GAMMA, **TAKER),
        "ours": app("ours", upstream_tokens=GAMMA, **TAKER),
        "plain": app("plain", **TAKER),
    }
    await world.restart()
    return found


async def sign_in(world: World, client_id: str = "shop", name: str = "gamma", *, says: bool = True) -> dict[str, Any]:
    """What the app has of a login; raises AccessDenied where its person says no to it."""
    request = await world.request(client_id, scope="openid offline_access", prompt="login")
    done = await world.arrive(Authorize(request), name, Visitor())
    step = done.step
    if isinstance(step, Ask):
        async with world.questions.answer_consent(step.ticket, done.cookie, Choice(says, None)) as answered:
            params = answered.params
    else:
        assert isinstance(step, Return)
        params = step.params
    return await world.redeem(params["code"], client_id)


async def take(world: World, tokens: dict[str, Any], client_id: str = "shop", proof: str = "") -> dict[str, Any]:
    """What the app gets for its own access token."""
    sent = {
        "grant_type": GrantType.TOKEN_EXCHANGE.value,
        "subject_token": tokens["access_token"],
        "subject_token_type": TokenType.ACCESS_TOKEN.value,
        "audience": "gamma",
    }
    return await world.token_requests.answer(world.clients[client_id], Parameters(sent.items()), proof=proof)


async def kept(world: World, sub: str = "") -> tuple[KeptTokens, ...]:
    """All that is kept, of the one person there is."""
    person = await world.store.durable.people.person(world.providers.find("gamma").key, "x1")
    sub = sub or (person.account.sub if person else "")
    return await world.store.durable.upstream_tokens.of_account(sub, now=world.context.now())


# --- keeping ---


async def test_tokens_are_kept_for_an_app_that_may_have_them_and_are_told_of(
    world: World, upstream: KeepingUpstream
) -> None:
    tokens = await sign_in(world)
    answer = await take(world, tokens)
    assert answer == {
        "access_token": "a1",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "calendar",
    }
    sub = (await world.tokens.verify_access(tokens["access_token"]))[1].account
    about = {"provider": "gamma", "client_id": "shop", "sub": sub}
    assert (Event.UPSTREAM_TOKENS_KEPT, about) in world.notes.heard
    assert world.notes.heard[-1] == (Event.UPSTREAM_TOKENS_HANDED, about)


async def test_nothing_is_known_of_the_end_of_a_token_whose_upstream_did_not_say(
    world: World, upstream: KeepingUpstream
) -> None:
    upstream.lives = None
    answer = await take(world, await sign_in(world))
    assert "expires_in" not in answer
    assert upstream.renewed == []


async def test_f18_without_the_word_of_both_nothing_is_asked_for_or_kept(
    world: World, upstream: KeepingUpstream
) -> None:
    await sign_in(world, "plain")
    assert [flow.keeps_tokens for flow in upstream.flows] == [False]
    upstream.keeps = False
    await world.restart()
    await sign_in(world)
    assert [flow.keeps_tokens for flow in upstream.flows] == [False, False]
    assert await kept(world) == ()
    assert upstream.given == 0


async def test_who_says_no_to_the_app_leaves_nothing_that_lasts(world: World, upstream: KeepingUpstream) -> None:
    with pytest.raises(AccessDenied):
        await sign_in(world, says=False)
    assert upstream.given == 1
    assert await kept(world) == ()


async def test_what_a_login_brought_is_kept_with_the_first_grant_of_it_and_never_again(
    world: World, upstream: KeepingUpstream
) -> None:
    tokens = await sign_in(world, "ours")
    (first,) = await kept(world)
    world.clock.now += 3600
    await take(world, tokens | await world.refresh(tokens["refresh_token"], "ours"), "ours")
    (second,) = await kept(world)
    assert first.version != second.version
    await world.redeem(await world.code("ours", "gamma"), "ours")
    assert await kept(world) == (second,), "another login by hand, which brought nothing"


async def test_b8_a_row_that_is_moved_to_another_person_opens_nothing(world: World, upstream: KeepingUpstream) -> None:
    await sign_in(world, "ours")
    (mine,) = await kept(world)
    upstream.identity = Identity("x2")
    theirs = await sign_in(world, "ours")
    sub = (await world.tokens.verify_access(theirs["access_token"]))[1].account
    world.clock.now += 1
    moved = replace(mine, subject="x2", version="moved", kept_at=NOW + 1)
    assert await world.store.durable.upstream_tokens.keep(sub, moved, expires_at=NOW + 9000)
    with pytest.raises(LoginRequired):
        await take(world, theirs, "ours")
    assert await kept(world, sub) == ()


# --- who gets them ---


async def test_a_yes_of_before_the_app_could_have_them_is_none(world: World, upstream: KeepingUpstream) -> None:
    world.clients["shop"] = replace(world.clients["shop"], upstream_tokens={})
    await world.restart()
    tokens = await sign_in(world)
    world.clients["shop"] = replace(world.clients["shop"], upstream_tokens=GAMMA)
    await world.restart()
    with pytest.raises(ConsentRequired):
        await take(world, tokens)
    newest = await sign_in(world)
    assert (await take(world, newest))["access_token"] == "a1"
    world.clients["shop"] = replace(world.clients["shop"], upstream_tokens={"gamma": ("calendar", "mail")})
    await world.restart()
    with pytest.raises(ConsentRequired):
        await take(world, newest)


async def test_f18_an_app_that_may_have_them_no_more_gets_none_at_once(world: World, upstream: KeepingUpstream) -> None:
    tokens = await sign_in(world)
    world.clients["shop"] = replace(world.clients["shop"], upstream_tokens={})
    await world.restart()
    with pytest.raises(InvalidTarget):
        await take(world, tokens)
    world.clients["shop"] = replace(world.clients["shop"], upstream_tokens=GAMMA, providers=("alpha", "beta"))
    await world.restart()
    with pytest.raises(InvalidTarget):
        await take(world, tokens)
    world.clients["shop"] = replace(world.clients["shop"], providers=None)
    upstream.keeps = False
    await world.restart()
    with pytest.raises(InvalidTarget):
        await take(world, tokens)
    upstream.keeps = True
    await world.restart()
    assert await take(world, tokens)


async def test_f18_a_token_of_another_app_opens_nothing(world: World, upstream: KeepingUpstream) -> None:
    await sign_in(world)
    tokens = await sign_in(world, "ours")
    with pytest.raises(InvalidRequest, match="another client") as caught:
        await take(world, tokens)
    assert caught.value.public == "the subject token is not acceptable: it is no living access token of this client"


async def test_b9_a_provider_that_an_operator_has_off_hands_out_nothing(
    world: World, upstream: KeepingUpstream
) -> None:
    tokens = await sign_in(world)
    await world.switches.off(Switchable.PROVIDER, "gamma", why="a test", by="root")
    with pytest.raises(ProviderSwitchedOff):
        await take(world, tokens)
    with pytest.raises(InvalidTarget):
        await take(world, tokens, "plain")
    assert upstream.renewed == []
    await world.switches.on(Switchable.PROVIDER, "gamma", why="it is over", by="root")
    assert await take(world, tokens)


async def test_d11_a_blocked_account_hands_out_nothing(world: World, upstream: KeepingUpstream) -> None:
    tokens = await sign_in(world)
    (row,) = await kept(world)
    sub = (await world.tokens.verify_access(tokens["access_token"]))[1].account
    await world.store.durable.accounts.set_blocked(sub, True)
    with pytest.raises(InvalidRequest):
        await take(world, tokens)
    assert row.sealed
    assert upstream.renewed == []


async def test_f18_what_the_person_took_back_hands_out_nothing(world: World, upstream: KeepingUpstream) -> None:
    tokens = await sign_in(world)
    sub = (await world.tokens.verify_access(tokens["access_token"]))[1].account
    await world.store.durable.consents.take_back(sub, "shop", now=world.clock.now, expires_at=NOW + 900)
    with pytest.raises(InvalidRequest):
        await take(world, tokens)


async def test_who_came_by_another_way_has_the_tokens_of_theirs_at_the_provider(
    world: World, upstream: KeepingUpstream
) -> None:
    await sign_in(world, "ours")
    (row,) = await kept(world)
    sub = (await world.store.durable.people.person(row.provider_key, "x1") or pytest.fail("nobody")).account.sub
    world.upstreams["alpha"].identity = Identity("of-alpha")
    link = replace((await world.store.durable.people.links(sub))[0], provider_key=world.providers.find("alpha").key)
    link = replace(link, subject="of-alpha", provider="alpha")
    await world.store.durable.people.link(sub, link, began_at=NOW + 1, now=NOW)
    tokens = await sign_in(world, "ours", "alpha")
    assert (await take(world, tokens, "ours"))["access_token"] == "a1"


async def test_somebody_who_never_came_by_the_provider_is_sent_there(world: World, upstream: KeepingUpstream) -> None:
    tokens = await sign_in(world, "ours", "alpha")
    with pytest.raises(LoginRequired) as caught:
        await take(world, tokens, "ours")
    assert "idp_hint" in caught.value.public


async def test_f6_a_token_that_is_bound_to_a_key_needs_a_proof_of_that_key(
    world: World, upstream: KeepingUpstream
) -> None:
    prover, thief = Prover(), Prover()
    url = f"{ISSUER}/token"
    await sign_in(world, "ours")
    code = await world.code("ours", "gamma")
    bound = await world.redeem(code, "ours", prover.prove("POST", url, at=NOW))
    assert bound["token_type"] == "DPoP"
    for proof in ("", thief.prove("POST", url, at=NOW)):
        with pytest.raises(InvalidDpopProof):
            await take(world, bound, "ours", proof)
    proof = prover.prove("POST", url, at=NOW)
    assert (await take(world, bound, "ours", proof))["token_type"] == "Bearer"
    with pytest.raises(InvalidDpopProof, match="used before"):
        await take(world, bound, "ours", proof)


# --- renewing ---


async def due(world: World) -> dict[str, Any]:
    """A living token of the app, and tokens of the upstream that end within a minute."""
    tokens = await sign_in(world, "ours")
    world.clock.now += 3541
    return await world.refresh(tokens["refresh_token"], "ours")


async def test_k20_of_fifty_who_ask_at_once_one_asks_the_upstream(world: World, upstream: KeepingUpstream) -> None:
    tokens = await due(world)
    upstream.slow = 0.05
    answers = await asyncio.gather(*(take(world, tokens, "ours") for _ in range(50)))
    assert {answer["access_token"] for answer in answers} == {"a2"}
    assert [one.refresh_token for one in upstream.renewed] == ["r1"]
    assert (Event.UPSTREAM_TOKENS_RENEWED, {"provider": "gamma", "outcome": "renewed"}) in world.notes.heard


async def test_a_token_that_is_good_for_another_minute_is_handed_out_as_it_is(
    world: World, upstream: KeepingUpstream
) -> None:
    tokens = await sign_in(world, "ours")
    world.clock.now += 3540
    answer = await take(world, await world.refresh(tokens["refresh_token"], "ours"), "ours")
    assert (answer["access_token"], answer["expires_in"]) == ("a1", 60)


async def other_node(world: World) -> World:
    """A second broker over the same stores."""
    other = replace(world)
    await other.restart()
    return other


async def test_k18_two_nodes_ask_once_and_both_hand_out_what_came(world: World, upstream: KeepingUpstream) -> None:
    tokens = await due(world)
    other = await other_node(world)
    upstream.slow = 0.3
    first, second = await asyncio.gather(take(world, tokens, "ours"), take(other, tokens, "ours"))
    assert first["access_token"] == second["access_token"] == "a2"
    assert len(upstream.renewed) == 1


async def test_a_login_during_a_renewal_is_newer_than_what_comes_of_it(world: World, upstream: KeepingUpstream) -> None:
    tokens = await due(world)
    upstream.slow = 0.1
    asked = asyncio.create_task(take(world, tokens, "ours"))
    await asyncio.sleep(0.03)
    upstream.lives = 9000
    await sign_in(world, "ours")
    assert (await asked)["access_token"] == "a2"
    assert (await take(world, tokens, "ours"))["access_token"] == "a2", "that of the login"
    assert len(upstream.renewed) == 1


async def test_who_hangs_up_loses_no_token_that_the_upstream_gave(world: World, upstream: KeepingUpstream) -> None:
    tokens = await due(world)
    upstream.slow = 0.1
    asked = asyncio.create_task(take(world, tokens, "ours"))
    await asyncio.sleep(0.03)
    asked.cancel()
    await asyncio.sleep(0.2)
    upstream.slow = 0
    assert (await take(world, tokens, "ours"))["access_token"] == "a2"
    assert [one.refresh_token for one in upstream.renewed] == ["r1"]


async def test_an_upstream_that_refuses_is_not_asked_again(world: World, upstream: KeepingUpstream) -> None:
    tokens = await due(world)
    upstream.answer = UpstreamDenied("no more")
    for _ in range(2):
        with pytest.raises(LoginRequired):
            await take(world, tokens, "ours")
    assert len(upstream.renewed) == 1
    assert await kept(world) == ()


async def test_i6_an_upstream_that_is_away_is_asked_again_at_once(world: World, upstream: KeepingUpstream) -> None:
    tokens = await due(world)
    upstream.answer = UpstreamUnavailable("away")
    with pytest.raises(UpstreamUnavailable):
        await take(world, tokens, "ours")
    upstream.answer = None
    assert (await take(world, tokens, "ours"))["access_token"] == "a2"


async def test_i6_an_upstream_that_hangs_is_given_up(world: World, upstream: KeepingUpstream) -> None:
    world.deadline = 0.05
    await world.restart()
    tokens = await due(world)
    upstream.slow = 30
    with pytest.raises(UpstreamUnavailable):
        await take(world, tokens, "ours")
    upstream.slow = 0
    assert (await take(world, tokens, "ours"))["access_token"] == "a2"


async def test_k7_a_node_that_died_while_it_asked_holds_up_nobody_for_long(
    world: World, upstream: KeepingUpstream
) -> None:
    world.deadline = 0.2
    await world.restart()
    tokens = await due(world)
    (row,) = await kept(world)
    assert await world.store.durable.upstream_tokens.claim(row, now=world.clock.now, until=world.clock.now + 15)
    asked = asyncio.create_task(take(world, tokens, "ours"))
    for _ in range(5):
        await asyncio.sleep(0.11)
        world.clock.now += 1
    with pytest.raises(UpstreamUnavailable):
        await asked
    world.clock.now += 15
    assert (await take(world, tokens, "ours"))["access_token"] == "a2"


async def test_a_token_without_a_refresh_token_ends_in_another_login(world: World, upstream: KeepingUpstream) -> None:
    upstream.refreshes = False
    tokens = await due(world)
    with pytest.raises(LoginRequired):
        await take(world, tokens, "ours")
    assert upstream.renewed == []


# --- what people see of it, and take back ---


async def withdraw(world: World, *, handle: str = "") -> bool:
    """They press the button on their page, in a session of their own."""
    _, cookie, session = await world.log_in(await world.request("ours"), "gamma")
    sub, name = session.login.sub, session.login.provider_key
    (link,) = [one for one in await world.store.durable.people.links(sub) if one.provider_key == name]
    ticket = world.forms.ticket(Action.WITHDRAW, session)
    return await world.account_changes.withdraw(cookie, ticket, handle or link.handle)


async def test_people_see_which_apps_may_use_their_account_and_export_that(
    world: World, upstream: KeepingUpstream
) -> None:
    await sign_in(world, "ours")
    _, cookie, session = await world.log_in(await world.request("ours", prompt="login"), "gamma")
    visit = await world.account_page.visit(cookie)
    assert visit is not None
    (seen,) = (await world.account_page.show(visit)).elsewhere
    assert (seen.link.provider, {one.id for one in seen.clients}) == ("gamma", {"shop", "ours"})
    document = await world.account_page.export(cookie, world.forms.ticket(Action.EXPORT, session))
    (told,) = json.loads(document)["accounts_used_by_apps"]
    assert (told["provider"], told["apps"]) == ("gamma", ["shop", "ours"])
    assert seen.kept.sealed.encode() not in document


async def test_what_is_withdrawn_is_handed_out_no_more_and_given_back_at_the_provider(
    world: World, upstream: KeepingUpstream
) -> None:
    tokens = await sign_in(world)
    assert await withdraw(world)
    assert [one.refresh_token for one in upstream.given_back] == ["r1"]
    assert await kept(world) == ()
    with pytest.raises(ConsentRequired):
        await take(world, tokens)
    sub = (await world.tokens.verify_access(tokens["access_token"]))[1].account
    assert (Event.UPSTREAM_TOKENS_WITHDRAWN, {"provider": "gamma", "sub": sub, "outcome": "given_back"}) in (
        world.notes.heard
    )
    assert not await withdraw(world), "it is gone"
    assert (await take(world, await sign_in(world)))["access_token"] != "a1", "they said yes again"


@pytest.mark.parametrize(
    ("answer", "takes_back", "outcome"),
    [(None, False, "forgotten"), (UpstreamUnavailable("away"), True, "UpstreamUnavailable")],
)
async def test_i6_a_provider_that_hears_nothing_of_it_keeps_nobody_from_withdrawing(
    world: World, upstream: KeepingUpstream, answer: Exception | None, takes_back: bool, outcome: str
) -> None:
    await sign_in(world, "ours")
    upstream.answer, upstream.takes_back = answer, takes_back
    assert await withdraw(world)
    assert await kept(world) == ()
    (heard,) = [fields for event, fields in world.notes.heard if event is Event.UPSTREAM_TOKENS_WITHDRAWN]
    assert heard["outcome"] == outcome


async def test_a_way_in_that_is_not_theirs_is_not_withdrawn(world: World, upstream: KeepingUpstream) -> None:
    await sign_in(world, "ours")
    assert not await withdraw(world, handle="made-up")
    assert len(await kept(world)) == 1


async def test_what_is_withdrawn_during_a_renewal_stays_so(world: World, upstream: KeepingUpstream) -> None:
    tokens = await due(world)
    upstream.slow = 0.1
    asked = asyncio.create_task(take(world, tokens, "ours"))
    await asyncio.sleep(0.03)
    assert await withdraw(world)
    with pytest.raises(LoginRequired):
        await asked
    assert await kept(world) == ()


def test_nothing_that_is_printed_shows_a_token() -> None:
    tokens = UpstreamTokens("secret-a", "secret-r", NOW, ("calendar",), "secret-n")
    row = KeptTokens("p1", "x1", "secret-sealed", "v", NOW)
    assert "secret" not in f"{tokens!r} {tokens} {row!r}"
