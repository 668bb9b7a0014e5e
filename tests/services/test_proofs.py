"""Proofs at the token endpoint: used once, of now, and what is bound by them stays bound."""

from __future__ import annotations

import asyncio
from typing import Any

import jwt
import pytest

from broker.core.clients.client import Origin, TokenPolicy
from broker.core.errors import InvalidDpopProof, InvalidGrant, InvalidToken, StoreUnavailable, UseDpopNonce
from broker.core.events import Event
from broker.core.seal import derive
from broker.core.terms import Algorithm, AuthMethod, GrantType, Profile, TokenFormat
from broker.core.wire.parameters import Parameters
from broker.services.tokens.proofs import NONCE_PERIOD, WINDOW, Nonces, Proofs, Shown
from tests.core.own_tokens import pair_of
from tests.core.prover import Prover
from tests.services.bare_broker import CHALLENGE, ISSUER, MASTER, NOW, REDIRECT, World, app

pytestmark = pytest.mark.anyio
OFFLINE = "openid profile offline_access"
TOKEN = f"{ISSUER}/token"
USERINFO = f"{ISSUER}/userinfo"
OWN = frozenset({GrantType.CLIENT_CREDENTIALS, GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN})
KEY, OTHER = Prover(pair=pair_of(Algorithm.ES256)), Prover(pair=pair_of(Algorithm.EDDSA))


@pytest.fixture
async def known(world: World) -> World:
    """A public client, one with a secret, and one that is registered for bound tokens only."""
    secret = {"auth_method": AuthMethod.BASIC, "grants": OWN, "service_scopes": ("orders:read",)}
    world.clients |= {
        "web": app("web", **secret),
        "jwt-web": app("jwt-web", access_token_format=TokenFormat.JWT, **secret),
        "bound": app("bound", tokens=TokenPolicy(dpop_bound_access_tokens=True), **secret),
        "bank": app("bank", origin=Origin(profile=Profile.FAPI2), **secret),
    }
    await world.restart()
    return world


def proof(world: World, key: Prover = KEY, **claims: Any) -> str:
    """A proof for the token endpoint, by a client whose clock is right."""
    return key.prove("POST", TOKEN, at=world.clock.now, **claims)


async def first(world: World, client_id: str = "app", key: Prover | None = KEY, **changed: str) -> dict[str, Any]:
    """What a login gives, bound to this key or to none."""
    code = await world.code(client_id, scope=OFFLINE, **changed)
    return await world.redeem(code, client_id, proof(world, key) if key else "")


async def use(world: World, token: str, shown: str = "", *, dpop: bool = True, client_id: str = "app") -> None:
    """The token at userinfo, with this proof."""
    bound_to = world.tokens.open_access(token).jkt
    client = world.clients[client_id]
    came = Shown(token, as_dpop=dpop, proof=shown, method="GET", endpoint="/userinfo")
    await world.proofs.verify_use(came, bound_to, client)


def use_proof(world: World, token: str, key: Prover = KEY, **claims: Any) -> str:
    """A proof for userinfo."""
    return key.prove("GET", USERINFO, at=world.clock.now, token=token, **claims)


# --- time and replay ---


@pytest.mark.parametrize("seconds", [-WINDOW, -10, 0, 10, WINDOW])
async def test_f15_a_clock_may_be_a_minute_off(known: World, seconds: int) -> None:
    assert (await known.own_token("web", proof(known, iat=NOW + seconds)))["token_type"] == "DPoP"


@pytest.mark.parametrize("seconds", [-3600, -WINDOW - 1, WINDOW + 1, 3600])
async def test_f15_a_proof_of_another_time_is_refused(known: World, seconds: int) -> None:
    with pytest.raises(InvalidDpopProof, match="iat"):
        await known.own_token("web", proof(known, iat=NOW + seconds))


@pytest.mark.parametrize(("claims", "reason"), [({"nbf": NOW + 61}, "nbf"), ({"exp": NOW - 60}, "exp")])
@pytest.mark.parametrize("with_nonce", [False, True], ids=["without nonce", "with nonce"])
async def test_f15_limits_that_a_proof_sets_itself_are_kept(
    known: World, claims: dict[str, Any], reason: str, with_nonce: bool
) -> None:
    nonce: dict[str, Any] = {"nonce": known.proofs.mint_nonce()} if with_nonce else {}
    with pytest.raises(InvalidDpopProof, match=reason):
        await known.own_token("web", proof(known, **claims, **nonce))
    assert await known.own_token("web", proof(known, nbf=NOW, exp=NOW + 300, **nonce))


