"""Access tokens and hints that come back: ours, for this, alive, or refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jwt
import pytest

from broker.core.authorize.pushed import PushedRequest
from broker.core.clients.client import TokenPolicy
from broker.core.errors import InvalidToken
from broker.core.records import AccessToken
from broker.core.terms import Algorithm, IdTokenClaims, TokenFormat
from broker.core.tokens.id_token import ACCESS_TOKEN_TYPE, ID_TOKEN_TYPE
from tests.services.bare_broker import ISSUER, NOW, World, app, seal

pytestmark = pytest.mark.anyio


async def issue(world: World, token_format: TokenFormat = TokenFormat.JWT) -> dict[str, Any]:
    """Tokens of this format."""
    world.clients["app"] = app(access_token_format=token_format)
    await world.restart()
    return await world.redeem(await world.code(scope="openid offline_access"))


async def sign(world: World, typ: str, **claims: Any) -> str:
    """Signed with our own key, whatever it says."""
    base = {"iss": ISSUER, "sub": "s1", "aud": ISSUER, "exp": NOW + 600, "grant": "g1", "client_id": "app"}
    said = {name: value for name, value in (base | claims).items() if value is not ...}
    return await world.keys.signer(Algorithm.ES256).sign(said, typ=typ)


@pytest.mark.parametrize("token_format", list(TokenFormat))
async def test_an_access_token_dies_in_its_second_or_with_its_grant(world: World, token_format: TokenFormat) -> None:
    token = (await issue(world, token_format))["access_token"]
    world.clock.now += 899
    assert await world.is_alive(token)
    world.clock.now += 1
    assert not await world.is_alive(token)
    world.clock.now -= 100
    opened, _ = await world.tokens.verify_access(token)
    await world.store.durable.grants.revoke(opened.grant_id, now=NOW)
    assert not await world.is_alive(token)


async def test_e8_no_token_is_good_in_the_place_of_another(world: World) -> None:
    answer = await issue(world)
    hint = world.tokens.verify_hint(answer["id_token"])
    assert hint["aud"] == "app"
    for wrong in (answer["id_token"], answer["refresh_token"], "at_" + answer["id_token"]):
        assert not await world.is_alive(wrong)
    for wrong in (answer["access_token"], answer["refresh_token"]):
        with pytest.raises(InvalidToken):
            world.tokens.verify_hint(wrong)


@pytest.mark.parametrize(
    "claims",
    [
        *({"aud": aud} for aud in ("app", [ISSUER], ISSUER + "/", None, ...)),
        *({"grant": grant} for grant in (7, None, ["g"], ...)),
        {"iss": "https://evil.test"},
        {"exp": NOW},
    ],
)
async def test_e9_a_jwt_access_token_is_for_this_issuer_and_names_a_grant(world: World, claims: dict[str, Any]) -> None:
    opened, _ = await world.tokens.verify_access((await issue(world))["access_token"])
    assert await world.is_alive(await sign(world, ACCESS_TOKEN_TYPE, grant=opened.grant_id))
    assert not await world.is_alive(await sign(world, ACCESS_TOKEN_TYPE, **({"grant": opened.grant_id} | claims)))


async def test_a_jwt_access_token_of_an_unknown_grant_is_revoked(world: World) -> None:
    with pytest.raises(InvalidToken, match="revoked"):
        await world.tokens.verify_access(await sign(world, ACCESS_TOKEN_TYPE))


@pytest.mark.parametrize("purpose", ["flow", "consent", "entry", "signing key", "access token "])
async def test_b8_a_record_sealed_for_something_else_is_no_access_token(world: World, purpose: str) -> None:
    record = AccessToken("g1", "app", ("openid",), NOW + 900)
    with pytest.raises(InvalidToken):
        await world.tokens.verify_access("at_" + seal(purpose).seal(record.to_bytes()))


async def test_b8_another_record_under_the_right_seal_is_no_access_token(world: World) -> None:
    sealed = seal("access token").seal(PushedRequest(await world.request()).to_bytes())
    with pytest.raises(InvalidToken):
        await world.tokens.verify_access("at_" + sealed)


@pytest.mark.parametrize("token", ["", "at_", "at_x", "at_é", "x", "a.b.c", "rt_x", "\x00", "at_" + "A" * 20_000])
async def test_what_is_no_token_is_refused(world: World, token: str) -> None:
    assert not await world.is_alive(token)


async def test_a18_a_hint_may_be_old_but_must_be_ours(world: World) -> None:
    answer = await issue(world)
    world.clock.now += 10**6
    assert world.tokens.verify_hint(answer["id_token"])["iss"] == ISSUER
    with pytest.raises(InvalidToken):
        world.tokens.verify_hint(await sign(world, ID_TOKEN_TYPE, iss="https://evil.test"))
    with pytest.raises(InvalidToken):
        world.tokens.verify_hint(answer["id_token"][:-4] + "AAAA")


async def test_f25_no_two_tokens_are_the_same(world: World) -> None:
    await issue(world, TokenFormat.OPAQUE)
    _, held = await world.tokens.verify_access((await issue(world))["access_token"])
    for client in (app(), app(access_token_format=TokenFormat.JWT)):
        one = replace(held, client=client)
        assert len({await world.tokens.mint_access(one, ("openid",)) for _ in range(200)}) == 200
    assert len({world.tokens.mint_refresh() for _ in range(200)}) == 200


async def test_f8_a_child_is_always_the_same_and_tells_nothing_of_its_parent(world: World) -> None:
    first, second = world.tokens.mint_refresh(), world.tokens.mint_refresh()
    assert world.tokens.build_child(first) == world.tokens.build_child(first)
    assert world.tokens.build_child(first) != world.tokens.build_child(second)
    assert len(world.tokens.build_child(first)) == len(first) == 46


@pytest.mark.parametrize("chosen", list(IdTokenClaims))
async def test_claims_of_scopes_are_in_id_tokens_unless_only_requested_ones_are(
    world: World, chosen: IdTokenClaims
) -> None:
    world.clients["app"] = app(tokens=TokenPolicy(id_token_claims=chosen))
    await world.restart()
    plain = await world.redeem(await world.code(scope="openid profile"))
    named = await world.redeem(await world.code(scope="openid", claims='{"id_token":{"name":null}}'))
    said = [jwt.decode(answer["id_token"], options={"verify_signature": False}) for answer in (plain, named)]
    assert ["name" in claims for claims in said] == [chosen is IdTokenClaims.SCOPE, True]
