"""Giving tokens back: what hangs together ends together, and nobody ends what is not theirs."""

from __future__ import annotations

from typing import Any

import pytest

from broker.core.errors import InvalidGrant, InvalidRequest
from broker.core.events import Event
from broker.core.jose.compact import b64url, decode_segment
from broker.core.records import ClientToken
from broker.core.terms import AuthMethod, GrantType, TokenFormat
from broker.core.wire.parameters import Parameters
from tests.services.bare_broker import World, app

pytestmark = pytest.mark.anyio
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
OFFLINE = "openid profile offline_access"


async def tokens_of(world: World, token_format: TokenFormat = TokenFormat.OPAQUE) -> dict[str, Any]:
    """Tokens of a login, in this format; another client is about."""
    world.clients |= {"app": app(access_token_format=token_format), "other": app("other")}
    world.clients["robot"] = app(
        "robot",
        auth_method=AuthMethod.BASIC,
        grants=frozenset({GrantType.CLIENT_CREDENTIALS}),
        service_scopes=("orders:read",),
        access_token_format=token_format,
    )
    await world.restart()
    return await world.redeem(await world.code(scope=OFFLINE))


async def is_own_alive(world: World, token: str) -> bool:
    """Whether a client's own token still counts."""
    return bool((await world.introspect(token, "robot"))["active"])


@pytest.mark.parametrize("token_format", list(TokenFormat))
@pytest.mark.parametrize("given_back", ["access_token", "refresh_token"])
async def test_f20_a_token_takes_its_whole_grant_along(
    world: World, token_format: TokenFormat, given_back: str
) -> None:
    first = await tokens_of(world, token_format)
    second = await world.refresh(first["refresh_token"])
    await world.revoke(second[given_back])
    for answer in (first, second):
        assert not await world.is_alive(answer["access_token"])
        with pytest.raises(InvalidGrant):
            await world.refresh(answer["refresh_token"])
    assert world.notes.count(Event.TOKEN_REVOKED) == 1
    assert world.notes.heard[-1][0] is not Event.TOKEN_REUSE_DETECTED


async def test_f20_a_spent_refresh_token_still_ends_its_family(world: World) -> None:
    first = await tokens_of(world)
    second = await world.refresh(first["refresh_token"])
    await world.revoke(first["refresh_token"])
    assert not await world.is_alive(second["access_token"])
    with pytest.raises(InvalidGrant):
        await world.refresh(second["refresh_token"])


async def test_f20_one_login_ends_and_the_other_goes_on(world: World) -> None:
    first, second = await tokens_of(world), await world.redeem(await world.code(scope=OFFLINE))
    await world.revoke(first["refresh_token"])
    assert await world.is_alive(second["access_token"])
    await world.refresh(second["refresh_token"])


@pytest.mark.parametrize("token_format", list(TokenFormat))
async def test_f20_tokens_of_another_client_are_left_alone(world: World, token_format: TokenFormat) -> None:
    answer = await tokens_of(world, token_format)
    own = (await world.own_token())["access_token"]
    for token in (answer["access_token"], answer["refresh_token"], own):
        await world.revoke(token, "other")
    assert await world.is_alive(answer["access_token"])
    await world.refresh(answer["refresh_token"])
    assert await is_own_alive(world, own)
    assert world.notes.count(Event.TOKEN_REVOKED) == 0


@pytest.mark.parametrize("token_format", list(TokenFormat))
async def test_f20_a_clients_own_token_ends_by_itself(world: World, token_format: TokenFormat) -> None:
    await tokens_of(world, token_format)
    gone, stays = [(await world.own_token())["access_token"] for _ in range(2)]
    await world.revoke(gone, "robot")
    await world.revoke(gone, "robot")
    assert not await is_own_alive(world, gone)
    assert await is_own_alive(world, stays)
    assert world.notes.count(Event.TOKEN_REVOKED) == 1, "the second time nothing ended"


async def test_f20_another_spelling_of_a_revoked_token_is_no_other_token(world: World) -> None:
    await tokens_of(world, TokenFormat.JWT)
    token = (await world.own_token())["access_token"]
    await world.revoke(token, "robot")
    message, _, signature = token.rpartition(".")
    raw = decode_segment(signature)
    # Of an ECDSA signature (r, s) the pair (r, n - s) is one, too: the text of a token is no name for it.
    twin = raw[:32] + (P256_ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    again = f"{message}.{b64url(twin)}"
    assert isinstance(world.tokens.open_access(again), ClientToken)
    assert not await is_own_alive(world, again)


async def test_an_expired_access_token_ends_nothing(world: World) -> None:
    answer = await tokens_of(world)
    world.clock.now += 900
    await world.revoke(answer["access_token"])
    await world.refresh(answer["refresh_token"])


async def test_what_was_revoked_while_the_account_was_blocked_stays_revoked(world: World) -> None:
    answer = await tokens_of(world)
    _, live = await world.tokens.verify_access(answer["access_token"])
    await world.store.durable.accounts.set_blocked(live.grant.login.sub, True)
    await world.revoke(answer["refresh_token"])
    await world.store.durable.accounts.set_blocked(live.grant.login.sub, False)
    assert not await world.is_alive(answer["access_token"])


@pytest.mark.parametrize("token", ["x", "at_x", "ct_x", "rt_x", "a.b.c", "é", "at_" + "A" * 9000])
async def test_what_is_no_token_is_taken_without_a_word(world: World, token: str) -> None:
    await world.revoke(token)
    assert world.notes.count(Event.TOKEN_REVOKED) == 0


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "id_token", "x", "é"])
async def test_a_hint_right_wrong_or_unknown_changes_nothing(world: World, hint: str) -> None:
    for name in ("access_token", "refresh_token"):
        answer = await tokens_of(world)
        await world.revoke(answer[name], token_type_hint=hint)
        assert not await world.is_alive(answer["access_token"])


async def test_one_token_is_sent_once(world: World) -> None:
    for pairs in ([], [("token", "")], [("token", "a"), ("token", "b")], [("token", "a"), ("x", "1"), ("x", "2")]):
        with pytest.raises(InvalidRequest):
            await world.revocation.revoke(world.clients["app"], Parameters(pairs))