async def test_f15_of_fifty_uses_of_one_proof_at_once_one_succeeds(known: World) -> None:
    once = proof(known)
    answers = await asyncio.gather(*(known.own_token("web", once) for _ in range(50)), return_exceptions=True)
    assert len([answer for answer in answers if isinstance(answer, dict)]) == 1
    assert len([answer for answer in answers if isinstance(answer, InvalidDpopProof)]) == 49
    assert known.notes.count(Event.PROOF_REFUSED) == 49


async def test_f15_nodes_that_share_a_store_share_what_was_used_and_know_each_others_nonces(known: World) -> None:
    transient, keys = known.store.transient, (derive(MASTER, "dpop nonce"),)
    other = Proofs(known.context, transient, Nonces(keys, known.context.now), nonce_required=False)
    once = proof(known, nonce=other.mint_nonce())
    await known.own_token("web", once)
    with pytest.raises(InvalidDpopProof, match="used before"):
        await other.claim(await other.verify(once, endpoint="/token"), endpoint="/token")


@pytest.mark.parametrize("seconds", [1, WINDOW, 2 * WINDOW])
async def test_f15_a_proof_is_remembered_while_it_would_count(known: World, seconds: int) -> None:
    early = proof(known, iat=NOW + WINDOW)  # by a clock that is as fast as we let it be
    await known.own_token("web", early)
    known.clock.now += seconds
    with pytest.raises(InvalidDpopProof, match="used before"):
        await known.own_token("web", early)


async def test_f15_a_proof_with_a_nonce_is_remembered_while_the_nonce_counts(known: World) -> None:
    known.clock.now = NOW - NOW % NONCE_PERIOD
    kept = proof(known, nonce=known.proofs.mint_nonce())
    await known.own_token("web", kept)
    known.clock.now += 2 * NONCE_PERIOD - 1
    with pytest.raises(InvalidDpopProof, match="used before"):
        await known.own_token("web", kept)


async def test_the_same_jti_of_another_key_or_for_another_place_is_another_proof(known: World) -> None:
    token = (await known.own_token("web", proof(known, jti="j1")))["access_token"]
    assert await known.own_token("web", proof(known, OTHER, jti="j1"))
    await use(known, token, use_proof(known, token, jti="j1"), client_id="web")


# --- nonces ---


async def test_with_a_nonce_the_nonce_decides_and_not_the_clock_of_the_client(known: World) -> None:
    nonce = known.proofs.mint_nonce()
    assert await known.own_token("web", proof(known, iat=NOW - 86_400, nonce=nonce))


@pytest.mark.parametrize("nonce", ["x", "A" * 22])
async def test_f15_a_nonce_of_somebody_else_is_refused(known: World, nonce: str) -> None:
    with pytest.raises(UseDpopNonce):
        await known.own_token("web", proof(known, nonce=nonce))
    assert known.notes.count(Event.PROOF_REFUSED) == 0, "asking for a nonce is no offence"


async def test_f15_a_nonce_counts_for_its_period_and_the_next(known: World) -> None:
    known.clock.now = NOW - NOW % NONCE_PERIOD
    nonce = known.proofs.mint_nonce()
    known.clock.now += NONCE_PERIOD - 1
    assert known.proofs.mint_nonce() == nonce
    known.clock.now += NONCE_PERIOD
    assert known.proofs.mint_nonce() != nonce
    assert await known.own_token("web", proof(known, nonce=nonce))
    known.clock.now += 1
    with pytest.raises(UseDpopNonce):
        await known.own_token("web", proof(known, nonce=nonce))


async def test_f15_where_nonces_are_required_no_proof_counts_without_one(known: World) -> None:
    known.nonce_required = True
    await known.restart()
    code = await known.code(scope=OFFLINE)
    with pytest.raises(UseDpopNonce):
        await known.redeem(code, "app", proof(known))
    answer = await known.redeem(code, "app", proof(known, nonce=known.proofs.mint_nonce()))
    assert answer["token_type"] == "DPoP", "asking for a nonce spends nothing"
    with pytest.raises(UseDpopNonce):
        await use(known, answer["access_token"], use_proof(known, answer["access_token"]))
    nonce = known.proofs.mint_nonce()
    await use(known, answer["access_token"], use_proof(known, answer["access_token"], nonce=nonce))


