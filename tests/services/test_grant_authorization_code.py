"""The authorization code grant: bound to everything it was issued for, spent once, and a replay ends it all."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import jwt
import pytest

from broker.core.errors import (
    AccountBlocked,
    InvalidGrant,
    InvalidRequest,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from broker.core.events import Event
from broker.core.jose.own_keys import half_hash
from broker.core.records import CodeRecord
from broker.core.seal import digest
from broker.core.terms import Algorithm, GrantType, TokenFormat
from broker.store.transient import Kind
from tests.services.bare_broker import ISSUER, NOW, REDIRECT, VERIFIER, World, app

pytestmark = pytest.mark.anyio
OFFLINE = "openid profile offline_access"


async def test_a_code_gives_what_rfc_6749_and_openid_connect_promise(world: World) -> None:
    answer = await world.redeem(await world.code(scope=OFFLINE))
    assert set(answer) == {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", 900, OFFLINE)
    claims = jwt.decode(answer["id_token"], options={"verify_signature": False})
    person = await world.store.durable.people.person(*await key_and_subject(world))
    assert person is not None
    assert claims == {
        "iss": ISSUER,
        "sub": person.account.sub,
        "aud": "app",
        "iat": NOW,
        "exp": NOW + 600,
        "auth_time": NOW,
        "amr": ["fed"],
        "nonce": "n-1",
        "name": "Ann",
        "updated_at": NOW,
        "at_hash": half_hash(answer["access_token"], Algorithm.ES256),
    }
    assert world.tokens.verify_hint(answer["id_token"])["sub"] == person.account.sub


async def key_and_subject(world: World) -> tuple[str, str]:
    """Of the person of these tests."""
    return world.providers.find("alpha").key, "x1"


async def test_without_openid_there_is_no_id_token_and_without_offline_access_no_refresh_token(world: World) -> None:
    answer = await world.redeem(await world.code(scope="email"))
    assert set(answer) == {"access_token", "token_type", "expires_in", "scope"}


async def test_a_client_without_the_refresh_grant_gets_no_refresh_token(world: World) -> None:
    world.clients["app"] = app(grants=frozenset({GrantType.AUTHORIZATION_CODE}))
    await world.restart()
    assert "refresh_token" not in await world.redeem(await world.code(scope=OFFLINE))


@pytest.mark.parametrize("token_format", list(TokenFormat))
async def test_an_access_token_of_either_format_names_its_grant(world: World, token_format: TokenFormat) -> None:
    world.clients["app"] = app(access_token_format=token_format)
    await world.restart()
    answer = await world.redeem(await world.code())
    token, live = await world.tokens.verify_access(answer["access_token"])
    assert (token.client_id, token.scope, token.expires_at) == ("app", ("openid", "profile"), NOW + 900)
    assert token.grant_id == live.grant.id
    assert (token_format is TokenFormat.JWT) == (answer["access_token"].count(".") == 2)


@pytest.mark.parametrize("seconds", [1, 30, 59, 61, 3600])
@pytest.mark.parametrize(
    ("client_id", "changed"),
    [("app", {}), ("other", {}), ("app", {"code_verifier": "x" * 43}), ("app", {"redirect_uri": REDIRECT + "/"})],
)
async def test_f1_a_replayed_code_ends_everything_it_gave(
    world: World, seconds: int, client_id: str, changed: dict[str, str | None]
) -> None:
    world.clients["other"] = app("other")
    await world.restart()
    code = await world.code(scope=OFFLINE)
    answer = await world.redeem(code)
    assert await world.is_alive(answer["access_token"])
    world.clock.now += seconds
    with pytest.raises(InvalidGrant):
        await world.redeem(code, client_id, **changed)
    assert not await world.is_alive(answer["access_token"])
    with pytest.raises(InvalidGrant):
        await world.refresh(answer["refresh_token"])
    assert world.notes.count(Event.CODE_REPLAYED) == 1


async def test_f1_k4_a_replay_is_known_although_the_transient_store_forgot_the_code(world: World) -> None:
    code = await world.code(scope=OFFLINE)
    answer = await world.redeem(code)
    await world.store.transient.take(Kind.CODE, digest(code))
    with pytest.raises(InvalidGrant):
        await world.redeem(code)
    assert not await world.is_alive(answer["access_token"])


async def test_f2_of_fifty_parallel_redemptions_one_wins(world: World) -> None:
    code = await world.code(scope=OFFLINE)
    outcomes = await asyncio.gather(*(world.redeem(code) for _ in range(50)), return_exceptions=True)
    won = [outcome for outcome in outcomes if isinstance(outcome, dict)]
    lost = [outcome for outcome in outcomes if isinstance(outcome, InvalidGrant)]
    assert (len(won), len(lost)) == (1, 49)
    assert not await world.is_alive(won[0]["access_token"])


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": None},
        {"redirect_uri": REDIRECT + "/"},
        {"redirect_uri": "https://evil.test"},
        {"code_verifier": None},
        {"code_verifier": "x" * 43},
        {"code_verifier": VERIFIER[:-1]},
        {"code_verifier": VERIFIER + "x"},
    ],
)
async def test_f4_a12_a_code_shown_with_the_wrong_binding_is_dead(world: World, changed: dict[str, str | None]) -> None:
    code = await world.code()
    with pytest.raises(InvalidGrant):
        await world.redeem(code, **changed)
    with pytest.raises(InvalidGrant):
        await world.redeem(code)


async def test_f3_a_code_of_another_client_is_refused_and_dead(world: World) -> None:
    world.clients["other"] = app("other")
    await world.restart()
    code = await world.code()
    with pytest.raises(InvalidGrant):
        await world.redeem(code, "other")
    with pytest.raises(InvalidGrant):
        await world.redeem(code)


async def test_a12_a_verifier_without_a_challenge_is_refused(world: World) -> None:
    world.clients["app"] = app(pkce="optional", auth_method="client_secret_basic")
    await world.restart()
    without: dict[str, str | None] = {"code_challenge": None, "code_challenge_method": None}
    assert await world.redeem(await world.code(**without), code_verifier=None)
    with pytest.raises(InvalidGrant):
        await world.redeem(await world.code(**without))


@pytest.mark.parametrize(("seconds", "alive"), [(0, True), (59, True), (60, False), (61, False), (86_400, False)])
async def test_f5_a_code_lives_sixty_seconds(world: World, seconds: int, alive: bool) -> None:
    code = await world.code()
    world.clock.now += seconds
    if alive:
        assert await world.redeem(code)
        return
    with pytest.raises(InvalidGrant):
        await world.redeem(code)


async def test_f5_the_record_says_when_it_ends_whatever_the_store_keeps(world: World) -> None:
    code = await world.code()
    raw = await world.store.transient.get(Kind.CODE, digest(code))
    assert raw is not None
    await world.store.transient.replace(Kind.CODE, digest(code), raw, ttl=10**6)
    world.clock.now += 60
    with pytest.raises(InvalidGrant):
        await world.redeem(code)


async def test_a_code_of_another_version_of_ours_is_refused(world: World) -> None:
    code = await world.code()
    await world.store.transient.replace(Kind.CODE, digest(code), b'{"k":"code","new":1}', ttl=60)
    with pytest.raises(InvalidGrant):
        await world.redeem(code)


async def test_a_code_made_up_is_refused(world: World) -> None:
    for made_up in ("x", "c" * 100, "é"):
        with pytest.raises(InvalidGrant):
            await world.redeem(made_up)
    with pytest.raises(InvalidRequest):
        await world.redeem("")


@pytest.mark.parametrize(
    ("grant_type", "failure"),
    [
        ("password", UnsupportedGrantType),
        ("client_credentials", UnauthorizedClient),
        ("implicit", UnsupportedGrantType),
        ("urn:ietf:params:oauth:grant-type:jwt-bearer", UnsupportedGrantType),
        ("AUTHORIZATION_CODE", UnsupportedGrantType),
        ("", InvalidRequest),
    ],
)
async def test_f21_grants_that_do_not_exist_are_refused(
    world: World, grant_type: str, failure: type[InvalidRequest]
) -> None:
    with pytest.raises(failure):
        await world.redeem("c", grant_type=grant_type)
    assert world.notes.count(Event.TOKEN_REFUSED) == 1


async def test_f21_a_client_uses_the_grants_it_is_registered_for(world: World) -> None:
    world.clients["other"] = app("other", grants=frozenset({GrantType.REFRESH_TOKEN}))
    await world.restart()
    with pytest.raises(UnauthorizedClient):
        await world.redeem("c", "other")


async def test_d11_a_blocked_account_gets_nothing_for_its_code(world: World) -> None:
    code = await world.code()
    person = await world.store.durable.people.person(*await key_and_subject(world))
    assert person is not None
    await world.store.durable.accounts.set_blocked(person.account.sub, True)
    with pytest.raises(InvalidGrant):
        await world.redeem(code)
    with pytest.raises(AccountBlocked):
        world.standing.check_account(replace(person.account, blocked=True))


async def test_d17_an_account_that_is_no_longer_that_of_the_login_gets_nothing_for_its_code(world: World) -> None:
    code = await world.code()
    raw = await world.store.transient.take(Kind.CODE, digest(code))
    assert raw is not None
    kept = CodeRecord.from_bytes(raw)
    login = kept.login
    for moved in (login.replace(sub="s9"), login.replace(subject="x9"), login.replace(provider_key="p9")):
        await world.store.transient.put(Kind.CODE, digest(code), kept.replace(login=moved).to_bytes(), ttl=60)
        with pytest.raises(InvalidGrant):
            await world.redeem(code)
    assert await world.store.durable.grants.spent(digest(code)) is None


async def test_b9_a_provider_switched_off_after_the_login_gives_nothing_for_the_code(world: World) -> None:
    code = await world.code()
    world.on = {"beta"}
    await world.restart()
    with pytest.raises(InvalidGrant):
        await world.redeem(code)


async def test_b9_a_provider_taken_from_the_client_gives_nothing_for_the_code(world: World) -> None:
    code = await world.code()
    world.clients["app"] = app(providers=("beta",))
    await world.restart()
    with pytest.raises(InvalidGrant):
        await world.redeem(code)


async def test_j2_the_stores_hold_no_live_code(world: World) -> None:
    code = await world.code()
    assert await world.store.transient.get(Kind.CODE, code) is None
    assert await world.store.transient.get(Kind.CODE, digest(code)) is not None