def test_a_nonce_is_good_on_every_node_and_while_the_master_key_changes() -> None:
    old, new = b"o" * 32, b"n" * 32
    before = Nonces((old,), lambda: NOW)
    rotated = Nonces((new, old), lambda: NOW)
    assert rotated.accepts(before.mint())
    assert not before.accepts(rotated.mint())
    assert Nonces((new,), lambda: NOW).accepts(rotated.mint())


# --- what is bound ---


async def test_tokens_are_bound_to_the_key_of_the_proof(known: World) -> None:
    answer = await first(known)
    assert answer["token_type"] == "DPoP"
    assert known.tokens.open_access(answer["access_token"]).jkt == KEY.jkt
    await use(known, answer["access_token"], use_proof(known, answer["access_token"]))


@pytest.mark.parametrize("client_id", ["web", "jwt-web"])
async def test_a_clients_own_token_is_bound_too_and_introspection_says_to_what(known: World, client_id: str) -> None:
    answer = await known.own_token(client_id, proof(known))
    assert answer["token_type"] == "DPoP"
    said = await known.introspect(answer["access_token"], client_id)
    assert (said["active"], said["token_type"], said["cnf"]) == (True, "DPoP", {"jkt": KEY.jkt})


async def test_a_jwt_says_what_it_is_bound_to_and_comes_back_bound(known: World) -> None:
    token = (await first(known, "jwt-web"))["access_token"]
    assert jwt.decode(token, options={"verify_signature": False})["cnf"] == {"jkt": KEY.jkt}
    assert known.tokens.open_access(token).jkt == KEY.jkt
    said = await known.introspect(token, "jwt-web")
    assert (said["token_type"], said["cnf"]) == ("DPoP", {"jkt": KEY.jkt})


async def test_without_a_proof_nothing_is_bound_and_nothing_is_said_of_it(known: World) -> None:
    answer = await first(known, "jwt-web", None)
    assert answer["token_type"] == "Bearer"
    assert "cnf" not in jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert "cnf" not in await known.introspect(answer["access_token"], "jwt-web")
    await use(known, answer["access_token"], dpop=False)


async def test_f26_a_client_for_bound_tokens_gets_no_other(known: World) -> None:
    answer, code = await first(known, "bound"), await known.code("bound")
    with pytest.raises(InvalidDpopProof):
        await known.redeem(code, "bound")
    with pytest.raises(InvalidDpopProof):
        await known.refresh(answer["refresh_token"], "bound")
    with pytest.raises(InvalidDpopProof):
        await known.own_token("bound")
    assert await known.redeem(code, "bound", proof(known)), "nothing was spent"
    assert await known.refresh(answer["refresh_token"], "bound", proof(known))


@pytest.mark.parametrize("client_id", ["app", "web"])
async def test_f15_f26_a_login_that_began_with_dpop_never_yields_a_bearer_token(known: World, client_id: str) -> None:
    answer = await first(known, client_id)
    with pytest.raises(InvalidDpopProof):
        await known.refresh(answer["refresh_token"], client_id)
    assert (await known.refresh(answer["refresh_token"], client_id, proof(known)))["token_type"] == "DPoP"


async def test_f15_a_code_asked_for_with_a_key_is_dead_without_it(known: World) -> None:
    for shown in ("", proof(known, OTHER)):
        code = await known.code(dpop_jkt=KEY.jkt)
        with pytest.raises(InvalidGrant):
            await known.redeem(code, "app", shown)
        with pytest.raises(InvalidGrant):
            await known.redeem(code, "app", proof(known))
    assert await known.redeem(await known.code(dpop_jkt=KEY.jkt), "app", proof(known))


async def test_f15_a_proof_at_par_binds_the_code_as_well(known: World) -> None:
    sent = {
        "client_id": "app",
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": "openid",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }

    async def push(shown: str, **more: str) -> str:
        params = Parameters((sent | more).items())
        pushed = await known.requests.push(known.clients["app"], params, proof=shown)
        return (await known.pushed.present(known.clients["app"], pushed["request_uri"])).dpop_jkt

    def shown(key: Prover = KEY, endpoint: str = "/par") -> str:
        return key.prove("POST", f"{ISSUER}{endpoint}", at=NOW)

    assert await push("") == ""
    assert await push("", dpop_jkt=KEY.jkt) == KEY.jkt
    assert await push(shown()) == await push(shown(), dpop_jkt=KEY.jkt) == KEY.jkt
    with pytest.raises(InvalidDpopProof, match="different keys"):
        await push(shown(), dpop_jkt=OTHER.jkt)
    with pytest.raises(InvalidDpopProof, match="htu"):
        await push(shown(endpoint="/token"))


async def test_f15_a_public_client_refreshes_with_its_key_alone(known: World) -> None:
    answer = await first(known)
    with pytest.raises(InvalidGrant):
        await known.refresh(answer["refresh_token"], "app", proof(known, OTHER))
    after = await known.refresh(answer["refresh_token"], "app", proof(known))
    assert known.tokens.open_access(after["access_token"]).jkt == KEY.jkt
    assert await known.refresh(after["refresh_token"], "app", proof(known)), "the family lives on"


async def test_f15_a_public_client_cannot_bind_a_login_afterwards(known: World) -> None:
    answer = await first(known, key=None)
    with pytest.raises(InvalidGrant):
        await known.refresh(answer["refresh_token"], "app", proof(known))
    assert (await known.refresh(answer["refresh_token"]))["token_type"] == "Bearer"


async def test_a_client_with_a_secret_may_change_its_key(known: World) -> None:
    answer = await first(known, "web")
    after = await known.refresh(answer["refresh_token"], "web", proof(known, OTHER))
    assert known.tokens.open_access(after["access_token"]).jkt == OTHER.jkt


async def test_f6_f8_the_same_child_is_given_again_to_the_same_key_and_another_key_ends_the_family(
    known: World,
) -> None:
    answer = await first(known)
    after = await known.refresh(answer["refresh_token"], "app", proof(known))
    again = await known.refresh(answer["refresh_token"], "app", proof(known))
    assert again["refresh_token"] == after["refresh_token"]
    with pytest.raises(InvalidGrant):
        await known.refresh(answer["refresh_token"], "app", proof(known, OTHER))
    assert known.notes.count(Event.TOKEN_REUSE_DETECTED) == 1
    with pytest.raises(InvalidGrant):
        await known.refresh(after["refresh_token"], "app", proof(known))


async def test_a_bound_token_is_given_back_like_any_other(known: World) -> None:
    answer = await first(known)
    await known.revoke(answer["access_token"])
    assert not await known.is_alive(answer["access_token"])


# --- using them ---


async def test_f15_a_bound_token_is_no_bearer_token_and_the_other_way_round(known: World) -> None:
    bound = (await first(known))["access_token"]
    with pytest.raises(InvalidToken):
        await use(known, bound, dpop=False)
    with pytest.raises(InvalidToken):
        await use(known, bound, use_proof(known, bound), dpop=False)
    free = (await first(known, key=None))["access_token"]
    with pytest.raises(InvalidToken, match="bound to no key"):
        await use(known, free, use_proof(known, free))


async def test_f15_a_proof_of_another_key_token_method_or_place_opens_nothing(known: World) -> None:
    token, second = (await first(known))["access_token"], (await first(known))["access_token"]
    with pytest.raises(InvalidToken):
        await use(known, token, use_proof(known, token, OTHER))
    wrong = ("", use_proof(known, second), use_proof(known, token, htm="POST"), use_proof(known, token, htu=TOKEN))
    for shown in wrong:
        with pytest.raises(InvalidDpopProof):
            await use(known, token, shown)
    await use(known, token, use_proof(known, token))


async def test_fapi_wants_other_algorithms_than_rs256(known: World) -> None:
    key = Prover(pair=pair_of(Algorithm.RS256))
    with pytest.raises(InvalidDpopProof):
        await known.own_token("bank", proof(known, key))
    assert await known.own_token("web", proof(known, key))
    token = (await known.own_token("bank", proof(known)))["access_token"]
    with pytest.raises(InvalidDpopProof):
        await use(known, token, use_proof(known, token, key), client_id="bank")


async def test_a_proof_that_cannot_be_remembered_is_not_accepted(known: World) -> None:
    kept = proof(known)
    await known.store.close()
    with pytest.raises(StoreUnavailable):
        await known.own_token("web", kept)
